"""Sending records in batches, each awaited, outside of Faust."""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, TopicAuthorizationFailedError
from aiokafka.partitioner import DefaultPartitioner

from engine.ports import Unavailable
from streams.security import OPEN, Security
from streams.topics import Record

STOP_S: Final = 3.0
"""Seconds that stopping waits for a broker that does not answer."""


FOUND_S: Final = 10.0
"""Seconds that a topic may take to be found at start: a broker that has just come up does not know all at once."""


class Sender(Protocol):
    """What publishing needs of a producer."""

    async def send(self, topic: str, records: Sequence[Record]) -> None:
        """Send records in order and return when the broker has all of them.

        Raises
        ------
        engine.ports.Unavailable
            When at least one was not delivered; some may have been.
        """
        ...


class BatchProducer:
    """An idempotent producer, ``acks=all``.

    Parameters
    ----------
    bootstrap
        ``host:port``, several divided by commas.
    max_bytes
        Largest record.
    """

    def __init__(self, bootstrap: str, *, max_bytes: int = 1 << 20, security: Security = OPEN) -> None:
        self._bootstrap = bootstrap
        self._security = security
        self._max_bytes = max_bytes
        self._client: AIOKafkaProducer | None = None
        self._partitioner = DefaultPartitioner()
        self._places: dict[tuple[int, bytes], int] = {}

    async def start(self) -> None:
        """Connect.

        Raises
        ------
        engine.ports.Unavailable
            When no broker answers.
        """
        self._client = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            enable_idempotence=True,
            max_batch_size=self._max_bytes,
            max_request_size=self._max_bytes,
            request_timeout_ms=15_000,
            **self._security.client(),
        )
        try:
            await self._client.start()
        except KafkaError as error:
            await self._client.stop()
            self._client = None
            told = f", or none lets {self._security.user} in" if self._security.user else ""
            raise Unavailable(
                f"no Kafka broker answers at {self._bootstrap}{told}; start it, or name another"
            ) from error

    async def stop(self) -> None:
        """Send what is left and disconnect; a broker that is gone is not waited for."""
        client, self._client = self._client, None
        if client is None:
            return
        try:
            async with asyncio.timeout(STOP_S):
                await client.stop()
        except TimeoutError:
            sender = client._sender.sender_task  # it would try again for ever
            if sender is not None:
                sender.cancel()
                await asyncio.wait([sender])
            await client.client.close()

    async def partitions(self, topic: str) -> int:
        """Tell how many partitions a topic has; on the embedded broker this makes the topic."""
        if self._client is None:
            raise Unavailable("the producer is not connected; start it first")
        return len(await self._client.partitions_for(topic))

    async def found(self, topic: str) -> int:
        """Tell how many partitions a topic has, at start.

        Raises
        ------
        engine.ports.Unavailable
            When it is not there, or is not for us; the text says what to do.
        """
        try:
            async with asyncio.timeout(FOUND_S):
                return await self.partitions(topic)
        except TopicAuthorizationFailedError as denied:
            raise Unavailable(f"the broker's rules keep {topic} from us; `ningju topics grant` sets them") from denied
        except (KafkaError, TimeoutError) as missing:
            raise Unavailable(f"{topic} is not on the broker; `ningju topics ensure` makes it") from missing

    async def send(self, topic: str, records: Sequence[Record]) -> None:
        """Send records in order and return when the broker has all of them."""
        if self._client is None:
            raise Unavailable("the producer is not connected; start it first")
        try:
            by_partition = await self._divide(topic, records)
            sent = [
                future
                for partition, some in by_partition.items()
                for future in await self._send_batches(self._client, topic, partition, some)
            ]
            await asyncio.gather(*sent)
        except KafkaError as error:
            raise Unavailable(f"the broker did not take {len(records)} records for {topic}: {error!r}") from error

    async def _divide(self, topic: str, records: Sequence[Record]) -> dict[int, list[Record]]:
        count = await self.partitions(topic)
        numbers = list(range(count))
        divided: dict[int, list[Record]] = {}
        for record in records:
            place = (count, record.key)
            partition = self._places.get(place)
            if partition is None:
                partition = self._places[place] = self._partitioner(record.key, numbers, numbers)
            divided.setdefault(partition, []).append(record)
        return divided

    @staticmethod
    async def _send_batches(
        client: AIOKafkaProducer, topic: str, partition: int, records: Sequence[Record]
    ) -> list[asyncio.Future[object]]:
        # Whole batches: a send for each record costs some 35 µs, most of it for its own future.
        sent = []
        batch = client.create_batch()
        for record in records:
            taken = batch.append(key=record.key, value=record.value, timestamp=None, headers=record.headers)
            if taken is None:
                sent.append(await client.send_batch(batch, topic, partition=partition))
                batch = client.create_batch()
                if batch.append(key=record.key, value=record.value, timestamp=None, headers=record.headers) is None:
                    raise MessageSizeTooLargeError(
                        f"a record of {len(record.value)} bytes is larger than a batch may be"
                    )
        if batch.record_count():
            sent.append(await client.send_batch(batch, topic, partition=partition))
        return sent
