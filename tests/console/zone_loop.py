"""The zones' half of the system in a few lines: open commands through the engine into the ledger."""

import asyncio
from collections.abc import Sequence

from engine.handling import handle
from engine.ports import Store, ZoneAppend
from engine.trying import Trial, attempt
from engine.zone import Zone
from schemas.commands import Command
from schemas.envelope import CommandEnvelope


class ZoneLoop:
    """Zones that decide what is at the door."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._zones: dict[str, Zone] = {}

    def zone(self, zone: str) -> Zone:
        """A zone as it stands."""
        return self._zones.get(zone) or Zone.empty(zone)

    async def drain(self) -> int:
        """Decide every open command, in order."""
        rows = await self._store.open_commands()
        for row in rows:
            state = self.zone(row.zone)
            handled = handle(state, CommandEnvelope.read(row.data))
            append = ZoneAppend(row.zone, state.version, (handled.decided,), handled.state.next_due)
            await self._store.commit([append])
            self._zones[row.zone] = handled.state
        return len(rows)

    async def attempt(self, zone: str, commands: Sequence[Command]) -> Trial:
        """Try orders, as the pages ask for it."""
        state = self._zones.get(zone) or Zone.empty(zone)
        return attempt(state, commands, state.clock)

    async def run(self) -> None:
        """Decide whatever comes, until cancelled."""
        while True:
            await self.drain()
            await asyncio.sleep(0.002)
