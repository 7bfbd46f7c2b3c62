"""What two plans differ in, worked out by hand."""

from schemas.plan import Assignment, Plan
from schemas.problem import DEFAULT_LEVELS, FilledSeat, Limits, StandingVisit
from solvers.diff import diff
from solvers.solve import solve
from tests.solvers.small import HOUR, level, person, problem, visit
from tests.solvers.zones import zone


def given(name: str, start: int, *crew: str, team: str = "t") -> Assignment:
    seats = tuple(FilledSeat(demand=number, volunteer=who) for number, who in enumerate(crew))
    return Assignment(visit=name, team=team, start=start, end=start + HOUR, crew=seats)


def plan(*assignments: Assignment) -> Plan:
    return Plan(status="feasible", assignments=assignments)


def test_each_visit_that_changes_says_how() -> None:
    names = ("stays", "goes", "moves", "other_team", "other_people", "comes")
    people = [*(person(f"p{n}") for n in range(7)), person("u", team="u")]
    asked = problem([visit(name) for name in names], people)
    nine = 9 * HOUR
    before = plan(
        given("stays", nine, "p0"),
        given("goes", nine, "p1"),
        given("moves", nine, "p2"),
        given("other_team", nine, "p3"),
        given("other_people", nine, "p4"),
    )
    after = plan(
        given("stays", nine, "p0"),
        given("moves", nine + HOUR, "p2"),
        given("other_team", nine, "u", team="u"),
        given("other_people", nine, "p5"),
        given("comes", nine, "p6"),
    )
    found = diff(before, after, asked)
    assert {change.visit: change.kind for change in found.changes} == {
        "goes": "dropped",
        "moves": "moved",
        "other_team": "reteamed",
        "other_people": "recrewed",
        "comes": "added",
    }
    touched = {one.volunteer: (one.gains, one.loses, one.moves) for one in found.people}
    assert touched == {
        "p1": ((), ("goes",), ()),
        "p2": ((), (), ("moves",)),
        "p3": ((), ("other_team",), ()),
        "p4": ((), ("other_people",), ()),
        "p5": (("other_people",), (), ()),
        "p6": (("comes",), (), ()),
        "u": (("other_team",), (), ()),
    }


def test_terms_are_those_of_the_two_plans() -> None:
    # 600 m there and 600 m back for somebody at home; the neighbour has no way at all
    asked = problem(
        [visit("v", location=1)], [person("far"), person("near", location=1)], levels=level("travel_time", 2)
    )
    found = diff(plan(given("v", 9 * HOUR, "far")), plan(given("v", 9 * HOUR, "near")), asked)
    left_out, travel = found.terms
    assert (left_out.name, left_out.weighted) == ("left_out", 0)
    assert (travel.before, travel.after, travel.weighted) == (1_200, 0, -2_400)


def test_whoever_was_told_and_hears_otherwise_is_counted() -> None:
    crew = (FilledSeat(demand=0, volunteer="p"),)
    told = StandingVisit(visit="v", team="t", start=9 * HOUR, crew=crew, told=True)
    asked = problem([visit("v")], [person("p"), person("q")], standing=(told,))
    found = diff(plan(given("v", 9 * HOUR, "p")), plan(given("v", 9 * HOUR, "q")), asked)
    assert [change.told for change in found.changes] == [True]
    assert {one.volunteer: one.told_otherwise for one in found.people} == {"p": 1, "q": 0}
    assert {term.name: term.after for term in found.terms}["told_otherwise"] == 1


def test_a_visit_counts_as_served_only_while_its_crew_is_known() -> None:
    asked = problem([visit("v", left_out_cost=7)], [person("q")])
    found = diff(plan(given("v", 9 * HOUR, "gone")), plan(given("v", 9 * HOUR, "q")), asked)
    assert {term.name: term.weighted for term in found.terms}["left_out"] == -7
    assert [(one.volunteer, one.gains, one.loses) for one in found.people] == [("gone", (), ("v",)), ("q", ("v",), ())]


def test_a_plan_does_not_differ_from_itself_and_differences_add_up_to_costs() -> None:
    asked = zone(3, 30, 40, told=10)
    one, two = solve(asked, Limits(iterations=0)), solve(asked, Limits(iterations=500))
    same = diff(one, one, asked)
    assert not same.changes
    assert not same.people
    assert not any(term.weighted for term in same.terms)
    found = diff(one, two, asked)
    for level_one, level_two in zip(one.levels, two.levels, strict=True):
        weighted = sum(term.weighted for term in found.terms if term.level == level_one.name)
        assert weighted == level_two.cost - level_one.cost
    assert [level.name for level in DEFAULT_LEVELS] == list(dict.fromkeys(term.level for term in found.terms))
