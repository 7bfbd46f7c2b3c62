"""SQL of the read model: one table a kind of row, with the columns that questions filter by and the row as JSON."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, Table, case, false, func, select, tuple_

from engine.figures import cell, in_time, may_be_asked
from engine.ports import Page, RequestQuery, RowChange, Waiting
from ningju.ledger.bulk import Row, delete_rows, upsert_rows
from ningju.ledger.inspection import RowKey
from ningju.ledger.memory_read_model import choose_visit
from ningju.ledger.paging import CALM, PRIORITY, decode, encode, urgency
from ningju.ledger.tables import (
    begins,
    micros,
    moment,
    offer_row,
    person,
    request_row,
    team_row,
    volunteer_row,
    zone_row,
)
from schemas.base import Frozen
from schemas.person import Person
from schemas.request import WAITING, RequestState
from schemas.views import OfferView, RequestView, TeamView, VolunteerView, ZoneView

View = TypeVar("View", bound=Frozen)

TABLES: dict[str, Table] = {
    "request": request_row,
    "offer": offer_row,
    "volunteer": volunteer_row,
    "team": team_row,
    "zone": zone_row,
}

FIXED = {
    "request": ("guest", "created_at", "beneficiary"),
    "offer": ("request_id", "offered_at"),
}
"""Columns of a row that stay as they were first written, all its life."""


def write_rows(connection: Connection, changes: Sequence[tuple[str, RowChange]]) -> None:
    """Write and delete rows of zones, each row at most once."""
    for name, table in TABLES.items():
        mine = [(zone, change) for zone, change in changes if change.table == name]
        upsert_rows(
            connection,
            table,
            [_row(zone, change.key, change.view) for zone, change in mine if change.view is not None],
            keep=("visit_id",) if name == "request" else (),  # the last visit still leads to its request
            fixed=FIXED.get(name, ()),
        )
        gone = [{"zone": zone, "key": change.key} for zone, change in mine if change.view is None]
        delete_rows(connection, table, [tuple(one[column.name] for column in table.primary_key) for one in gone])


def delete_zone(connection: Connection, zone: str) -> None:
    """Delete all rows of a zone."""
    for table in TABLES.values():
        connection.execute(table.delete().where(table.c.zone == zone))


def documents(connection: Connection, zone: str) -> dict[RowKey, bytes]:
    """All rows of a zone as they are stored."""
    return {
        (name, row.key): row.data
        for name, table in TABLES.items()
        for row in connection.execute(select(table.c.key, table.c.data).where(table.c.zone == zone))
    }


def _row(zone: str, key: str, view: Frozen) -> Row:
    """Values in the order of the table's columns; requests and offers are found by their keys, so those are their ids."""
    if isinstance(view, RequestView):
        _check(key, view.request_id)
        visit_id = None if view.visit is None else str(view.visit.visit_id)
        guest = view.referral is not None
        asked_by = (urgency(view), ",".join(view.alarms) or None, view.reason or None, view.beneficiary)
        return (
            key, zone, visit_id, view.state.value, view.service_type, guest, micros(view.created_at), view.dump(),
            *asked_by, *_counted_by(view),
        )  # fmt: skip
    if isinstance(view, OfferView):
        _check(key, view.offer_id)
        until = micros(view.expires_at) if view.state == "open" else None
        return (
            key,
            zone,
            str(view.request_id),
            view.volunteer,
            micros(view.offered_at),
            view.dump(),
            until,
            view.state,
        )
    if isinstance(view, VolunteerView):
        return (zone, key, view.dump(), view.volunteer.team, may_be_asked(view.volunteer))
    return (zone, key, view.dump())


def _counted_by(view: RequestView) -> tuple[str | None, str | None, int | None, bool | None, int]:
    """What figures ask of a request."""
    accepted = None if view.accepted_at is None else micros(view.accepted_at)
    return (None if view.visit is None else view.visit.team, view.served_by, accepted, in_time(view), cell(view.place))


def _check(key: str, row_id: UUID) -> None:
    if key != str(row_id):
        raise ValueError(f"the row of {row_id} has the key {key}: rows of requests and offers are kept under their ids")


