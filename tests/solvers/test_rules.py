"""Each hard rule by hand: one visit, one person, one reason."""

import subprocess
import sys

import pytest

from schemas.problem import (
    Commitment,
    Demand,
    Exclusion,
    FilledSeat,
    HeldSkill,
    LoadLimit,
    Shift,
    Span,
)
from solvers import rules
from solvers.arrays import build
from solvers.errors import InvalidProblem
from solvers.solve import solve
from tests.solvers.small import DAY, HOUR, person, problem, visit

WHOLE_DAY = Span(start=0, end=DAY)

CASES = {
    "skill": ({}, {"skills": (HeldSkill(skill="talks", level=5),)}),
    "level": ({"demands": (Demand(skill="care", level=4),)}, {}),
    "expired_qualification": ({}, {"skills": (HeldSkill(skill="care", level=3, expires=10 * HOUR - 1),)}),
    "zone": ({"teams": ("u",)}, {}),
    "one_team": ({"team": "u"}, {}),
    "blocked": ({"excluded": (Exclusion(volunteer="p", rule="blocked"),)}, {}),
    "declined_before": ({"excluded": (Exclusion(volunteer="p", rule="declined_before"),)}, {}),
    "withdrew_before": ({"excluded": (Exclusion(volunteer="p", rule="withdrew_before"),)}, {}),
    "kept_back": ({"excluded": (Exclusion(volunteer="p", rule="kept_back"),)}, {}),
    "reach": ({"location": 1}, {"reach": 599}),
    "service_reach": ({"location": 1, "reach": 599}, {}),
    "capacity": ({"load": 3}, {"capacity": 2}),
    "quiet_hours": ({"answerable_from": 9 * HOUR + 1, "windows": (Span(start=9 * HOUR, end=10 * HOUR),)}, {}),
    "availability": ({}, {"shifts": (Shift(start=9 * HOUR, end=10 * HOUR - 1),)}),
    "daily_limit": ({}, {"limits": (LoadLimit(period=WHOLE_DAY, visits=0),)}),
    "weekly_limit": ({}, {"limits": (LoadLimit(period=WHOLE_DAY, seconds=HOUR - 1, rule="weekly_limit"),)}),
    "offers_limit": ({}, {"limits": (LoadLimit(period=WHOLE_DAY, visits=0, rule="offers_limit"),)}),
}


@pytest.mark.parametrize("rule", CASES)
def test_the_rule_that_fails_is_named(rule: str) -> None:
    of_visit, of_person = CASES[rule]
    asked = problem([visit(**of_visit)], [person(**of_person)])
    assert rules.violations(asked, "v", 9 * HOUR, [("p", 0)]) == {"p": rule}
    plan = solve(asked)
    assert plan.assignments == ()
    assert [(count.rule, count.removed) for count in plan.left_out[0].reasons] == [(rule, 1)]


def test_without_a_fault_the_visit_is_served() -> None:
    asked = problem([visit()], [person()])
    assert rules.violations(asked, "v", 9 * HOUR, [("p", 0)]) == {"p": None}
    assert len(solve(asked).assignments) == 1


def test_bounds_that_are_just_met_pass() -> None:
    asked = problem(
        [
            visit(
                location=1, reach=600, load=2, answerable_from=9 * HOUR, windows=(Span(start=9 * HOUR, end=10 * HOUR),)
            )
        ],
        [
            person(
                reach=600,
                capacity=2,
                skills=(HeldSkill(skill="care", level=1, expires=10 * HOUR),),
                shifts=(Shift(start=9 * HOUR, end=10 * HOUR),),
                limits=(LoadLimit(period=WHOLE_DAY, visits=1, seconds=HOUR),),
            )
        ],
    )
    assert rules.violations(asked, "v", 9 * HOUR, [("p", 0)]) == {"p": None}


@pytest.mark.parametrize(("start", "rule"), [(9 * HOUR - 1, "window"), (11 * HOUR, None), (11 * HOUR + 1, "window")])
def test_a_visit_must_lie_whole_in_its_window(start: int, rule: str | None) -> None:
    assert rules.violations(problem([visit()], [person()]), "v", start, [("p", 0)]) == {"p": rule}


