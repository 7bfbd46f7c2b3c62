"""``verify`` finds what was tampered with or lost; ``rebuild`` makes rows and snapshots anew."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from engine.ports import Conflict, Decided, NewCommand, RowChange, Snapshot, ZoneAppend
from engine.snapshots import SCHEMA, dump
from engine.zone import Zone
from ningju.ledger import rebuild as rebuilding
from ningju.ledger.inspection import InspectableStore
from ningju.ledger.promises import Promises
from ningju.ledger.rebuild import rebuild
from ningju.ledger.sql import SqlStore
from ningju.ledger.verify import verify
from schemas.base import derive_id
from schemas.commands import CancelRequest, CheckIn, Command, DeclineOffer, FinishVisit
from schemas.envelope import Actor, CommandEnvelope, Outcome
from schemas.events import RequestEnded
from tests.engine.builders import MONDAY, OPERATOR, World, by, hours, minutes, request
from tests.ledger.conftest import Ledgers

Step = tuple[CommandEnvelope, Decided, Zone]


class Diary(World):
    """A world that keeps what a ledger would be given."""

    def __init__(self, zone: str = "z1") -> None:
        super().__init__(zone)
        self.steps: list[Step] = []

    def send(self, command: Command, actor: Actor = OPERATOR, *, after: timedelta = timedelta(0)) -> Outcome:
        outcome = super().send(command, actor, after=after)
        envelope = CommandEnvelope(
            command_id=outcome.command_id,
            zone=outcome.zone,
            actor=actor,
            correlation_id=outcome.command_id,
            received_at=self.now,
            command=command,
        )
        assert self.last is not None
        self.steps.append((envelope, self.last, self.state))
        return outcome


def day(zone: str = "z1") -> Diary:
    """One request served, one given back and under way again, one waiting."""
    world = Diary(zone)
    world.settled()
    for name in ("r1", "r2", "r3"):
        world.submit(f"{zone} {name}")
    start = MONDAY + hours(6)
    world.offer(f"{zone} r1", start, "ann")
    world.accept("ann")
    world.offer(f"{zone} r2", start, "bob")
    world.ok(DeclineOffer(offer_id=world.offer_of("bob")), by("bob"))
    world.until(start)
    world.ok(CheckIn(request_id=request(f"{zone} r1"), volunteer="ann"), by("ann"))
    world.ok(FinishVisit(request_id=request(f"{zone} r1"), volunteer="ann"), by("ann"), after=hours(1))
    return world


def appends(steps: list[Step], *, snapshot_at: int | None = None) -> list[ZoneAppend]:
    made = []
    for number, (envelope, decided, state) in enumerate(steps):
        snapshot = Snapshot(state.zone, state.version, SCHEMA, dump(state)) if number == snapshot_at else None
        before = decided.outcome.before
        made.append(ZoneAppend(envelope.zone, before, (decided,), state.next_due, snapshot))
    return made


async def write(store: InspectableStore, steps: list[Step], **options: Any) -> None:
    await store.enqueue([NewCommand(envelope) for envelope, _, _ in steps])
    for one in appends(steps, **options):
        await store.commit([one])


async def test_an_untouched_ledger_is_clean(store: InspectableStore) -> None:
    assert await verify(store, MONDAY) is None
    for zone in ("z1", "z2"):
        world = day(zone)
        # The same people in both zones would be held twice.
        await write(store, world.steps if zone == "z1" else world.steps[:3], snapshot_at=2)
        now = world.now
    assert await verify(store, now) is None


async def test_a_timer_that_did_not_fire_is_found_after_the_grace(store: InspectableStore) -> None:
    world = day()
    await write(store, world.steps)
    due = world.state.next_due
    assert due is not None
    assert await verify(store, due + timedelta(seconds=30)) is None
    violation = await verify(store, due + timedelta(minutes=1))
    assert "has not fired" in str(violation)


TAMPERING = {
    "the hash chain breaks": "UPDATE event SET data = CAST(REPLACE(data, 'care', 'cure') AS BLOB) WHERE version = 4",
    "does not fold": "UPDATE event SET data = '{}' WHERE version = 4",
    "is missing": "DELETE FROM event WHERE version = 4",
    "events end at": "DELETE FROM event WHERE version = (SELECT max(version) FROM event)",
    "request row .* differs": "UPDATE request_row SET data = CAST(REPLACE(data, 'done', 'queued') AS BLOB)",
    "row .* is missing": "DELETE FROM volunteer_row WHERE key = 'ann'",
    "is left over": "INSERT INTO team_row (zone, key, data) VALUES ('z1', 'ghost', '{}')",
    "snapshot at version": "UPDATE snapshot SET data = '{}'",
    "next timer": "UPDATE zone SET next_due = NULL",
    "is closed and should not be": "DELETE FROM outcome",
    "is open and should not be": "UPDATE inbox SET open = 1",
}


@pytest.mark.parametrize("ledgers", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("fault", "tampering"), TAMPERING.items())
async def test_what_was_tampered_with_is_found(ledgers: Ledgers, fault: str, tampering: str) -> None:
    store = await ledgers.open()
    world = day()
    await write(store, world.steps, snapshot_at=4)
    assert isinstance(store, SqlStore)
    await store._database.write(lambda connection: connection.execute(text(tampering)) and None)
    violation = await verify(store, world.now)
    assert violation is not None
    assert re.search(fault, str(violation)), violation


@pytest.mark.parametrize("ledgers", ["sqlite"], indirect=True)
async def test_a_row_of_before_a_field_was_added_says_the_same(ledgers: Ledgers) -> None:
    store = await ledgers.open()
    world = day()
    await write(store, world.steps)
    assert isinstance(store, SqlStore)
    older = "UPDATE request_row SET data = CAST(REPLACE(data, ',\"pinned\"\\:false', '') AS BLOB)"
    await store._database.write(lambda connection: connection.execute(text(older)) and None)
    assert not any(b"pinned" in data for data in (await store.image("z1")).rows.values())
    assert await verify(store, world.now) is None


async def test_an_accepted_request_that_no_event_knows_is_found(store: InspectableStore) -> None:
    world = day()
    envelope, decided, _ = world.steps[3]
    silent = replace(decided, records=(), rows=())
    await write(store, world.steps[:3])
    await store.enqueue([NewCommand(envelope)])
    state = world.steps[2][2]
    await store.commit([ZoneAppend("z1", state.version, (silent,), state.next_due)])
    assert "was never received" in str(await verify(store, world.now))


def test_a_request_that_ends_twice_or_was_never_there_is_found() -> None:
    envelopes = [record.envelope for record in day().records]
    promises = Promises()
    assert [fault for envelope in envelopes if (fault := promises.take(envelope))] == []
    assert list(promises.finish()) == []
    end = next(envelope for envelope in envelopes if isinstance(envelope.event, RequestEnded))
    assert "ended twice" in str(promises.take(end))
    assert "without having been received" in str(Promises().take(end))


def test_a_volunteer_held_in_two_zones_at_once_is_found() -> None:
    promises = Promises()
    for zone in ("z1", "z2"):
        for record in day(zone).records:
            assert promises.take(record.envelope) is None
    assert any("ann was held twice" in fault for fault in promises.finish())


async def test_rows_and_snapshots_come_back_from_the_events(store: InspectableStore) -> None:
    world = day()
    await write(store, world.steps)
    before = await store.image("z1")
    visit = derive_id("visit", request("z1 r2"), 1)
    found = await store.visit(visit)
    wrong = [RowChange("zone", "ghost", (await store.zones())[0])]
    await store.replace_rows("z1", world.state.version, wrong)
    assert await verify(store, world.now) is not None
    assert await rebuild(store) == {"z1": world.state.version}
    assert await verify(store, world.now) is None
    after = await store.image("z1")
    assert after.rows == before.rows
    assert after.snapshot == Snapshot("z1", world.state.version, SCHEMA, dump(world.state))
    assert await store.visit(visit) == found


async def test_rows_are_not_replaced_by_older_ones(store: InspectableStore) -> None:
    world = day()
    await write(store, world.steps)
    image = await store.image("z1")
    with pytest.raises(Conflict):
        await store.replace_rows("z1", world.state.version - 1, [])
    assert await store.image("z1") == image


async def test_a_rebuild_catches_up_with_a_zone_that_goes_on(
    store: InspectableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = day()
    early, late = world.steps[:5], world.steps[5:]
    await write(store, early)
    await store.enqueue([NewCommand(envelope) for envelope, _, _ in late])
    left = appends(late)
    replace_rows, tries = store.replace_rows, []

    async def meanwhile(*arguments: Any) -> None:
        tries.append(1)
        if left:
            await store.commit([left.pop(0)])
        await replace_rows(*arguments)

    monkeypatch.setattr(store, "replace_rows", meanwhile)
    assert await rebuilding.rebuild_zone(store, "z1") == world.state.version
    assert len(tries) > len(late) // 2
    assert await verify(store, world.now) is None


def test_a_volunteer_who_is_let_go_and_asked_again_at_the_same_moment_is_not_held_twice() -> None:
    world = World().settled()
    world.submit("r1")
    start = MONDAY + hours(6)
    world.offer("r1", start, "ann")
    world.ok(CancelRequest(request_id=request("r1")))
    world.submit("r2")
    world.offer("r2", start + minutes(30), "ann")
    promises = Promises()
    for record in world.records:
        assert promises.take(record.envelope) is None
    assert list(promises.finish()) == []
