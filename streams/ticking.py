"""Waking zones whose timers are due."""

import asyncio

from engine.ports import Door, DueZone, Ledger, NewCommand
from schemas.base import derive_id
from schemas.commands import Tick
from schemas.envelope import Actor, CommandEnvelope
from streams.backoff import Backoff

TIMER = Actor(kind="system", id="timer")


class Ticker:
    """Sends a `Tick` to each zone that has a timer due; again until the due time moves.

    What is due is for the ledger to say, by the clock that stamps commands: by a clock that is ahead of it a tick would
    come too early, change nothing, and never be sent again.

    Parameters
    ----------
    every_s
        Seconds between looks.
    """

    def __init__(self, ledger: Ledger, door: Door, *, every_s: float = 0.5) -> None:
        self._ledger = ledger
        self._door = door
        self._every_s = every_s
        self._backoff = Backoff()

    async def tick(self) -> int:
        """Send what is due now; return how many ticks were new."""
        due = await self._ledger.due_zones()
        if not due:
            return 0
        answers = await self._door.enqueue([tick_of(zone) for zone in due])
        return sum(answer.status == "new" for answer in answers)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self._backoff.insist(self.tick)
            await asyncio.sleep(self._every_s)


def tick_of(zone: DueZone) -> NewCommand:
    """Write the tick for a zone's next timer; its id is derived, so the same cause is the same command."""
    command_id = derive_id("tick", zone.zone, zone.due.isoformat(), zone.version)
    return NewCommand(
        CommandEnvelope(
            command_id=command_id,
            zone=zone.zone,
            actor=TIMER,
            correlation_id=command_id,
            received_at=zone.due,
            command=Tick(due=zone.due),
        )
    )
