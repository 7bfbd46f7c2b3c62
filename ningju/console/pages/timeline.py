"""The timeline: each team's visits by the hour, who is asked and who goes; each leads to the form that moves it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from starlette.responses import Response

from engine.ports import RequestQuery
from ningju.console.pages.frame import AtFrame, Frame
from ningju.console.pages.routing import pages
from schemas.request import RequestState
from schemas.views import RequestView

router = pages()

SHOWN = 6_000
"""A zone has 5,000 open requests at most."""
PLANNED = (RequestState.OFFERED, RequestState.ACCEPTED, RequestState.UNDER_WAY)
BUCKETS = 4
"""Parts of an hour that the chart tells apart."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A visit on its team's line: columns from ``first`` up to before ``last``, in the row ``lane``."""

    row: RequestView
    first: int
    last: int
    lane: int


@dataclass(frozen=True, slots=True)
class Line:
    """A team's day."""

    zone: str
    team: str
    name: str
    bars: tuple[Bar, ...]


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
    teams = {view.team.id: view.team for view in (await frame.site.store.roster(zone))[0]} if zone else {}
    lines = [
        Line(
            zone,
            name,
            frame.speech.team(teams[name]) if name in teams else name,
            _bars(frame, [row for row in rows if row.visit and row.visit.team == name], first),
        )
        for name in sorted({*teams, *(row.visit.team for row in rows if row.visit)})
    ]
    lines.sort(key=lambda line: not line.bars)
    return frame.page(
        "timeline.html",
        title="Timeline",
        zone=zone,
        day=day,
        days=[day + timedelta(days=ahead) for ahead in (-1, 1)],
        lines=lines,
        hours=range(first, last),
        buckets=BUCKETS,
        chosen=asked.get("request", ""),
        rows=rows,
    )


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


def _bars(frame: Frame, rows: Sequence[RequestView], first: int) -> tuple[Bar, ...]:
    """Visits of a team, by their starts, in as few rows as they need."""
    bars: list[Bar] = []
    free: list[int] = []
    for row in rows:
        assert row.visit is not None
        begin = _column(frame.moments.local(row.visit.window.start), first)
        length = (row.visit.window.length.total_seconds() + 899) // 900
        end = min(begin + max(2, int(length)), (24 - first) * BUCKETS + 1)
        lane = next((n for n, until in enumerate(free) if until <= begin), len(free))
        free[lane : lane + 1] = [end]
        bars.append(Bar(row, begin, end, lane + 1))
    return tuple(bars)


def _column(moment: datetime, first: int) -> int:
    return (moment.hour - first) * BUCKETS + moment.minute * BUCKETS // 60 + 1
