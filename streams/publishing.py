"""Publishing after commit: commands from the inbox, events from the ledger, never more than a bound ahead."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import inf
from time import monotonic
from uuid import UUID

import structlog

from engine.ports import Consumers, Door, Enqueued, Ledger, NewCommand, OpenCommand
from engine.ports import Record as EventRecord
from streams.backoff import Backoff
from streams.producer import Sender
from streams.release import ImmediateRelease, Release
from streams.topics import Record, Topic, encode_headers

log = structlog.get_logger(__name__)

PAGE = 500
"""Rows read and records sent at a time."""


class Stirred:
    """A loop that runs when it is stirred, and now and then anyway."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._event = asyncio.Event()

    def stir(self) -> None:
        """Have the loop run soon."""
        self._event.set()

    async def wait(self) -> None:
        """Wait to be stirred, at most the interval."""
        try:
            async with asyncio.timeout(self._every_s):
                await self._event.wait()
        except TimeoutError:
            return
        self._event.clear()


class CommandPublisher:
    """Publishes inbox rows as they are written, and again until they have an outcome.

    Parameters
    ----------
    release
        Which rows may go, and in which order.
    sweeps
        Whether this publisher also looks after open rows that it was not told of: those of the past, and of processes
        that ended between commit and publishing.
    bound, bound_bytes
        How many published commands may be without an outcome, and their size together: the embedded broker keeps about
        5 MB a partition and forgets the rest.
    sweep_s
        Seconds between sweeps over all open rows. A row that was published longer ago than that and is still open is
        published again: the broker may have lost it.
    """

    def __init__(
        self,
        door: Door,
        sender: Sender,
        *,
        release: Release | None = None,
        sweeps: bool = True,
        bound: int = 2_000,
        bound_bytes: int = 3 << 20,
        sweep_s: float = 5.0,
    ) -> None:
        self._door = door
        self._sender = sender
        self._release = release or ImmediateRelease()
        self._sweeps = sweeps
        self._bound = bound
        self._bound_bytes = bound_bytes
        self._sweep_s = sweep_s
        self._stirred = Stirred(sweep_s)
        self._room = asyncio.Event()
        self._backoff = Backoff()
        self._lock = asyncio.Lock()
        self._held: dict[UUID, OpenCommand] = {}
        self._sent: dict[UUID, tuple[OpenCommand, float]] = {}
        self._sent_bytes = 0
        self._strange: set[UUID] | None = None
        self._swept = monotonic()

    @property
    def unsettled(self) -> int:
        """Published commands whose outcome was not seen yet."""
        return len(self._sent)

    @property
    def held(self) -> int:
        """Open rows that are known here and not published yet."""
        return len(self._held)

    def note(self, commands: Sequence[NewCommand], answers: Sequence[Enqueued]) -> None:
        """Tell what was just written to the inbox; returns at once."""
        for command, answer in zip(commands, answers, strict=True):
            if answer.status == "new":
                envelope = command.envelope.changed(received_at=answer.received_at)
                row = OpenCommand(0, answer.command_id, answer.zone, answer.received_at, envelope.dump())
                self._held[row.command_id] = row
        if self._held:
            self._stirred.stir()

    def settle(self, command_ids: Iterable[UUID]) -> None:
        """Tell that commands have their outcome."""
        for command_id in command_ids:
            self._held.pop(command_id, None)
            row = self._sent.pop(command_id, None)
            if row is not None:
                self._sent_bytes -= len(row[0].data)
        self._room.set()

    async def run(self) -> None:
        """Publish until cancelled; what is open from the past comes first."""
        await self._backoff.insist(self.sweep)
        while True:
            await self.publish()
            await self._stirred.wait()
            if monotonic() - self._swept >= self._sweep_s:
                await self._backoff.insist(self.sweep)

    async def publish(self) -> int:
        """Publish what may go.

        Returns
        -------
        int
            How many were published.
        """
        async with self._lock:
            return await self._send(self._release.pick(self._held.values()))

    async def sweep(self) -> None:
        """Look at every open row: publish again what is open for too long, find what this publisher was not told of."""
        async with self._lock:
            started, after = monotonic(), 0
            candidates = set(self._held) | set(self._sent)
            still: set[UUID] = set()
            strange: set[UUID] = set()
            stale: list[OpenCommand] = []
            while rows := await self._door.open_commands(after=after, limit=PAGE):
                after = rows[-1].seq
                for row in rows:
                    still.add(row.command_id)
                    sent = self._sent.get(row.command_id)
                    if sent is not None and started - sent[1] >= self._sweep_s:
                        stale.append(row)
                    elif sent is None and row.command_id not in self._held:
                        strange.add(row.command_id)
                        # Another process has it in hand, unless it was open at the sweep before as well.
                        if self._sweeps and (self._strange is None or row.command_id in self._strange):
                            self._held[row.command_id] = row
            self.settle(candidates - still)
            self._strange, self._swept = strange, monotonic()
            if stale:
                log.warning("commands are sent again", action="commands_resent", count=len(stale))
                await self._send(stale)
        self._stirred.stir()

    async def _send(self, rows: Sequence[OpenCommand]) -> int:
        page: list[OpenCommand] = []
        size = 0
        for row in rows:
            full = len(page) >= PAGE or size + len(row.data) > self._bound_bytes
            if page and (full or not self._has_room(len(page), size + len(row.data))):
                await self._send_page(page)
                page, size = [], 0
            if row.command_id not in self._sent:
                await self._wait_for_room(len(row.data))
            page.append(row)
            size += len(row.data)
        if page:
            await self._send_page(page)
        return len(rows)

    async def _send_page(self, page: Sequence[OpenCommand]) -> None:
        # Noted before they are sent: an outcome may be there before the broker's answer is.
        now = monotonic()
        for row in page:
            if row.command_id not in self._sent:
                self._sent_bytes += len(row.data)
            self._sent[row.command_id] = (row, now)
            self._held.pop(row.command_id, None)
        await self._backoff.insist(lambda: self._sender.send(Topic.COMMANDS, [command_record(row) for row in page]))

    def _has_room(self, count: int, size: int) -> bool:
        if not self._sent and not count:
            return True  # one that is too large for the bound goes alone
        return len(self._sent) + count < self._bound and self._sent_bytes + size <= self._bound_bytes

    async def _wait_for_room(self, size: int) -> None:
        while not self._has_room(0, size):
            self._room.clear()
            try:
                async with asyncio.timeout(0.05):
                    await self._room.wait()
            except TimeoutError:  # outcomes of other processes are seen by asking only
                self.settle(await self._backoff.insist(lambda: self._door.outcomes(list(self._sent))))


