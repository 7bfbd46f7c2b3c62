from uuid import UUID

from ningju.ledger.memory import MemoryStore
from schemas.base import derive_id
from schemas.views import Notification
from streams.delivering import Postman
from tests.streams.builders import StillClock


class Gateway:
    def __init__(self, *failing: UUID) -> None:
        self.failing = set(failing)
        self.taken: list[UUID] = []

    async def deliver(self, notification: Notification) -> None:
        if notification.key in self.failing:
            raise ConnectionError("the gateway is away")
        self.taken.append(notification.key)


def notification(number: int) -> Notification:
    key = derive_id("notification", number)
    return Notification(key=key, zone="a", kind="released", to="v1", volunteer="v1", request_id=key)


async def test_every_notification_is_delivered_once_and_in_order() -> None:
    store, gateway = MemoryStore(StillClock()), Gateway()
    rows = [notification(number) for number in range(1_200)]
    await store.settle("dispatcher", {"a": 1}, notifications=rows)
    postman = Postman(store, gateway)
    assert await postman.deliver() == 1_200
    assert await postman.deliver() == 0
    assert gateway.taken == [row.key for row in rows]


async def test_one_that_fails_stays_and_the_others_go_out() -> None:
    store, rows = MemoryStore(StillClock()), [notification(number) for number in range(3)]
    gateway = Gateway(rows[1].key)
    await store.settle("dispatcher", {"a": 1}, notifications=rows)
    postman = Postman(store, gateway)
    assert await postman.deliver() == 2
    gateway.failing.clear()
    assert await postman.deliver() == 1
    assert set(gateway.taken) == {row.key for row in rows}
