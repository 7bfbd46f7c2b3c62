"""Zones that talk to each other: each with its ledger, and what is on its way between them, under one clock.

Every command is handled twice: by the state folded from the events and by one restored from a snapshot; records, rows
and states must be the same, byte for byte. What people hold is kept from the events alone, apart from the engine's
calendars, and checked with travel computed here.
"""

from collections import Counter, defaultdict
from datetime import datetime
from math import asin, ceil, cos, radians, sin, sqrt
from uuid import UUID

from engine.consequences import consequences
from engine.handling import handle
from engine.ports import Decided, Loaded, Record
from engine.snapshots import append, dump, fold, restore
from engine.zone import Zone
from schemas.base import derive_id
from schemas.commands import Command, Tick
from schemas.envelope import Actor, CommandEnvelope, EventEnvelope, Outcome
from schemas.events import (
    OfferEnded,
    RequestEnded,
    RequestReceived,
    SeatAccepted,
    SeatOffered,
    SeatVacated,
    VisitFinished,
    VisitPlanned,
)
from schemas.place import Place, TimeWindow
from tests.engine.builders import MONDAY, OPERATOR

Held = tuple[TimeWindow, Place, str]


class Town:
    def __init__(self, *zones: str, now: datetime = MONDAY, twin_every: int = 1) -> None:
        self.twin_every = twin_every
        self.now = now
        self.states = {zone: Zone.empty(zone) for zone in zones}
        self.records: dict[str, list[Record]] = {zone: [] for zone in zones}
        self.outcomes: dict[UUID, Outcome] = {}
        self.way: list[CommandEnvelope] = []
        self.delivered: list[CommandEnvelope] = []
        self.submitted: set[UUID] = set()
        self.ends: Counter[UUID] = Counter()
        self.end_of: dict[UUID, str] = {}
        self.held: dict[str, dict[tuple[UUID, int], Held]] = defaultdict(dict)
        self.went: set[tuple[str, UUID]] = set()
        self.log: list[str] = []
        self.count = 0
        self.handled = 0

    # ------------------------------------------------------------------------------------------------ commands

    def send(self, zone: str, command: Command, actor: Actor = OPERATOR) -> Outcome:
        self.count += 1
        return self.take(
            CommandEnvelope(
                command_id=derive_id("town", self.count),
                zone=zone,
                actor=actor,
                correlation_id=derive_id("town", self.count),
                received_at=self.now,
                command=command,
            )
        )

    def ok(self, zone: str, command: Command, actor: Actor = OPERATOR) -> Outcome:
        outcome = self.send(zone, command, actor)
        assert outcome.status == "accepted", outcome
        return outcome

    def take(self, envelope: CommandEnvelope, *, again: bool = False) -> Outcome:
        """Handle a command as a zone agent would: one that has an outcome gets it again (unless ``again`` is forced)."""
        if envelope.command_id in self.outcomes and not again:
            return self.outcomes[envelope.command_id]
        before = self.states[envelope.zone]
        handled = handle(before, envelope)
        self.handled += 1
        if self.handled % self.twin_every == 0:
            twin = handle(restore(dump(before)), envelope)
            assert twin.decided == handled.decided
            for made in (handled.decided.outcome, *(record.envelope for record in handled.decided.records)):
                assert type(made).model_validate_json(made.dump()) == made  # nothing unseen has slipped in
            assert dump(handled.state) == dump(twin.state)
            assert handled.state.next_due == twin.state.next_due
        state = before
        for record in handled.decided.records:
            assert record.envelope.prev_hash == state.head_hash
            state = append(state, record)
            self._note(record.envelope)
        assert state == handled.state
        assert state.next_due == handled.state.next_due
        due = handled.state.next_due
        assert due is None or due > handled.decided.outcome.now
        self.states[envelope.zone] = handled.state
        self.records[envelope.zone] += handled.decided.records
        self.outcomes.setdefault(envelope.command_id, handled.decided.outcome)
        self._check_rows(handled.state, handled.decided)
        for record in handled.decided.records:
            self.way += [new.envelope for new in consequences(record.envelope).commands]
        return handled.decided.outcome

    def deliver(self, index: int = 0) -> Outcome:
        envelope = self.way.pop(index % len(self.way))
        envelope = envelope.changed(received_at=self.now)
        self.delivered.append(envelope)
        return self.take(envelope)

    def deliver_all(self) -> None:
        while self.way:
            self.deliver()

    def tick(self) -> bool:
        """Let the earliest timer of all zones fire; false when there is none."""
        due = [(state.next_due, zone) for zone, state in self.states.items() if state.next_due is not None]
        if not due:
            return False
        moment, zone = min(due)
        self.now = max(self.now, moment)
        self.ok(zone, Tick(due=moment))
        return True

    def until(self, moment: datetime) -> None:
        while True:
            self.deliver_all()
            due = [state.next_due for state in self.states.values() if state.next_due is not None]
            if not due or min(due) > moment:
                break
            self.tick()
        self.now = max(self.now, moment)

    def drain(self) -> None:
        for _ in range(5_000):
            self.deliver_all()
            if not self.tick():
                break
        else:
            raise AssertionError("timers never end")
        assert not self.way

    # -------------------------------------------------------------------------------------------------- promises

    def _note(self, envelope: EventEnvelope) -> None:
        event = envelope.event
        self.log.append(f"{envelope.zone} {envelope.now:%dT%H:%M} {event.kind}")
        match event:
            case RequestReceived():
                if event.referral is None:
                    self.submitted.add(event.spec.request_id)
            case RequestEnded():
                self.ends[event.request_id] += 1
                self.end_of[event.request_id] = event.end
                assert self.ends[event.request_id] == 1, "a request ended twice"
            case SeatOffered():
                self._hold(envelope, event.volunteer, event.request_id, event.seat, event.window, event.place)
            case SeatAccepted():
                held = [
                    (who, mine[event.request_id, event.seat])
                    for who, mine in self.held.items()
                    if (event.request_id, event.seat) in mine and mine[event.request_id, event.seat][2] == envelope.zone
                ]
                assert len(held) == 1
                self.held[held[0][0]].pop((event.request_id, event.seat))
                window, place, _ = held[0][1]
                self._hold(envelope, event.volunteer, event.request_id, event.seat, window, place)
            case OfferEnded() | SeatVacated():
                assert self.held[event.volunteer].pop((event.request_id, event.seat))
            case VisitPlanned():
                for who, mine in self.held.items():
                    for (request_id, seat), (_, place, zone) in list(mine.items()):
                        if request_id == event.request_id and zone == envelope.zone:
                            mine.pop((request_id, seat))
                            self._hold(envelope, who, request_id, seat, event.window, place)
            case VisitFinished():
                self.went |= {(who, event.request_id) for who in event.crew}
                for mine in self.held.values():
                    for key in [key for key, held in mine.items() if key[0] == event.request_id]:
                        if mine[key][2] == envelope.zone:
                            mine.pop(key)
            case _:
                pass

    def _hold(
        self, envelope: EventEnvelope, who: str, request_id: UUID, seat: int, window: TimeWindow, place: Place
    ) -> None:
        for (other_id, other_seat), (other, other_place, _) in self.held[who].items():
            assert other_id != request_id, f"{who} has two seats of one visit"
            first, second = sorted(((window, place), (other, other_place)), key=lambda item: item[0].start)
            gap = (second[0].start - first[0].end).total_seconds()
            needed = walk(first[1], second[1])
            assert gap >= needed, f"{who} is double booked: {gap} s between seats, {needed} s of way ({other_seat})"
        self.held[who][request_id, seat] = (window, place, envelope.zone)

    def _check_rows(self, state: Zone, decided: Decided) -> None:
        """Rows of what is open say what the state says, and are rows that a reader takes."""
        for row in decided.rows:
            if row.view is not None:
                assert type(row.view).model_validate_json(row.view.dump()) == row.view
            if row.table == "request":
                record = state.requests.get(UUID(row.key))
                if record is not None:
                    assert row.view is not None
                    assert row.view.state == record.state  # type: ignore[union-attr]

    def check_books(self) -> None:
        """The whole ledger folds to each state; what the events say people hold is what the calendars say."""
        for zone, state in self.states.items():
            assert dump(fold(zone, Loaded(None, tuple(self.records[zone])))) == dump(state)
            kept: set[tuple[str, UUID]] = set()
            for record in state.requests.values():
                assert not record.state.ended
                visit = record.visit
                if visit is not None:
                    assert visit.occupied, "an empty visit stands"
                    kept |= {(seat.volunteer, record.request_id) for seat in visit.seats if seat.volunteer is not None}
            books = {(who, key[0]) for who, mine in self.held.items() for key, held in mine.items() if held[2] == zone}
            assert books == kept
            for who, request_id in books:
                if who in state.volunteers:
                    assert any(entry.request_id == request_id for entry in state.calendar(who))
            for who in state.calendars:
                for entry in state.calendar(who):
                    key = (who, entry.request_id)
                    assert key in books or key in self.went, f"{who} is kept busy by what is over"
            offered = {
                seat.offer_id for r in state.requests.values() if r.visit for seat in r.visit.seats if seat.offer_id
            }
            assert offered == set(state.offers)


def walk(a: Place, b: Place) -> int:
    """Seconds on foot at the default speed and detour, less one for rounding."""
    phi, psi = radians(a.lat), radians(b.lat)
    h = sin((psi - phi) / 2) ** 2 + cos(phi) * cos(psi) * sin(radians(b.lon - a.lon) / 2) ** 2
    return max(0, ceil(2 * 6_371_008.8 * asin(sqrt(h)) * 1.3 * 3.6 / 4.0) - 1)
