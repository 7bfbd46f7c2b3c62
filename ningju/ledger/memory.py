"""The ledger in memory: the contract in plain Python, for unit tests and deterministic simulation. Nothing survives."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from engine.ports import (
    Clock,
    ClosedQuery,
    Conflict,
    DeadLetter,
    Deed,
    DeedQuery,
    Delivery,
    DueZone,
    Enqueued,
    Loaded,
    Look,
    NewCommand,
    OpenCommand,
    Pulse,
    QueueFull,
    Record,
    RowChange,
    Snapshot,
    StoredPlan,
    ZoneAppend,
)
from ningju.ledger import appends as batch
from ningju.ledger.inspection import Closing, InboxRow, KeptLetter, ZoneImage
from ningju.ledger.memory_access import MemoryAccess
from ningju.ledger.memory_read_model import MemoryReadModel
from ningju.ledger.settings import StoreSettings
from ningju.ledger.stamping import known, stamped, submitted_request
from ningju.ledger.waiting import Waiters
from schemas.envelope import CommandEnvelope, Outcome
from schemas.events import request_of
from schemas.person import Person
from schemas.views import Notification, RequestView


@dataclass(slots=True)
class _Inbox:
    row: OpenCommand
    fingerprint: str
    bounded: bool


@dataclass(slots=True)
class _Zone:
    records: list[Record] = field(default_factory=list)
    next_due: datetime | None = None
    snapshot: Snapshot | None = None


@dataclass(slots=True)
class _Letter:
    letter: DeadLetter
    count: int
    first_at: datetime
    last_at: datetime
    closing: Closing | None = None
    closed_at: datetime | None = None


class MemoryStore(MemoryAccess, MemoryReadModel):
    """All ports of ``engine.ports.Store``, in one process and one event loop."""

    def __init__(self, clock: Clock, settings: StoreSettings | None = None) -> None:
        MemoryAccess.__init__(self, clock)
        MemoryReadModel.__init__(self)
        self._settings = settings or StoreSettings()
        self._inbox: dict[UUID, _Inbox] = {}
        self._open: dict[int, UUID] = {}
        self._open_bounded = 0
        self._submitted: dict[UUID, UUID] = {}
        self._outcomes: dict[UUID, Outcome] = {}
        self._zones: dict[str, _Zone] = {}
        self._cursors: dict[str, dict[str, int]] = {}
        self._notifications: dict[UUID, Delivery] = {}
        self._pending: dict[UUID, None] = {}
        self._plans: dict[str, StoredPlan] = {}
        self._letters: dict[tuple[str, int, int], _Letter] = {}
        self._persons: dict[str, Person] = {}
        self._looks: list[Look] = []
        self._waiters = Waiters(self.outcomes)

    async def close(self) -> None:
        await self._waiters.close()

    # ------------------------------------------------------------------------------------------------------------ door

    async def enqueue(self, commands: Sequence[NewCommand]) -> list[Enqueued]:
        return self._enqueue(commands)

    def _enqueue(self, commands: Sequence[NewCommand]) -> list[Enqueued]:
        new: dict[UUID, NewCommand] = {}
        for command in commands:
            if command.envelope.command_id not in self._inbox:
                new.setdefault(command.envelope.command_id, command)
        bounded = sum(command.bounded for command in new.values())
        if bounded and bounded + self._open_bounded > self._settings.inbox_limit:
            raise QueueFull(self._settings.retry_after)
        now = self._clock.now()
        answers = []
        for command in commands:
            envelope = command.envelope
            stored = self._inbox.get(envelope.command_id)
            if stored is not None:
                answers.append(known(command, stored.fingerprint, stored.row.received_at, stored.row.zone))
                continue
            seq = len(self._inbox) + 1
            row = OpenCommand(seq, envelope.command_id, envelope.zone, now, stamped(envelope, now))
            self._inbox[envelope.command_id] = _Inbox(row, command.fingerprint, command.bounded)
            self._open[seq] = envelope.command_id
            self._open_bounded += command.bounded
            request_id = submitted_request(envelope)
            if request_id is not None:
                self._submitted.setdefault(request_id, envelope.command_id)
            self._persons.update((person.id, person) for person in command.persons)
            answers.append(Enqueued(envelope.command_id, "new", now, envelope.zone))
        return answers

    async def open_commands(self, after: int = 0, limit: int = 1_000) -> list[OpenCommand]:
        rows: list[OpenCommand] = []
        for seq, command_id in self._open.items():  # insertion order is the order of seq
            if seq > after:
                rows.append(self._inbox[command_id].row)
                if len(rows) == limit:
                    break
        return rows

    async def open_count(self) -> int:
        return len(self._open)

    async def outcomes(self, command_ids: Collection[UUID]) -> dict[UUID, Outcome]:
        return {one: self._outcomes[one] for one in command_ids if one in self._outcomes}

    async def wait(self, command_id: UUID, timeout: float) -> Outcome | None:
        return await self._waiters.wait(command_id, timeout)

    async def command(self, command_id: UUID) -> OpenCommand | None:
        stored = self._inbox.get(command_id)
        return stored.row if stored else None

    async def submitted(self, request_id: UUID) -> OpenCommand | None:
        command_id = self._submitted.get(request_id)
        return self._inbox[command_id].row if command_id else None

    async def deeds(self, query: DeedQuery) -> list[Deed]:
        found = [one.row for one in reversed(self._inbox.values()) if _asked_for(one.row, query)]
        return [Deed(row, self._outcomes.get(row.command_id)) for row in found[: query.limit]]

    # ---------------------------------------------------------------------------------------------------------- ledger

    async def heads(self) -> dict[str, int]:
        return {name: len(zone.records) for name, zone in sorted(self._zones.items()) if zone.records}

    async def load(self, zone: str, limit: int | None = None) -> Loaded:
        stored = self._zones.get(zone, _Zone())
        snapshot = self._usable(stored)
        first = snapshot.version if snapshot else 0
        return Loaded(snapshot, tuple(stored.records[first : None if limit is None else first + limit]))

    def _usable(self, stored: _Zone) -> Snapshot | None:
        snapshot = stored.snapshot
        usable = snapshot is not None and self._settings.snapshot_schema in (None, snapshot.schema)
        return snapshot if usable else None

    async def commit(self, appends: Sequence[ZoneAppend]) -> None:
        for append in appends:
            batch.check(append)
        heads = {append.zone: len(self._zones[append.zone].records) for append in appends if append.zone in self._zones}
        behind = batch.repeated(appends)
        for append in appends:
            if heads.get(append.zone, 0) != append.expected_version:
                behind.add(append.zone)
            heads[append.zone] = append.expected_version + sum(len(decided.records) for decided in append.decided)
            if any(decided.outcome.command_id in self._outcomes for decided in append.decided):
                behind.add(append.zone)
        if behind:
            raise Conflict(behind)
        for append in appends:
            self._append(append)
        self._waiters.tell(batch.outcomes(appends))

    def _append(self, append: ZoneAppend) -> None:
        stored = self._zones.setdefault(append.zone, _Zone())
        for decided in append.decided:
            stored.records.extend(decided.records)
            self._outcomes[decided.outcome.command_id] = decided.outcome
            inbox = self._inbox.get(decided.outcome.command_id)
            if inbox is not None and inbox.row.seq in self._open:
                del self._open[inbox.row.seq]
                self._open_bounded -= inbox.bounded
        stored.next_due = append.next_due
        if append.snapshot is not None:
            stored.snapshot = append.snapshot
        for row in batch.last_rows(append).values():
            self.write_row(append.zone, row)

    async def events(self, zone: str, after: int = 0, limit: int = 1_000) -> list[Record]:
        return self._zones[zone].records[after : after + limit] if zone in self._zones else []

    async def history(self, request_id: UUID) -> list[Record]:
        records = (
            record
            for zone in self._zones.values()
            for record in zone.records
            if request_of(record.envelope.event) == request_id
        )
        return sorted(records, key=lambda record: record.envelope.now)

    async def due_zones(self) -> list[DueZone]:
        now = self._clock.now()
        due = [
            DueZone(name, zone.next_due, len(zone.records))
            for name, zone in self._zones.items()
            if zone.next_due is not None and zone.next_due <= now
        ]
        return sorted(due, key=lambda zone: (zone.due, zone.zone))

    async def next_due(self) -> datetime | None:
        return min((zone.next_due for zone in self._zones.values() if zone.next_due is not None), default=None)

    async def drop_snapshots(self) -> None:
        for zone in self._zones.values():
            zone.snapshot = None

    # ------------------------------------------------------------------------------------------------------- consumers

    async def cursors(self, consumer: str) -> dict[str, int]:
        return dict(self._cursors.get(consumer, {}))

    async def settle(
        self,
        consumer: str,
        cursors: Mapping[str, int],
        commands: Sequence[NewCommand] = (),
        notifications: Sequence[Notification] = (),
    ) -> list[Enqueued]:
        answers = self._enqueue(commands)
        now = self._clock.now()
        for notification in notifications:
            if notification.key not in self._notifications:
                self._notifications[notification.key] = Delivery(notification, now)
                self._pending[notification.key] = None
        mine = self._cursors.setdefault(consumer, {})
        for zone, version in cursors.items():
            mine[zone] = max(version, mine.get(zone, 0))
        return answers

    async def pulse(self, of: Collection[str]) -> Pulse:
        plans = {plan.zone: plan.created_at for plan in self._plans.values()}
        opened = next((self._inbox[command_id].row.received_at for command_id in self._open.values()), None)
        unsent = [self._notifications[key].created_at for key in self._pending]
        return Pulse(
            cursors={consumer: await self.cursors(consumer) for consumer in of},
            plans={zone: at for zone, at in plans.items() if zone in self._zones},
            open_since=opened,
            unsent=len(unsent),
            unsent_since=min(unsent, default=None),
            letters=len(await self.letters(len(self._letters))),
        )

    async def pending_notifications(self, limit: int = 500) -> list[Delivery]:
        return [self._notifications[key] for key in list(self._pending)[:limit]]

    async def delivered(self, keys: Collection[UUID]) -> None:
        for key in keys:
            self._pending.pop(key, None)

    # --------------------------------------------------------------------------------------------------------- archive

    async def put_plan(self, plan: StoredPlan) -> None:
        self._plans.setdefault(plan.plan_hash, plan)

    async def plan(self, plan_hash: str) -> StoredPlan | None:
        return self._plans.get(plan_hash)

    async def newest_plan(self, zone: str) -> StoredPlan | None:
        return next((plan for plan in reversed(self._plans.values()) if plan.zone == zone), None)

    async def dead_letter(self, letter: DeadLetter) -> None:
        now = self._clock.now()
        key = (letter.source, letter.partition, letter.offset)
        stored = self._letters.setdefault(key, _Letter(letter, 0, now, now))
        stored.count += 1
        stored.last_at = now

    async def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        return [kept.letter for kept in await self.letters(limit, closed=True)]

    async def put_persons(self, persons: Sequence[Person]) -> None:
        self._persons.update((person.id, person) for person in persons)

    async def person(self, person_id: str) -> Person | None:
        return self._persons.get(person_id)

    async def asked_for(
        self, service_type: str, limit: int, *, within: frozenset[str] | None = None
    ) -> list[tuple[RequestView, Person]]:
        rows = [row for row in self._open_origins(within) if row.service_type == service_type]
        rows.sort(key=lambda row: (row.created_at, str(row.request_id)), reverse=True)
        known = ((row, self._persons.get(row.beneficiary or "")) for row in rows)
        return [(row, person) for row, person in known if person is not None][:limit]

    async def erase_person(self, person_id: str) -> bool:
        return self._persons.pop(person_id, None) is not None

    async def note_looks(self, looks: Sequence[Look]) -> None:
        self._looks += [replace(one, seq=number) for number, one in enumerate(looks, start=len(self._looks) + 1)]

    async def looks(self, *, before: int | None = None, limit: int = 50) -> list[Look]:
        return [one for one in reversed(self._looks) if before is None or one.seq < before][:limit]

    # ------------------------------------------------------------------------------------------------------ inspection

    async def image(self, zone: str) -> ZoneImage:
        stored = self._zones.get(zone, _Zone())
        return ZoneImage(len(stored.records), stored.next_due, self._usable(stored), self.documents(zone))

    async def inbox_rows(self, after: int = 0, limit: int = 1_000) -> list[InboxRow]:
        rows = list(self._inbox.values())[after : after + limit]
        return [InboxRow(one.row, one.row.seq in self._open, self._outcomes.get(one.row.command_id)) for one in rows]

    async def replace_rows(
        self, zone: str, version: int, rows: Sequence[RowChange], snapshot: Snapshot | None = None
    ) -> None:
        stored = self._zones.get(zone)
        if stored is None or len(stored.records) != version:
            raise Conflict([zone])
        self.replace_zone(zone, rows)
        stored.snapshot = snapshot or stored.snapshot

    async def letters(self, limit: int = 100, *, closed: bool = False) -> list[KeptLetter]:
        numbered = [self._kept(number, one) for number, one in enumerate(self._letters.values(), 1)]
        return [kept for kept in reversed(numbered) if closed or kept.closing is None][:limit]

    async def closed_letters(self, query: ClosedQuery) -> list[KeptLetter]:
        kept = [one for one in await self.letters(len(self._letters), closed=True) if _closed_as(one, query)]
        kept.sort(key=lambda one: (one.closed_at, one.number), reverse=True)
        return kept[: query.limit]

    async def letter(self, number: int) -> KeptLetter | None:
        return next(
            (kept for kept in await self.letters(len(self._letters), closed=True) if kept.number == number), None
        )

    async def close_letter(self, number: int, closing: Closing) -> bool:
        stored = list(self._letters.values())[number - 1 : number] if number > 0 else []
        if not stored or stored[0].closing is not None:
            return False
        stored[0].closing, stored[0].closed_at = closing, self._clock.now()
        return True

    async def expire_letters(self) -> int:
        expired = [
            one for one in self._letters.values() if one.letter.raw and self._expires_at(one) <= self._clock.now()
        ]
        for one in expired:
            one.letter = replace(one.letter, raw=b"")
        return len(expired)

    def _expires_at(self, one: _Letter) -> datetime:
        return one.first_at + self._settings.letter_expiry

    def _kept(self, number: int, one: _Letter) -> KeptLetter:
        expires_at = self._expires_at(one)
        letter = replace(one.letter, raw=b"") if expires_at <= self._clock.now() else one.letter
        return KeptLetter(number, letter, one.count, one.first_at, one.last_at, expires_at, one.closing, one.closed_at)


def _asked_for(row: OpenCommand, query: DeedQuery) -> bool:
    envelope = CommandEnvelope.read(row.data)
    return (
        envelope.actor.kind == "operator"
        and query.actor in (None, envelope.actor.key)
        and (not query.kinds or envelope.command.kind in query.kinds)
        and (not query.request or str(envelope.about).startswith(query.request))
        and (query.since is None or row.received_at >= query.since)
        and (query.until is None or row.received_at < query.until)
        and (query.within is None or row.zone in query.within)
        and (query.before is None or row.seq < query.before)
    )


def _closed_as(one: KeptLetter, query: ClosedQuery) -> bool:
    if one.closing is None or one.closed_at is None:
        return False
    return (
        query.by in (None, one.closing.by)
        and (not query.how or one.closing.how in query.how)
        and (query.since is None or one.closed_at >= query.since)
        and (query.until is None or one.closed_at < query.until)
        and (query.within is None or one.letter.zone in query.within)
        and (query.before is None or (one.closed_at, one.number) < query.before)
    )
