"""The API in one process: console, ledger in memory, zones, matcher and solver; each call is answered after its verdict."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from random import Random
from typing import Any
from uuid import UUID

from engine.explaining import explain
from engine.intake import Directory, IntakeRefused, admit
from engine.ports import Enqueued, NewCommand, RequestQuery
from ningju.bootstrap.operating import Letters, check, imagine
from ningju.bootstrap.store import RingingStore
from ningju.console.app import create_app
from ningju.console.gate import Entrance
from ningju.console.services import Services
from ningju.simulation.clock import SteppedClock
from ningju.simulation.scenario import Scenario, build
from schemas.base import derive_id
from schemas.commands import AssignCrew, Command
from schemas.envelope import Actor
from schemas.explanation import Explanation
from schemas.plan import Rule
from solvers.why import why
from tests.simulation.whole import Whole

HOST = "testserver"
PEOPLE = 60
Message = MutableMapping[str, Any]


@lru_cache(maxsize=1)
def small_town() -> Scenario:
    """The scenario `tiny` with few people, so that a new one is there at once."""
    whole = build("tiny", 1)
    return replace(whole, volunteers=whole.volunteers[:: len(whole.volunteers) // PEOPLE])


class Stand(Whole):
    """A small town behind the API; with each call its clock goes on by some minutes, and whatever is due happens."""

    def __init__(self, seed: int) -> None:
        self.scenario = small_town()
        super().__init__(SteppedClock(self.scenario.start + timedelta(hours=9)))
        self._rng = Random(seed)
        services = Services(
            explain=self.explain,
            imagine=self.imagine,
            check=self.check,
            letters=Letters(lambda: self.store, self.clock),
            wait_s=0.05,
        )
        entrance = Entrance(intake="1000000/second")
        self.app = create_app(RingingStore.of(self.store, self.enqueue), self.clock, services, [HOST], entrance)
        self._ready = False

    async def enqueue(self, commands: Sequence[NewCommand]) -> list[Enqueued]:
        """Write commands, and have all that follows from them done before anybody waits for it."""
        taken = await self.store.enqueue(commands)
        await self.settle()
        return taken

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] == "http":
            if not self._ready:
                self._ready = True
                await self.set_up(self.scenario)
                await self.enqueue(await self.begun())
            self.clock.advance(self.clock.now() + timedelta(seconds=self._rng.choice((1, 60, 60, 600))))
            await self.settle()
        await self.app(scope, receive, send)

    async def begun(self) -> list[NewCommand]:
        """The requests of the scenario's day, so that there are offers and visits from the first call on."""
        directory = Directory.of(await self.store.zones())
        actor, now = Actor(kind="external", id="town"), self.clock.now()
        found = []
        for arrival in self.scenario.arrivals:
            command_id = derive_id("stand", arrival.idempotency_key)
            with suppress(IntakeRefused):
                found.append(admit(arrival.request, directory, command_id=command_id, actor=actor, received_at=now))
        return found

    async def ids(self) -> dict[str, list[str]]:
        """What there is, by the name that a path has for it."""
        rows = (await self.store.requests(RequestQuery(order="newest", limit=20))).rows
        visits = [row.visit for row in rows if row.visit is not None]
        offers = [seat.offer_id for visit in visits for seat in visit.seats if seat.offer_id is not None]
        return {
            "request_id": [str(row.request_id) for row in rows],
            "visit_id": [str(visit.visit_id) for visit in visits],
            "offer_id": [str(offer_id) for offer_id in offers],
            "zone": list(await self.store.heads()),
            "code": [service.id for service in self.scenario.service_types],
            "form": ["json", "xml"],
        }

    async def explain(self, zone: str, request_id: UUID) -> Explanation | None:
        return explain(await self.state(zone), request_id, self.clock.now(), why)

    async def imagine(self, zone: str, command: Command, request_id: UUID) -> Explanation | None:
        return imagine(await self.state(zone), command, request_id, self.clock.now(), why)

    async def check(self, zone: str, command: AssignCrew) -> dict[str, tuple[Rule, ...]]:
        return check(await self.state(zone), command, self.clock.now())
