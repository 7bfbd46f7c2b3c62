"""What a solver is asked: visits, people, travel, what stands already, and what counts as better.

All times are whole seconds on the problem's own axis (``epoch`` says where it starts, where that matters); all costs
are integers; readers scale. Names (visits, volunteers, teams, skills) are free text, unique in their list.
"""

from functools import lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from schemas.base import Frozen, Level, Moment
from schemas.place import Place

Time = Annotated[int, Field(ge=-(2**40), le=2**40)]
Index = Annotated[int, Field(ge=0)]
Cost = Annotated[int, Field(ge=0, le=2**40)]
Name = Annotated[str, Field(min_length=1, max_length=128)]

FOREVER = 2**40


class Span(Frozen):
    """Half-open interval ``[start, end)`` in seconds."""

    start: Time
    end: Time

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.end < self.start:
            raise ValueError("a span must not end before it starts")
        return self


class Demand(Frozen):
    """``heads`` people with ``skill`` at ``level`` or above; its own duration where it differs from the visit's."""

    skill: Name
    level: Level = 1
    heads: Annotated[int, Field(ge=1, le=50)] = 1
    duration: Annotated[int, Field(ge=0)] | None = None


ExclusionRule = Literal["blocked", "declined_before", "withdrew_before", "kept_back"]


class Exclusion(Frozen):
    """A person who must not be asked for this visit, and by which rule."""

    volunteer: Name
    rule: ExclusionRule


class FilledSeat(Frozen):
    """A seat that is taken or offered already: the demand, and who holds it. It stays."""

    demand: Index
    volunteer: Name


class Visit(Frozen):
    """Something to serve.

    ``windows`` bound the *start* (a window ``[a, b)`` allows starts ``a <= s < b``; the visit may end after ``b``
    when ``fit`` is ``"start"``, and must end by ``b`` when it is ``"whole"``). ``fixed_start``, ``team`` and ``filled`` hold what
    people were told already. ``due`` starts lateness. ``answerable_from`` is the earliest start for which a crew can
    still be asked in waking hours. ``left_out_cost`` weighs in the first level,
    ``stake`` is how many times the reluctance of who is asked counts: a no costs more where more depends on it.
    """

    id: Name
    location: Index
    windows: Annotated[tuple[Span, ...], Field(min_length=1)]
    fit: Literal["start", "whole"] = "whole"
    duration: Annotated[int, Field(ge=0)]
    demands: Annotated[tuple[Demand, ...], Field(min_length=1)]
    left_out_cost: Cost = 1
    stake: Annotated[int, Field(ge=1, le=1_000)] = 1
    priority: Annotated[int, Field(ge=1, le=5)] = 2
    due: Time | None = None
    answerable_from: Time | None = None
    reach: Annotated[int, Field(ge=0)] | None = None
    one_team: bool = True
    teams: tuple[Name, ...] | None = None
    preferred: tuple[Name, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    fixed_start: Time | None = None
    team: Name | None = None
    filled: tuple[FilledSeat, ...] = ()
    load: Annotated[int, Field(ge=0)] = 0


class Link(Frozen):
    """``later`` starts between ``at_least`` and ``at_most`` seconds after ``earlier``; about their crews, ``crew``."""

    earlier: Name
    later: Name
    at_least: Time = -FOREVER
    at_most: Time = FOREVER
    crew: Literal["any", "same", "different"] = "any"


class HeldSkill(Frozen):
    """A skill with its level, valid for visits that end by ``expires``."""

    skill: Name
    level: Level = 1
    expires: Time | None = None


class Shift(Frozen):
    """When a person is available, and where the person starts and ends then (home where empty)."""

    start: Time
    end: Time
    start_location: Index | None = None
    end_location: Index | None = None


class LoadLimit(Frozen):
    """At most so many visits, and so many seconds of visits, that start within ``period``; what stands is counted off already."""

    period: Span
    visits: Annotated[int, Field(ge=0)] | None = None
    seconds: Annotated[int, Field(ge=0)] | None = None
    rule: Literal["daily_limit", "weekly_limit", "offers_limit"] = "daily_limit"


class Volunteer(Frozen):
    """A person.

    ``travel`` indexes the problem's travel modes; ``load`` is the recent burden that fairness counts; ``reluctance``
    is what asking this person costs, in the preference term.
    """

    id: Name
    team: Name
    location: Index
    skills: tuple[HeldSkill, ...] = ()
    shifts: tuple[Shift, ...] = ()
    limits: tuple[LoadLimit, ...] = ()
    reach: Annotated[int, Field(ge=0)] | None = None
    travel: Index = 0
    capacity: Annotated[int, Field(ge=0)] | None = None
    load: Annotated[int, Field(ge=0)] = 0
    reluctance: Cost = 0


class Team(Frozen):
    """A team and where it is based."""

    id: Name
    location: Index | None = None


class Commitment(Frozen):
    """A visit or offer that stands: it blocks its person for ``[start, end)`` and the travel around it."""

    volunteer: Name
    location: Index
    start: Time
    end: Time


class Travel(Frozen):
    """How one mode moves: by speed over the great circle, or by given matrices (rows: from; integer units).

    ``time`` and ``distance`` are square over ``locations``. With ``speed_kmh``, travel takes
    ``ceil(detour * haversine / speed)`` seconds and distance is in whole metres.
    """

    speed_kmh: Annotated[float, Field(gt=0)] | None = None
    detour: Annotated[float, Field(ge=1)] = 1.0
    time: tuple[tuple[int, ...], ...] | None = None
    distance: tuple[tuple[int, ...], ...] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.speed_kmh is None) == (self.time is None):
            raise ValueError("travel needs either speed_kmh or a time matrix")
        return self


