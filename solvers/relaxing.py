"""Single changes to a problem that could let a visit be served, the smallest first."""

from collections.abc import Callable, Collection, Iterator
from typing import Literal

from schemas.plan import Relaxation
from schemas.problem import FOREVER, HeldSkill, Problem, Shift, Span, Visit, Volunteer

MINUTES = (30, 60, 90, 120)
METRES = (400, 800, 1_200, 1_600, 2_000)

OF_TIME = frozenset({"window", "availability", "overlap", "quiet_hours", "daily_limit", "outcompeted"})
OF_LIMITS = frozenset({"daily_limit", "weekly_limit", "offers_limit"})

NEWCOMER = "\x00one more"
"""Name of the volunteer who is thought to join: none that a reader could have."""

Kind = Literal["window", "reach", "service_reach", "level", "volunteer", "team", "limit"]
Ladder = list[tuple[Relaxation, Problem]]


def ladders(problem: Problem, visit: Visit, rules: Collection[str], teams: Collection[str]) -> Iterator[Ladder]:
    """Yield for each kind of change that may help its steps, each with the problem so changed.

    Parameters
    ----------
    problem
        Where the visit is free and the rest is held.
    rules
        That removed somebody, as the reasons name them.
    teams
        Where one more volunteer might join.
    """
    seen = set(rules)
    if seen & OF_TIME and visit.fixed_start is None:
        yield [(_by("window", m), _with(problem, visit, windows=_wider(visit, 60 * m))) for m in MINUTES]
    if "reach" in seen:
        yield [(_by("reach", m), _people(problem, lambda p, m=m: _farther(p, m))) for m in METRES]  # type: ignore[misc]
    if "service_reach" in seen and visit.reach is not None:
        yield [(_by("service_reach", m), _with(problem, visit, reach=visit.reach + m)) for m in METRES]
    if "level" in seen:
        for number, demand in enumerate(visit.demands):
            lower = range(demand.level - 1, 0, -1)
            yield [
                (
                    _by("level", demand.level - to, demand.skill),
                    _with(problem, visit, demands=_lowered(visit, number, to)),
                )
                for to in lower
            ]
    if seen & OF_LIMITS:
        yield [(_by("limit", 1), _people(problem, _one_visit_more))]
    if visit.one_team and visit.team is None and sum(demand.heads for demand in visit.demands) > 1:
        yield [(_by("team", 1), _with(problem, visit, one_team=False))]
    for skill in dict.fromkeys(demand.skill for demand in visit.demands):
        joined = [_newcomer(problem, visit, skill, team) for team in teams]
        yield [
            (_by("volunteer", 1, skill), problem.changed(volunteers=(*problem.volunteers, person))) for person in joined
        ]


def _by(kind: Kind, amount: int, skill: str = "") -> Relaxation:
    return Relaxation(kind=kind, amount=amount, skill=skill)


def _with(problem: Problem, visit: Visit, **fields: object) -> Problem:
    changed = visit.changed(**fields)
    return problem.changed(visits=tuple(changed if one.id == visit.id else one for one in problem.visits))


def _people(problem: Problem, change: Callable[[Volunteer], Volunteer]) -> Problem:
    return problem.changed(volunteers=tuple(change(person) for person in problem.volunteers))


def _wider(visit: Visit, seconds: int) -> tuple[Span, ...]:
    return tuple(Span(start=one.start - seconds, end=one.end + seconds) for one in visit.windows)


def _farther(person: Volunteer, metres: int) -> Volunteer:
    return person if person.reach is None else person.changed(reach=person.reach + metres)


def _lowered(visit: Visit, number: int, level: int) -> tuple[object, ...]:
    return tuple(d.changed(level=level) if n == number else d for n, d in enumerate(visit.demands))


def _one_visit_more(person: Volunteer) -> Volunteer:
    limits = (one if one.visits is None else one.changed(visits=one.visits + 1) for one in person.limits)
    return person.changed(limits=tuple(limits))


def _newcomer(problem: Problem, visit: Visit, skill: str, team: str) -> Volunteer:
    """Somebody next door to the visit who has the skill at every level and all the time."""
    return Volunteer(
        id=NEWCOMER,
        team=team,
        location=visit.location,
        skills=(HeldSkill(skill=skill, level=5),),
        shifts=(Shift(start=-FOREVER, end=FOREVER),),
    )
