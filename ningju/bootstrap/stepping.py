"""A system under a stepped clock: everything moves round by round, and only when all is at rest (ADR-0004)."""

from datetime import datetime

from ningju.bootstrap.system import System


class Stepping:
    """Drives a stepped system for the simulation."""

    def __init__(self, system: System) -> None:
        self._system = system

    async def settle(self) -> None:
        """Fire what is due, release and handle round after round, solve, until nothing is left to do at this moment."""
        system = self._system
        while True:
            await self._rounds()
            if await system.matcher.run_due():
                continue
            if not await system.pipeline.ticker.tick() and not await system.store.open_count():
                return

    async def next_wake(self) -> datetime | None:
        """When the system itself has something to do next."""
        wakes = (await self._system.store.next_due(), self._system.matcher.next_wake())
        return min((moment for moment in wakes if moment is not None), default=None)

    async def _rounds(self) -> None:
        pipeline = self._system.pipeline
        await pipeline.ticker.tick()
        while await pipeline.release_round():
            await pipeline.rest()
            if pipeline.postman is not None:
                await pipeline.postman.deliver()