TermName = Literal[
    "left_out",
    "told_otherwise",
    "lateness_total",
    "lateness_max",
    "continuity",
    "preference",
    "fairness",
    "travel_time",
    "travel_distance",
    "scarcity",
]


class Term(Frozen):
    """One named cost and its weight inside the level."""

    name: TermName
    weight: Annotated[int, Field(ge=0)] = 1


class CostLevel(Frozen):
    """A weighted sum; an earlier level outweighs all later ones."""

    name: Name
    terms: Annotated[tuple[Term, ...], Field(min_length=1)]


DEFAULT_LEVELS = (
    CostLevel(name="service", terms=(Term(name="left_out"),)),
    CostLevel(name="promises", terms=(Term(name="told_otherwise"),)),
    CostLevel(
        name="quality",
        terms=(
            Term(name="lateness_total"),
            Term(name="continuity", weight=600),
            Term(name="preference"),
            Term(name="fairness", weight=300),
            Term(name="travel_time"),
            Term(name="scarcity", weight=200),
        ),
    ),
)


class StandingVisit(Frozen):
    """What the standing plan has for a visit: a warm start; changing it costs ``told_otherwise`` when ``told``."""

    visit: Name
    team: Name | None = None
    start: Time
    crew: tuple[FilledSeat, ...]
    told: bool = False
    pinned: bool = False


class Problem(Frozen):
    """Visits × volunteers. ``locations`` are coordinates; with matrices only their number counts (then give ``size``)."""

    epoch: Moment | None = None
    horizon: Span
    locations: tuple[Place, ...] = ()
    size: Index | None = None
    travel: Annotated[tuple[Travel, ...], Field(min_length=1)] = (Travel(speed_kmh=4.0, detour=1.3),)
    visits: tuple[Visit, ...] = ()
    links: tuple[Link, ...] = ()
    teams: tuple[Team, ...] = ()
    volunteers: tuple[Volunteer, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    standing: tuple[StandingVisit, ...] = ()
    levels: Annotated[tuple[CostLevel, ...], Field(min_length=1)] = DEFAULT_LEVELS

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process as JSON: of models by the hundred it is written and read faster than pickles.

        People go one by one, for a process that solves for a zone again and again knows most of them from last time.
        """
        return _joined, (self.changed(volunteers=()).dump(), tuple([person.dump() for person in self.volunteers]))


def _joined(rest: bytes, people: tuple[bytes, ...]) -> Problem:
    return Problem.read(rest).changed(volunteers=tuple([_volunteer(data) for data in people]))


@lru_cache(maxsize=12_000)  # a zone of 10,000 and some that changed: 10 KB each
def _volunteer(data: bytes) -> Volunteer:
    return Volunteer.read(data)


Method = Literal["auto", "greedy", "flow", "cp_sat", "nearest_first"]


class Limits(Frozen):
    """A budget in seconds or in iterations; with iterations and a seed the plan is the same each time.

    ``explain``: for each visit left out count what rules remove, or look for the nearest relaxation, too (costs more).
    """

    seconds: Annotated[float, Field(ge=0)] | None = None
    iterations: Annotated[int, Field(ge=0)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    method: Method = "auto"
    explain: Literal["counts", "nearest"] = "nearest"
