"""An embedded broker: Kafka's protocol on 127.0.0.1, inside this process, for one machine and for tests."""

from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException, Producer

PARTITIONS = 4
"""Partitions of every topic that the embedded broker creates; librdkafka's mock cluster fixes the number."""


class EmbeddedBroker:
    """librdkafka's mock cluster behind real sockets.

    Topics come to life when they are first named. There is no disk, and about 5 MB a partition: it forgets. So nothing
    that matters may live here alone, and publishing has to stay within a bound of what has been consumed.

    Examples
    --------
    >>> with EmbeddedBroker() as broker:
    ...     broker.address.startswith("127.0.0.1:")
    True
    """

    def __init__(self) -> None:
        self._cluster: Producer | None = None
        self._address = ""

    @property
    def address(self) -> str:
        """Bootstrap address, ``host:port``.

        Raises
        ------
        RuntimeError
            When the broker is not running.
        """
        if self._cluster is None:
            raise RuntimeError("the embedded broker is not running; call start() first")
        return self._address

    def start(self) -> str:
        """Start the broker, if it is not running, and return its bootstrap address."""
        if self._cluster is None:
            # The cluster lives as long as the client that was configured with it; "bootstrap.servers" is then ignored.
            cluster = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0})
            try:
                brokers = cluster.list_topics(timeout=10).brokers.values()
            except KafkaException as error:
                raise RuntimeError("the embedded broker did not come up on 127.0.0.1 within 10 s") from error
            self._cluster, self._address = cluster, ",".join(f"{node.host}:{node.port}" for node in brokers)
        return self._address

    def stop(self) -> None:
        """Stop the broker: connections end and everything it held is gone."""
        self._cluster = None
        self._address = ""

    def wipe(self) -> str:
        """Lose every topic, record and offset, as after a crash, and return the new address (the port changes)."""
        self.stop()
        return self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
