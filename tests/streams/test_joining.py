"""A role whose broker goes away before its group has let it in ends, and says so; it does not wait for ever."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from engine.ports import Unavailable
from ningju.ledger.memory import MemoryStore
from streams.apps import Connection
from streams.broker import EmbeddedBroker
from streams.consuming import Effects
from streams.pipeline import Pipeline, Role
from streams.watchdog import Stalled
from tests.streams.builders import Counting, StillClock

MEMBERS = (Role.ZONES, Role.INTAKE)  # one of each kind: without Faust and with it


async def admit(*_: object) -> object:
    raise NotImplementedError


def pipeline(role: Role, connection: Connection) -> Pipeline:
    return Pipeline(
        MemoryStore(StillClock()),
        connection,
        logic=Counting(),
        roles=[role],
        on_events=dict.fromkeys(Role, lambda events: Effects()),
        admit=admit,
    )


def soon(call: Callable[[], Awaitable[None]], done: Callable[[], object]) -> Callable[[], Awaitable[None]]:
    """Have something happen a moment after a call has begun: joining the embedded broker's group takes three seconds."""

    async def both() -> None:
        asyncio.get_running_loop().call_later(0.5, done)
        await call()

    return both


@pytest.mark.parametrize("role", MEMBERS)
async def test_a_broker_that_goes_before_a_role_has_begun_to_consume_is_missed_at_once(
    broker: EmbeddedBroker, role: Role
) -> None:
    one = pipeline(role, Connection(broker.address, join_s=120))
    touch = one._touch_topics

    async def then_stop() -> None:
        await touch()
        broker.stop()

    one._touch_topics = then_stop
    async with asyncio.timeout(60):
        with pytest.raises(Unavailable, match=role):
            await one.run()


@pytest.mark.parametrize("role", MEMBERS)
async def test_a_broker_that_goes_while_a_role_joins_its_group_is_missed_after_a_bound(
    broker: EmbeddedBroker, role: Role
) -> None:
    one = pipeline(role, Connection(broker.address, join_s=1.0))
    member = one.members[role]
    member.start = soon(member.start, broker.stop)
    async with asyncio.timeout(60):
        with pytest.raises(Unavailable, match=role):
            await one.run()
    assert not one.ready.is_set()


@pytest.mark.parametrize("role", MEMBERS)
async def test_a_role_that_is_never_let_in_ends_even_if_nobody_waited_for_it_to_join(
    broker: EmbeddedBroker, role: Role
) -> None:
    one = pipeline(role, Connection(broker.address, join_s=1.5, join_first=False))
    member = one.members[role]
    member.start = soon(member.start, broker.stop)
    async with asyncio.timeout(60):
        with pytest.raises((Unavailable, ExceptionGroup)) as ended:  # the zones' role joins in the midst of its start
            await one.run()
    assert isinstance(ended.value, Unavailable) or ended.value.subgroup(Stalled) is not None


@pytest.mark.parametrize("role", MEMBERS)
async def test_a_role_is_ready_when_its_group_has_let_it_in(broker: EmbeddedBroker, role: Role) -> None:
    one = pipeline(role, Connection(broker.address, fetch_max_wait_ms=10))
    running = asyncio.create_task(one.run())
    async with asyncio.timeout(60):
        await one.ready.wait()
    assert one.members[role].joined
    running.cancel()
    await asyncio.wait({running})
