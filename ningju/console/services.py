"""What the console works with, handed in by the bootstrap."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Protocol
from uuid import UUID

from fastapi import Depends, Request

from engine.intake import Directory
from engine.moving import Move
from engine.ports import Clock, ClosedQuery, DeadLetter, Pulse, Stats, Store
from engine.supposing import Orders, Outlook, Supposition
from engine.trying import Trial
from ningju.console.access import User
from ningju.console.confined import ConfinedStore
from schemas.base import Frozen
from schemas.commands import AssignCrew, Command
from schemas.explanation import Explanation
from schemas.plan import Rule
from schemas.views import ZoneView


class Explain(Protocol):
    """Why a request is where it is; ``None`` when the zone does not have it."""

    def __call__(self, zone: str, request_id: UUID) -> Awaitable[Frozen | None]: ...


class Letter(Protocol):
    """A dead letter as it is kept."""

    @property
    def number(self) -> int: ...
    @property
    def letter(self) -> DeadLetter: ...
    @property
    def count(self) -> int: ...
    @property
    def first_at(self) -> datetime: ...
    @property
    def last_at(self) -> datetime: ...
    @property
    def expires_at(self) -> datetime: ...


class Closing(Protocol):
    """How a dead letter was dealt with, by whom and why; ``replayed_as`` is the new command."""

    @property
    def how(self) -> str: ...
    @property
    def by(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def replayed_as(self) -> UUID | None: ...


class ClosedLetter(Letter, Protocol):
    """A dead letter that somebody has dealt with."""

    @property
    def closing(self) -> Closing | None: ...
    @property
    def closed_at(self) -> datetime | None: ...


class Letters(Protocol):
    """Dead letters, looked at and dealt with. What cannot be done raises ``ValueError`` with what to do instead."""

    async def newest(self, limit: int) -> Sequence[Letter]:
        """Those that nobody has dealt with, newest first."""
        ...

    async def find(self, number: int) -> Letter | None:
        """One that nobody has dealt with."""
        ...

    async def closed(self, query: ClosedQuery) -> Sequence[ClosedLetter]:
        """Those that somebody has dealt with, the last one first."""
        ...

    async def replay(self, number: int, by: str, raw: bytes | None = None, reason: str = "") -> UUID:
        """Send it through the door once more, or what ``raw`` makes of it; the new command's id."""
        ...

    async def discard(self, number: int, by: str, reason: str) -> None:
        """Put it away."""
        ...


class Imagine(Protocol):
    """How a request would be explained after a command that is not given; ``None`` when it would be refused."""

    def __call__(self, zone: str, command: Command, request_id: UUID) -> Awaitable[Explanation | None]: ...


class MoveVisit(Protocol):
    """What moving a visit would be; ``None`` when the zone has no such request or team."""

    def __call__(
        self, zone: str, request_id: UUID, team: str, start: datetime, want: str, instead: str
    ) -> Awaitable[Move | None]: ...


class Check(Protocol):
    """Every rule that an assignment would break, by person."""

    def __call__(self, zone: str, command: AssignCrew) -> Awaitable[Mapping[str, Sequence[Rule]]]: ...


class Attempt(Protocol):
    """What orders would do to a zone that are not given."""

    def __call__(self, zone: str, commands: Sequence[Command]) -> Awaitable[Trial]: ...


class WhatIf(Protocol):
    """Things tried on a copy of a zone's state; ``Impossible`` when the zone has no such thing. Nothing is written."""

    def orders(self, zone: str, what: Supposition) -> Awaitable[Orders]:
        """What would be ordered."""
        ...

    def look(self, zone: str, what: Supposition) -> Awaitable[Outlook]:
        """How the plan would differ; ``Unavailable`` when there was none in time."""
        ...


@dataclass(frozen=True, slots=True)
class Worker:
    """A role, or a solver process, of this server; ``works`` once it has been let into its group."""

    name: str
    works: bool = True


