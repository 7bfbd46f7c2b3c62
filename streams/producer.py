"""Sending records in batches, each awaited, outside of Faust."""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from engine.ports import Unavailable
from streams.topics import Record

STOP_S: Final = 3.0
"""Seconds that stopping waits for a broker that does not answer."""


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

    def __init__(self, bootstrap: str, *, max_bytes: int = 1 << 20) -> None:
        self._bootstrap = bootstrap
        self._max_bytes = max_bytes
        self._client: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect."""
        self._client = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            enable_idempotence=True,
            max_batch_size=1 << 18,
            max_request_size=self._max_bytes,
            request_timeout_ms=15_000,
        )
        await self._client.start()

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

    async def send(self, topic: str, records: Sequence[Record]) -> None:
        """Send records in order and return when the broker has all of them."""
        if self._client is None:
            raise Unavailable("the producer is not connected; start it first")
        try:
            sent = [await self._client.send(topic, r.value, key=r.key, headers=r.headers) for r in records]
            await asyncio.gather(*sent)
        except KafkaError as error:
            raise Unavailable(f"the broker did not take {len(records)} records for {topic}: {error!r}") from error
