"""From a flow's pairs to a plan: the books are those of one seat after the other, and nobody is at two places."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from solvers.arrays import FAR, Arrays, build
from solvers.candidates import find
from solvers.diary import Diary
from solvers.openings import earliest_beside
from solvers.pairs import Pairs, timed
from solvers.seating import fill, seat
from tests.solvers.zones import zone


def some_pairs(seed: int) -> tuple[Arrays, Pairs]:
    a = build(zone(seed, 12, 12, crews=(1,), commitments=0.3))
    pairs = timed(a, find(a))
    return a, pairs.those(np.unique(pairs.row, return_index=True)[1])  # one for each row, so some people have several


def books(diary: Diary) -> list[object]:
    used = [
        sorted(zip(*columns, strict=True))
        for columns in zip(
            *(
                c[:, : int(diary.events.max(initial=0))].tolist()
                for c in (diary.start, diary.end, diary.place, diary.tour)
            ),
            strict=True,
        )
    ]
    left = diary.visits_left.tolist(), diary.seconds_left.tolist()
    return [used, diary.events.tolist(), diary.new.tolist(), left, diary.chosen]


@given(st.integers(0, 2**20))
def test_all_at_once_are_written_down_like_one_after_the_other(seed: int) -> None:
    a, pairs = some_pairs(seed)
    together, apart = Diary(a), Diary(a)
    together.add_each(pairs.row, pairs.who, pairs.start)
    for row, who, start in zip(pairs.row.tolist(), pairs.who.tolist(), pairs.start.tolist(), strict=True):
        visit = int(a.row_visit[row])
        apart.add(visit, start, ((row - int(a.first_row[visit]), who),))
    assert books(together) == books(apart)


@given(st.integers(0, 2**20))
def test_whoever_is_seated_could_be_seated_last(seed: int) -> None:
    a, pairs = some_pairs(seed)
    diary = Diary(a)
    broken = seat(a, diary, pairs, within_limits=False)
    assert sorted([*broken, *diary.chosen]) == sorted(a.row_visit[pairs.row].tolist())
    for visit, (start, ((demand, who),)) in list(diary.chosen.items()):
        diary.remove(visit)
        assert diary.open_for(int(a.first_row[visit]) + demand, who, start)
        diary.add(visit, start, ((demand, who),))


@given(st.integers(0, 2**20))
def test_rounds_leave_nobody_out_who_could_still_be_served(seed: int) -> None:
    a = build(zone(seed, 14, 10, crews=(1,), commitments=0.3))
    pairs, diary = timed(a, find(a)), Diary(a)
    fill(a, diary, pairs, lambda: False)
    missing = np.array([visit not in diary.chosen for visit in range(a.visits)])
    left = pairs.those(missing[a.row_visit[pairs.row]])
    assert (earliest_beside(a, left.row, left.who, diary) == FAR).all()
    for visit, (start, ((demand, who),)) in list(diary.chosen.items()):
        diary.remove(visit)
        assert diary.open_for(int(a.first_row[visit]) + demand, who, start)
        diary.add(visit, start, ((demand, who),))
