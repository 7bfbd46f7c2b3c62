"""The whole system without a broker, in one loop: console, in-memory ledger, engine, matcher, solver, dispatcher.

What runs here is what runs in a process of its own, but for Kafka and SQL: quick enough for a test.
"""

from datetime import datetime

import httpx2

from engine.consequences import consequences
from engine.handling import handle
from engine.matching import stirs
from engine.ports import NewCommand, ZoneAppend
from engine.zone import Zone
from ningju.console.app import create_app
from ningju.ledger.memory import MemoryStore
from ningju.simulation.clock import SteppedClock
from ningju.simulation.people import People
from ningju.simulation.scenario import Scenario
from schemas.base import derive_id
from schemas.commands import Tick
from schemas.envelope import Actor, CommandEnvelope, EventEnvelope
from schemas.plan import Plan
from schemas.problem import Limits, Problem
from solvers.solve import solve
from streams.match_loop import MatchLoop

SET_UP = Actor(kind="system", id="scenario")


class Here:
    """Solves where it is called."""

    async def solve(self, problem: Problem, limits: Limits) -> Plan:
        return solve(problem, limits)


class Whole:
    """A runtime for ``Pace``; ``copies`` is how often each notification is delivered."""

    def __init__(self, clock: SteppedClock, *, copies: int = 1) -> None:
        self.clock = clock
        self.store = MemoryStore(clock)
        self.zones: dict[str, Zone] = {}
        self.people: People | None = None
        self.copies = copies
        self.commands = 0
        self.matcher = MatchLoop(states=self, planner=Here(), door=self.store, archive=self.store, clock=clock)
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=create_app(self.store, clock)), base_url="http://127.0.0.1"
        )

    async def state(self, zone: str) -> Zone:
        return self.zones.get(zone) or Zone.empty(zone)

    async def set_up(self, scenario: Scenario) -> None:
        for number, (zone, command) in enumerate(scenario.setup()):
            command_id = derive_id("set up", scenario.name, scenario.seed, number)
            await self._enqueue(command_id, zone, command)
            await self._handle_open()

    async def settle(self) -> None:
        while True:
            while await self._ticks() or await self._handle_open() or await self._deliver():
                pass
            if not await self.matcher.run_due():
                return

    async def next_wake(self) -> datetime | None:
        wakes = (await self.store.next_due(), self.matcher.next_wake())
        return min((moment for moment in wakes if moment is not None), default=None)

    async def _enqueue(self, command_id: object, zone: str, command: object) -> None:
        envelope = CommandEnvelope.model_validate(
            {
                "command_id": command_id,
                "zone": zone,
                "actor": SET_UP,
                "correlation_id": command_id,
                "received_at": self.clock.now(),
                "command": command,
            }
        )
        await self.store.enqueue([NewCommand(envelope)])

    async def _ticks(self) -> bool:
        due = await self.store.due_zones()
        for zone in due:
            await self._enqueue(derive_id("tick", zone.zone, zone.due, zone.version), zone.zone, Tick(due=zone.due))
        return bool(due) and await self._handle_open()

    async def _handle_open(self) -> bool:
        waiting = sorted(await self.store.open_commands(limit=100_000), key=lambda row: (row.zone, str(row.command_id)))
        events: list[EventEnvelope] = []
        for row in waiting:
            before = await self.state(row.zone)
            handled = handle(before, CommandEnvelope.read(row.data))
            append = ZoneAppend(row.zone, before.version, (handled.decided,), handled.state.next_due)
            await self.store.commit([append])
            self.zones[row.zone] = handled.state
            self.commands += 1
            events += [record.envelope for record in handled.decided.records]
        for envelope in events:
            if stirs(envelope.event):
                self.matcher.mark(envelope.zone, envelope.now)
            meant = consequences(envelope)
            await self.store.settle(
                "dispatcher", {envelope.zone: envelope.version}, meant.commands, meant.notifications
            )
        return bool(waiting)

    async def _deliver(self) -> bool:
        pending = await self.store.pending_notifications()
        for delivery in pending:
            for _ in range(self.copies if self.people is not None else 0):
                await self.people.deliver(delivery.notification)  # type: ignore[union-attr]
        await self.store.delivered([delivery.notification.key for delivery in pending])
        return bool(pending)
