"""Figures of a period: how requests fared, how long they waited, who said yes how often; what is counted, and how."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from schemas.place import COARSE_DIGITS, Place
from schemas.request import RequestState
from schemas.roster import Volunteer
from schemas.views import RequestView

By = Literal["all", "zone", "team", "service", "week"]

PUNCTUAL = timedelta(minutes=15)
"""How late a crew may come and still be in time."""

BINS_S = (900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400)
"""Waits are counted up to each of these seconds, and beyond the last."""

ANSWERS = ("accepted", "declined", "expired")
"""How offers end by what people do; what was taken back says nothing of them."""

_CELLS: int = 10**COARSE_DIGITS
_ROW = 1_000 * _CELLS


def in_time(row: RequestView) -> bool | None:
    """Tell whether a request was served within an asked window, punctually, and before its completion target.

    Returns
    -------
    bool | None
        Nothing where this zone cannot tell: it is not done, or another zone served it.
    """
    visit = row.visit
    if row.state is not RequestState.DONE or visit is None:
        return None
    when = visit.window
    asked = any(window.start <= when.start and when.end <= window.end for window in row.windows)
    came = row.started_at is not None and row.started_at <= when.start + PUNCTUAL
    return asked and came and (row.complete_by is None or when.end <= row.complete_by)


def may_be_asked(person: Volunteer) -> bool:
    """Whether somebody may be asked at all: has hours, and is not paused."""
    return bool(person.weekly) and not person.paused


def cell(place: Place) -> int:
    """Number of the coarse square of the map that holds a place."""
    return (round(place.lon * _CELLS) + 180 * _CELLS) * _ROW + round(place.lat * _CELLS) + 90 * _CELLS


def cell_place(number: int) -> Place:
    """The place that stands for a square."""
    lon, lat = divmod(number, _ROW)
    return Place(lon=(lon - 180 * _CELLS) / _CELLS, lat=(lat - 90 * _CELLS) / _CELLS)


def gini(values: Sequence[int]) -> float:
    """Gini coefficient: 0 when everybody bears the same, towards 1 when one bears all."""
    total, count = sum(values), len(values)
    if total == 0:
        return 0.0
    ranked = sum(rank * value for rank, value in enumerate(sorted(values), start=1))
    return 2 * ranked / (count * total) - (count + 1) / count


@dataclass(frozen=True, slots=True)
class FiguresQuery:
    """Requests that were received from ``begin`` up to before ``end``, grouped.

    ``weeks`` are the beginnings of weeks, in order, by which ``week`` groups: the first is not after ``begin``. ``zone``
    is the request's own, of people their home. ``within`` names the zones beyond which the one who asks may not look.
    """

    begin: datetime
    end: datetime
    by: By = "all"
    weeks: tuple[datetime, ...] = ()
    zone: str | None = None
    within: frozenset[str] | None = None
    service_type: str | None = None
    team: str | None = None


@dataclass(slots=True)
class Tally:
    """What was counted of one group.

    Attributes
    ----------
    states
        Requests by state, where they are at home.
    in_time
        Of those that are done.
    waits
        Requests that had a whole crew, by how long that took: see ``BINS_S``.
    wait_p50_s, wait_p90_s
        Seconds within which half and nine tenths of those had it.
    answers
        Offers for these requests, by how people answered.
    loads
        How many people have said yes how often.
    people
        Volunteers who may be asked at all: neither paused nor without hours.
    cells
        Requests by the square of the map that they are for.
    """

    states: dict[RequestState, int] = field(default_factory=dict)
    in_time: int = 0
    waits: list[int] = field(default_factory=lambda: [0] * (len(BINS_S) + 1))
    wait_p50_s: int | None = None
    wait_p90_s: int | None = None
    answers: dict[str, int] = field(default_factory=dict)
    loads: dict[int, int] = field(default_factory=dict)
    people: int = 0
    cells: dict[int, int] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """All of them."""
        return sum(self.states.values())

    @property
    def open(self) -> int:
        """Those that have not ended."""
        return sum(count for state, count in self.states.items() if not state.ended)

    @property
    def judged(self) -> int:
        """Those that were to be served and have ended: neither cancelled nor refused."""
        return self.states.get(RequestState.DONE, 0) + self.states.get(RequestState.UNSERVED, 0)

    @property
    def in_time_share(self) -> float | None:
        """Share of those that were served in time."""
        return self.in_time / self.judged if self.judged else None

    @property
    def acceptance(self) -> float | None:
        """Share of the offers that were accepted, of those that people answered or let expire."""
        asked = sum(self.answers.get(answer, 0) for answer in ANSWERS)
        return self.answers.get("accepted", 0) / asked if asked else None

    @property
    def spread(self) -> float | None:
        """Gini coefficient of how often people said yes, those who were never asked included."""
        idle = max(0, self.people - sum(self.loads.values()))
        values = [times for times, people in self.loads.items() for _ in range(people)]
        return gini([0] * idle + values) if values else None

    def near(self, squares: Mapping[int, bool]) -> float | None:
        """Share of the requests whose square is one of those that count as near."""
        told = sum(self.cells.values())
        return sum(count for one, count in self.cells.items() if squares[one]) / told if told else None
