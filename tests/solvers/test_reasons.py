"""Why a visit is left out, and the nearest change that would let it be served, worked out by hand."""

import pytest

from schemas.plan import Relaxation
from schemas.problem import Commitment, Demand, FilledSeat, HeldSkill, Limits, LoadLimit, Problem, Shift, Span
from solvers.arrays import build
from solvers.reasons import explain
from solvers.solve import solve
from tests.solvers.small import DAY, HOUR, person, problem, visit

ONCE = (LoadLimit(period=Span(start=0, end=DAY), visits=1),)
BUSY = Commitment(volunteer="p", location=0, start=8 * HOUR, end=11 * HOUR + 600)


def nearest(asked: Problem) -> Relaxation | None:
    (left,) = solve(asked).left_out
    return left.nearest


@pytest.mark.parametrize(
    ("asked", "kind", "amount"),
    [
        # the commitment ends at 11:10, the window at 12:00: it takes 10 minutes more
        (problem([visit()], [person()], commitments=(BUSY,)), "window", 30),
        (problem([visit(location=1)], [person(reach=300)]), "reach", 400),
        (problem([visit(location=2)], [person(reach=300)]), "reach", 1_000),
        (problem([visit(location=1, reach=300)], [person()]), "service_reach", 400),
        (problem([visit(demands=(Demand(skill="care", level=4),))], [person()]), "level", 1),
        (problem([visit()], [person(limits=(ONCE[0].changed(visits=0),))]), "limit", 1),
        (problem([visit()], [person(skills=())]), "volunteer", 1),
        (problem([visit(demands=(Demand(skill="care", heads=2),))], [person(), person("q", team="u")]), "team", 1),
        (problem([visit(demands=(Demand(skill="care", heads=3),))], [person(), person("q")]), "volunteer", 1),
        (problem([visit(demands=(Demand(skill="care", heads=4),))], [person(), person("q")]), "none", 0),
        # nobody can be asked in time, whoever it is
        (problem([visit(answerable_from=2 * DAY)], [person()]), "none", 0),
    ],
)
def test_the_nearest_relaxation_is_the_smallest_that_serves(asked: Problem, kind: str, amount: int) -> None:
    found = nearest(asked)
    assert found is not None
    assert (found.kind, found.amount) == (kind, amount)
    assert found.checked == (kind != "none")


def test_who_is_wanted_elsewhere_is_said_to_be_outcompeted() -> None:
    asked = problem([visit("a", left_out_cost=9), visit("b")], [person(limits=ONCE)])
    (left,) = solve(asked).left_out
    assert left.visit == "b"
    assert [(count.rule, count.removed) for count in left.reasons] == [("outcompeted", 1)]


def test_counts_are_those_of_the_demand_that_lacks_people() -> None:
    demands = (Demand(skill="care"), Demand(skill="rights"))
    people = [person(f"p{i}") for i in range(5)] + [person("r", skills=(HeldSkill(skill="rights"),), shifts=())]
    (left,) = solve(problem([visit(demands=demands)], people)).left_out
    assert left.candidates == 6
    assert [(count.rule, count.removed) for count in left.reasons] == [("skill", 5), ("availability", 1)]


def test_counting_alone_looks_for_no_relaxation() -> None:
    asked = problem([visit()], [person(shifts=(Shift(start=0, end=HOUR),))])
    assert solve(asked, Limits(explain="counts")).left_out[0].nearest is None


def test_a_visit_is_explained_without_a_plan_beside_what_stands() -> None:
    asked = problem([visit()], [person()], commitments=(BUSY,))
    left = explain(build(asked), 0)
    assert [(count.rule, count.removed) for count in left.reasons] == [("overlap", 1)]
    assert left.nearest == Relaxation(kind="window", amount=30, checked=True)


def test_a_visit_whose_seats_are_all_taken_has_no_reasons() -> None:
    full = visit(fixed_start=9 * HOUR, filled=(FilledSeat(demand=0, volunteer="p"),))
    assert explain(build(problem([full], [person()])), 0).reasons == ()
