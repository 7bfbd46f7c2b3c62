"""A role that takes one topic in batches straight from aiokafka: Faust's promises, hardened, without its cost a message.

One batch at a time is in hand, and a partition's records come in order, so what may be committed is simply what lies
before the next record: nothing can pass a message that is not dealt with. ADR-0007 says why and for whom.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from faust.types import TP

from engine.ports import Unavailable
from streams.apps import SESSION_S, Connection
from streams.driver import LEAVE_S, in_group
from streams.watchdog import Mark, Watchdog

log = structlog.get_logger(__name__)

LOOK_MS: Final = 1_000
"""How long one look for records waits at most."""

AWAY_MS: Final = 1_000_000
"""How long a batch may take before the group gives the partitions to another member: a database may be away for long."""


COMMIT_S: Final = 0.5
"""Seconds that a member spends on a commit before it joins its group again."""


class BatchRole:
    """A consumer group's member that hands over batches and acknowledges each when it is dealt with, never before.

    Parameters
    ----------
    role
        Its group is ``ningju-<role>``.
    handle
        Deals with a batch; what it raises ends the role, with nothing of the batch acknowledged.
    size
        Largest batch. A batch is whatever has come while the one before was in hand.
    """

    def __init__(
        self,
        role: str,
        connection: Connection,
        topic: str,
        handle: Callable[[Sequence[Any]], Awaitable[None]],
        *,
        size: int,
        group: str | None = None,
    ) -> None:
        self.name = group or f"ningju-{role}"
        self.excuse: Callable[[], bool] | None = None
        self._connection = connection
        self._topic = topic
        self._handle = handle
        self._size = size
        self._in_hand = asyncio.Lock()
        self._dealt_with: dict[TopicPartition, int] = {}
        self._client: AIOKafkaConsumer | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        """Partitions that are this member's just now."""
        return frozenset() if self._client is None else self._client.assignment()

    @property
    def joined(self) -> bool:
        """Whether the role is in its group, with partitions or without."""
        return self._client is not None and in_group(self._client)

    async def start(self) -> None:
        """Join the group and begin to consume.

        Raises
        ------
        engine.ports.Unavailable
            When no broker answers.
        """
        client = self._client = AIOKafkaConsumer(
            bootstrap_servers=self._connection.bootstrap,
            client_id=self.name,
            group_id=self.name,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=self._connection.fetch_max_wait_ms,
            session_timeout_ms=int(SESSION_S * 1_000),
            heartbeat_interval_ms=int(SESSION_S * 250),
            max_poll_interval_ms=AWAY_MS,
            **self._connection.security.client(),
        )
        client.subscribe([self._topic], listener=_Leaving(self._leave))
        try:
            await client.start()
        except KafkaError as error:
            await client.stop()
            self._client = None
            broker = self._connection.bootstrap
            raise Unavailable(f"{self.name} cannot consume {self._topic} from {broker}: {error!r}") from error
        loops = (self._consume(client), self._commit_now_and_then(client), self._watch(client))
        self._tasks = [asyncio.create_task(loop, name=f"{self.name}:{self._topic}") for loop in loops]

    async def stop(self) -> None:
        """Let the batch in hand end, commit, leave the group; neither a slow batch nor a broker that is gone is waited for."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_S), self._in_hand:
                await self._cancel()
        await self._cancel()
        client, self._client = self._client, None
        if client is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    await self._commit(client)
            try:
                async with asyncio.timeout(LEAVE_S):
                    await client.stop()
            except (TimeoutError, asyncio.CancelledError):  # aiokafka lets the cancellation of its own tasks escape
                await client._client.close()  # it would try again for ever
                if (me := asyncio.current_task()) is not None and me.cancelling():
                    raise

    async def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def until_ended(self) -> None:
        """Wait until the role is stopped.

        Raises
        ------
        BaseException
            Whatever ended it, when it did not end by `stop`.
        """
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if not task.cancelled():
                task.result()

    async def _consume(self, client: AIOKafkaConsumer) -> None:
        while True:
            found = await client.getmany(timeout_ms=LOOK_MS, max_records=self._size)
            if not found:
                continue
            async with self._in_hand:
                await self._handle([record for records in found.values() for record in records])
                for partition, records in found.items():
                    self._dealt_with[partition] = records[-1].offset + 1

    async def _commit_now_and_then(self, client: AIOKafkaConsumer) -> None:
        while True:
            await asyncio.sleep(self._connection.commit_s)
            await self._commit(client)

    async def _commit(self, client: AIOKafkaConsumer) -> None:
        assigned = client.assignment()
        offsets = {partition: offset for partition, offset in self._dealt_with.items() if partition in assigned}
        if not offsets:
            return
        try:
            await client.commit(offsets)
        except (KafkaError, IllegalStateError) as error:  # tried again, or these records come again: they are known
            log.info("offsets were not committed", action="commit_offsets_failed", role=self.name, reason=repr(error))
        else:
            for partition, offset in offsets.items():
                if self._dealt_with.get(partition) == offset:
                    del self._dealt_with[partition]

    async def _leave(self, partitions: Iterable[TopicPartition]) -> None:
        """Commit what is dealt with before partitions may go to others.

        Neither a slow batch nor a broker that takes no commits just now (the embedded one does not) is waited for: then
        the next owner gets again what is known already.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_S), self._in_hand:
                pass
        if self._client is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(COMMIT_S):
                    await self._commit(self._client)
        for partition in partitions:
            self._dealt_with.pop(partition, None)

    async def _watch(self, client: AIOKafkaConsumer) -> None:
        patience = self._connection.watchdog_s
        watchdog, membership = Watchdog(patience), Watchdog(self._connection.join_s)
        while True:
            await asyncio.sleep(min(patience, self._connection.join_s) / 4)
            membership.observe(monotonic(), {} if self.joined else None)
            if self.excuse is not None and self.excuse():
                watchdog.forgive()
            else:
                watchdog.observe(monotonic(), await self._marks(client, patience / 2))

    async def _marks(self, client: AIOKafkaConsumer, timeout: float) -> dict[TP, Mark] | None:
        try:
            async with asyncio.timeout(timeout):
                partitions = client.assignment()
                ends = await client.end_offsets(partitions)
                starts = await client.beginning_offsets(partitions)
                committed = {partition: await client.committed(partition) for partition in partitions}
        except (TimeoutError, KafkaError):
            return None
        except IllegalStateError:  # they have gone to another member meanwhile
            return {}
        return {
            TP(*partition): Mark(max(committed[partition] or 0, starts[partition]), ends[partition])
            for partition in partitions
        }


class _Leaving(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells of partitions that are about to go to others."""

    def __init__(self, leave: Callable[[Iterable[TopicPartition]], Awaitable[None]]) -> None:
        self._leave = leave

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Say so."""
        await self._leave(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Do nothing: records come by themselves, from what the group has committed."""
