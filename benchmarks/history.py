"""A long history of the scenario's zones: one day through the engine, then the same lives again, days later, under other ids."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from benchmarks.town import Town
from engine.ports import Decided, Record, RowChange, Snapshot, ZoneAppend
from engine.snapshots import SCHEMA, dump, extend
from engine.zone import Zone
from ningju.ledger.inspection import InspectableStore
from ningju.simulation.scenario import build
from schemas.base import derive_id
from schemas.commands import CancelRequest, CheckIn, FinishVisit, Tick
from schemas.envelope import Actor, EventEnvelope, Outcome, event_id, record_hash

APART = timedelta(days=9)
"""Between two copies of the day: longer than the last timer of a day that is over."""
BATCH = 1_000
TAIL = 999
"""Events after the last snapshot: as many as there can be before the next one."""

MOVED = re.compile(
    rb'"(?:([0-9a-f]{8})(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})|(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z))"'
)


@dataclass(frozen=True, slots=True)
class Day:
    """What a day left behind: the events that set the zones up, with their rows, and those of its requests."""

    setup: dict[str, list[Record]]
    rows: dict[str, tuple[RowChange, ...]]
    lives: dict[str, list[Record]]


def whole_day(scenario: str, requests: int, seed: int) -> Day:
    """Play a day: requests are matched, people say yes, come and finish; what nobody serves is called off."""
    day = build(scenario, seed, volume=requests)
    # Nobody is sent to another zone: no guest would answer here, and an origin asks again each day for ever.
    day = replace(day, policy=day.policy.changed(referral_hops=0))
    town = Town.settle(day, day.start + timedelta(hours=8))
    settled = len(town.decided)
    for envelope in town.admitted(day.arrivals):
        town.take(envelope)
    town.match()
    for envelope in list(town.answers(decline=0)):
        town.take(envelope)
    visits = [
        (record.visit, record.request_id, name)
        for name, zone in town.zones.items()
        for record in zone.requests.values()
        if record.visit is not None and record.visit.complete
    ]
    for visit, request_id, name in sorted(visits, key=lambda one: (one[0].window.start, one[1])):
        town.now = max(town.now, visit.window.start)
        for seat in visit.seats:
            if seat.volunteer is not None:
                who = Actor(kind="volunteer", id=seat.volunteer)
                town.take(town.envelope(name, CheckIn(request_id=request_id, volunteer=seat.volunteer), who))
        town.send(name, FinishVisit(request_id=request_id))
    for name, zone in sorted(town.zones.items()):
        for request_id in sorted(zone.requests):
            town.send(name, CancelRequest(request_id=request_id, reason="called off"))
    town.now += APART - timedelta(days=1)
    for name in sorted(town.zones):
        town.send(name, Tick(due=town.now))
    if any(zone.requests or zone.offers for zone in town.zones.values()):
        raise RuntimeError("the day has not ended: its copies would pile up, with timers that nobody has fired")
    rows = {
        name: tuple(row for zone, one in town.decided[:settled] if zone == name for row in one.rows)
        for name in town.zones
    }
    return Day(_records(town.decided[:settled]), rows, _records(town.decided[settled:]))


def _records(decided: list[tuple[str, Decided]]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = defaultdict(list)
    for zone, one in decided:
        found[zone] += one.records
    return found


def moved(data: bytes, copy: int) -> bytes:
    """An event of a later copy of the day: other ids, later times; all else is the same."""

    def other(match: re.Match[bytes]) -> bytes:
        head, rest, time = match.groups()
        if time is not None:
            later = datetime.fromisoformat(time.decode()) + copy * APART
            return b'"%b"' % later.isoformat().replace("+00:00", "Z").encode()
        return b'"%08x%b"' % (int(head, 16) ^ copy, rest)

    return MOVED.sub(other, data) if copy else data


def history(day: Day, zone: str, count: int) -> Iterator[Record]:
    """The first ``count`` events of a zone, chained."""
    version, head, copy = 0, "", 0
    chain = list(day.setup.get(zone, ()))
    while True:
        for record in chain:
            if version == count:
                return
            version += 1
            data = moved(record.data, copy)
            at = EventEnvelope.read(data)
            known = {"version": version, "event_id": event_id(zone, version)}
            envelope = at.model_copy(update=known | ({"prev_hash": head} if head else {}))
            data = envelope.dump()
            head = record_hash(data)
            yield Record(zone, version, data, envelope)
        if chain is not day.lives.get(zone):
            chain = day.lives.get(zone, [])
            if not chain:
                return
        else:
            copy += 1


async def fill(store: InspectableStore, day: Day, events: int) -> int:
    """Write a history into a ledger, each zone's last snapshot ``TAIL`` events before its end; how many events it has."""
    zones = sorted(day.setup)
    lives = sum(len(records) for records in day.lives.values())
    left = events - sum(len(records) for records in day.setup.values())
    total = 0
    for zone in zones:
        count = len(day.setup[zone]) + left * len(day.lives.get(zone, ())) // lives
        state = Zone.empty(zone)
        batch: list[Record] = []
        for record in history(day, zone, count):
            batch.append(record)
            if len(batch) == BATCH or record.version in (count, count - TAIL):
                rows = () if state.version else day.rows[zone]
                state = await _write(store, state, batch, rows, snapshot=record.version == count - TAIL)
                batch = []
        total += state.version
    return total


async def _write(
    store: InspectableStore, state: Zone, batch: list[Record], rows: tuple[RowChange, ...], *, snapshot: bool
) -> Zone:
    after = extend(state, batch)
    command_id: UUID = derive_id("history", state.zone, after.version)
    outcome = Outcome(
        command_id=command_id,
        zone=state.zone,
        status="accepted",
        now=after.clock,
        before=state.version,
        after=after.version,
    )
    kept = Snapshot(state.zone, after.version, SCHEMA, dump(after)) if snapshot else None
    decided = Decided(outcome, tuple(batch), rows)
    await store.commit([ZoneAppend(state.zone, state.version, (decided,), after.next_due, kept)])
    return after
