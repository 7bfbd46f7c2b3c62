from datetime import timedelta

from engine.ports import DueZone
from ningju.ledger.memory import MemoryStore
from schemas.envelope import CommandEnvelope
from streams.ticking import Ticker
from tests.streams.builders import NOON, StillClock


class Due(MemoryStore):
    def __init__(self, *zones: DueZone) -> None:
        super().__init__(StillClock())
        self.zones = list(zones)

    async def due_zones(self, now):
        return [zone for zone in self.zones if zone.due <= now]


async def test_a_due_zone_gets_one_tick_however_often_one_looks() -> None:
    store = Due(DueZone("a", NOON, 3), DueZone("later", NOON + timedelta(seconds=1), 3))
    ticker = Ticker(store, store, StillClock())
    assert [await ticker.tick(), await ticker.tick()] == [1, 0]
    [row] = await store.open_commands()
    assert row.zone == "a"
    assert CommandEnvelope.read(row.data).command.due == NOON


async def test_a_zone_that_has_moved_on_and_is_due_again_gets_another_tick() -> None:
    store = Due(DueZone("a", NOON, 3))
    ticker = Ticker(store, store, StillClock())
    await ticker.tick()
    store.zones = [DueZone("a", NOON, 4)]
    assert await ticker.tick() == 1
