"""Each cost term with its optimum worked out by hand. Travel: 0 -600- 1 -600- 2, a second for each metre."""

import pytest

from schemas.plan import Plan
from schemas.problem import (
    Commitment,
    CostLevel,
    Demand,
    FilledSeat,
    HeldSkill,
    Limits,
    LoadLimit,
    Problem,
    Shift,
    Span,
    StandingVisit,
    Term,
)
from solvers.check import check
from solvers.solve import solve
from tests.solvers.small import DAY, HOUR, level, person, problem, visit

ONCE = (LoadLimit(period=Span(start=0, end=DAY), visits=1),)


def answer(asked: Problem, method: str = "auto") -> Plan:
    plan = solve(asked, Limits(iterations=200, method=method))  # type: ignore[arg-type]
    assert check(asked, plan) == []
    return plan


def crew(plan: Plan, name: str = "v") -> set[str]:
    return {seat.volunteer for item in plan.assignments if item.visit == name for seat in item.crew}


def test_the_dearer_visit_is_served_when_there_is_one_person() -> None:
    # one person, one visit a day: leaving out b costs 3, leaving out a costs 5
    plan = answer(problem([visit("a", left_out_cost=5), visit("b", left_out_cost=3)], [person(limits=ONCE)]))
    assert [item.visit for item in plan.assignments] == ["a"]
    assert (plan.levels[0].cost, plan.levels[0].bound) == (3, 3)


def test_two_cheap_visits_can_outweigh_a_dear_one() -> None:
    # the pair p, q can serve v (4), or one each a and b (3 + 3)
    visits = [
        visit("v", left_out_cost=4, demands=(Demand(skill="care", heads=2),)),
        visit("a", left_out_cost=3),
        visit("b", left_out_cost=3),
    ]
    plan = answer(problem(visits, [person("p", limits=ONCE), person("q", limits=ONCE)]))
    assert {item.visit for item in plan.assignments} == {"a", "b"}
    assert (plan.levels[0].cost, plan.levels[0].bound) == (4, 4)


def test_what_was_told_is_kept_though_somebody_else_lives_nearer() -> None:
    told = StandingVisit(visit="v", team="t", start=9 * HOUR, crew=(FilledSeat(demand=0, volunteer="far"),), told=True)
    people = [person("near"), person("far", location=3)]
    plan = answer(problem([visit()], people, standing=(told,)))
    assert crew(plan) == {"far"}
    assert plan.levels[1].cost == 0
    tentative = told.changed(told=False)
    assert crew(answer(problem([visit()], people, standing=(tentative,)))) == {"near"}


def test_a_told_crew_is_counted_when_it_cannot_come() -> None:
    told = StandingVisit(visit="v", team="t", start=9 * HOUR, crew=(FilledSeat(demand=0, volunteer="far"),), told=True)
    plan = answer(problem([visit()], [person("near"), person("far", location=3, shifts=())], standing=(told,)))
    assert crew(plan) == {"near"}
    assert plan.levels[1].cost == 1


@pytest.mark.parametrize("term", ["lateness_total", "lateness_max"])
def test_the_earliest_start_is_the_least_late(term: str) -> None:
    # due 08:30, window from 09:00, the person comes from 09:20: 50 minutes late
    shifts = (Shift(start=9 * HOUR + 1200, end=18 * HOUR),)
    plan = answer(problem([visit(due=9 * HOUR - 1800)], [person(shifts=shifts)], levels=level(term)))
    assert plan.levels[1].cost == 3000


def test_a_preferred_person_comes_from_farther_away() -> None:
    # continuity 600 is worth up to 600 s of travel there and back: from 1200 s away it is not
    asked = problem([visit(preferred=("q",))], [person("p", location=1), person("q", location=1, reluctance=599)])
    assert crew(answer(asked)) == {"q"}
    asked = problem([visit(preferred=("q",))], [person("p", location=1), person("q", location=1, reluctance=601)])
    assert crew(answer(asked)) == {"p"}


def test_the_less_reluctant_person_is_asked() -> None:
    plan = answer(
        problem([visit()], [person("p", reluctance=7), person("q", reluctance=3)], levels=level("preference"))
    )
    assert crew(plan) == {"q"}
    assert plan.levels[1].cost == 3


