import asyncio

import pytest

from engine.ports import CommitUnknown, Conflict, DeadLetter, Unavailable
from ningju.ledger.memory import MemoryStore
from streams.backoff import Backoff
from streams.zone_states import PAGE, ZoneStates
from streams.zone_worker import Delivered, ZoneWorker
from tests.streams.builders import Counting, StillClock, command


class Troubled(MemoryStore):
    """A store whose next commits go wrong as told: a fault before writing, or after it."""

    def __init__(self) -> None:
        super().__init__(StillClock())
        self.before: list[Exception] = []
        self.after: list[Exception] = []
        self.commits = 0

    async def commit(self, appends) -> None:
        self.commits += 1
        if self.before:
            raise self.before.pop(0)
        await super().commit(appends)
        if self.after:
            raise self.after.pop(0)


def worker_on(store, *, snapshot_every=500) -> ZoneWorker:
    logic = Counting()
    return ZoneWorker(
        ledger=store,
        door=store,
        letters=store,
        logic=logic,
        states=ZoneStates(store, logic, alone=True),
        snapshot_every=snapshot_every,
        backoff=Backoff(0.001, 0.01),
    )


def delivered(*commands) -> list[Delivered]:
    return [Delivered(one, one.dump(), "ningju.commands", 0, offset) for offset, one in enumerate(commands)]


@pytest.fixture
def store() -> Troubled:
    return Troubled()


async def test_a_batch_over_several_zones_is_one_commit(store) -> None:
    records = await worker_on(store).work(delivered(command(1), command(1, "b"), command(2)))
    assert store.commits == 1
    assert [(one.zone, one.version) for one in records] == [("a", 1), ("a", 2), ("b", 1)]
    assert await store.heads() == {"a": 2, "b": 1}


async def test_a_command_twice_in_a_batch_and_again_later_is_decided_once(store) -> None:
    worker = worker_on(store)
    assert len(await worker.work(delivered(command(1), command(1), command(2)))) == 2
    assert await worker.work(delivered(command(2), command(1))) == []
    assert await store.heads() == {"a": 2}


async def test_another_writer_costs_a_rejected_append_and_nothing_else(store) -> None:
    one, other = worker_on(store), worker_on(store)
    await one.work(delivered(command(1)))
    await other.work(delivered(command(2)))
    records = await one.work(delivered(command(3), command(3, "b")))
    assert [(record.zone, record.version) for record in records] == [("a", 3), ("b", 1)]
    assert len(await store.events("a")) == 3


async def test_a_command_that_another_writer_has_decided_meanwhile_is_not_decided_again(store) -> None:
    one, other = worker_on(store), worker_on(store)
    await other.work(delivered(command(1)))
    assert await one.work(delivered(command(1), command(2)))
    assert await store.heads() == {"a": 2}


async def test_a_decision_that_raises_is_an_outcome_and_a_dead_letter_and_the_zone_goes_on(store) -> None:
    boom = command(2, reason="boom")
    await worker_on(store).work(delivered(command(1), boom, command(3)))
    assert (await store.outcomes([boom.command_id]))[boom.command_id].status == "failed"
    assert await store.heads() == {"a": 2}
    [letter] = await store.dead_letters()
    assert letter == DeadLetter(
        "ningju.commands", 0, 1, "ZeroDivisionError: a defect of the engine", boom.dump(), "a", boom.command_id
    )


async def test_a_refused_command_has_its_outcome_too(store) -> None:
    refused = command(1, reason="no")
    assert await worker_on(store).work(delivered(refused)) == []
    assert (await store.outcomes([refused.command_id]))[refused.command_id].status == "rejected"


async def test_while_the_database_is_away_the_worker_waits_and_then_goes_on(store) -> None:
    store.before = [Unavailable("away")] * 5
    worker = worker_on(store)
    task = asyncio.create_task(worker.work(delivered(command(1))))
    async with asyncio.timeout(5):
        while not worker.waiting:
            await asyncio.sleep(0)
        assert len(await task) == 1
    assert not worker.waiting


@pytest.mark.parametrize("written", [True, False])
async def test_after_a_commit_of_unknown_outcome_the_command_ids_are_looked_up(store, written) -> None:
    (store.after if written else store.before).append(CommitUnknown("the line went dead"))
    await worker_on(store).work(delivered(command(1), command(2)))
    assert [one.envelope.causation_id for one in await store.events("a")] == [
        command(1).command_id,
        command(2).command_id,
    ]


async def test_a_batch_that_conflicts_again_and_again_is_tried_until_it_stands(store) -> None:
    store.before = [Conflict(["a"])] * 4
    assert len(await worker_on(store).work(delivered(command(1)))) == 1


async def test_a_state_is_restored_from_snapshot_and_tail(store) -> None:
    worker = worker_on(store, snapshot_every=3)
    for number in range(8):
        await worker.work(delivered(command(number)))
    loaded = await store.load("a")
    assert loaded.snapshot is not None
    assert loaded.snapshot.version == 6
    assert [record.version for record in loaded.records] == [7, 8]
    assert len(await worker_on(store).work(delivered(command(9)))) == 1
    assert await store.heads() == {"a": 9}


class Watched(Troubled):
    """A store that knows how many records it gave away at once, and how often a zone was loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: list[int] = []
        self.loads = 0

    async def load(self, zone, limit=None):
        self.loads += 1
        await asyncio.sleep(0)  # as a database would
        loaded = await super().load(zone, limit)
        self.pages.append(len(loaded.records))
        return loaded

    async def events(self, zone, after=0, limit=1_000):
        found = await super().events(zone, after, limit)
        self.pages.append(len(found))
        return found


async def long_history(count: int) -> Watched:
    store = Watched()
    await worker_on(store, snapshot_every=10**9).work(delivered(*[command(number) for number in range(count)]))
    store.pages.clear()
    store.loads = 0
    return store


async def test_a_long_history_is_folded_page_by_page_and_by_one_for_all_who_ask() -> None:
    store = await long_history(2 * PAGE + 7)
    states = ZoneStates(store, Counting(), alone=True)
    first, second = await asyncio.gather(states.state("a"), states.state("a"))
    assert first is second
    assert first.version == 2 * PAGE + 7
    assert store.loads == 1
    assert store.pages == [PAGE, PAGE, 7]


async def test_after_a_long_fold_the_next_commit_brings_a_snapshot_so_that_the_next_start_is_short() -> None:
    store = await long_history(600)
    await worker_on(store, snapshot_every=500).work(delivered(command(600)))
    snapshot = (await store.load("a")).snapshot
    assert snapshot is not None
    assert snapshot.version == 601


async def test_restarts_before_a_snapshot_is_due_do_not_put_it_off(store) -> None:
    for number in range(6):
        await worker_on(store, snapshot_every=3).work(delivered(command(number)))
    snapshot = (await store.load("a")).snapshot
    assert snapshot is not None
    assert snapshot.version == 6


async def test_states_of_a_shared_zone_follow_the_ledger(store) -> None:
    states = ZoneStates(store, Counting(), alone=False)
    assert (await states.state("a")).version == 0
    await worker_on(store).work(delivered(command(1), command(2)))
    assert (await states.state("a")).caused_by == (command(1).command_id, command(2).command_id)
