from datetime import timedelta

from engine.ports import DueZone, ZoneAppend
from ningju.ledger.memory import MemoryStore
from schemas.envelope import CommandEnvelope
from streams.ticking import Ticker
from tests.ledger.builders import StandingClock
from tests.streams.builders import NOON, StillClock


class Due(MemoryStore):
    def __init__(self, *zones: DueZone) -> None:
        super().__init__(StillClock())
        self.zones = list(zones)

    async def due_zones(self):
        return [zone for zone in self.zones if zone.due <= NOON]


async def test_a_due_zone_gets_one_tick_however_often_one_looks() -> None:
    store = Due(DueZone("a", NOON, 3), DueZone("later", NOON + timedelta(seconds=1), 3))
    ticker = Ticker(store, store)
    assert [await ticker.tick(), await ticker.tick()] == [1, 0]
    [row] = await store.open_commands()
    assert row.zone == "a"
    assert CommandEnvelope.read(row.data).command.due == NOON


async def test_a_zone_that_has_moved_on_and_is_due_again_gets_another_tick() -> None:
    store = Due(DueZone("a", NOON, 3))
    ticker = Ticker(store, store)
    await ticker.tick()
    store.zones = [DueZone("a", NOON, 4)]
    assert await ticker.tick() == 1


async def test_no_tick_is_stamped_before_its_time_for_then_it_would_change_nothing_and_never_come_again() -> None:
    clock = StandingClock(NOON - timedelta(microseconds=1))
    store = MemoryStore(clock)
    await store.commit([ZoneAppend("a", 0, (), next_due=NOON)])
    ticker = Ticker(store, store)
    assert await ticker.tick() == 0
    clock.time = NOON
    assert await ticker.tick() == 1
    [row] = await store.open_commands()
    assert row.received_at == NOON