def test_the_burden_is_spread() -> None:
    # loads 1 and 0: (0+1)^2 - 0 + (1+1)^2 - 1 = 4 with one each; q twice would also cost 4, p twice 8, so q goes first
    visits = [visit("a"), visit("b"), visit("c")]
    plan = answer(problem(visits, [person("p", load=1), person("q")], levels=level("fairness")))
    # three visits: p once (3) and q twice (4)
    assert plan.levels[1].cost == 7


@pytest.mark.parametrize("term", ["travel_time", "travel_distance"])
def test_the_nearer_person_goes(term: str) -> None:
    plan = answer(problem([visit(location=1)], [person("p"), person("q", location=3)], levels=level(term)))
    assert crew(plan) == {"p"}
    assert plan.levels[1].cost == 1200  # there and back


def test_two_visits_of_one_shift_are_one_tour() -> None:
    # 0 -> 1 -> 2 -> 0: 600 + 600 + 1200
    visits = [
        visit("a", location=1, windows=(Span(start=9 * HOUR, end=10 * HOUR),)),
        visit("b", location=2, windows=(Span(start=11 * HOUR, end=12 * HOUR),)),
    ]
    plan = answer(problem(visits, [person()], levels=level("travel_time")))
    assert plan.levels[1].cost == 2400


def test_a_stop_on_the_way_to_a_commitment_costs_its_detour_alone() -> None:
    # 0 -> 2 -> 0 stands (2400); by way of 1 it is no longer
    stands = Commitment(volunteer="p", location=2, start=13 * HOUR, end=14 * HOUR)
    plan = answer(problem([visit(location=1)], [person()], commitments=(stands,), levels=level("travel_time")))
    assert plan.levels[1].cost == 0


def test_a_tour_begins_and_ends_where_the_shift_says() -> None:
    # starts at 2, ends at home 0, visit at 1: 600 + 600
    shifts = (Shift(start=8 * HOUR, end=18 * HOUR, start_location=2),)
    plan = answer(problem([visit(location=1)], [person(shifts=shifts)], levels=level("travel_time")))
    assert plan.levels[1].cost == 1200


def test_the_person_with_the_rare_skill_is_kept_back() -> None:
    # one holder of rights, one head asks for it: rarity 10, if the wrong person takes v
    both = (HeldSkill(skill="care", level=3), HeldSkill(skill="rights"))
    asked = problem(
        [visit(), visit("w", demands=(Demand(skill="rights"),), windows=(Span(start=2 * DAY, end=2 * DAY + HOUR),))],
        [person("rare", skills=both), person("common", reluctance=100)],
    )
    assert crew(answer(asked)) == {"common"}


def test_on_one_level_a_visit_dearer_than_its_worth_is_left_out() -> None:
    one = (CostLevel(name="all", terms=(Term(name="left_out"), Term(name="travel_time"))),)
    asked = problem([visit(location=1, left_out_cost=1199)], [person()], levels=one)
    assert answer(asked).levels[0].cost == 1199
    asked = problem([visit(location=1, left_out_cost=1201)], [person()], levels=one)
    assert answer(asked).levels[0].cost == 1200


def test_a_single_visit_is_proved_on_every_level() -> None:
    plan = answer(problem([visit(location=1)], [person("p", location=1, reluctance=5), person("q", location=3)]))
    assert plan.status == "optimal"
    assert crew(plan) == {"p"}
    assert [(found.cost, found.bound) for found in plan.levels] == [(0, 0), (0, 0), (305, 305)]  # reluctance, fairness


@pytest.mark.parametrize("method", ["auto", "flow", "cp_sat"])
def test_who_says_yes_more_often_is_kept_for_what_is_at_stake(method: str) -> None:
    # Both visits are at one time. Asking p costs 100 for each stake, asking q nothing: q for the second, 1 * 100 in all.
    visits = (visit("a"), visit("b", stake=5))
    people = (
        person("p", reluctance=100, limits=ONCE, shifts=(Shift(start=9 * HOUR, end=10 * HOUR),)),
        person("q", limits=ONCE, shifts=(Shift(start=9 * HOUR, end=10 * HOUR),)),
    )
    plan = answer(problem(visits, people, levels=level("preference")), method)
    assert {item.visit: item.crew[0].volunteer for item in plan.assignments} == {"a": "p", "b": "q"}
    assert plan.levels[1].cost == 100
