"""What holds of a standing plan is where a solve begins."""

import numpy as np
import pytest

from schemas.plan import Plan
from schemas.problem import (
    Demand,
    FilledSeat,
    HeldSkill,
    Limits,
    Link,
    LoadLimit,
    Problem,
    Span,
    StandingVisit,
    Volunteer,
)
from solvers.arrays import build
from solvers.candidates import find
from solvers.check import check
from solvers.costs import scarcity_of_skills
from solvers.diary import Diary
from solvers.diff import chosen_of
from solvers.greedy import plan as greedy_plan
from solvers.greedy import urgency
from solvers.insertion import Insertion
from solvers.keeping import keep, touched
from solvers.routes.search import improve
from solvers.solve import solve
from tests.solvers.small import DAY, HOUR, level, person, problem, visit
from tests.solvers.zones import zone

AT_ONCE = Limits(iterations=0)


def stands(name: str, *crew: str, start: int = 9 * HOUR, told: bool = True, team: str = "t") -> StandingVisit:
    seats = tuple(FilledSeat(demand=0, volunteer=who) for who in crew)
    return StandingVisit(visit=name, team=team, start=start, crew=seats, told=told)


def kept(asked: Problem) -> dict[str, int]:
    a = build(asked)
    diary = Diary(a)
    count = keep(a, diary)
    assert count == len(diary.chosen)
    return {asked.visits[number].id: start for number, (start, _) in diary.chosen.items()}


def standing(plan: Plan, *, told: bool) -> tuple[StandingVisit, ...]:
    return tuple(
        StandingVisit(visit=item.visit, team=item.team, start=item.start, crew=item.crew, told=told)
        for item in plan.assignments
    )


def test_a_plan_that_nobody_was_told_of_is_where_a_solve_begins_too() -> None:
    # the far person at 10:17, when nothing else would put anybody there
    far = stands("v", "far", start=10 * HOUR + 17 * 60, told=False)
    people = [person("near", location=1), person("far")]
    asked = problem([visit(location=1)], people, standing=(far,), levels=level("travel_time"))
    (item,) = solve(asked, AT_ONCE).assignments
    assert (item.start, item.crew) == (far.start, far.crew)
    (better,) = solve(asked, Limits(iterations=200)).assignments
    assert better.crew[0].volunteer == "near"


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"shifts": ()}, "drops out"),
        ({"skills": ()}, "holds the skill no more"),
        ({"limits": (LoadLimit(period=Span(start=0, end=DAY), visits=0),)}, "has had enough"),
        ({"location": 3, "reach": 100}, "has moved away"),
    ],
)
def test_what_breaks_a_rule_by_now_is_not_kept(fields: dict[str, object], what: str) -> None:
    assert kept(problem([visit()], [person("p", **fields), person("q")], standing=(stands("v", "p"),))) == {}, what


def test_a_crew_is_kept_whole_or_not_at_all() -> None:
    pair = visit(demands=(Demand(skill="care", heads=2),))
    people = [person("p"), person("q"), person("r", team="u")]
    assert kept(problem([pair], people, standing=(stands("v", "p", "q"),))) == {"v": 9 * HOUR}
    assert kept(problem([pair], people, standing=(stands("v", "p"),))) == {}
    assert kept(problem([pair], people, standing=(stands("v", "p", "p"),))) == {}
    assert kept(problem([pair], people, standing=(stands("v", "p", "gone"),))) == {}
    assert kept(problem([pair], people, standing=(stands("v", "p", "r"),))) == {}


def test_what_people_were_told_goes_before_what_is_only_planned() -> None:
    both = (stands("planned", "p", told=False), stands("told", "p", start=9 * HOUR + 1800))
    asked = problem([visit("planned"), visit("told")], [person("p")], standing=both)
    assert kept(asked) == {"told": 9 * HOUR + 1800}


def test_visits_with_links_are_left_to_insertion() -> None:
    asked = problem(
        [visit("a"), visit("b")],
        [person("p"), person("q")],
        links=(Link(earlier="a", later="b", at_least=HOUR),),
        standing=(stands("a", "p"), stands("b", "q")),
    )
    assert kept(asked) == {}
    assert not check(asked, solve(asked, AT_ONCE))


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_a_plan_that_still_holds_is_kept_as_it_is(seed: int, told: bool) -> None:
    asked = zone(seed, 30, 40)
    plan = solve(asked, Limits(iterations=200))
    again = asked.changed(standing=standing(plan, told=told))
    assert set(kept(again)) == {item.visit for item in plan.assignments}
    found = solve(again, AT_ONCE)
    assert not check(again, found)
    before = {item.visit: item for item in plan.assignments}
    assert {item.visit: item for item in found.assignments if item.visit in before} == before


