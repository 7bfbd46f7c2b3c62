"""The read model in memory."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from engine.figures import FiguresQuery, Tally
from engine.ports import Because, Page, RequestQuery, RowChange, Waiting
from ningju.ledger import memory_figures
from ningju.ledger.inspection import RowKey
from ningju.ledger.paging import PRIORITY, Position, decode, encode, position, urgency
from ningju.ledger.tables import micros, moment
from schemas.request import WAITING, RequestState
from schemas.views import OfferView, RequestView, TeamView, VolunteerView, ZoneView

View = RequestView | OfferView | VolunteerView | TeamView | ZoneView


class MemoryReadModel:
    """Rows by zone, table and key, with the indexes that questions by id need."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[RowKey, View]] = {}
        self._requests: dict[UUID, dict[str, RequestView]] = {}
        self._offers: dict[UUID, OfferView] = {}
        self._visits: dict[UUID, dict[tuple[str, UUID], None]] = {}

    def write_row(self, zone: str, row: RowChange) -> None:
        """Write or delete one row."""
        rows = self._rows.setdefault(zone, {})
        old = rows.pop((row.table, row.key), None)
        if isinstance(old, RequestView) and row.view is None:
            self._requests.get(old.request_id, {}).pop(zone, None)
        if isinstance(old, OfferView):
            self._offers.pop(old.offer_id, None)
        if row.view is not None:
            rows[row.table, row.key] = row.view
        if isinstance(row.view, RequestView):
            self._requests.setdefault(row.view.request_id, {})[zone] = row.view
            if row.view.visit is not None:
                self._visits.setdefault(row.view.visit.visit_id, {})[zone, row.view.request_id] = None
        if isinstance(row.view, OfferView):
            self._offers[row.view.offer_id] = row.view

    def replace_zone(self, zone: str, rows: Sequence[RowChange]) -> None:
        """Throw a zone's rows away and write these."""
        for table, key in list(self._rows.get(zone, {})):
            self.write_row(zone, RowChange(table, key, None))  # type: ignore[arg-type]  # keys come from rows
        for row in rows:
            self.write_row(zone, row)

    def documents(self, zone: str) -> dict[RowKey, bytes]:
        """All rows of a zone as they would be stored."""
        return {key: view.dump() for key, view in self._rows.get(zone, {}).items()}

    async def request(self, request_id: UUID) -> tuple[RequestView, ...]:
        rows = self._requests.get(request_id, {}).values()
        return tuple(sorted(rows, key=lambda row: (row.referral is not None, row.created_at, row.zone)))

    async def requests(self, query: RequestQuery) -> Page:
        after = decode(query.cursor) if query.cursor else None
        newest = query.order == "newest"

        def place(row: RequestView) -> Position:
            return position(row, query.order)

        rows = sorted((row for rows in self._requests.values() for row in rows.values()), key=place, reverse=newest)
        found = [
            row
            for row in rows
            if _asked_for(row, query) and (after is None or (place(row) < after if newest else place(row) > after))
        ]
        page = tuple(found[: query.limit])
        return Page(page, encode(page[-1], query.order) if len(found) > len(page) else None)

    async def same_needs(
        self, beneficiaries: Collection[str], *, within: frozenset[str] | None = None
    ) -> dict[tuple[str, str], int]:
        counted: Counter[tuple[str, str]] = Counter()
        for row in self._open_origins(within):
            if row.beneficiary is not None and row.beneficiary in beneficiaries:
                counted[row.beneficiary, row.service_type] += 1
        return dict(counted)

    def _open_origins(self, within: frozenset[str] | None) -> Iterator[RequestView]:
        rows = (row for rows in self._requests.values() for row in rows.values())
        return (
            row
            for row in rows
            if row.referral is None and not row.state.ended and (within is None or row.zone in within)
        )

    async def offer(self, offer_id: UUID) -> OfferView | None:
        return self._offers.get(offer_id)

    async def offers(self, *, request_id: UUID | None = None, volunteer: str | None = None) -> list[OfferView]:
        found = [
            offer
            for offer in self._offers.values()
            if request_id in (None, offer.request_id) and volunteer in (None, offer.volunteer)
        ]
        return sorted(found, key=lambda offer: (offer.offered_at, str(offer.offer_id)))

    async def offers_to(self, volunteers: Collection[str], since: datetime) -> list[OfferView]:
        found = [one for one in self._offers.values() if one.volunteer in volunteers and one.offered_at > since]
        return sorted(found, key=lambda offer: (offer.offered_at, str(offer.offer_id)))

    async def expiring(self, before: datetime, limit: int = 50) -> list[OfferView]:
        found = [offer for offer in self._offers.values() if offer.state == "open" and offer.expires_at < before]
        return sorted(found, key=lambda offer: (offer.expires_at, str(offer.offer_id)))[:limit]

    async def visit(self, visit_id: UUID) -> RequestView | None:
        rows = [
            row
            for zone, request_id in self._visits.get(visit_id, {})
            if (row := self._requests.get(request_id, {}).get(zone)) is not None
        ]
        return choose_visit(visit_id, rows)

    async def zones(self) -> list[ZoneView]:
        found = [view for rows in self._rows.values() for view in rows.values() if isinstance(view, ZoneView)]
        return sorted(found, key=lambda view: view.zone)

    async def zone(self, zone: str) -> ZoneView | None:
        return next((view for view in self._rows.get(zone, {}).values() if isinstance(view, ZoneView)), None)

    async def roster(self, zone: str) -> tuple[list[TeamView], list[VolunteerView]]:
        rows = self._rows.get(zone, {}).values()
        teams = [view for view in rows if isinstance(view, TeamView)]
        volunteers = [view for view in rows if isinstance(view, VolunteerView)]
        return sorted(teams, key=lambda view: view.team.id), sorted(volunteers, key=lambda view: view.volunteer.id)

    async def counts(self, *, only_open: bool = False) -> dict[str, dict[RequestState, int]]:
        counts: dict[str, dict[RequestState, int]] = {}
        for rows in self._requests.values():
            for row in rows.values():
                if row.referral is None and not (only_open and row.state.ended):
                    zone = counts.setdefault(row.zone, {})
                    zone[row.state] = zone.get(row.state, 0) + 1
        return counts

    async def waiting(self, now: datetime) -> dict[str, Waiting]:
        found: dict[str, list[tuple[datetime, int]]] = {}
        for rows in self._requests.values():
            for row in rows.values():
                due = urgency(row)
                if row.referral is None and due is not None and row.state in WAITING:
                    found.setdefault(row.zone, []).append((row.created_at, due % PRIORITY))
        return {
            zone: Waiting(
                count=len(rows),
                oldest=min(created_at for created_at, _ in rows),
                due=moment(min(due for _, due in rows)),
                late=sum(due < micros(now) for _, due in rows),
            )
            for zone, rows in sorted(found.items())
        }

    async def figures(self, query: FiguresQuery) -> dict[str, Tally]:
        views = (view for rows in self._rows.values() for view in rows.values())
        volunteers = [view for view in views if isinstance(view, VolunteerView)]
        return memory_figures.figures(query, self._requests.values(), self._offers.values(), volunteers)

    async def teams(self) -> list[TeamView]:
        found = [view for rows in self._rows.values() for view in rows.values() if isinstance(view, TeamView)]
        return sorted(found, key=lambda view: (view.zone, view.team.id))