def request(connection: Connection, request_id: UUID) -> tuple[RequestView, ...]:
    """Rows of a request, the origin's first."""
    rows = select(request_row.c.data).where(request_row.c.key == str(request_id))
    rows = rows.order_by(request_row.c.guest, request_row.c.created_at, request_row.c.zone)
    return tuple(_views(connection, rows, RequestView))


def requests(connection: Connection, query: RequestQuery) -> Page:
    """One page; by creation a row has the same place for ever."""
    table = request_row
    first = table.c.urgency if query.order == "urgent" else table.c.created_at
    columns = (first, table.c.key, table.c.zone)
    newest = query.order == "newest"
    rows = select(table.c.data).order_by(*(column.desc() if newest else column for column in columns))
    rows = rows.where(*_conditions(query))
    if query.cursor is not None:
        place, after = tuple_(*columns), tuple_(*decode(query.cursor))
        rows = rows.where(place < after if newest else place > after)
    found = _views(connection, rows.limit(query.limit + 1), RequestView)
    page = tuple(found[: query.limit])
    return Page(page, encode(page[-1], query.order) if len(found) > len(page) else None)


def _conditions(query: RequestQuery) -> Iterator[ColumnElement[bool]]:
    table = request_row
    if not query.guests:
        yield table.c.guest == false()
    if query.zone is not None:
        yield table.c.zone == query.zone
    if query.within is not None:
        yield table.c.zone.in_(sorted(query.within))
    if query.states:
        yield table.c.state.in_([state.value for state in query.states])
    if query.service_type is not None:
        yield table.c.service_type == query.service_type
    if query.open_rows:
        yield table.c.urgency.is_not(None)
    if query.alarmed or query.alarm is not None:
        yield table.c.urgency < CALM
    if query.alarm is not None:
        yield table.c.alarms.contains(query.alarm, autoescape=True)
    if query.reason is not None:
        yield table.c.reason == query.reason
    if query.because is not None:
        why = query.because
        left_out = table.c.key.in_(sorted(map(str, why.left_out))) & (table.c.state == RequestState.QUEUED.value)
        told = table.c.reason.in_(why.codes) | table.c.reason.icontains(why.text, autoescape=True)
        yield (told | left_out) if why.left_out else told
    if query.beneficiary is not None:
        yield table.c.beneficiary == query.beneficiary
    if query.id_prefix:
        yield begins(table.c.key, query.id_prefix)
    if query.created_before is not None:
        yield table.c.created_at < micros(query.created_before)
    if query.due_before is not None:
        yield table.c.urgency % PRIORITY < micros(query.due_before)


def same_needs(
    connection: Connection, beneficiaries: Collection[str], within: frozenset[str] | None
) -> dict[tuple[str, str], int]:
    """How many open rows there are by beneficiary and service type."""
    table = request_row
    rows = select(table.c.beneficiary, table.c.service_type, func.count()).where(
        table.c.beneficiary.in_(sorted(beneficiaries)), *_open_origins(within)
    )
    found = connection.execute(rows.group_by(table.c.beneficiary, table.c.service_type))
    return {(beneficiary, service_type): count for beneficiary, service_type, count in found}


def asked_for(
    connection: Connection, service_type: str, limit: int, within: frozenset[str] | None
) -> list[tuple[RequestView, Person]]:
    """Open rows of a service with the person behind each, newest first."""
    table = request_row
    rows = select(table.c.data, person.c.data).join(person, person.c.id == table.c.beneficiary)
    rows = rows.where(table.c.service_type == service_type, *_open_origins(within))
    rows = rows.order_by(table.c.created_at.desc(), table.c.key.desc()).limit(limit)
    return [(RequestView.read(row), Person.read(who)) for row, who in connection.execute(rows)]


def _open_origins(within: frozenset[str] | None) -> Iterator[ColumnElement[bool]]:
    yield request_row.c.guest == false()
    yield request_row.c.urgency.is_not(None)
    if within is not None:
        yield request_row.c.zone.in_(sorted(within))


def offer(connection: Connection, offer_id: UUID) -> OfferView | None:
    """One offer."""
    rows = select(offer_row.c.data).where(offer_row.c.key == str(offer_id)).limit(1)
    return next(iter(_views(connection, rows, OfferView)), None)


