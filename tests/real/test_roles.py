"""All roles on a real Kafka: each sees every event once, in order, and what they commit is what is done."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest
from kafka.admin import KafkaAdminClient

from deploy.kafka.cluster import Cluster
from ningju.ledger.memory import MemoryStore
from ningju.ledger.settings import StoreSettings
from schemas.envelope import EventEnvelope
from streams.apps import Connection
from streams.consuming import Effects
from streams.pipeline import Pipeline, Role, Tuning
from streams.provisioning import provision
from streams.topics import Topic
from tests.streams.builders import Counting, StillClock, new

pytestmark = pytest.mark.real

ZONES = ("a", "b", "c")
LATER = (Role.MATCHER, Role.DISPATCHER)


class Witness:
    """Keeps the versions that a role was handed, by zone."""

    def __init__(self) -> None:
        self.seen: dict[str, list[int]] = {zone: [] for zone in ZONES}

    def __call__(self, events: Sequence[EventEnvelope]) -> Effects:
        for event in events:
            self.seen[event.zone].append(event.version)
        return Effects()


def pipeline(store: MemoryStore, address: str, witnesses: dict[Role, Witness], *roles: Role) -> Pipeline:
    return Pipeline(
        store,
        Connection(address, commit_s=0.2),
        logic=Counting(),
        roles=roles,
        on_events=witnesses,
        tuning=Tuning(sweep_s=2.0),
    )


@asynccontextmanager
async def running(*pipelines: Pipeline) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one.run()) for one in pipelines]
    try:
        async with asyncio.timeout(60):
            for one in pipelines:
                await one.ready.wait()
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def until(condition, timeout: float = 60.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.05)


def committed(address: str, group: str) -> int:
    """Offsets of a group, summed up."""
    admin = KafkaAdminClient(bootstrap_servers=address)
    try:
        offsets = admin.list_group_offsets([group])[group]
    finally:
        admin.close()
    return sum(offset.offset for offset in offsets.values() if offset.offset > 0)


@pytest.mark.parametrize("apart", [False, True], ids=["together", "apart"])
async def test_each_role_sees_every_event_once_and_in_order(broker, apart) -> None:
    store = MemoryStore(StillClock(), StoreSettings())
    witnesses = {role: Witness() for role in LATER}
    groups = [[role] for role in (Role.ZONES, *LATER)] if apart else [[Role.ZONES, *LATER]]
    pipelines = [pipeline(store, broker.address, witnesses, *roles) for roles in groups]
    async with running(*pipelines):
        for first in range(0, 300, 50):
            await pipelines[0].door.enqueue([new(n, zone) for n in range(first, first + 50) for zone in ZONES])
        await until(lambda: all(len(one.seen[zone]) >= 300 for one in witnesses.values() for zone in ZONES))
        await asyncio.sleep(0.5)
        for role in (Role.ZONES, *LATER):
            topic = Topic.COMMANDS if role == Role.ZONES else Topic.EVENTS
            got = await asyncio.to_thread(committed, broker.address, f"ningju-{role}")
            assert got >= 900, f"{role} on {topic}"
    for one in witnesses.values():
        assert one.seen == {zone: list(range(1, 301)) for zone in ZONES}
    assert await store.open_count() == 0
    assert await store.heads() == dict.fromkeys(ZONES, 300)


async def test_a_broker_that_crashes_in_mid_run_loses_nothing(tmp_path) -> None:
    with Cluster(tmp_path / "kafka", brokers=3) as cluster:
        provision(cluster.address, partitions=3, replication=3)
        store = MemoryStore(StillClock(), StoreSettings())
        witnesses = {role: Witness() for role in LATER}
        one = pipeline(store, cluster.address, witnesses, Role.ZONES, *LATER)
        async with running(one):
            for first in range(0, 400, 10):
                await one.door.enqueue([new(n, zone) for n in range(first, first + 10) for zone in ZONES])
                await asyncio.sleep(0.02)
                if first == 100:
                    await asyncio.to_thread(cluster.kill, 0)
            await until(lambda: all(len(one.seen[zone]) >= 400 for one in witnesses.values() for zone in ZONES))
        for witness in witnesses.values():
            assert witness.seen == {zone: list(range(1, 401)) for zone in ZONES}
        assert await store.open_count() == 0
        assert await store.heads() == dict.fromkeys(ZONES, 400)
