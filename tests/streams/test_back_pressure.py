"""A slow database slows what comes in, and loses nothing of it: what was taken in has its outcome, the rest was told so."""

import asyncio
from dataclasses import replace

from engine.ports import QueueFull
from ningju.ledger.memory import MemoryStore
from ningju.ledger.settings import StoreSettings
from streams.pipeline import Role
from streams.topics import Topic
from tests.streams.builders import StillClock, new
from tests.streams.test_pipeline import System, until

LIMIT = 20


class Slow(MemoryStore):
    """A store that takes its time for every write, and remembers how many commands were open at most."""

    def __init__(self, write_s: float) -> None:
        super().__init__(StillClock(), StoreSettings(inbox_limit=LIMIT))
        self.write_s = write_s
        self.most_open = 0

    async def enqueue(self, commands):
        await asyncio.sleep(self.write_s)
        told = await super().enqueue(commands)
        self.most_open = max(self.most_open, await self.open_count())
        return told

    async def commit(self, appends) -> None:
        await asyncio.sleep(10 * self.write_s)
        await super().commit(appends)


def bounded(number: int):
    """A command of somebody outside: a full queue refuses it."""
    return replace(new(number, "z"), bounded=True)


async def test_callers_beyond_the_bound_are_told_to_come_again_and_every_other_gets_an_outcome(broker) -> None:
    store = Slow(0.02)
    system = System(store, broker.address, roles=[Role.API, Role.ZONES])
    taken, refused = [], []

    async def call(number: int) -> None:
        await asyncio.sleep(number / 200)
        try:
            await system.pipeline.door.enqueue([bounded(number)])
        except QueueFull:
            refused.append(number)
        else:
            taken.append(bounded(number).envelope.command_id)

    async with system.running():
        await asyncio.gather(*(call(number) for number in range(200)))

        async def done() -> bool:
            return await store.open_count() == 0

        await until(done)
        assert len(taken) + len(refused) == 200
        assert taken
        assert refused, "the database was not slow enough to fill the queue"
        assert store.most_open <= LIMIT
        assert set(await store.outcomes([bounded(number).envelope.command_id for number in range(200)])) == set(taken)


async def test_the_intake_waits_while_the_queue_is_full_and_takes_every_record_in_the_end(broker, producer) -> None:
    store = Slow(0.005)
    system = System(store, broker.address, roles=[Role.INTAKE, Role.ZONES], admit=_admit)
    async with system.running():
        for number in range(150):
            await producer.send(Topic.REQUESTS, b"%d" % number, key=b"any")
        await producer.flush()
        ids = [bounded(number).envelope.command_id for number in range(150)]

        async def done() -> bool:
            return len(await store.outcomes(ids)) == 150

        await until(done)
        assert store.most_open <= LIMIT
        assert await store.dead_letters() == []


async def _admit(raw: bytes, headers, position: str):
    return bounded(int(raw))