def offers(connection: Connection, request_id: UUID | None, volunteer: str | None) -> list[OfferView]:
    """Offers, oldest first."""
    rows = select(offer_row.c.data).order_by(offer_row.c.offered_at, offer_row.c.key)
    if request_id is not None:
        rows = rows.where(offer_row.c.request_id == str(request_id))
    if volunteer is not None:
        rows = rows.where(offer_row.c.volunteer == volunteer)
    return _views(connection, rows, OfferView)


def offers_to(connection: Connection, volunteers: Collection[str], since: datetime) -> list[OfferView]:
    """Offers to some people after a moment, oldest first."""
    rows = select(offer_row.c.data).order_by(offer_row.c.offered_at, offer_row.c.key)
    asked = offer_row.c.volunteer.in_(sorted(volunteers)) & (offer_row.c.offered_at > micros(since))
    return _views(connection, rows.where(asked), OfferView)


def expiring(connection: Connection, before: datetime, limit: int) -> list[OfferView]:
    """Open offers by their expiry."""
    table = offer_row
    rows = select(table.c.data).where(table.c.open_until.is_not(None), table.c.open_until < micros(before))
    return _views(connection, rows.order_by(table.c.open_until, table.c.key).limit(limit), OfferView)


def visit(connection: Connection, visit_id: UUID) -> RequestView | None:
    """The row whose current or last visit this is."""
    rows = select(request_row.c.data).where(request_row.c.visit_id == str(visit_id))
    return choose_visit(visit_id, _views(connection, rows, RequestView))


def zones(connection: Connection) -> list[ZoneView]:
    """All zones."""
    return _views(connection, select(zone_row.c.data).order_by(zone_row.c.zone), ZoneView)


def zone(connection: Connection, name: str) -> ZoneView | None:
    """One zone."""
    rows = select(zone_row.c.data).where(zone_row.c.zone == name).limit(1)
    return next(iter(_views(connection, rows, ZoneView)), None)


def roster(connection: Connection, zone: str) -> tuple[list[TeamView], list[VolunteerView]]:
    """Teams and volunteers of a zone, by id."""
    teams = _views(connection, select(team_row.c.data).where(team_row.c.zone == zone), TeamView)
    rows = select(volunteer_row.c.data).where(volunteer_row.c.zone == zone)
    volunteers = _views(connection, rows, VolunteerView)
    return sorted(teams, key=lambda view: view.team.id), sorted(volunteers, key=lambda view: view.volunteer.id)


def teams(connection: Connection) -> list[TeamView]:
    """All teams, by zone and id."""
    rows = select(team_row.c.data).order_by(team_row.c.zone, team_row.c.key)
    return _views(connection, rows, TeamView)


def counts(connection: Connection, *, only_open: bool) -> dict[str, dict[RequestState, int]]:
    """Number of origin rows by zone and state."""
    table = request_row
    rows = select(table.c.zone, table.c.state, func.count()).where(table.c.guest == false())
    if only_open:
        rows = rows.where(table.c.state.in_([state.value for state in RequestState if not state.ended]))
    found: dict[str, dict[RequestState, int]] = {}
    for name, state, number in connection.execute(rows.group_by(table.c.zone, table.c.state)):
        found.setdefault(name, {})[RequestState(state)] = number
    return found


def waiting(connection: Connection, now: datetime) -> dict[str, Waiting]:
    """What waits, by zone; when it is due is read from its urgency."""
    table = request_row
    due = table.c.urgency % PRIORITY
    late = func.sum(case((due < micros(now), 1), else_=0))
    rows = select(table.c.zone, func.count(), func.min(table.c.created_at), func.min(due), late)
    rows = rows.where(table.c.guest == false(), table.c.state.in_([state.value for state in WAITING]))
    found = connection.execute(rows.group_by(table.c.zone).order_by(table.c.zone))
    return {
        name: Waiting(count, moment(oldest), moment(first), int(behind)) for name, count, oldest, first, behind in found
    }


def _views(connection: Connection, rows: Select[bytes], model: type[View]) -> list[View]:
    return [model.read(data) for (data,) in connection.execute(rows)]