def _asked_for(row: RequestView, query: RequestQuery) -> bool:
    """Whether a row is one of those that a question asks for."""
    return (
        (query.guests or row.referral is None)
        and query.zone in (None, row.zone)
        and (query.within is None or row.zone in query.within)
        and (not query.states or row.state in query.states)
        and query.service_type in (None, row.service_type)
        and not (query.open_rows and row.state.ended)
        and (not query.alarmed or bool(row.alarms))
        and (query.alarm is None or query.alarm in row.alarms)
        and query.reason in (None, row.reason)
        and (query.because is None or _because(row, query.because))
        and query.beneficiary in (None, row.beneficiary)
        and str(row.request_id).startswith(query.id_prefix)
        and (query.created_before is None or row.created_at < query.created_before)
        and (query.due_before is None or (urgency(row) or 0) % PRIORITY < micros(query.due_before))
    )


def _because(row: RequestView, why: Because) -> bool:
    told = row.reason in why.codes or bool(row.reason and why.text.lower() in row.reason.lower())
    return told or (row.state is RequestState.QUEUED and row.request_id in why.left_out)


def choose_visit(visit_id: UUID, rows: Sequence[RequestView]) -> RequestView | None:
    """The row that a visit's id means when origin and guest both have one: where it is now, else where it was last."""
    return max(
        rows,
        key=lambda row: (row.visit is not None and row.visit.visit_id == visit_id, not row.state.ended, row.updated_at),
        default=None,
    )
