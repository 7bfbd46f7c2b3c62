"""The intake's agent: what it waits for, and what it acknowledges."""

from types import SimpleNamespace

import pytest

from engine.ports import Unavailable
from ningju.ledger.memory import MemoryStore
from streams.agents import intake_agent
from streams.backoff import Backoff
from tests.streams.builders import StillClock, new


class Stream:
    """One batch of one record."""

    def __init__(self) -> None:
        self.acknowledged = 0

    async def noack_take(self, size, *, within):
        message = SimpleNamespace(topic="ningju.requests", partition=0, offset=0, value=b"{}", headers=())
        yield [SimpleNamespace(message=message, ack=self.ack)]

    def ack(self) -> None:
        self.acknowledged += 1


@pytest.mark.parametrize("where", ["admitting", "writing"])
async def test_a_database_that_is_away_is_waited_for(where) -> None:
    store, stream, away = MemoryStore(StillClock()), Stream(), [Unavailable("away")] * 3

    async def admit(raw, headers, position):
        if where == "admitting" and away:
            raise away.pop()
        return new(1)

    async def enqueue(commands):
        if where == "writing" and away:
            raise away.pop()
        return await store.enqueue(commands)

    await intake_agent(admit, enqueue, store, backoff=Backoff(first_s=0.001))(stream)
    assert stream.acknowledged == 1
    assert await store.open_count() == 1
    assert away == []
