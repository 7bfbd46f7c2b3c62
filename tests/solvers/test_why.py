"""Why a visit is left out or has its crew: relaxations, prices and runners-up, worked out by hand."""

import pytest

from schemas.plan import Assignment, Plan
from schemas.problem import Commitment, Demand, FilledSeat, HeldSkill, Limits, LoadLimit, Problem, Shift, Span
from schemas.why import WhyLeftOut
from solvers.errors import InvalidProblem
from solvers.solve import solve
from solvers.why import why_assigned, why_left_out
from tests.solvers.small import DAY, HOUR, level, person, problem, visit
from tests.solvers.zones import zone

NEVER = LoadLimit(period=Span(start=0, end=DAY), visits=0)
ONCE = LoadLimit(period=Span(start=0, end=DAY), visits=1)
BUSY = Commitment(volunteer="p", location=0, start=8 * HOUR, end=11 * HOUR + 600)
EVENING = (Shift(start=13 * HOUR, end=18 * HOUR),)
NIGHT = (Shift(start=20 * HOUR, end=23 * HOUR),)


def why(asked: Problem, name: str = "v") -> WhyLeftOut:
    return why_left_out(asked, solve(asked), name)


def kinds(found: WhyLeftOut) -> list[tuple[str, int]]:
    return [(one.kind, one.amount) for one in found.relaxations]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        # the commitment ends at 11:10, the window at 12:00: it takes ten minutes more, so one step of 30
        (problem([visit()], [person()], commitments=(BUSY,)), [("window", 30), ("volunteer", 1)]),
        # a window of 9:00-12:00 must reach 14:00, that is four steps
        (problem([visit()], [person(shifts=EVENING)]), [("volunteer", 1), ("window", 120)]),
        (problem([visit()], [person(shifts=NIGHT)]), [("volunteer", 1)]),
        # 600 m away: 300 + 400; 1,200 m away: 300 + 1,200
        (problem([visit(location=1)], [person(reach=300)]), [("reach", 400), ("volunteer", 1)]),
        (problem([visit(location=2)], [person(reach=300)]), [("volunteer", 1), ("reach", 1_200)]),
        (problem([visit(location=1, reach=300)], [person()]), [("service_reach", 400), ("volunteer", 1)]),
        # level 3 is there, 4 and 5 are asked for
        (problem([visit(demands=(Demand(skill="care", level=4),))], [person()]), [("level", 1), ("volunteer", 1)]),
        (problem([visit(demands=(Demand(skill="care", level=5),))], [person()]), [("volunteer", 1), ("level", 2)]),
        # the limit is one of the day: a wider window does not help
        (problem([visit()], [person(limits=(NEVER,))]), [("limit", 1), ("volunteer", 1)]),
        # one of each team: together they could, and so could one more of either
        (
            problem([visit(demands=(Demand(skill="care", heads=2),))], [person(), person("q", team="u")]),
            [("team", 1), ("volunteer", 1)],
        ),
        (problem([visit(demands=(Demand(skill="care", heads=4),))], [person(), person("q")]), []),
        # nobody can be asked in time, whoever it is
        (problem([visit(answerable_from=2 * DAY)], [person()]), []),
    ],
)
def test_the_smallest_of_each_kind_is_named_and_each_was_solved_again(
    asked: Problem, expected: list[tuple[str, int]]
) -> None:
    found = why(asked)
    assert kinds(found) == expected
    assert all(one.checked for one in found.relaxations)
    assert not found.fits


def test_rules_are_counted_for_each_demand() -> None:
    demands = (Demand(skill="care"), Demand(skill="rights", level=2))
    law = person("r", skills=(HeldSkill(skill="rights", level=1),))
    found = why(problem([visit(demands=demands)], [person(), law]))
    assert [(one.skill, one.passing, [(c.rule, c.removed) for c in one.removed]) for one in found.demands] == [
        ("care", 1, [("skill", 1)]),
        ("rights", 0, [("skill", 1), ("level", 1)]),
    ]


def test_what_fits_beside_the_plan_needs_no_relaxation() -> None:
    asked = problem([visit("v")], [person()])
    left_by_accident = Plan(status="feasible")
    found = why_left_out(asked, left_by_accident, "v")
    assert found.fits
    assert not found.relaxations
    assert found.price is None


def test_the_price_is_what_others_would_lose() -> None:
    # one person, one visit a day: whoever costs more to leave out has it
    asked = problem([visit("dear", left_out_cost=9), visit("v")], [person(limits=(ONCE,))])
    found = why(asked)
    assert found.price is not None
    assert found.price.checked
    changes = {change.visit: change.kind for change in found.price.difference.changes}
    assert changes == {"dear": "dropped", "v": "added"}
    left_out = next(term for term in found.price.difference.terms if term.name == "left_out")
    assert (left_out.before, left_out.after, left_out.weighted) == (1, 9, 8)


