"""The timeline: each team's visits or each member's by the hour, who is asked and who goes; each can be moved."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID

from starlette.responses import Response

from engine.ports import RequestQuery
from ningju.console.pages.frame import AtFrame, Frame
from ningju.console.pages.lines import BUCKETS, Day, Line, ways
from ningju.console.pages.routing import pages
from schemas.request import RequestState
from schemas.roster import Team, Volunteer
from schemas.views import RequestView

router = pages()

SHOWN = 6_000
"""A zone has 5,000 open requests at most."""
SEEN_AS = {"arrived": "under_way"}
PLANNED = (RequestState.OFFERED, RequestState.ACCEPTED, RequestState.UNDER_WAY)
AT_MOST = 200
"""People on one page: a team has a few dozen."""


@router.get("/timeline")
async def show(frame: AtFrame) -> Response:
    """The page: one zone, one day."""
    asked = frame.request.query_params
    zone = asked.get("zone", "") if asked.get("zone") in frame.views else next(iter(_settled(frame)), "")
    day = _day(frame, asked.get("day", ""))
    begin = datetime.combine(day, time(), frame.zone)
    end = begin + timedelta(days=1)
    rows = sorted(
        (row for row in await _planned(frame, zone) if begin <= _start(row) < end),
        key=_start,
    )
    first, last = _hours(frame, rows)
    teams, people = await frame.site.store.roster(zone) if zone else ([], [])
    team = asked.get("team", "") if any(view.team.id == asked.get("team") for view in teams) else ""
    day_of = Day(frame.moments, first)
    if team:
        members = [view.volunteer for view in people if view.volunteer.team == team]
        lines = _people(frame, zone, team, members, rows, day_of)
    else:
        lines = _teams(frame, zone, [view.team for view in teams], rows, day_of)
    lines.sort(key=lambda line: not line.bars)
    return frame.page(
        "timeline.html",
        title="Timeline",
        zone=zone,
        day=day,
        days=[day + timedelta(days=ahead) for ahead in (-1, 1)],
        lines=lines,
        team=team,
        team_name=next((frame.speech.team(view.team) for view in teams if view.team.id == team), ""),
        hours=range(first, last),
        buckets=BUCKETS,
        chosen=asked.get("request", ""),
        rows=rows,
        first=first,
        hands=frame.may("POST", "/request/{request_id}/assign"),
        back=frame.address(said=None),
    )


def _teams(frame: Frame, zone: str, teams: Sequence[Team], rows: Sequence[RequestView], day: Day) -> list[Line]:
    """A line for each team, and for each that has gone but still has visits."""
    names = {team.id: frame.speech.team(team) for team in teams}
    states = {row.request_id: row.state.value for row in rows}
    return [
        Line(
            zone,
            name,
            names.get(name, name),
            day.bars([row for row in rows if row.visit and row.visit.team == name], states),
        )
        for name in sorted({*names, *(row.visit.team for row in rows if row.visit)})
    ]


def _people(
    frame: Frame, zone: str, team: str, members: Sequence[Volunteer], rows: Sequence[RequestView], day: Day
) -> list[Line]:
    """A line for each member of a team: what they are asked for, what they have accepted, and the ways there."""
    of: dict[str, list[RequestView]] = {}
    states: dict[str, dict[UUID, str]] = {}
    for row in rows:
        for seat in row.visit.seats if row.visit is not None else ():
            if seat.volunteer is not None:
                of.setdefault(seat.volunteer, []).append(row)
                states.setdefault(seat.volunteer, {})[row.request_id] = SEEN_AS.get(seat.state, seat.state)
    policy = frame.views[zone].policy
    lines = []
    for person in sorted(members, key=lambda one: (one.id not in of, one.id))[:AT_MOST]:
        mine = of.get(person.id, [])
        bars = day.bars(mine, states.get(person.id, {}), ways(person, mine, policy))
        lines.append(Line(zone, team, person.id, bars, person.id))
    return lines


def _settled(frame: Frame) -> Sequence[str]:
    """Subdistricts first: there the visits are."""
    return sorted(frame.views, key=lambda zone: frame.views[zone].level == "district")


def _day(frame: Frame, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return frame.moments.today


async def _planned(frame: Frame, zone: str) -> Sequence[RequestView]:
    """Requests of a zone that have a visit before them or under way."""
    if not zone:
        return ()
    query = RequestQuery(zone=zone, states=PLANNED, guests=True, order="urgent", limit=SHOWN)
    return [row for row in (await frame.site.store.requests(query)).rows if row.visit is not None]


def _start(row: RequestView) -> datetime:
    assert row.visit is not None
    return row.visit.window.start


def _hours(frame: Frame, rows: Sequence[RequestView]) -> tuple[int, int]:
    """Hours of the day that are drawn: the usual ones, and whatever the visits need."""
    starts = [frame.moments.local(_start(row)).hour for row in rows]
    ends = [_end_hour(frame, row) for row in rows]
    return min([7, *starts]), max([21, *ends])


def _end_hour(frame: Frame, row: RequestView) -> int:
    assert row.visit is not None
    start, end = (frame.moments.local(moment) for moment in (row.visit.window.start, row.visit.window.end))
    return 24 if end.date() > start.date() else min(24, end.hour + (end.minute > 0))
