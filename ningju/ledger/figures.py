"""SQL of the figures: counted in the database, a few rows back, from the requests of a period and their offers."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Select,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    select,
    true,
)

from engine.figures import ANSWERS, BINS_S, FiguresQuery, Tally
from ningju.ledger.tables import micros, offer_row, request_row, volunteer_row
from schemas.request import RequestState

HOME, GUEST = request_row.alias("home"), request_row.alias("guest_there")
SECOND = 1_000_000
PER_CENT = ((50, "wait_p50_s"), (90, "wait_p90_s"))


def figures(connection: Connection, query: FiguresQuery) -> dict[str, Tally]:
    """Count everything; every question reads the rows of the period alone."""
    found: dict[str, Tally] = {}

    def tally(group: str) -> Tally:
        return found.setdefault(group, Tally())

    mine = _requests(query).where(*_where(query)).cte("mine")
    for group, state, count, in_time, *waits in connection.execute(_fates(mine)):
        one = tally(group)
        one.states[RequestState(state)] = count
        one.in_time += in_time
        one.waits = [a + b for a, b in zip(one.waits, waits, strict=True)]
    for group, per_cent, waited in _quantiles(connection, mine):
        setattr(tally(group), dict(PER_CENT)[per_cent], waited)
    cells = select(mine.c.name, mine.c.cell, func.count()).group_by(mine.c.name, mine.c.cell)
    for group, cell, count in connection.execute(cells.where(mine.c.cell.is_not(None))):
        tally(group).cells[cell] = count
    for group, state, count in connection.execute(_answers(query)):
        tally(group).answers[state] = count
    for group, times, people in connection.execute(_loads(query)):
        tally(group).loads[times] = people
    _count_people(connection, query, found)
    return found


def _requests(query: FiguresQuery) -> Select[Any]:
    """Requests where they are at home, with what is known of them where they were served."""
    r, g = HOME, GUEST
    team = func.coalesce(g.c.team, r.c.team)
    waited = (func.coalesce(g.c.accepted_at, r.c.accepted_at) - r.c.created_at) / literal(SECOND, BigInteger)
    served = r.outerjoin(g, and_(g.c.key == r.c.key, g.c.zone == r.c.served_by, g.c.guest == true()))
    names: dict[str, ColumnElement[str]] = {
        "zone": r.c.zone,
        "team": func.coalesce(team, ""),
        "service": r.c.service_type,
        "week": _week(r.c.created_at, query),
    }
    columns = (
        cast(names.get(query.by, literal("")), Text).label("name"),
        r.c.key,
        r.c.zone,
        r.c.state,
        r.c.cell,
        team.label("team"),
        cast(waited, BigInteger).label("waited"),
        func.coalesce(g.c.in_time, r.c.in_time).label("in_time"),
    )
    rows = select(*columns).select_from(served).where(r.c.guest == false())
    rows = rows.where(r.c.created_at >= micros(query.begin), r.c.created_at < micros(query.end))
    if query.service_type is not None:
        rows = rows.where(r.c.service_type == query.service_type)
    return rows


def _week(created_at: ColumnElement[int], query: FiguresQuery) -> ColumnElement[str]:
    ends = [(created_at < micros(begin), str(number)) for number, begin in enumerate(query.weeks[1:])]
    return case(*ends, else_=str(len(ends))) if ends else literal("0")


def _where(query: FiguresQuery) -> Iterator[ColumnElement[bool]]:
    """Whose requests are asked for."""
    r, g = HOME, GUEST
    if query.zone is not None:
        yield r.c.zone == query.zone
    if query.within is not None:
        yield r.c.zone.in_(sorted(query.within))
    if query.team is not None:
        yield func.coalesce(g.c.team, r.c.team) == query.team


def _fates(mine: CTE) -> Select[Any]:
    waited = mine.c.waited
    edges = (0, *BINS_S)
    bins = [and_(waited >= low, waited < high) for low, high in zip(edges, BINS_S, strict=False)]
    bins.append(waited >= BINS_S[-1])
    served = mine.c.in_time == true()
    counted = [cast(func.sum(case((one, 1), else_=0)), Integer) for one in (served, *bins)]
    return select(mine.c.name, mine.c.state, func.count(), *counted).group_by(mine.c.name, mine.c.state)


def _quantiles(connection: Connection, mine: CTE) -> Iterator[tuple[str, int, int]]:
    """The smallest wait that so many of a hundred do not exceed."""
    ranked = (
        select(
            mine.c.name,
            mine.c.waited,
            func.row_number().over(partition_by=mine.c.name, order_by=mine.c.waited).label("rank"),
            func.count().over(partition_by=mine.c.name).label("all"),
        )
        .where(mine.c.waited.is_not(None))
        .subquery()
    )
    for per_cent, _ in PER_CENT:
        at = ranked.c.rank * 100 - ranked.c.all * per_cent
        for name, waited in connection.execute(select(ranked.c.name, ranked.c.waited).where(at >= 0, at < 100)):
            yield name, per_cent, waited


def _asked(query: FiguresQuery) -> tuple[FromClause, ColumnElement[str], list[ColumnElement[bool]]]:
    """Offers for the requests of the period, by where the people who were asked are at home."""
    every, o, v = _requests(query).cte("every"), offer_row, volunteer_row
    joined = every.join(o, o.c.request_id == every.c.key).outerjoin(
        v, and_(v.c.zone == o.c.zone, v.c.key == o.c.volunteer)
    )
    names: dict[str, ColumnElement[str]] = {"zone": o.c.zone, "team": func.coalesce(v.c.team, "")}
    conditions: list[ColumnElement[bool]] = [o.c.state.in_(ANSWERS)]
    if query.zone is not None:
        conditions.append(o.c.zone == query.zone)
    if query.within is not None:
        conditions.append(o.c.zone.in_(sorted(query.within)))
    if query.team is not None:
        conditions.append(v.c.team == query.team)
    return joined, names.get(query.by, every.c.name), conditions


def _answers(query: FiguresQuery) -> Select[Any]:
    joined, name, conditions = _asked(query)
    rows = select(name.label("name"), offer_row.c.state).select_from(joined).where(*conditions).subquery()
    return select(rows.c.name, rows.c.state, func.count()).group_by(rows.c.name, rows.c.state)


def _loads(query: FiguresQuery) -> Select[Any]:
    joined, name, conditions = _asked(query)
    o = offer_row
    rows = select(name.label("name"), o.c.zone, o.c.volunteer).select_from(joined)
    each = rows.where(*conditions, o.c.state == "accepted").subquery()
    times = select(each.c.name, func.count().label("times")).group_by(each.c.name, each.c.zone, each.c.volunteer)
    load = times.subquery()
    return select(load.c.name, load.c.times, func.count()).group_by(load.c.name, load.c.times)


def _count_people(connection: Connection, query: FiguresQuery, found: dict[str, Tally]) -> None:
    """Count who may be asked, into groups that are there; weeks and services have everybody."""
    v = volunteer_row
    rows = select(v.c.zone, v.c.team, func.count()).where(v.c.active == true()).group_by(v.c.zone, v.c.team)
    if query.zone is not None:
        rows = rows.where(v.c.zone == query.zone)
    if query.within is not None:
        rows = rows.where(v.c.zone.in_(sorted(query.within)))
    if query.team is not None:
        rows = rows.where(v.c.team == query.team)
    for zone, team, count in connection.execute(rows):
        own = {"zone": zone, "team": team}.get(query.by)
        for name, tally in found.items():
            if own is None or name == own:
                tally.people += count
