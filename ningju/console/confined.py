"""The store as somebody sees it who has zones of their own: what lies elsewhere is not there."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar, cast
from uuid import UUID

from engine.figures import FiguresQuery, Tally
from engine.ports import (
    Deed,
    DeedQuery,
    Enqueued,
    Look,
    NewCommand,
    OpenCommand,
    Page,
    Record,
    RequestQuery,
    Store,
    StoredPlan,
    Waiting,
)
from ningju.console.problems import Problem
from schemas.envelope import Outcome
from schemas.person import Person
from schemas.request import RequestState
from schemas.views import OfferView, RequestView, TeamView, VolunteerView, ZoneView

AT_MOST = 500

Placed = TypeVar("Placed", OpenCommand, Outcome, StoredPlan, OfferView, RequestView)


class ConfinedStore:
    """The questions and orders of a console, within some zones. What is not named here cannot be asked at all.

    A request is there when it is at home in one of the zones or a guest in one; orders go to these zones alone.
    """

    def __init__(self, store: Store, zones: frozenset[str]) -> None:
        self._store = store
        self._zones = zones

    @classmethod
    def of(cls, store: Store, zones: frozenset[str]) -> Store:
        """Confine a store."""
        return cast(Store, cls(store, zones))

    def _ours(self, found: Placed | None) -> Placed | None:
        return found if found is not None and found.zone in self._zones else None

    # ------------------------------------------------------------------------------------------------------------ door

    async def enqueue(self, commands: Sequence[NewCommand]) -> list[Enqueued]:
        if elsewhere := sorted({command.envelope.zone for command in commands} - self._zones):
            own = sorted(self._zones)
            raise Problem(403, "forbidden", f"{', '.join(elsewhere)} is not yours to act in", code="zone", zones=own)
        return await self._store.enqueue(commands)

    async def command(self, command_id: UUID) -> OpenCommand | None:
        return self._ours(await self._store.command(command_id))

    async def submitted(self, request_id: UUID) -> OpenCommand | None:
        return self._ours(await self._store.submitted(request_id))

    async def outcomes(self, command_ids: Collection[UUID]) -> dict[UUID, Outcome]:
        found = await self._store.outcomes(command_ids)
        return {name: outcome for name, outcome in found.items() if outcome.zone in self._zones}

    async def wait(self, command_id: UUID, timeout: float) -> Outcome | None:
        return self._ours(await self._store.wait(command_id, timeout))

    async def open_count(self) -> int:
        return await self._store.open_count()

    # ---------------------------------------------------------------------------------------------------------- ledger

    async def heads(self) -> dict[str, int]:
        return {zone: version for zone, version in (await self._store.heads()).items() if zone in self._zones}

    async def events(self, zone: str, after: int = 0, limit: int = 1_000) -> list[Record]:
        return await self._store.events(zone, after, limit) if zone in self._zones else []

    async def history(self, request_id: UUID) -> list[Record]:
        return await self._store.history(request_id) if await self.request(request_id) else []

    # --------------------------------------------------------------------------------------------------------- archive

    async def plan(self, plan_hash: str) -> StoredPlan | None:
        return self._ours(await self._store.plan(plan_hash))

    async def newest_plan(self, zone: str) -> StoredPlan | None:
        return await self._store.newest_plan(zone) if zone in self._zones else None

    async def put_persons(self, persons: Sequence[Person]) -> None:
        await self._store.put_persons(persons)

    async def person(self, person_id: str) -> Person | None:
        return await self._store.person(person_id)

    async def note_looks(self, looks: Sequence[Look]) -> None:
        await self._store.note_looks(looks)

    # ------------------------------------------------------------------------------------------------------ read model

    async def request(self, request_id: UUID) -> tuple[RequestView, ...]:
        rows = await self._store.request(request_id)
        return rows if any(row.zone in self._zones for row in rows) else ()

    async def requests(self, query: RequestQuery) -> Page:
        return await self._store.requests(replace(query, within=self._zones))

    async def deeds(self, query: DeedQuery) -> list[Deed]:
        return await self._store.deeds(replace(query, within=self._zones))

    async def offer(self, offer_id: UUID) -> OfferView | None:
        return self._ours(await self._store.offer(offer_id))

    async def offers(self, *, request_id: UUID | None = None, volunteer: str | None = None) -> list[OfferView]:
        found = await self._store.offers(request_id=request_id, volunteer=volunteer)
        return [offer for offer in found if offer.zone in self._zones]

    async def offers_to(self, volunteers: Collection[str], since: datetime) -> list[OfferView]:
        found = await self._store.offers_to(volunteers, since)
        return [offer for offer in found if offer.zone in self._zones]

    async def expiring(self, before: datetime, limit: int = 50) -> list[OfferView]:
        found = await self._store.expiring(before, AT_MOST)
        return [offer for offer in found if offer.zone in self._zones][:limit]

    async def visit(self, visit_id: UUID) -> RequestView | None:
        return self._ours(await self._store.visit(visit_id))

    async def zones(self) -> list[ZoneView]:
        return [view for view in await self._store.zones() if view.zone in self._zones]

    async def zone(self, zone: str) -> ZoneView | None:
        return await self._store.zone(zone) if zone in self._zones else None

    async def roster(self, zone: str) -> tuple[list[TeamView], list[VolunteerView]]:
        return await self._store.roster(zone) if zone in self._zones else ([], [])

    async def counts(self, *, only_open: bool = False) -> dict[str, dict[RequestState, int]]:
        found = await self._store.counts(only_open=only_open)
        return {zone: states for zone, states in found.items() if zone in self._zones}

    async def same_needs(
        self, beneficiaries: Collection[str], *, within: frozenset[str] | None = None
    ) -> dict[tuple[str, str], int]:
        return await self._store.same_needs(beneficiaries, within=self._zones)

    async def asked_for(
        self, service_type: str, limit: int, *, within: frozenset[str] | None = None
    ) -> list[tuple[RequestView, Person]]:
        return await self._store.asked_for(service_type, limit, within=self._zones)

    async def waiting(self, now: datetime) -> dict[str, Waiting]:
        return {zone: one for zone, one in (await self._store.waiting(now)).items() if zone in self._zones}

    async def figures(self, query: FiguresQuery) -> dict[str, Tally]:
        return await self._store.figures(replace(query, within=self._zones))

    async def teams(self) -> list[TeamView]:
        return [view for view in await self._store.teams() if view.zone in self._zones]
