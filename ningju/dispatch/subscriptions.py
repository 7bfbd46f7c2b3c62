"""Who hears of events by HTTP: each subscription at its own pace, from its own cursor, at least once and in order by zone."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

import structlog

from engine.ports import Clock, DeadLetter, PortError, Record, Store, Subscription
from ningju.dispatch.webhooks import Message, Sender, Undelivered

log = structlog.get_logger(__name__)

PAUSES_S = (5.0, 30.0, 120.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0)
"""Seconds between tries: nine tries in some seven and a half hours."""
SUSPENDED_AFTER = 3
"""Messages given up one after the other: then the receiver is away, and events wait for it in the ledger."""
PAGE = 200
SOURCE = "webhook"


def consumer(subscription_id: str) -> str:
    """Name under which a subscription's cursors are kept."""
    return f"{SOURCE}:{subscription_id}"


@dataclass(slots=True)
class _Tries:
    failed: int = 0
    next_at: float = 0.0


@dataclass(slots=True)
class _Standing:
    """How a subscription fares; a process that starts anew begins its tries anew."""

    tries: dict[str, _Tries] = field(default_factory=lambda: defaultdict(_Tries))
    given_up: int = 0


class Subscriptions:
    """Delivers events to every subscription until cancelled.

    Parameters
    ----------
    pauses_s
        Seconds between the tries of one message; after the last it is kept as a dead letter.
    poll_s
        Seconds between looks at the ledger and at the subscriptions.
    """

    def __init__(
        self,
        store: Store,
        sender: Sender,
        clock: Clock,
        *,
        pauses_s: Sequence[float] = PAUSES_S,
        poll_s: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._sender = sender
        self._clock = clock
        self._pauses_s = tuple(pauses_s)
        self._poll_s = poll_s
        self._monotonic = monotonic
        self._standing: dict[str, _Standing] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Keep one task going for each subscription, so that none waits for another."""
        try:
            while True:
                try:
                    found = await self._store.subscriptions()
                    self._keep({one.id: one for one in found if one.suspended_at is None})
                except PortError as away:
                    log.warning("webhooks wait for the store", action="backoff", reason=str(away))
                await asyncio.sleep(self._poll_s)
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)
            await self._sender.close()

    def _keep(self, wanted: dict[str, Subscription]) -> None:
        for name, task in list(self._running.items()):
            if task.done():
                del self._running[name]
                task.result()  # a fault of ours ends the role, as anywhere
            elif name not in wanted:
                task.cancel()
                del self._running[name]
        for name, one in wanted.items():
            if name not in self._running:
                self._running[name] = asyncio.create_task(self._serve(one), name=consumer(name))

    async def _serve(self, one: Subscription) -> None:
        """Look once for what is new, and send it as far as the receiver takes it."""
        standing = self._standing.setdefault(one.id, _Standing())
        try:
            heads = await self._store.heads()
            cursors = await self._store.cursors(consumer(one.id))
            for zone in sorted(set(heads) & set(one.zones) if one.zones else heads):
                if self._monotonic() >= standing.tries[zone].next_at and heads[zone] > cursors.get(zone, 0):
                    await self._zone(one, standing, zone, cursors.get(zone, 0))
        except PortError as away:
            log.warning("a webhook waits for the store", action="backoff", reason=str(away))

    async def _zone(self, one: Subscription, standing: _Standing, zone: str, after: int) -> None:
        async for record in self._records(zone, after):
            wanted = not one.kinds or record.envelope.event.kind in one.kinds
            if wanted and not await self._sent(one, standing, record):
                return
            await self._store.settle(consumer(one.id), {zone: record.version})

    async def _records(self, zone: str, after: int) -> AsyncIterator[Record]:
        while records := await self._store.events(zone, after, PAGE):
            for record in records:
                yield record
            after = records[-1].version

    async def _sent(self, one: Subscription, standing: _Standing, record: Record) -> bool:
        """Try once; whether the cursor may go on, for the message was taken or given up."""
        message, tries = Message.of(record.envelope), standing.tries[record.zone]
        facts = {"subscription": one.id, "zone": record.zone, "version": record.version}
        try:
            await self._sender.send(one.id, one.url, message)
        except Undelivered as no:
            tries.failed += 1
            log.warning("a webhook was not taken", action="webhook_failed", reason=str(no), tries=tries.failed, **facts)
            if no.gone:
                await self._suspend(one, "the receiver wants no more (410)")
                return False
            if tries.failed <= len(self._pauses_s):
                tries.next_at = self._monotonic() + self._pauses_s[tries.failed - 1]
                return False
            await self._give_up(one, standing, record, message, str(no))
            return one.id in self._standing
        standing.tries.pop(record.zone, None)
        standing.given_up = 0
        log.info("webhook sent", action="webhook_sent", message=message.id, **facts)
        return True

    async def _give_up(
        self, one: Subscription, standing: _Standing, record: Record, message: Message, why: str
    ) -> None:
        letter = DeadLetter(
            source=f"{consumer(one.id)}:{record.zone}",
            partition=0,
            offset=record.version,
            reason=f"{why}, after {len(self._pauses_s) + 1} tries",
            raw=message.body,
            zone=record.zone,
        )
        await self._store.dead_letter(letter)
        standing.tries.pop(record.zone, None)
        standing.given_up += 1
        if standing.given_up >= SUSPENDED_AFTER:
            await self._store.settle(consumer(one.id), {record.zone: record.version})
            await self._suspend(one, f"{standing.given_up} messages one after the other were not taken")

    async def _suspend(self, one: Subscription, why: str) -> None:
        await self._store.put_subscription(replace(one, suspended_at=self._clock.now()))
        self._standing.pop(one.id, None)
        log.error("a webhook is suspended", action="webhook_suspended", subscription=one.id, reason=why)
