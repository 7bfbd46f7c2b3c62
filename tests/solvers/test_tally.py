"""Why many visits are left out at once: the same that is said of each by itself."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.problem import Limits, Link
from solvers.arrays import build
from solvers.candidates import find
from solvers.diary import Diary
from solvers.insertion import Insertion
from solvers.reasons import explain
from solvers.solve import solve
from solvers.tally import explain_all, plain
from tests.solvers.small import person, problem, visit
from tests.solvers.zones import zone


@given(st.integers(0, 2**20), st.integers(1, 40), st.integers(0, 20), st.sampled_from([0.0, 0.4]))
@settings(max_examples=60)
def test_all_at_once_are_explained_like_one_by_one(seed: int, visits: int, people: int, commitments: float) -> None:
    asked = zone(seed, visits, people, crews=(1, 1, 2), commitments=commitments)
    a = build(asked)
    plan = solve(asked, Limits(method="greedy", explain="counts"))
    diary = Diary(a)
    for item in plan.assignments:
        seats = tuple((seat.demand, a.volunteer_index[seat.volunteer]) for seat in item.crew)
        diary.add(a.visit_index[item.visit], item.start, seats)
    left = np.array([v for v in np.flatnonzero(plain(a)).tolist() if v not in diary.chosen], dtype=np.int64)
    insertion = Insertion(a, find(a))
    for nearest in (True, False):
        together = explain_all(a, left, diary, nearest=nearest)
        assert together == [explain(a, v, insertion, diary, nearest=nearest) for v in left.tolist()]


def test_crews_links_and_visits_whose_time_is_over_are_explained_by_themselves() -> None:
    asked = problem(
        [
            visit("a"),
            visit("b"),
            visit("c", demands=visit().demands * 2),
            visit("late", answerable_from=10**6),
            visit("d"),
        ],
        [person()],
        links=(Link(earlier="a", later="b"),),
    )
    assert np.flatnonzero(plain(build(asked))).tolist() == [4]
