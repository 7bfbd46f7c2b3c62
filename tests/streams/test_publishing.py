import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from engine.ports import Unavailable
from ningju.ledger.memory import MemoryStore
from streams.door import PublishingDoor
from streams.publishing import CommandPublisher, EventPublisher
from streams.release import SteppedRelease
from streams.topics import Topic
from streams.zone_states import ZoneStates
from streams.zone_worker import Delivered, ZoneWorker
from tests.streams.builders import Counting, Recorder, StillClock, command, new


@asynccontextmanager
async def running(*loops):
    tasks = [asyncio.create_task(loop()) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.002)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(StillClock())


async def decide(store, *envelopes):
    logic = Counting()
    worker = ZoneWorker(
        ledger=store, door=store, letters=store, logic=logic, states=ZoneStates(store, logic, alone=True)
    )
    return await worker.work([Delivered(one, one.dump(), "t", 0, n) for n, one in enumerate(envelopes)])


def ids(sender: Recorder, topic=Topic.COMMANDS) -> list[str]:
    return [dict(record.headers)["ce_id"].decode() for name, record in sender.sent if name == topic]


def named(*envelopes) -> list[str]:
    return [str(one.command_id) for one in envelopes]


async def test_what_enters_the_door_is_published_as_it_was_stamped(store) -> None:
    sender = Recorder()
    publisher = CommandPublisher(store, sender)
    door = PublishingDoor(store, publisher.note)
    async with running(publisher.run):
        await door.enqueue([new(1), new(2)])
        await until(lambda: len(sender.sent) == 2)
    assert sender.bodies(Topic.COMMANDS) == [row.data for row in await store.open_commands()]
    assert [record.key for _, record in sender.sent] == [b"a", b"a"]


async def test_a_known_command_is_not_published_again(store) -> None:
    sender = Recorder()
    publisher = CommandPublisher(store, sender)
    door = PublishingDoor(store, publisher.note)
    await door.enqueue([new(1)])
    await publisher.publish()
    await door.enqueue([new(1)])
    assert await publisher.publish() == 0


async def test_what_was_open_before_the_start_is_published_first(store) -> None:
    await store.enqueue([new(1), new(2)])
    sender = Recorder()
    async with running(CommandPublisher(store, sender).run):
        await until(lambda: len(sender.sent) == 2)


async def test_an_open_command_is_sent_again_until_it_has_an_outcome(store) -> None:
    sender = Recorder()
    publisher = CommandPublisher(store, sender, sweep_s=0.02)
    door = PublishingDoor(store, publisher.note)
    async with running(publisher.run):
        await door.enqueue([new(1)])
        await until(lambda: len(sender.sent) >= 3)
        await decide(store, command(1))
        await until(lambda: publisher.unsettled == 0)
        count = len(sender.sent)
        await asyncio.sleep(0.1)
    assert len(sender.sent) == count
    assert set(ids(sender)) == set(named(command(1)))


async def test_rows_of_a_process_that_ended_are_published_by_the_one_that_sweeps(store) -> None:
    sweeping, other = Recorder(), Recorder()
    first = CommandPublisher(store, sweeping, sweep_s=0.02)
    second = CommandPublisher(store, other, sweep_s=0.02, sweeps=False)
    async with running(first.run, second.run):
        await asyncio.sleep(0.03)
        await store.enqueue([new(1)])  # and nobody is told
        await until(lambda: sweeping.sent)
    assert other.sent == []


async def test_publishing_stays_within_its_bound_of_the_outcomes(store) -> None:
    sender = Recorder()
    publisher = CommandPublisher(store, sender, bound=10)
    door = PublishingDoor(store, publisher.note)
    await door.enqueue([new(number) for number in range(35)])
    seen = 0
    async with running(publisher.run):
        while seen < 35:
            await until(lambda seen=seen: len(sender.sent) == min(seen + 10, 35))
            await asyncio.sleep(0.08)
            assert len(sender.sent) - seen <= 10
            batch = [command(number) for number in range(seen, len(sender.sent))]
            await decide(store, *batch)  # seen in the database, as those of other processes are
            seen += len(batch)
    assert ids(sender) == named(*(command(number) for number in range(35)))


async def test_a_bound_in_bytes_lets_one_large_command_through_at_a_time(store) -> None:
    sender = Recorder()
    publisher = CommandPublisher(store, sender, bound_bytes=10)
    door = PublishingDoor(store, publisher.note)
    await door.enqueue([new(1), new(2)])
    async with running(publisher.run):
        await until(lambda: len(sender.sent) == 1)
        publisher.settle([command(1).command_id])
        await until(lambda: len(sender.sent) == 2)


async def test_a_broker_that_is_away_is_waited_for(store) -> None:
    sender = Recorder()
    sender.refusals = [Unavailable("away")] * 2
    publisher = CommandPublisher(store, sender)
    door = PublishingDoor(store, publisher.note)
    await door.enqueue([new(1)])
    async with asyncio.timeout(5):
        assert await publisher.publish() == 1
    assert len(sender.sent) == 1


