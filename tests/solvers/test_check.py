"""The check finds every kind of fault put into a good plan."""

from collections.abc import Callable

import pytest

from schemas.plan import Plan
from schemas.problem import Commitment, Demand, Exclusion, FilledSeat, HeldSkill, LoadLimit, Problem, Shift, Span
from solvers.check import check
from solvers.solve import solve
from tests.solvers.small import DAY, HOUR, person, problem, visit

GOOD = problem([visit("v", location=1), visit("w")], [person("p"), person("q", team="u", skills=())])
PLAN = solve(GOOD)


def moved(seconds: int) -> Plan:
    return PLAN.changed(
        assignments=tuple(a.changed(start=a.start + seconds, end=a.end + seconds) for a in PLAN.assignments)
    )


def seated(name: str) -> Plan:
    first = PLAN.assignments[0]
    other = first.changed(crew=(FilledSeat(demand=0, volunteer=name),))
    return PLAN.changed(assignments=(other, *PLAN.assignments[1:]))


def test_the_good_plan_is_good() -> None:
    assert check(GOOD, PLAN) == []
    assert len(PLAN.assignments) == 2


@pytest.mark.parametrize(
    ("plan", "rule"),
    [
        (PLAN.changed(assignments=PLAN.assignments[:1]), "accounting"),
        (PLAN.changed(assignments=(*PLAN.assignments, PLAN.assignments[0])), "twice"),
        (PLAN.changed(assignments=(PLAN.assignments[0].changed(crew=()), PLAN.assignments[1])), "crew"),
        (PLAN.changed(assignments=(PLAN.assignments[0].changed(end=0), PLAN.assignments[1])), "end"),
        (PLAN.changed(levels=(PLAN.levels[0].changed(cost=1, bound=0), *PLAN.levels[1:])), "cost"),
        (PLAN.changed(levels=(PLAN.levels[0].changed(bound=1), *PLAN.levels[1:])), "bound"),
        (moved(-HOUR), "window"),
        (moved(4 * HOUR), "window"),
        (seated("q"), "skill"),
        (seated("x"), "unknown"),
    ],
)
def test_a_faulty_plan_is_found_out(plan: Plan, rule: str) -> None:
    assert rule in {violation.rule for violation in check(GOOD, plan)}


def of_people(**fields: object) -> Problem:
    return GOOD.changed(volunteers=tuple(v.changed(**fields) for v in GOOD.volunteers))


def of_visits(**fields: object) -> Problem:
    return GOOD.changed(visits=tuple(v.changed(**fields) for v in GOOD.visits))


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        (of_people(skills=(HeldSkill(skill="care", expires=9 * HOUR),)), "skill"),
        (of_visits(demands=(Demand(skill="care", level=4),)), "skill"),
        (of_people(reach=599), "reach"),
        (of_visits(reach=599), "service_reach"),
        (of_people(shifts=(Shift(start=9 * HOUR, end=10 * HOUR),)), "availability"),
        (of_people(limits=(LoadLimit(period=Span(start=0, end=DAY), visits=1),)), "daily_limit"),
        (
            of_people(limits=(LoadLimit(period=Span(start=0, end=DAY), seconds=HOUR, rule="weekly_limit"),)),
            "weekly_limit",
        ),
        (of_people(capacity=1).changed(visits=of_visits(load=1).visits), "capacity"),
        (of_visits(teams=("u",)), "zone"),
        (of_visits(team="u"), "one_team"),
        (of_visits(answerable_from=11 * HOUR + 1), "quiet_hours"),
        (of_visits(excluded=(Exclusion(volunteer="p", rule="blocked"),)), "blocked"),
        (of_visits(windows=(Span(start=DAY, end=2 * DAY),)), "window"),
        (of_visits(fixed_start=HOUR), "held"),
        (of_visits(fixed_start=9 * HOUR, filled=(FilledSeat(demand=0, volunteer="q"),)), "held"),
        (
            GOOD.changed(commitments=(Commitment(volunteer="p", location=0, start=8 * HOUR, end=12 * HOUR),)),
            "overlap",
        ),
    ],
)
def test_a_plan_for_another_problem_is_found_out(asked: Problem, rule: str) -> None:
    assert rule in {violation.rule for violation in check(asked, PLAN)}


@pytest.mark.parametrize("apart", [0, 59, 4199])
def test_visits_of_one_person_too_close_together_are_found_out(apart: int) -> None:
    first, second = PLAN.assignments
    near = second.changed(start=first.start + apart, end=first.start + apart + HOUR)
    found = check(GOOD, PLAN.changed(assignments=(first, near)))
    assert "overlap" in {violation.rule for violation in found}


def test_no_code_is_shared_with_what_it_checks() -> None:
    source: Callable[..., object] = check
    names = vars(__import__(source.__module__, fromlist=["x"])).values()
    modules = {getattr(value, "__module__", "") or "" for value in names if callable(value)}
    assert not {name for name in modules if name.startswith("solvers.")} - {"solvers.check"}
