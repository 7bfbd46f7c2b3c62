"""Faust's aiokafka transport without the parts that lose messages.

Each override says which defect of faust-streaming 0.15.3 it removes; ``tests/streams/test_driver.py`` shows each of them
on the stock driver. Faust's tables, leader election and transactions stay unused.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any, ClassVar, Final, Protocol, cast

import aiokafka
from aiokafka.errors import ConsumerStoppedError, KafkaError
from faust.exceptions import ProducerSendError
from faust.transport.conductor import Conductor
from faust.transport.drivers import aiokafka as stock
from faust.transport.producer import ProducerBuffer
from faust.types import TP, ConsumerMessage, FutureMessage, HeadersArg, Message, RecordMetadata
from mode import Service
from mode.threads import WorkerThread
from mode.types import ServiceT

from streams.offsets import InFlight
from streams.watchdog import Mark, Stalled, Watchdog

LEAVE_S: Final = 3.0
"""Seconds that a role spends at most on leaving its group."""

BREATH: Final = 100
"""Messages after which the event loop gets a turn."""


class Tuning(Protocol):
    """What the driver wants to know of its app."""

    fetch_max_wait_ms: int
    watchdog_s: float
    join_s: float

    def excused(self) -> bool:
        """Tell whether standing still has a known reason just now."""


def in_group(client: aiokafka.AIOKafkaConsumer) -> bool:
    """Whether a client is a member of its group just now, with partitions or without."""
    subscription = client._subscription.subscription
    return subscription is not None and not client._coordinator.need_rejoin(subscription)


class LeavingThread(WorkerThread):
    """A thread that is waited for only so long: stock holds up its event loop, and the end of the process, for ever.

    A consumer that cannot stop may be waiting for that very event loop.
    """

    def __init__(self, service: Any, **kwargs: Any) -> None:
        super().__init__(service, **kwargs)
        self.daemon = True

    def stop(self) -> None:
        """Wait for the thread's end, within bounds."""
        self.is_stopped.wait(LEAVE_S)


class ConsumerThread(stock.AIOKafkaConsumerThread):
    """The thread that holds the aiokafka consumer."""

    Worker = LeavingThread

    def _create_worker_consumer(self, transport: stock.Transport) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Hard-coded to 1.5 s, and the embedded broker does not wake a fetch that waits: every hop would take 1.5 s.
        consumer._fetch_max_wait_ms = cast(Tuning, self.app).fetch_max_wait_ms
        return consumer

    async def on_thread_stop(self) -> None:
        """Leave the group, if the broker is still there to be told."""
        # aiokafka lets the cancellation of its own tasks escape here, and the thread would die without saying so.
        with suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(LEAVE_S):
                await super().on_thread_stop()

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Do nothing: the stock check only logs, our watchdog acts."""


class Consumer(stock.Consumer):
    """A consumer that never commits past a message that is in flight."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._in_flight: dict[TP, InFlight] = {}
        super().__init__(*args, **kwargs)
        deliver = self.callback

        async def tracked(message: Message) -> None:
            self._in_flight.setdefault(message.tp, InFlight()).deliver(message.offset)
            await deliver(message)

        self.callback = tracked

    def _new_consumer_thread(self) -> stock.AIOKafkaConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def let_go(self) -> None:
        """Close what a thread that never ran would leave open: its event loop."""
        thread = self._thread
        if not thread._thread_started.is_set() and not thread.thread_loop.is_closed():
            thread.thread_loop.close()

    @property
    def joined(self) -> bool:
        """Whether the group's coordinator has told this member what is its own."""
        client = self._thread._consumer
        return client is not None and in_group(client)

    @property
    def in_flight(self) -> int:
        """Messages that were handed to agents and not acknowledged."""
        return sum(len(partition) for partition in self._in_flight.values())

    def ack(self, message: Message) -> bool:
        """Acknowledge ``message``."""
        self._in_flight.setdefault(message.tp, InFlight()).acknowledge(message.offset)
        return super().ack(message)

    def _new_offset(self, tp: TP) -> int | None:
        # Stock looks at acknowledged offsets alone: 11 and 12 acknowledged, 10 in flight, commits 13.
        acked, self._acked[tp] = self._acked[tp], []
        self._acked_index[tp].clear()
        partition = self._in_flight.setdefault(tp, InFlight())
        for offset in acked:  # Faust's compiled iterator writes here without calling ack()
            partition.acknowledge(offset)
        return partition.committable if acked else None

    def on_buffer_full(self, tp: TP) -> None:
        """Do nothing: delivering waits for room by itself. Stock leaves the partition out, and sleeps 1 s if none is left."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Do nothing: nothing was left out."""

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: what was never delivered needs no acknowledgement."""

    async def perform_seek(self) -> None:
        """Go back to the committed offsets; what was delivered beyond them will be delivered again."""
        self._in_flight.clear()
        await super().perform_seek()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Forget what was in flight there; its next owner gets it again."""
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._in_flight.pop(tp, None)

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        # Stock makes two tasks and a wait for each message, only to be free when the flow is suspended meanwhile.
        # While the flow is active and there is room, delivering does not wait at all: then it is awaited as it is.
        since_breath = 0
        try:
            while not (self.should_stop or fetcher.should_stop):
                await self.sleep(0)
                async for tp, message in self.getmany(timeout=1.0):
                    since_breath += 1
                    if since_breath > BREATH:
                        since_breath = 0
                        await asyncio.sleep(0)
                    read = self._read_offset[tp]
                    if read is not None and message.offset < read:
                        continue
                    if self._delivers_at_once(tp):
                        await self.callback(message)
                    else:
                        await self.wait_first(self.callback(message), self.suspend_flow.wait())
                    self._read_offset[tp] = message.offset
        except (ConsumerStoppedError, asyncio.CancelledError):
            if not self.app.should_stop:
                raise

    def _delivers_at_once(self, tp: TP) -> bool:
        conductor = cast(Conductor, self.app.topics)
        return (
            self.flow_active
            and self.app.flow_control.is_active()
            and not conductor._tp_to_callback_lock.locked()
            and not any(channel.queue.full() for channel in conductor._tp_index[tp])
        )

    @Service.task
    async def _watch(self) -> None:
        # Consumers hang now and then (faust 175, 532, 640) and stock only logs it.
        tuning = cast(Tuning, self.app)
        watchdog, membership = Watchdog(tuning.watchdog_s), Watchdog(tuning.join_s)
        while True:
            await self.sleep(min(tuning.watchdog_s, tuning.join_s) / 4)
            if self.should_stop:
                return
            try:
                # Without partitions nothing lags: a member that its group never let in would wait for ever.
                membership.observe(monotonic(), {} if self.joined else None)
                if self.app.rebalancing or tuning.excused():
                    watchdog.forgive()
                else:
                    watchdog.observe(monotonic(), await self._marks(tuning.watchdog_s / 2))
            except Stalled as stall:
                await self.crash(stall)
                return

    async def _marks(self, timeout: float) -> dict[TP, Mark] | None:
        partitions = [tp for tp in self.assignment() if self.app.topics.acks_enabled_for(tp.topic)]
        if not partitions:
            return {}
        try:
            async with asyncio.timeout(timeout):
                ends = await self.highwaters(*partitions)
                starts = await self.earliest_offsets(*partitions)
        except (TimeoutError, KafkaError):
            return None
        committed = self._committed_offset
        return {
            tp: Mark(max(committed[tp] or 0, starts[tp]), ends[tp]) for tp in partitions if tp in ends and tp in starts
        }