@pytest.mark.parametrize("seed", range(4))
def test_what_is_kept_of_a_broken_plan_is_valid(seed: int) -> None:
    asked = zone(seed, 30, 40)
    plan = solve(asked, Limits(iterations=200))
    gone = {seat.volunteer for item in plan.assignments[::4] for seat in item.crew}
    people = tuple(one.changed(shifts=()) if one.id in gone else one for one in asked.volunteers)
    again = asked.changed(volunteers=people, standing=standing(plan, told=True))
    held = {item.visit for item in plan.assignments if gone.isdisjoint(seat.volunteer for seat in item.crew)}
    assert set(kept(again)) == held
    found = solve(again, AT_ONCE)
    assert not check(again, found)
    assert held <= {item.visit for item in found.assignments}


def planned_again(asked: Problem) -> set[str] | None:
    """Visits that may move once what holds is written down and the rest inserted."""
    a = build(asked)
    candidates = find(a)
    free = touched(a, candidates, greedy_plan(a, Insertion(a, candidates), urgency(a, candidates)))
    return None if free is None else {visit.id for visit, moves in zip(asked.visits, free, strict=True) if moves}


def test_only_what_is_not_as_told_and_what_its_people_do_is_planned_again() -> None:
    # q of the cooks has dropped out, r cooks too and drives besides; p cares, alone.
    def does(name: str, *skills: str, **fields: object) -> Volunteer:
        return person(name, skills=tuple(HeldSkill(skill=skill) for skill in skills), **fields)

    visits = [visit(name, demands=(Demand(skill=name),)) for name in ("care", "cook", "drive")]
    people = [does("p", "care"), does("q", "cook", shifts=()), does("r", "cook", "drive")]
    as_told = (stands("care", "p"), stands("cook", "q"), stands("drive", "r"))
    asked = problem(visits, people, standing=as_told)
    assert planned_again(asked) == {"cook", "drive"}
    linked = asked.changed(links=(Link(earlier="care", later="cook", at_least=0),))
    assert planned_again(linked) == {"care", "cook", "drive"}
    assert planned_again(asked.changed(standing=())) is None
    assert planned_again(asked.changed(levels=level("travel_time"))) is None


@pytest.mark.parametrize("seed", range(4))
def test_a_repair_by_trials_leaves_out_no_more_and_is_not_proved(seed: int) -> None:
    asked = zone(seed, 30, 40)
    first = solve(asked.changed(visits=asked.visits[:-4]), Limits(iterations=200))
    again = asked.changed(standing=standing(first, told=True))
    at_once, found = solve(again, AT_ONCE), solve(again, Limits(iterations=200))
    assert not check(again, found)
    assert [level.cost for level in found.levels] <= [level.cost for level in at_once.levels]
    assert [step.method for step in found.steps] == ["greedy", "search"]


@pytest.mark.parametrize("seed", range(4))
def test_a_search_beside_what_is_held_breaks_no_rule_with_it(seed: int) -> None:
    asked = zone(seed, 30, 40)
    a = build(asked)
    before, held = Diary(a), Diary(a)
    free = np.arange(a.visits) % 2 == 0
    for number, (start, seats) in chosen_of(a, solve(asked, Limits(iterations=200)).assignments).items():
        for diary in (before,) if free[number] else (before, held):
            diary.add(number, start, seats)
    left = sum(bool(free[number]) for number in before.chosen)
    found = improve(
        a,
        find(a),
        scarcity_of_skills(a),
        before,
        seed=seed,
        workers=1,
        iterations=300,
        left=lambda: None,
        held=held,
        free=free,
    )
    assert found is not None
    assert len(found.chosen) >= left
    for number, (start, seats) in found.chosen.items():
        assert free[number]
        assert all(held.open_for(int(a.first_row[number]) + demand, who, start) for demand, who in seats)
        held.add(number, start, seats)
