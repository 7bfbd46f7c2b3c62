"""Cursors never go back; commands and notifications come with them or not at all."""

from datetime import timedelta

import pytest

from engine.ports import DeadLetter, Delivery, Pulse, QueueFull, StoredPlan
from ningju.ledger.inspection import Closing, InspectableStore
from schemas.base import derive_id
from tests.ledger.builders import NOON, StandingClock, append, command, notification
from tests.ledger.conftest import Ledgers


async def test_cursors_are_kept_by_consumer_and_zone_and_never_go_back(store: InspectableStore) -> None:
    assert await store.cursors("dispatcher") == {}
    await store.settle("dispatcher", {"east": 5, "west": 2})
    await store.settle("matcher", {"east": 1})
    await store.settle("dispatcher", {"east": 3, "west": 4})
    assert await store.cursors("dispatcher") == {"east": 5, "west": 4}
    assert await store.cursors("matcher") == {"east": 1}


async def test_commands_and_notifications_are_written_with_the_cursor_and_only_once(store: InspectableStore) -> None:
    await store.enqueue([command("a")])
    for turn in range(2):
        answers = await store.settle("d", {"east": 1}, [command("a"), command("b")], [notification(1), notification(2)])
        assert [answer.status for answer in answers] == ["known", "known" if turn else "new"]
    assert await store.open_count() == 2
    waiting = await store.pending_notifications()
    assert waiting == [Delivery(notification(1), NOON), Delivery(notification(2), NOON)]


async def test_a_settle_that_fails_writes_nothing(ledgers: Ledgers) -> None:
    store = await ledgers.open(inbox_limit=1)
    await store.enqueue([command("a", bounded=True)])
    with pytest.raises(QueueFull):
        await store.settle("d", {"east": 1}, [command("b"), command("c", bounded=True)], [notification(1)])
    assert await store.cursors("d") == {}
    assert await store.pending_notifications() == []
    assert await store.open_count() == 1


async def test_notifications_wait_in_order_until_they_are_delivered(
    store: InspectableStore, clock: StandingClock
) -> None:
    await store.settle("d", {}, (), [notification(n) for n in (3, 1)])
    clock.time += timedelta(minutes=1)
    await store.settle("d", {}, (), [notification(2), notification(1)])
    assert [one.notification for one in await store.pending_notifications()] == [notification(n) for n in (3, 1, 2)]
    assert len(await store.pending_notifications(limit=2)) == 2
    await store.delivered([derive_id("notification", n) for n in (3, 2, 99)])
    assert await store.pending_notifications() == [Delivery(notification(1), NOON)]
    await store.settle("d", {}, (), [notification(3)])
    assert len(await store.pending_notifications()) == 1, "a delivered one is not sent again"


async def test_the_pulse_tells_how_those_who_work_here_get_along(ledgers: Ledgers) -> None:
    store = await ledgers.open()
    assert await store.pulse(["matcher"]) == Pulse(cursors={"matcher": {}})
    await store.commit([append("east", 0, "a"), append("west", 0, "b")])
    first, other = command("first"), command("other")
    await store.enqueue([first])
    ledgers.clock.time = NOON + timedelta(minutes=5)
    await store.enqueue([other])
    await store.settle("matcher", {"east": 1}, notifications=[notification(1), notification(2)])
    await store.settle("dispatcher", {"west": 1})
    for at, name in enumerate(("old", "new")):
        await store.put_plan(StoredPlan(name, "east", 1, NOON + timedelta(minutes=at), b""))
    for offset in range(3):
        await store.dead_letter(DeadLetter("ningju.requests", 0, offset, "unreadable", b"x"))
    await store.close_letter(1, Closing("discarded", "operator:x"))
    await store.delivered([notification(1).key])

    assert await store.pulse(["matcher", "webhooks"]) == Pulse(
        cursors={"matcher": {"east": 1}, "webhooks": {}},
        plans={"east": NOON + timedelta(minutes=1)},
        open_since=NOON,
        unsent=1,
        unsent_since=NOON + timedelta(minutes=5),
        letters=2,
    )