def test_a_window_of_starts_lets_the_visit_end_later() -> None:
    asked = problem([visit(fit="start")], [person()])
    assert rules.violations(asked, "v", 12 * HOUR - 1, [("p", 0)]) == {"p": None}
    assert rules.violations(asked, "v", 12 * HOUR, [("p", 0)]) == {"p": "window"}


@pytest.mark.parametrize(
    ("begin", "end", "rule"),
    [
        (7 * HOUR, 9 * HOUR - 600, None),  # 600 s from location 1 to location 0
        (7 * HOUR, 9 * HOUR - 599, "overlap"),
        (10 * HOUR + 600, 11 * HOUR, None),
        (10 * HOUR + 599, 11 * HOUR, "overlap"),
        (9 * HOUR + 60, 9 * HOUR + 61, "overlap"),
    ],
)
def test_the_way_from_and_to_a_commitment_counts(begin: int, end: int, rule: str | None) -> None:
    busy = Commitment(volunteer="p", location=1, start=begin, end=end)
    asked = problem([visit()], [person()], commitments=(busy,))
    assert rules.violations(asked, "v", 9 * HOUR, [("p", 0)]) == {"p": rule}


def test_a_shift_that_begins_elsewhere_counts_the_way_from_there() -> None:
    asked = problem([visit()], [person(shifts=(Shift(start=9 * HOUR, end=12 * HOUR, start_location=1),))])
    assert rules.violations(asked, "v", 9 * HOUR + 599, [("p", 0)]) == {"p": "availability"}
    assert rules.violations(asked, "v", 9 * HOUR + 600, [("p", 0)]) == {"p": None}


def test_a_crew_comes_from_one_team_unless_the_visit_says_otherwise() -> None:
    people = [person("p"), person("q", team="u")]
    pair = {"demands": (Demand(skill="care", heads=2),)}
    crew = [("p", 0), ("q", 0)]
    assert rules.violations(problem([visit(**pair)], people), "v", 9 * HOUR, crew) == {"p": None, "q": "one_team"}
    mixed = problem([visit(one_team=False, **pair)], people)
    assert rules.violations(mixed, "v", 9 * HOUR, crew) == {"p": None, "q": None}
    assert solve(problem([visit(**pair)], people)).left_out[0].reasons[-1].rule == "one_team"
    assert len(solve(mixed).assignments) == 1


def test_who_holds_a_seat_is_not_judged_again_and_binds_the_team() -> None:
    half = visit(
        demands=(Demand(skill="care", heads=2),), fixed_start=9 * HOUR, filled=(FilledSeat(demand=0, volunteer="p"),)
    )
    asked = problem([half], [person("p", shifts=()), person("q"), person("r", team="u")])
    found = rules.violations(asked, "v", 9 * HOUR, [("p", 0), ("q", 0), ("r", 0)])
    assert found == {"p": None, "q": None, "r": "one_team"}


def test_nobody_has_two_seats_of_one_visit() -> None:
    asked = problem([visit(demands=(Demand(skill="care"), Demand(skill="care")))], [person()])
    assert rules.violations(asked, "v", 9 * HOUR, [("p", 0), ("p", 1)]) == {"p": "overlap"}


def test_who_is_not_there_is_an_error() -> None:
    with pytest.raises(InvalidProblem, match="no volunteer 'x'"):
        rules.violations(problem([visit()], [person()]), "v", 9 * HOUR, [("x", 0)])
    with pytest.raises(InvalidProblem, match="no visit 'x'"):
        rules.violations(problem([visit()], [person()]), "x", 9 * HOUR, [("p", 0)])


def test_each_person_is_counted_once_at_the_first_rule_that_removes_them() -> None:
    people = [
        person("a", skills=()),
        person("b", skills=(), reach=1),
        person("c", reach=1),
        person("d"),
    ]
    passing, counts = rules.survey(build(problem([visit(location=1)], people)), 0)
    assert passing == 1
    assert [(count.rule, count.removed) for count in counts] == [("skill", 2), ("reach", 1)]


def test_rules_load_no_solver_library() -> None:
    code = "import sys, solvers.rules; sys.exit(any(name.startswith('ortools') for name in sys.modules))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