def test_nobody_loses_where_others_can_only_move_up() -> None:
    # p alone can do v, both can do w: w goes to q
    asked = problem(
        [visit("v", demands=(Demand(skill="rights"),)), visit("w")],
        [person("p", skills=(HeldSkill(skill="care"), HeldSkill(skill="rights")), limits=(ONCE,)), person("q")],
    )
    seats = (FilledSeat(demand=0, volunteer="p"),)
    given = Assignment(visit="w", team="t", start=9 * HOUR, end=10 * HOUR, crew=seats)
    found = why_left_out(asked, Plan(status="feasible", assignments=(given,)), "v")
    assert found.price is not None
    assert {change.visit: change.kind for change in found.price.difference.changes} == {"v": "added", "w": "recrewed"}


def test_the_price_has_no_change_that_serving_does_not_ask_for() -> None:
    # near, who is free, would have no way to w; but far has it, and v, which p alone can do, has nothing to gain from that
    people = [
        person("p", skills=(HeldSkill(skill="care"), HeldSkill(skill="rights", level=2)), limits=(ONCE,)),
        person("far", location=2, skills=(HeldSkill(skill="care"), HeldSkill(skill="rights")), limits=(ONCE,)),
        person("near", location=1),
    ]
    asked = problem(
        [visit("v", demands=(Demand(skill="rights", level=2),)), visit("w", location=1), visit("x")],
        people,
        levels=level("travel_time"),
    )
    items = tuple(
        Assignment(visit=name, team="t", start=9 * HOUR, end=10 * HOUR, crew=(FilledSeat(demand=0, volunteer=who),))
        for name, who in {"w": "far", "x": "p"}.items()
    )
    found = why_left_out(asked, Plan(status="feasible", assignments=items), "v")
    assert found.price is not None
    assert {change.visit: change.kind for change in found.price.difference.changes if change.visit != "x"} == {
        "v": "added"
    }


def test_the_runner_up_is_second_best_and_costs_what_the_terms_say() -> None:
    # there and back: near has no way, everybody else 600 s each way; of equals the first comes second
    people = [
        person("near", location=1),
        person("mid"),
        person("far", location=2),
        person("else", location=2, team="u"),
    ]
    asked = problem([visit("v", location=1)], [*people], levels=level("travel_time"))
    found = why_assigned(asked, solve(asked), "v")
    assert [seat.volunteer for seat in found.assignment.crew] == ["near"]
    assert found.crew is not None
    assert found.team is not None
    assert [seat.volunteer for seat in found.crew.instead.crew] == ["mid"]
    assert [(term.name, term.weighted) for term in found.crew.terms] == [("left_out", 0), ("travel_time", 1_200)]
    assert [seat.volunteer for seat in found.team.instead.crew] == ["else"]
    assert found.team.terms[-1].weighted == 1_200


def test_a_runner_up_respects_what_the_plan_gives_to_others() -> None:
    # q alone could replace p, but is at w all morning
    asked = problem(
        [visit("v"), visit("w", duration=3 * HOUR)],
        [person("p"), person("q", limits=(ONCE,))],
    )
    seats = {"v": "p", "w": "q"}
    items = tuple(
        Assignment(
            visit=name,
            team="t",
            start=9 * HOUR,
            end=(10 if name == "v" else 12) * HOUR,
            crew=(FilledSeat(demand=0, volunteer=who),),
        )
        for name, who in seats.items()
    )
    found = why_assigned(asked, Plan(status="feasible", assignments=items), "v")
    assert found.crew is None
    assert found.team is None
    assert found.demands[0].passing == 2


def test_seats_that_stand_are_not_given_again() -> None:
    held = visit("v", demands=(Demand(skill="care", heads=2),), fixed_start=9 * HOUR, team="t")
    held = held.changed(filled=(FilledSeat(demand=0, volunteer="p"),))
    asked = problem([held], [person("p"), person("q"), person("r")])
    found = why_assigned(asked, solve(asked), "v")
    assert found.standing == 1
    assert found.crew is not None
    assert {seat.volunteer for seat in found.crew.instead.crew} == {"p", "r"}
    assert found.team is None


def test_asking_about_what_is_not_there_is_refused() -> None:
    asked = problem([visit("v", demands=(Demand(skill="law"),))], [person()])
    plan = solve(asked)
    with pytest.raises(InvalidProblem, match="there is no visit 'w'"):
        why_left_out(asked, plan, "w")
    with pytest.raises(InvalidProblem, match="ask why it is left out"):
        why_assigned(asked, plan, "v")


@pytest.mark.parametrize("seed", range(4))
def test_every_visit_of_a_zone_is_explained(seed: int) -> None:
    asked = zone(seed, 40, 30, told=6)
    plan = solve(asked, Limits(iterations=300))
    assert plan.left_out
    for left in plan.left_out:
        found = why_left_out(asked, plan, left.visit)
        assert all(one.checked for one in found.relaxations)
        for demand in found.demands:
            assert demand.passing + sum(count.removed for count in demand.removed) == len(asked.volunteers)
        if found.price is not None:
            assert found.price.checked
            assert any(c.visit == left.visit and c.kind == "added" for c in found.price.difference.changes)
    for item in plan.assignments[:8]:
        assigned = why_assigned(asked, plan, item.visit)
        if assigned.team is not None:
            assert assigned.team.instead.team != item.team
        if assigned.crew is not None:
            assert assigned.crew.instead.team == item.team or item.team is None
            assert assigned.crew.instead.crew != item.crew
