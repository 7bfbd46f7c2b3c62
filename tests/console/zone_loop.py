"""The zones' half of the system in a few lines: open commands through the engine into the ledger."""

import asyncio

from engine.handling import handle
from engine.ports import Store, ZoneAppend
from engine.zone import Zone
from schemas.envelope import CommandEnvelope


class ZoneLoop:
    """Zones that decide what is at the door."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._zones: dict[str, Zone] = {}

    async def drain(self) -> int:
        """Decide every open command, in order."""
        rows = await self._store.open_commands()
        for row in rows:
            state = self._zones.get(row.zone) or Zone.empty(row.zone)
            handled = handle(state, CommandEnvelope.read(row.data))
            append = ZoneAppend(row.zone, state.version, (handled.decided,), handled.state.next_due)
            await self._store.commit([append])
            self._zones[row.zone] = handled.state
        return len(rows)

    async def run(self) -> None:
        """Decide whatever comes, until cancelled."""
        while True:
            await self.drain()
            await asyncio.sleep(0.002)
