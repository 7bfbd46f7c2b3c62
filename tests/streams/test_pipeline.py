"""All roles on the embedded broker, with a zone whose state is a number."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from engine.ports import NewCommand
from ningju.ledger.memory import MemoryStore
from streams.agents import Unacceptable
from streams.apps import Connection
from streams.broker import EmbeddedBroker
from streams.consuming import Effects
from streams.pipeline import Pipeline, Role, Tuning
from streams.release import SteppedRelease
from streams.topics import Topic
from streams.watchdog import Stalled
from tests.streams.builders import Counting, StillClock, new

QUICK = Tuning(sweep_s=0.5, tick_s=0.05)


class Ear:
    """A handler that remembers what it heard; what it hears in zone ``a`` it passes on to zone ``z``."""

    def __init__(self, *, passes_on: bool = False) -> None:
        self.heard: list[tuple[str, int]] = []
        self.passes_on = passes_on

    def __call__(self, events) -> Effects:
        self.heard += [(event.zone, event.version) for event in events]
        passed = [new(event.version, "z") for event in events if event.zone == "a"] if self.passes_on else []
        return Effects(commands=tuple(passed))


async def admit(raw: bytes, headers, position: str) -> NewCommand:
    if not raw.startswith(b"need "):
        raise Unacceptable("this is no request")
    return new(int(raw.removeprefix(b"need ")))


class System:
    def __init__(self, store, address: str, *, roles=tuple(Role), watchdog_s: float = 60.0, **options) -> None:
        self.matcher, self.dispatcher = Ear(), Ear(passes_on=True)
        self.pipeline = Pipeline(
            store,
            Connection.embedded(address, watchdog_s=watchdog_s),
            logic=Counting(),
            roles=roles,
            on_events={Role.MATCHER: self.matcher, Role.DISPATCHER: self.dispatcher},
            tuning=QUICK,
            **{"admit": admit} | options,
        )
        self.task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def running(self):
        self.task = asyncio.create_task(self.pipeline.run())
        try:
            ready = asyncio.create_task(self.pipeline.ready.wait())
            await asyncio.wait({ready, self.task}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
            ready.cancel()
            if self.task.done():
                await self.task
            yield self
        finally:
            self.task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self.task


async def until(condition, timeout=60.0) -> None:
    async with asyncio.timeout(timeout):
        while not await condition():
            await asyncio.sleep(0.02)


def all_of(zone: str, count: int) -> list[tuple[str, int]]:
    return [(zone, version) for version in range(1, count + 1)]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(StillClock())


async def test_every_role_sees_every_event_in_one_process_and_garbage_becomes_dead_letters(
    broker, producer, store
) -> None:
    system = System(store, broker.address)
    async with system.running():
        garbage = {Topic.COMMANDS: b"\x00\xffgarbage", Topic.REQUESTS: b"{not json", Topic.EVENTS: b"no headers"}
        for topic, raw in garbage.items():
            await producer.send_and_wait(topic, raw, key=b"a")
        boom = new(99, reason="boom")
        await system.pipeline.door.enqueue([new(1), new(2), new(3), boom])
        await producer.send_and_wait(Topic.REQUESTS, b"need 4", key=b"whatever")

        async def done() -> bool:
            return len(system.dispatcher.heard) >= 8 and len(system.matcher.heard) >= 8 and system.pipeline.at_rest()

        await until(done)
        for ear in (system.matcher, system.dispatcher):
            assert sorted(ear.heard) == all_of("a", 4) + all_of("z", 4)

        async def buried() -> bool:
            return len(await store.dead_letters()) == 4

        await until(buried)
        letters = {letter.source: letter for letter in await store.dead_letters() if letter.command_id is None}
        assert {source: letter.raw for source, letter in letters.items()} == {str(t): raw for t, raw in garbage.items()}
        assert letters[Topic.REQUESTS].reason == "this is no request"
        assert letters[Topic.COMMANDS].reason.startswith("no command")
        assert (await store.outcomes([boom.envelope.command_id]))[boom.envelope.command_id].status == "failed"
        assert await store.open_count() == 0


async def test_roles_in_separate_apps_see_every_event_too(broker, store) -> None:
    systems = [System(store, broker.address, roles=[role]) for role in (Role.ZONES, Role.MATCHER, Role.DISPATCHER)]
    api = System(store, broker.address, roles=[Role.API])
    async with systems[0].running(), systems[1].running(), systems[2].running(), api.running():
        await api.pipeline.door.enqueue([new(number) for number in range(20)])

        async def done() -> bool:
            return len(systems[1].matcher.heard) >= 40 and len(systems[2].dispatcher.heard) >= 40

        await until(done)
        assert sorted(systems[1].matcher.heard) == all_of("a", 20) + all_of("z", 20)
        assert sorted(systems[2].dispatcher.heard) == all_of("a", 20) + all_of("z", 20)


async def test_when_the_broker_forgets_everything_in_mid_run_nothing_is_lost(broker, store) -> None:
    count = 300
    first = System(store, broker.address, watchdog_s=1.0)
    async with first.running():
        feeding = asyncio.create_task(feed(first.pipeline, range(count // 2)))

        async def under_way() -> bool:
            return bool(first.matcher.heard)

        await until(under_way)
        address = broker.wipe()
        await store.enqueue([new(number) for number in range(count // 2, count)])  # accepted while nothing moves
        await feeding
        with pytest.raises(ExceptionGroup) as ended:  # the supervisor starts the process again
            await asyncio.wait_for(asyncio.shield(first.task), 60)
        assert ended.group_contains(Stalled)
    second = System(store, address)
    async with second.running():

        async def done() -> bool:
            heads = await store.heads()
            cursors = [await store.cursors(role) for role in (Role.MATCHER, Role.DISPATCHER)]
            return heads == {"a": count, "z": count} and all(cursor == heads for cursor in cursors)

        await until(done)
    for ear in ("matcher", "dispatcher"):
        heard = [*getattr(first, ear).heard, *getattr(second, ear).heard]
        assert set(heard) == {*all_of("a", count), *all_of("z", count)}
    assert len({event.envelope.causation_id for event in await store.events("a", limit=1_000)}) == count
    assert await store.open_count() == 0


async def feed(pipeline: Pipeline, numbers) -> None:
    for number in numbers:
        await pipeline.door.enqueue([new(number)])
        await asyncio.sleep(0.002)


async def test_rounds_under_a_stepped_clock_do_not_depend_on_who_came_first(broker) -> None:
    folds = []
    for numbers in (list(range(30)), list(reversed(range(30)))):
        fresh = EmbeddedBroker()
        store = MemoryStore(StillClock())
        system = System(store, fresh.start(), release=SteppedRelease())
        async with system.running():
            for number in numbers:
                await system.pipeline.door.enqueue([new(number)])
            await asyncio.sleep(0.3)
            assert await store.heads() == {}
            rounds = 0
            while await store.open_count():
                await system.pipeline.release_round()
                await asyncio.wait_for(system.pipeline.rest(), 60)
                rounds += 1
            assert rounds == 2
            folds.append([event.data for zone in "az" for event in await store.events(zone)])
        fresh.stop()
    assert folds[0] == folds[1]
