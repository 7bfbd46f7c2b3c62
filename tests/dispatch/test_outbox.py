"""Messages leave at least once, and one that cannot go out holds up nobody else."""

from datetime import UTC, datetime
from uuid import UUID

from ningju.dispatch.notifiers import Fanout, LogNotifier
from ningju.dispatch.outbox import Outbox
from ningju.ledger.memory import MemoryStore
from ningju.simulation.clock import SteppedClock
from schemas.base import derive_id
from schemas.views import Notification


def message(name: str) -> Notification:
    return Notification(
        key=derive_id("test", name), zone="z", kind="offer", to=name, request_id=UUID(int=1), volunteer=name
    )


class Phone:
    """Rings everybody but those who are out, and keeps every ring."""

    def __init__(self) -> None:
        self.out: set[str] = set()
        self.rung: list[str] = []

    async def deliver(self, notification: Notification) -> None:
        if notification.to in self.out:
            raise ConnectionError(notification.to)
        self.rung.append(notification.to)


async def filled(*names: str) -> MemoryStore:
    store = MemoryStore(SteppedClock(datetime(2026, 3, 2, tzinfo=UTC)))
    await store.settle("dispatcher", {}, (), [message(name) for name in names])
    return store


async def test_what_was_delivered_is_not_delivered_again() -> None:
    store, phone = await filled("ann", "bo"), Phone()
    outbox = Outbox(store, phone)
    assert await outbox.deliver() == 2
    assert await outbox.deliver() == 0
    assert phone.rung == ["ann", "bo"]


async def test_a_message_that_fails_stays_and_the_others_leave() -> None:
    store, phone = await filled("ann", "bo", "cy"), Phone()
    phone.out = {"bo"}
    outbox = Outbox(store, Fanout(LogNotifier(), phone))
    assert await outbox.deliver() == 2
    assert outbox.failed == 1
    phone.out = set()
    assert await outbox.deliver() == 1
    assert phone.rung == ["ann", "cy", "bo"]


async def test_a_crash_between_delivery_and_mark_delivers_a_second_copy_with_the_same_key() -> None:
    store = await filled("ann")
    keys: list[UUID] = []

    class Keys:
        async def deliver(self, notification: Notification) -> None:
            keys.append(notification.key)

    rows = await store.pending_notifications()
    await Keys().deliver(rows[0].notification)  # … and the process dies before `delivered`
    await Outbox(store, Keys()).deliver()
    assert keys == [keys[0], keys[0]]
