"""Lines of the timeline: a team's visits or a person's by quarters of an hour, with the ways between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np

from ningju.console.pages.moments import Moments
from schemas.place import Place
from schemas.roster import Volunteer
from schemas.views import RequestView
from schemas.zone import Policy
from solvers.travel import great_circle, unit_vectors

BUCKETS = 4
"""Parts of an hour that the chart tells apart."""

QUARTER_S = 3_600 // BUCKETS


@dataclass(frozen=True, slots=True)
class Way:
    """A way to a visit: from column ``first`` up to before ``last``."""

    first: int
    last: int
    lane: int
    minutes: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A visit on its line: columns from ``first`` up to before ``last``, in the row ``lane``; and how one gets there."""

    row: RequestView
    first: int
    last: int
    lane: int
    state: str
    way: Way | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """The day of a team, or of a person of one."""

    zone: str
    team: str
    name: str
    bars: tuple[Bar, ...]
    volunteer: str = ""


class Day:
    """The columns of a day, from the hour ``first``."""

    def __init__(self, moments: Moments, first: int) -> None:
        self._moments = moments
        self._first = first
        self._end = (24 - first) * BUCKETS + 1

    def column(self, moment: datetime, before: timedelta = timedelta(0)) -> int:
        """The column in which a moment of the day lies, or so long before it; what is earlier lies in the first."""
        local = self._moments.local(moment)
        second = 3_600 * (local.hour - self._first) + 60 * local.minute - before.total_seconds()
        return max(1, int(second // QUARTER_S) + 1)

    def bars(
        self, rows: Sequence[RequestView], states: Mapping[UUID, str], ways: Sequence[timedelta] = ()
    ) -> tuple[Bar, ...]:
        """Visits by their starts, in as few rows as they and their ways need.

        Parameters
        ----------
        states
            How each request stands here.
        ways
            How long it takes to get to each; none where nobody in particular goes.
        """
        made: list[Bar] = []
        free: list[int] = []
        for place, row in enumerate(rows):
            assert row.visit is not None
            begin = self.column(row.visit.window.start)
            length = -(-int(row.visit.window.length.total_seconds()) // QUARTER_S)
            end = min(begin + max(2, length), self._end)
            way = ways[place] if ways else timedelta(0)
            leave = self.column(row.visit.window.start, way)
            lane = next((n for n, until in enumerate(free) if until <= leave), len(free))
            free[lane : lane + 1] = [end]
            there = Way(leave, begin, lane + 1, round(way.total_seconds() / 60)) if leave < begin else None
            made.append(Bar(row, begin, end, lane + 1, states[row.request_id], there))
        return tuple(made)


def ways(person: Volunteer, rows: Sequence[RequestView], policy: Policy) -> list[timedelta]:
    """How long a person takes to each of their visits: from home, or from the visit before if that was just over."""
    found: list[timedelta] = []
    origin, over = person.home, None
    for row in rows:
        assert row.visit is not None
        home = travel(person, person.home, row.place, policy)
        onward = travel(person, origin, row.place, policy)
        # Who has time for it goes home in between.
        at_home = over is None or over + travel(person, origin, person.home, policy) + home <= row.visit.window.start
        found.append(home if at_home else onward)
        origin, over = row.place, row.visit.window.end
    return found


def travel(person: Volunteer, origin: Place, target: Place, policy: Policy) -> timedelta:
    """How long a person takes from one place to another, as the rules count it."""
    lon, lat = np.array([origin.lon, target.lon]), np.array([origin.lat, target.lat])
    points = unit_vectors(lon, lat)
    metres = float(great_circle(points[0], points[1])) * policy.speeds.detour
    return timedelta(seconds=metres * 3.6 / getattr(policy.speeds, person.travel))