Readiness = Callable[[], Awaitable[Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class Services:
    """Optional helpers of the console; what is not given is done without.

    Parameters
    ----------
    ready
        Names each part that is not ready yet, with what it waits for; empty when all is well.
    explain
        Explains a request from its zone's state.
    imagine
        Explains a request as it would be after a command.
    check
        Names the rules that an assignment would break.
    move
        Says what moving a visit would be.
    attempt
        Tells what orders would do: whom they withdraw, what of them would be refused.
    what_if
        Compares the plan of a zone as it is with the plan as it would be.
    letters
        Dead letters.
    tiles, credit
        Address of the pictures below the map, and whose they are; empty: none.
    workers
        Who works in this process.
    stats
        Counters of the agents, for ``/metrics``, and each zone's last solve.
    consumers
        Who consumes events and keeps cursors: how far each is behind, for ``/metrics``.
    wait_s
        Seconds to wait for a verdict when the caller does not say.
    stopping
        Set when the server drains: streams end.
    poll_s
        Seconds between looks for new events while somebody follows.
    """

    ready: Readiness | None = None
    explain: Explain | None = None
    imagine: Imagine | None = None
    check: Check | None = None
    move: MoveVisit | None = None
    attempt: Attempt | None = None
    what_if: WhatIf | None = None
    letters: Letters | None = None
    tiles: str = ""
    credit: str = ""
    workers: Callable[[], Sequence[Worker]] = tuple
    stats: Stats = field(default_factory=Stats)
    consumers: Sequence[str] = ()
    wait_s: float = 5.0
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    poll_s: float = 0.25


class Site:
    """One running console: its ports and the directory of zones that it last saw."""

    STALE_S = 5.0
    PULSE_S = 2.0
    CONFINED = 100

    def __init__(self, store: Store, clock: Clock, services: Services, whole: "Site | None" = None) -> None:
        self.store = store
        self.whole = whole or self
        self._confined: dict[frozenset[str], Site] = {}
        self.clock = clock
        self.services = services
        self._directory: Directory | None = None
        self._views: dict[str, ZoneView] = {}
        self._seen = 0.0
        self._heads: dict[str, int] = {}
        self._looked = -1e9
        self._looking = asyncio.Lock()
        self._pulse = Pulse()
        self._felt = -1e9
        self._feeling = asyncio.Lock()

    def confined(self, zones: frozenset[str] | None) -> "Site":
        """Give this console as somebody sees it who has zones of their own; ``whole`` leads back."""
        if zones is None:
            return self
        if zones not in self._confined:
            if len(self._confined) >= self.CONFINED:
                self._confined.clear()
            store = ConfinedStore.of(self.store, zones)
            self._confined[zones] = Site(store, self.clock, self.services, self)
        return self._confined[zones]

    async def directory(self, *, fresh: bool = False) -> Directory:
        """Give the directory of zones, at most five seconds old; ``fresh`` reads it again."""
        if fresh or self._directory is None or time.monotonic() - self._seen > self.STALE_S:
            views = await self.store.zones()
            self._views = {view.zone: view for view in sorted(views, key=lambda view: (view.level, view.zone))}
            self._directory = Directory.of(views, self._directory)
            self._seen = time.monotonic()
        return self._directory

    @property
    def nowhere(self) -> Directory:
        """The directory of no zones, for when the store is away."""
        return Directory.of(())

    async def views(self) -> Mapping[str, ZoneView]:
        """Give the zones by id, districts first, as old as the directory at most."""
        await self.directory()
        return self._views

    async def version(self, zone: str) -> int | None:
        """Give a zone's version, ``None`` for a zone that nobody has configured; read it before the rows it is told with."""
        version = (await self.store.heads()).get(zone)
        return 0 if version is None and await self.store.zone(zone) is not None else version

    async def heads(self) -> dict[str, int]:
        """Give every zone's version; those who follow events share one look."""
        async with self._looking:
            if time.monotonic() - self._looked >= self.services.poll_s / 2:
                self._heads = await self.store.heads()
                self._looked = time.monotonic()
            return self._heads

    async def pulse(self) -> Pulse:
        """How those who work on the ledger get along, at most two seconds old: all who look share one look."""
        if self.whole is not self:
            return await self.whole.pulse()
        async with self._feeling:
            if time.monotonic() - self._felt >= self.PULSE_S:
                self._pulse = await self.store.pulse(self.services.consumers)
                self._felt = time.monotonic()
            return self._pulse


def _site(request: Request) -> Site:
    site: Any = request.app.state.site
    assert isinstance(site, Site)
    user = getattr(request.state, "user", None)
    return site.confined(user.zones) if isinstance(user, User) else site


AtSite = Annotated[Site, Depends(_site)]