async def test_a_database_that_is_away_while_there_is_no_room_is_waited_for(store, monkeypatch) -> None:
    sender, asked, away = Recorder(), store.outcomes, [Unavailable("away")] * 2
    publisher = CommandPublisher(store, sender, bound=1)
    door = PublishingDoor(store, publisher.note)

    async def outcomes(command_ids):
        if away:
            raise away.pop()
        return await asked(command_ids)

    monkeypatch.setattr(store, "outcomes", outcomes)
    await door.enqueue([new(1), new(2)])
    async with running(publisher.run):
        await until(lambda: len(sender.sent) == 1 and not away)
        await decide(store, command(1))
        await until(lambda: len(sender.sent) == 2)


async def test_a_stepped_release_sends_nothing_before_the_round_and_then_by_zone_and_id(store) -> None:
    orders = []
    for arrival in ([(3, "b"), (1, "a"), (2, "a"), (1, "b")], [(1, "b"), (2, "a"), (1, "a"), (3, "b")]):
        store, sender, release = MemoryStore(StillClock()), Recorder(), SteppedRelease()
        publisher = CommandPublisher(store, sender, release=release, sweep_s=0.01)
        door = PublishingDoor(store, publisher.note)
        async with running(publisher.run):
            for number, zone in arrival:
                await door.enqueue([new(number, zone)])
            await asyncio.sleep(0.05)
            assert sender.sent == []
            assert publisher.held == 4
            release.open()
            assert await publisher.publish() == 4
            orders.append(ids(sender)[:4])
    assert orders[0] == orders[1]
    expected = sorted(
        (zone, command(number, zone).command_id) for number, zone in [(3, "b"), (1, "a"), (2, "a"), (1, "b")]
    )
    assert orders[0] == [str(command_id) for _, command_id in expected]


def publisher_of_events(store, sender, **tuning) -> EventPublisher:
    return EventPublisher(store, store, sender, names=["matcher", "dispatcher"], **tuning)


async def both_consume(store, version: int) -> None:
    for name in ("matcher", "dispatcher"):
        await store.settle(name, {"a": version})


async def test_events_are_published_after_commit_with_zone_and_version(store) -> None:
    sender = Recorder()
    publisher = publisher_of_events(store, sender)
    async with running(publisher.run):
        publisher.offer(await decide(store, command(1), command(2)))
        await until(lambda: len(sender.sent) == 2)
    headers = [dict(record.headers) for _, record in sender.sent]
    assert [(one["zone"], one["version"]) for one in headers] == [(b"a", b"1"), (b"a", b"2")]
    assert sender.bodies(Topic.EVENTS) == [record.data for record in await store.events("a")]
    assert publisher.unpublished == 0


async def test_the_tail_that_nobody_consumed_is_published_at_start(store) -> None:
    await decide(store, *(command(number) for number in range(5)))
    await both_consume(store, 2)
    sender = Recorder()
    async with running(publisher_of_events(store, sender).run):
        await until(lambda: len(sender.sent) == 3)
    assert [dict(record.headers)["version"] for _, record in sender.sent] == [b"3", b"4", b"5"]


async def test_what_was_committed_and_not_offered_is_found_in_the_ledger(store) -> None:
    sender = Recorder()
    publisher = publisher_of_events(store, sender)
    async with running(publisher.run):
        await decide(store, command(1), command(2))  # a commit of unknown outcome offers nothing
        third = (await decide(store, command(3)))[-1:]
        publisher.offer(third)
        await until(lambda: len(sender.sent) == 3)
    assert [dict(record.headers)["version"] for _, record in sender.sent] == [b"1", b"2", b"3"]


async def test_after_a_commit_of_unknown_outcome_the_ledger_is_asked_at_once(store) -> None:
    sender = Recorder()
    publisher = publisher_of_events(store, sender, sweep_s=60)
    async with running(publisher.run):
        await asyncio.sleep(0)
        await decide(store, command(1))
        publisher.doubt()
        await until(lambda: len(sender.sent) == 1)


async def test_events_never_run_more_than_the_bound_ahead_of_the_slowest_consumer(store) -> None:
    sender = Recorder()
    publisher = publisher_of_events(store, sender, bound=10)
    async with running(publisher.run):
        for number in range(4):
            publisher.offer(await decide(store, *(command(10 * number + n) for n in range(10))))
        await until(lambda: len(sender.sent) == 10)
        await store.settle("matcher", {"a": 10})
        await asyncio.sleep(0.25)
        assert len(sender.sent) == 10
        publisher.advance("matcher", {"a": 10})
        publisher.advance("dispatcher", {"a": 10})
        await until(lambda: len(sender.sent) > 10)


async def test_events_that_the_broker_forgot_are_published_again(store) -> None:
    sender = Recorder()
    publisher = publisher_of_events(store, sender, sweep_s=0.02)
    async with running(publisher.run):
        publisher.offer(await decide(store, command(1)))
        await until(lambda: len(sender.sent) >= 2)
        await both_consume(store, 1)
        publisher.advance("matcher", {"a": 1})
        publisher.advance("dispatcher", {"a": 1})
        count = len(sender.sent)
        await asyncio.sleep(0.15)
    assert len(sender.sent) <= count + 1
