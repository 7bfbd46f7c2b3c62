"""A commit is all or nothing, at the expected version, once a command."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from engine.ports import Conflict, Decided, DueZone, RowChange, Snapshot, ZoneAppend
from ningju.ledger.inspection import InspectableStore
from schemas.base import derive_id
from tests.ledger.builders import NOON, StandingClock, append, command, decided, record, request_view, row
from tests.ledger.conftest import Ledgers


async def test_events_outcomes_and_rows_are_there_after_a_commit(store: InspectableStore) -> None:
    await store.enqueue([command("a"), command("b"), command("c", "west")])
    view = request_view("a")
    east = append("east", 0, "a", "b", rows=(row(view),))
    west = append("west", 0, "c")
    await store.commit([west, east])
    assert await store.heads() == {"east": 2, "west": 1}
    assert await store.events("east") == [one for each in east.decided for one in each.records]
    assert await store.events("east", after=1) == [record("east", 2, cause=derive_id("command", "b"))]
    assert await store.events("east", limit=1) == [record("east", 1, cause=derive_id("command", "a"))]
    assert await store.events("north") == []
    ids = [derive_id("command", name) for name in "abcd"]
    assert set(await store.outcomes(ids)) == set(ids[:3])
    assert (await store.outcomes(ids[:1]))[ids[0]] == east.decided[0].outcome
    assert await store.open_count() == 0
    assert await store.request(view.request_id) == (view,)


async def test_a_conflict_in_the_middle_of_a_batch_writes_nothing(store: InspectableStore) -> None:
    await store.enqueue([command(name) for name in "abcd"])
    await store.commit([append("middle", 0, "x")])
    view = request_view("a", "aaa")
    snapshot = Snapshot("aaa", 1, 1, b"state")
    batch = [
        append("aaa", 0, "a", rows=(row(view),), next_due=NOON, snapshot=snapshot),
        append("middle", 0, "b"),
        append("zzz", 0, "c"),
    ]
    with pytest.raises(Conflict) as conflict:
        await store.commit(batch)
    assert conflict.value.zones == {"middle"}
    assert await store.heads() == {"middle": 1}
    assert await store.events("aaa") == []
    assert await store.outcomes([derive_id("command", name) for name in "abc"]) == {}
    assert await store.open_count() == 4
    assert await store.request(view.request_id) == ()
    assert await store.next_due() is None
    assert (await store.load("aaa")).snapshot is None
    await store.commit([batch[0], append("middle", 1, "b"), batch[2]])
    assert await store.heads() == {"aaa": 1, "middle": 2, "zzz": 1}


async def test_a_zone_that_is_further_or_not_so_far_is_a_conflict(store: InspectableStore) -> None:
    await store.commit([append("east", 0, "a")])
    for wrong in (0, 2):
        with pytest.raises(Conflict) as conflict:
            await store.commit([append("east", wrong, "b")])
        assert conflict.value.zones == {"east"}
    with pytest.raises(Conflict):
        await store.commit([append("new", 3, "b")])
    assert await store.heads() == {"east": 1}


@pytest.mark.parametrize("zone", ["east", "west"])
async def test_a_second_outcome_for_a_command_is_a_conflict(store: InspectableStore, zone: str) -> None:
    await store.commit([append("east", 0, "a")])
    with pytest.raises(Conflict) as conflict:
        await store.commit([append(zone, 1 if zone == "east" else 0, "a"), append("north", 0, "b")])
    assert conflict.value.zones <= {"east", "west", "north"}
    assert await store.heads() == {"east": 1}


async def test_two_outcomes_for_a_command_in_one_batch_are_a_conflict(store: InspectableStore) -> None:
    with pytest.raises(Conflict):
        await store.commit([append("east", 0, "a", "a")])
    with pytest.raises(Conflict):
        await store.commit([append("east", 0, "a"), append("west", 0, "a")])
    assert await store.heads() == {}


async def test_a_rejection_is_stored_without_events_and_keeps_the_version(store: InspectableStore) -> None:
    await store.enqueue([command("a")])
    nothing = ZoneAppend("east", 0, (decided("a", events=0),), None)
    await store.commit([nothing])
    assert await store.heads() == {}
    assert len(await store.outcomes([derive_id("command", "a")])) == 1
    assert await store.open_count() == 0
    await store.commit([append("east", 0, "b")])
    with pytest.raises(Conflict):
        await store.commit([ZoneAppend("east", 0, (decided("c", events=0),), None)])


async def test_records_with_a_gap_are_the_callers_fault_and_write_nothing(store: InspectableStore) -> None:
    gap = replace(decided("a"), records=(record("east", 1), record("east", 3)))
    with pytest.raises(ValueError, match="must follow"):
        await store.commit([append("aaa", 0, "b"), ZoneAppend("east", 0, (gap,), None)])
    assert await store.heads() == {}


async def test_of_sixteen_writers_exactly_one_wins_each_version(ledgers: Ledgers) -> None:
    stores = [await ledgers.open() for _ in range(4)]
    versions, writers = 6, 16

    async def compete(writer: int) -> list[int]:
        store, won = stores[writer % 4], []
        for version in range(versions):
            try:
                await store.commit([append("east", version, (writer, version), rows=(row(request_view(writer)),))])
                won.append(version)
            except Conflict:
                while (await store.heads()).get("east", 0) <= version:
                    await asyncio.sleep(0.001)
        return won

    won = await asyncio.gather(*(compete(writer) for writer in range(writers)))
    assert sorted(version for each in won for version in each) == list(range(versions))
    events = await stores[0].events("east")
    assert [one.version for one in events] == list(range(1, versions + 1))
    winners = {version: writer for writer, each in enumerate(won) for version in each}
    assert [one.envelope.causation_id for one in events] == [
        derive_id("command", (winners[version], version)) for version in range(versions)
    ]


async def test_writers_of_many_zones_at_once_all_get_through(ledgers: Ledgers) -> None:
    stores = [await ledgers.open() for _ in range(2)]

    async def fill(zone: str, store: InspectableStore) -> None:
        for version in range(5):
            await store.commit(
                [append(zone, version, (zone, version)), append(f"{zone}2", version, (zone, version, 2))]
            )

    await asyncio.gather(*(fill(f"z{n}", stores[n % 2]) for n in range(8)))
    assert set((await stores[0].heads()).values()) == {5}


async def test_overlapping_batches_in_opposite_orders_do_not_block_each_other(ledgers: Ledgers) -> None:
    here, there = await ledgers.open(), await ledgers.open()
    for turn in range(10):
        heads = await here.heads()
        east, west = heads.get("east", 0), heads.get("west", 0)
        one = [append("east", east, (1, turn)), append("west", west, (2, turn))]
        other = [append("west", west, (3, turn)), append("east", east, (4, turn))]
        results = await asyncio.gather(here.commit(one), there.commit(other), return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["Conflict", "NoneType"]


async def test_a_caller_that_fails_does_not_undo_its_neighbours_in_the_group(store: InspectableStore) -> None:
    await store.commit([append("taken", 0, "t")])
    calls = []
    for n in range(30):
        calls.append(store.commit([append("taken" if n % 3 == 0 else f"z{n}", 0, n)]))
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(result, Conflict) for result in results] == [n % 3 == 0 for n in range(30)]
    assert await store.heads() == {"taken": 1} | {f"z{n}": 1 for n in range(30) if n % 3}


async def test_due_zones_are_those_whose_timer_has_come(store: InspectableStore, clock: StandingClock) -> None:
    assert await store.next_due() is None
    await store.commit([append("b", 0, 1, next_due=NOON), append("a", 0, 2, next_due=NOON + timedelta(minutes=1))])
    await store.commit([append("c", 0, 3), append("d", 0, 4, next_due=NOON)])
    assert await store.next_due() == NOON
    clock.time = NOON - timedelta(microseconds=1)
    assert await store.due_zones() == []
    clock.time = NOON
    assert await store.due_zones() == [DueZone("b", NOON, 1), DueZone("d", NOON, 1)]
    clock.time = NOON + timedelta(hours=1)
    assert [zone.zone for zone in await store.due_zones()] == ["b", "d", "a"]
    await store.commit([append("b", 1, 5), append("d", 1, 6, next_due=NOON + timedelta(days=1))])
    assert await store.next_due() == NOON + timedelta(minutes=1)


async def test_a_load_begins_at_the_newest_snapshot(store: InspectableStore) -> None:
    assert await store.load("east") == await store.load("nowhere")
    await store.commit([append("east", 0, 1, 2, snapshot=Snapshot("east", 2, 7, b"two"))])
    await store.commit([append("east", 2, 3)])
    loaded = await store.load("east")
    assert loaded.snapshot == Snapshot("east", 2, 7, b"two")
    assert [one.version for one in loaded.records] == [3]
    await store.commit([append("east", 3, 4, snapshot=Snapshot("east", 4, 7, b"four"))])
    assert await store.load("east") == replace(loaded, snapshot=Snapshot("east", 4, 7, b"four"), records=())
    await store.drop_snapshots()
    loaded = await store.load("east")
    assert loaded.snapshot is None
    assert [one.version for one in loaded.records] == [1, 2, 3, 4]


async def test_a_load_can_end_after_so_many_records(store: InspectableStore) -> None:
    await store.commit([append("east", 0, 1, 2, 3, 4)])
    assert [one.version for one in (await store.load("east", limit=3)).records] == [1, 2, 3]
    await store.commit([append("east", 4, 5, 6, 7, snapshot=Snapshot("east", 5, 7, b"five"))])
    assert [one.version for one in (await store.load("east", limit=1)).records] == [6]
    assert [one.version for one in (await store.load("east", limit=9)).records] == [6, 7]


async def test_a_snapshot_of_another_schema_is_not_used(ledgers: Ledgers) -> None:
    store = await ledgers.open(snapshot_schema=8)
    await store.commit([append("east", 0, 1, snapshot=Snapshot("east", 1, 7, b"old"))])
    loaded = await store.load("east")
    assert loaded.snapshot is None
    assert [one.version for one in loaded.records] == [1]


async def test_only_the_last_word_of_a_batch_on_a_row_counts(store: InspectableStore) -> None:
    view = request_view("a")
    first = Decided(decided("1").outcome, decided("1").records, (row(request_view("a", minutes=9)), row(view)))
    second = replace(decided("2", version=1), rows=(row(request_view("b")),))
    await store.commit([ZoneAppend("east", 0, (first, second), None)])
    assert await store.request(view.request_id) == (view,)
    gone = replace(decided("3", version=2), rows=(RowChange("request", str(view.request_id), None),))
    await store.commit([ZoneAppend("east", 2, (gone,), None)])
    assert await store.request(view.request_id) == ()
