"""Subscriptions: every event at least once, in order by zone, each receiver at its own pace."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from httpx2 import AsyncClient

from engine.ports import Subscription
from ningju.dispatch.subscriptions import Subscriptions, consumer
from ningju.dispatch.webhooks import Sender
from ningju.ledger.memory import MemoryStore
from tests.console.world import NOW, SetClock, World
from tests.dispatch.receiver import Receiver, receiver
from tests.dispatch.test_webhooks import PERMIT, SECRET, here


class Town(World):
    """A ledger in which things happen, and what sends webhooks of it."""

    async def subscribe(self, there: Receiver, **fields: object) -> Subscription:
        made = Subscription(f"wh-{there.port}", there.url, (), (), NOW, "operator:li")
        made = replace(made, **fields)  # type: ignore[arg-type]
        await self.store.put_subscription(made)
        return made

    def start(self, pauses_s: tuple[float, ...] = (0.02, 0.02)) -> None:
        sender = Sender(SECRET, permit=PERMIT, resolve=here, timeout_s=1)
        hooks = Subscriptions(self.store, sender, self.clock, pauses_s=pauses_s, poll_s=0.01)
        self.running = asyncio.create_task(hooks.run())

    async def stop(self) -> None:
        self.running.cancel()
        with suppress(asyncio.CancelledError):
            await self.running

    async def until(self, so: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not so():
                assert not self.running.done(), self.running.result()
                await asyncio.sleep(0.01)

    async def until_at(self, one: Subscription, **versions: int) -> None:
        async with asyncio.timeout(10):
            while await self.store.cursors(consumer(one.id)) != versions:
                assert not self.running.done(), self.running.result()
                await asyncio.sleep(0.01)


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    clock = SetClock()
    store = MemoryStore(clock)
    made = Town(store, clock, AsyncClient())
    yield made
    await made.stop()
    await store.close()


async def test_what_happens_is_sent_in_order_with_an_id_of_its_own(town: Town, there: Receiver) -> None:
    one = await town.subscribe(there)
    town.start()
    await town.happen("east", 3)
    await town.happen("west")
    await town.until_at(one, east=3, west=1)
    bodies = [json.loads(body) for _, _, body in there.got]
    assert [body["data"]["version"] for body in bodies if body["data"]["zone"] == "east"] == [1, 2, 3]
    assert {body["type"] for body in bodies} == {"request_queued"}
    assert len(set(there.ids)) == 4
    assert there.ids[0] == f"evt_{bodies[0]['data']['event_id']}"


async def test_zones_and_kinds_that_nobody_asked_for_are_not_sent(town: Town, there: Receiver) -> None:
    east = await town.subscribe(there, zones=("east",))
    with receiver() as other:
        rare = await town.subscribe(other, kinds=("request_ended",))
        town.start()
        await town.happen("east", 2)
        await town.happen("west", 2)
        await town.until_at(east, east=2)
        await town.until_at(rare, east=2, west=2)
        assert (len(there.got), other.got) == (2, [])


async def test_a_message_that_is_not_taken_is_sent_again_under_the_same_id(town: Town, there: Receiver) -> None:
    there.statuses = [500, 503, 204]
    one = await town.subscribe(there)
    town.start()
    await town.happen("east", 2)
    await town.until_at(one, east=2)
    assert there.ids[0] == there.ids[1] == there.ids[2] != there.ids[3]
    assert await town.store.dead_letters() == []


async def test_after_the_last_try_it_is_a_dead_letter_and_the_next_one_is_sent(town: Town, there: Receiver) -> None:
    there.statuses = [500, 500, 500, 204]
    one = await town.subscribe(there)
    town.start()
    await town.happen("east", 2)
    await town.until_at(one, east=2)
    (letter,) = await town.store.dead_letters()
    assert (letter.source, letter.offset, letter.zone) == (f"webhook:{one.id}:east", 1, "east")
    assert letter.reason == "answered 500, after 3 tries"
    assert letter.raw == there.got[0][2]
    assert (await town.store.subscriptions())[0].suspended_at is None


async def test_a_receiver_that_is_away_is_suspended_and_nothing_is_lost_for_it(town: Town, there: Receiver) -> None:
    there.statuses = [500]
    one = await town.subscribe(there)
    town.start(pauses_s=(0.01,))
    await town.happen("east", 5)
    await town.until_at(one, east=3)
    await town.until(lambda: len(there.got) == 6)
    await asyncio.sleep(0.1)
    (suspended,) = await town.store.subscriptions()
    assert suspended.suspended_at == NOW
    assert len(there.got) == 6, "two tries each of three messages, and no more"
    assert len(await town.store.dead_letters()) == 3

    there.statuses = [204]
    await town.store.put_subscription(replace(suspended, suspended_at=None))
    await town.until_at(one, east=5)
    assert len(there.got) == 8


async def test_a_receiver_that_is_gone_gets_no_more(town: Town, there: Receiver) -> None:
    there.statuses = [410]
    await town.subscribe(there)
    town.start()
    await town.happen("east", 2)
    await town.until(lambda: len(there.got) == 1)
    await asyncio.sleep(0.1)
    assert len(there.got) == 1
    assert (await town.store.subscriptions())[0].suspended_at is not None


async def test_one_that_waits_keeps_nobody_else_waiting(town: Town, there: Receiver) -> None:
    there.hold.clear()
    await town.subscribe(there)
    with receiver() as quick:
        one = await town.subscribe(quick)
        town.start()
        await town.happen("east", 3)
        await town.until_at(one, east=3)
        assert len(there.got) == 1
        there.hold.set()


async def test_a_process_that_starts_anew_goes_on_where_the_last_one_stood(town: Town, there: Receiver) -> None:
    one = await town.subscribe(there)
    town.start()
    await town.happen("east", 2)
    await town.until_at(one, east=2)
    await town.stop()
    await town.happen("east", 2)
    town.start()
    await town.until_at(one, east=4)
    assert len(there.ids) == len(set(there.ids)) == 4


async def test_whoever_is_removed_hears_no_more(town: Town, there: Receiver) -> None:
    one = await town.subscribe(there)
    town.start()
    await town.happen("east")
    await town.until_at(one, east=1)
    await town.store.remove_subscription(one.id)
    await asyncio.sleep(0.1)
    await town.happen("east", 3)
    await asyncio.sleep(0.1)
    assert len(there.got) == 1