def command_record(row: OpenCommand) -> Record:
    """Write an inbox row as a record of ``ningju.commands``."""
    headers = encode_headers(id=str(row.command_id), type="ningju.command", source="/ningju/inbox", zone=row.zone)
    return Record(row.zone.encode(), row.data, headers)


def event_record(record: EventRecord) -> Record:
    """Write a ledger record as a record of ``ningju.events``."""
    headers = encode_headers(
        id=str(record.envelope.event_id),
        type=f"ningju.{record.envelope.event.kind}",
        source=f"/ningju/zones/{record.zone}",
        zone=record.zone,
        version=record.version,
    )
    return Record(record.zone.encode(), record.data, headers)


class EventPublisher:
    """Publishes what was committed, zone by zone without a gap.

    Parameters
    ----------
    consumers
        Where cursors are kept.
    names
        The consumers that events are published for.
    bound
        How many events may be published and not yet consumed by the slowest consumer.
    sweep_s
        Seconds after which events that nobody consumed are published again from the slowest cursor.
    """

    def __init__(
        self,
        ledger: Ledger,
        consumers: Consumers,
        sender: Sender,
        *,
        names: Collection[str],
        bound: int = 2_000,
        sweep_s: float = 5.0,
    ) -> None:
        self._ledger = ledger
        self._consumers = consumers
        self._sender = sender
        self._names = tuple(names)
        self._bound = bound
        self._sweep_s = sweep_s
        self._stirred = Stirred(sweep_s)
        self._room = asyncio.Event()
        self._backoff = Backoff()
        self._heads: dict[str, int] = {}
        self._sent: dict[str, int] = {}
        self._fresh: dict[str, list[EventRecord]] = {}
        self._done: dict[str, dict[str, int]] = {name: {} for name in self._names}
        self._stuck: dict[str, int] = {}
        self._swept = monotonic()

    @property
    def heads(self) -> Mapping[str, int]:
        """Version of each zone that is known to be committed."""
        return self._heads

    @property
    def unpublished(self) -> int:
        """Events that are committed and not published."""
        return sum(max(0, head - self._sent.get(zone, 0)) for zone, head in self._heads.items())

    def offer(self, records: Sequence[EventRecord]) -> None:
        """Tell what was just committed; returns at once."""
        for record in records:
            self._heads[record.zone] = max(record.version, self._heads.get(record.zone, 0))
            fresh = self._fresh.setdefault(record.zone, [])
            if len(fresh) < self._bound:  # the rest is read from the ledger when there is room
                fresh.append(record)
        if records:
            self._stirred.stir()

    def doubt(self) -> None:
        """Tell that events may have been committed and not offered: the ledger is asked soon."""
        self._swept = -inf
        self._stirred.stir()

    def advance(self, consumer: str, cursors: Mapping[str, int]) -> None:
        """Tell how far a consumer of this process has come."""
        if consumer in self._done:
            mine = self._done[consumer]
            for zone, version in cursors.items():
                mine[zone] = max(version, mine.get(zone, 0))
            self._room.set()

    async def start(self) -> None:
        """Find what was committed and not consumed; it is published first."""
        await self._backoff.insist(self._read_cursors)
        for zone, head in (await self._backoff.insist(self._ledger.heads)).items():
            self._heads[zone] = max(head, self._heads.get(zone, 0))
            self._sent[zone] = self._consumed(zone)

    async def run(self) -> None:
        """Publish until cancelled."""
        await self.start()
        while True:
            await self._backoff.insist(self.publish)
            await self._stirred.wait()
            if monotonic() - self._swept >= self._sweep_s:
                await self._backoff.insist(self.sweep)

    async def publish(self) -> None:
        """Publish everything that is committed, as there is room."""
        while behind := sorted(zone for zone, head in self._heads.items() if head > self._sent.get(zone, 0)):
            batch: list[EventRecord] = []
            for zone in behind:
                batch += await self._next(zone, PAGE - len(batch))
                if len(batch) >= PAGE:
                    break
            if not batch:
                return
            if not await self._wait_for_room(len(batch)):
                continue
            await self._sender.send(Topic.EVENTS, [event_record(record) for record in batch])
            for record in batch:
                self._sent[record.zone] = record.version

    async def sweep(self) -> None:
        """Ask the ledger for heads, and publish again what stays unconsumed."""
        await self._read_cursors()
        for zone, head in (await self._ledger.heads()).items():
            self._heads[zone] = max(head, self._heads.get(zone, 0))
            consumed = self._consumed(zone)
            if consumed < self._sent.get(zone, 0) and self._stuck.get(zone) == consumed:
                log.warning("events are published again", action="events_resent", zone=zone, after=consumed)
                self._sent[zone] = consumed
            self._stuck[zone] = consumed
        self._swept = monotonic()
        self._stirred.stir()

    async def _next(self, zone: str, limit: int) -> list[EventRecord]:
        sent = self._sent.get(zone, 0)
        fresh = [record for record in self._fresh.pop(zone, ()) if record.version > sent]
        if fresh and fresh[0].version == sent + 1:
            if len(fresh) > limit:
                self._fresh[zone] = fresh[limit:]
            return fresh[:limit]
        return await self._ledger.events(zone, after=sent, limit=limit) if limit > 0 else []

    def _consumed(self, zone: str) -> int:
        return min((done.get(zone, 0) for done in self._done.values()), default=self._sent.get(zone, 0))

    async def _read_cursors(self) -> None:
        for name in self._names:
            self.advance(name, await self._consumers.cursors(name))

    async def _wait_for_room(self, count: int) -> bool:
        while True:
            ahead = sum(max(0, sent - self._consumed(zone)) for zone, sent in self._sent.items())
            if not self._names or not ahead or ahead + count <= self._bound:
                return True
            self._room.clear()
            try:
                async with asyncio.timeout(0.1):
                    await self._room.wait()
            except TimeoutError:  # cursors of other processes are seen by asking only
                await self._read_cursors()
                if monotonic() - self._swept >= self._sweep_s:
                    await self.sweep()  # nobody moves: what was published may be lost
                    return False
