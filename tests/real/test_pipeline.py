"""The roles on a real Kafka: the same tests as on the embedded broker, and topics that are emptied between two runs."""

import asyncio

import pytest

from engine.ports import Unavailable
from ningju.ledger.memory import MemoryStore
from streams.pipeline import Role
from streams.provisioning import Wanted, renew
from streams.topics import Topic
from tests.real.conftest import PARTITIONS
from tests.streams.builders import StillClock, new
from tests.streams.test_pipeline import (  # noqa: F401 - collected here once more, with this folder's broker
    System,
    all_of,
    feed,
    store,
    test_every_role_sees_every_event_in_one_process_and_garbage_becomes_dead_letters,
    test_roles_in_separate_apps_see_every_event_too,
    until,
)

pytestmark = pytest.mark.real

ONE = Wanted(PARTITIONS, 1)


async def test_topics_are_emptied_only_when_no_role_runs_and_then_nothing_is_lost(broker) -> None:
    count, ledger = 200, MemoryStore(StillClock())
    first, second = System(ledger, broker.address), System(ledger, broker.address)
    async with first.running():
        await feed(first.pipeline, range(count // 2))
        with pytest.raises(Unavailable, match="ningju-zones"):
            await asyncio.to_thread(renew, broker.address, ONE)
    await ledger.enqueue([new(number) for number in range(count // 2, count)])
    assert await asyncio.to_thread(renew, broker.address, ONE) == [Topic.COMMANDS, Topic.EVENTS]

    async def done() -> bool:
        heads = await ledger.heads()
        cursors = [await ledger.cursors(role) for role in (Role.MATCHER, Role.DISPATCHER)]
        return heads == {"a": count, "z": count} and all(cursor == heads for cursor in cursors)

    async with second.running():
        await until(done)
    for ear in ("matcher", "dispatcher"):
        heard = [*getattr(first, ear).heard, *getattr(second, ear).heard]
        assert set(heard) == {*all_of("a", count), *all_of("z", count)}
    assert len({event.envelope.causation_id for event in await ledger.events("a", limit=1_000)}) == count
    assert await ledger.open_count() == 0
