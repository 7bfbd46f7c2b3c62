"""The figures in memory: the same counts in plain Python."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import ceil

from engine.figures import ANSWERS, BINS_S, FiguresQuery, Tally, cell, in_time, may_be_asked
from schemas.views import OfferView, RequestView, VolunteerView

Rows = Mapping[str, RequestView]


def figures(
    query: FiguresQuery,
    requests: Iterable[Rows],
    offers: Iterable[OfferView],
    volunteers: Sequence[VolunteerView],
) -> dict[str, Tally]:
    """Count everything. ``requests`` are each request's rows by zone."""
    found: dict[str, Tally] = {}
    every = [(home, rows) for rows in requests if (home := _home(rows)) is not None and _of_period(home, query)]
    waits: dict[str, list[int]] = {}
    for home, rows in every:
        there = rows.get(home.served_by or "", home)
        team = _team(there) or _team(home)
        if not _in_scope(query, home.zone, team):
            continue
        name = _name(query, home, home.zone, team)
        tally = found.setdefault(name, Tally())
        tally.states[home.state] = tally.states.get(home.state, 0) + 1
        served = in_time(there)
        tally.in_time += bool(in_time(home) if served is None else served)
        square = cell(home.place)
        tally.cells[square] = tally.cells.get(square, 0) + 1
        accepted_at = there.accepted_at or home.accepted_at
        if accepted_at is not None:
            waited = int((accepted_at - home.created_at).total_seconds())
            tally.waits[bisect_right(BINS_S, waited)] += 1
            waits.setdefault(name, []).append(waited)
    for name, lengths in waits.items():
        lengths.sort()
        found[name].wait_p50_s, found[name].wait_p90_s = (
            lengths[max(0, ceil(len(lengths) * share) - 1)] for share in (0.5, 0.9)
        )
    _count_answers(query, {home.request_id: home for home, _ in every}, offers, volunteers, found)
    for view in volunteers:
        person = view.volunteer
        if may_be_asked(person) and _in_scope(query, view.zone, person.team):
            own = {"zone": view.zone, "team": person.team}.get(query.by)
            for name, tally in found.items():
                tally.people += own is None or own == name
    return found


def _count_answers(
    query: FiguresQuery,
    homes: Mapping[object, RequestView],
    offers: Iterable[OfferView],
    volunteers: Iterable[VolunteerView],
    found: dict[str, Tally],
) -> None:
    teams = {(view.zone, view.volunteer.id): view.volunteer.team for view in volunteers}
    loads: Counter[tuple[str, str, str]] = Counter()
    for offer in offers:
        home, team = homes.get(offer.request_id), teams.get((offer.zone, offer.volunteer))
        if home is None or offer.state not in ANSWERS or not _in_scope(query, offer.zone, team):
            continue
        name = _name(query, home, offer.zone, team)
        tally = found.setdefault(name, Tally())
        tally.answers[offer.state] = tally.answers.get(offer.state, 0) + 1
        if offer.state == "accepted":
            loads[name, offer.zone, offer.volunteer] += 1
    for (name, _, _), times in loads.items():
        found[name].loads[times] = found[name].loads.get(times, 0) + 1


def _home(rows: Rows) -> RequestView | None:
    return next((row for row in rows.values() if row.referral is None), None)


def _of_period(row: RequestView, query: FiguresQuery) -> bool:
    return query.begin <= row.created_at < query.end and query.service_type in (None, row.service_type)


def _in_scope(query: FiguresQuery, zone: str, team: str | None) -> bool:
    return query.zone in (None, zone) and (query.within is None or zone in query.within) and query.team in (None, team)


def _team(row: RequestView) -> str | None:
    return None if row.visit is None else row.visit.team


def _name(query: FiguresQuery, home: RequestView, zone: str, team: str | None) -> str:
    week = max(0, bisect_right(query.weeks, home.created_at) - 1)
    names = {"zone": zone, "team": team or "", "service": home.service_type, "week": str(week)}
    return names.get(query.by, "")