class Buffer(ProducerBuffer):
    """The producer's buffer, with a flush that does not give up."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._sending = asyncio.Lock()

    async def _send_pending(self, fut: FutureMessage) -> None:
        async with self._sending:
            await super()._send_pending(fut)

    async def flush_atmost(self, max_messages: int | None) -> int:
        """Hand everything over to the client, whatever ``max_messages`` says; stock returns after 0.1 s."""
        flushed = 0
        while not self.pending.empty():
            await self._send_pending(self.pending.get_nowait())
            flushed += 1
        async with self._sending:  # the one that the background task may be sending
            return flushed


class Producer(stock.Producer):
    """An idempotent producer for which a failed delivery is fatal."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._undelivered: set[asyncio.Future[RecordMetadata]] = set()
        self._failure: BaseException | None = None
        self.buffer = Buffer(loop=self.loop, beacon=self.beacon)
        self.buffer.app = self.app

    def _settings_extra(self) -> Mapping[str, Any]:
        # Stock is idempotent inside exactly_once only.
        return {"acks": "all", "enable_idempotence": True}

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: HeadersArg | None,
        *,
        transactional_id: str | None = None,
    ) -> Awaitable[RecordMetadata]:
        """Schedule a message; its failure, later on, ends the app."""
        sent = await super().send(topic, key, value, partition, timestamp, headers, transactional_id=transactional_id)
        future = cast("asyncio.Future[RecordMetadata]", sent)
        self._undelivered.add(future)
        future.add_done_callback(self._on_delivered)
        return future

    def _on_delivered(self, future: "asyncio.Future[RecordMetadata]") -> None:
        self._undelivered.discard(future)
        if not future.cancelled() and (error := future.exception()) is not None:
            # Stock only logs it, and commits the message that caused the send.
            self._failure = self._failure or error
            self.add_future(self.crash(error))

    async def flush(self) -> None:
        """Wait until everything sent so far is delivered.

        Raises
        ------
        ProducerSendError
            When a delivery has failed; nothing may be committed any more.
        """
        await self.buffer.flush()
        if self._undelivered:
            await asyncio.wait(set(self._undelivered))
        if self._failure is not None:
            raise ProducerSendError(f"a record was not delivered: {self._failure!r}") from self._failure


class Transport(stock.Transport):
    """Faust's transport over aiokafka, hardened."""

    Consumer: ClassVar[type[Any]] = Consumer
    Producer: ClassVar[type[Any]] = Producer


__all__ = ["Consumer", "ConsumerMessage", "Producer", "Transport", "Tuning"]
