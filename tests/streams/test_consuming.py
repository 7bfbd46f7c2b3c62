from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.ports import Unavailable
from ningju.ledger.memory import MemoryStore
from streams.backoff import Backoff
from streams.consuming import Effects, EventConsumer, Heard
from tests.streams.builders import StillClock, command, new
from tests.streams.test_publishing import decide


class Listener:
    def __init__(self, effects: Effects | None = None) -> None:
        self.heard: list[tuple[str, int]] = []
        self.effects = effects or Effects()

    def __call__(self, events) -> Effects:
        self.heard += [(event.zone, event.version) for event in events]
        return self.effects


def consumer_on(store, listener, **hooks) -> EventConsumer:
    return EventConsumer("tester", listener, ledger=store, consumers=store, backoff=Backoff(0.001, 0.01), **hooks)


async def filled(**zones: int) -> MemoryStore:
    store = MemoryStore(StillClock())
    for zone, count in zones.items():
        await decide(store, *(command(number, zone) for number in range(count)))
    return store


async def heard(store, zone: str, *versions: int) -> list[Heard]:
    records = {record.version: record for record in await store.events(zone)}
    return [Heard(zone, version, records[version].data) for version in versions]


async def test_events_are_handed_on_and_the_cursor_advances() -> None:
    store, listener = await filled(a=3), Listener()
    await consumer_on(store, listener).hear(await heard(store, "a", 1, 2, 3))
    assert listener.heard == [("a", 1), ("a", 2), ("a", 3)]
    assert await store.cursors("tester") == {"a": 3}


async def test_what_an_earlier_process_has_dealt_with_is_dropped_though_it_comes_before_catching_up() -> None:
    store, again = await filled(a=3), Listener()
    await consumer_on(store, Listener()).hear(await heard(store, "a", 1, 2))
    await consumer_on(store, again).hear(await heard(store, "a", 1, 2, 3))  # the topic begins where its offsets say
    assert again.heard == [("a", 3)]


async def test_what_is_not_newer_is_dropped() -> None:
    store, listener = await filled(a=3), Listener()
    consumer = consumer_on(store, listener)
    await consumer.hear(await heard(store, "a", 1, 2))
    await consumer.hear(await heard(store, "a", 1, 2, 2, 3))
    assert listener.heard == [("a", 1), ("a", 2), ("a", 3)]


async def test_a_gap_is_filled_from_the_ledger() -> None:
    store, listener = await filled(a=5, b=2), Listener()
    await consumer_on(store, listener).hear([*await heard(store, "a", 1, 4), *await heard(store, "b", 1)])
    assert [version for zone, version in listener.heard if zone == "a"] == [1, 2, 3, 4, 5]
    assert ("b", 1) in listener.heard


async def test_at_start_the_ledger_is_read_from_the_cursors_on() -> None:
    store, listener = await filled(a=3, b=2), Listener()
    await store.settle("tester", {"a": 2})
    await consumer_on(store, listener).catch_up()
    assert listener.heard == [("a", 3), ("b", 1), ("b", 2)]


async def test_another_process_that_took_over_does_not_repeat_what_is_done() -> None:
    store, first, second = await filled(a=6), Listener(), Listener()
    here, there = consumer_on(store, first), consumer_on(store, second)
    await here.hear(await heard(store, "a", 1, 2, 3))
    await there.hear(await heard(store, "a", 5))
    assert second.heard == [("a", 4), ("a", 5), ("a", 6)]


async def test_commands_are_written_with_the_cursor_and_told() -> None:
    store = await filled(a=1)
    told = []
    consumer = consumer_on(
        store, Listener(Effects(commands=(new(7, "b"),))), on_commands=lambda commands, answers: told.append(answers)
    )
    await consumer.hear(await heard(store, "a", 1))
    assert [row.zone for row in await store.open_commands()] == ["b"]
    assert told[0][0].status == "new"


async def test_a_store_that_is_away_is_waited_for_and_nothing_is_handled_twice(monkeypatch) -> None:
    store, listener = await filled(a=2), Listener()
    faults = [Unavailable("away")] * 3
    settle = store.settle

    async def failing(*args, **kwargs):
        if faults:
            raise faults.pop()
        return await settle(*args, **kwargs)

    monkeypatch.setattr(store, "settle", failing)
    await consumer_on(store, listener).hear(await heard(store, "a", 1, 2))
    assert listener.heard == [("a", 1), ("a", 2)]
    assert await store.cursors("tester") == {"a": 2}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 6)), max_size=6), max_size=8))
async def test_however_the_topic_loses_repeats_and_mixes_each_event_is_handled_once_and_in_order(batches) -> None:
    store, listener = await filled(a=6, b=6), Listener()
    consumer = consumer_on(store, listener)
    for batch in batches:
        await consumer.hear([one for zone, version in batch for one in await heard(store, zone, version)])
    top = {zone: max((v for batch in batches for z, v in batch if z == zone), default=0) for zone in "ab"}
    for zone in "ab":
        versions = [version for name, version in listener.heard if name == zone]
        assert all(after == before + 1 for before, after in pairwise([0, *versions]))
        assert len(versions) >= top[zone]  # a gap is filled up to the head
