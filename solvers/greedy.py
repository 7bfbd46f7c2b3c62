"""Plans in milliseconds: each visit in turn takes its best crew and start."""

from collections.abc import Iterable, Sequence

import numpy as np

from solvers.arrays import FAR, Arrays
from solvers.candidates import Candidates
from solvers.diary import Diary
from solvers.insertion import Insertion
from solvers.keeping import keep
from solvers.travel import Ints


def stand(a: Arrays, diary: Diary) -> None:
    """Write down what needs nobody new: visits whose seats are all filled."""
    open_heads = np.add.reduceat(a.row_heads, a.first_row[:-1]) if a.visits else np.zeros(0, dtype=np.int64)
    for visit in np.flatnonzero(open_heads == 0).tolist():
        fixed = a.fixed[visit]
        if fixed is not None:
            diary.chosen[visit] = (fixed, ())


def urgency(a: Arrays, candidates: Candidates) -> Ints:
    """Order of insertion: what costs most to leave out, then what has the fewest people for each head, then what ends first."""
    if not a.visits:
        return np.zeros(0, dtype=np.int64)
    counts = np.diff(candidates.first)
    heads = np.maximum(1, a.row_heads)
    plenty = np.where(a.row_heads > 0, counts // heads, FAR)
    scarce = np.minimum.reduceat(plenty, a.first_row[:-1])
    last = np.where(a.window_high > -FAR, a.window_high, -FAR).max(axis=1, initial=-FAR)
    crew = np.add.reduceat(a.row_heads, a.first_row[:-1])
    worth = a.visit_cost // np.maximum(1, crew)
    told = np.ones(a.visits, dtype=np.int64)
    for standing in a.problem.standing:
        if standing.told and standing.visit in a.visit_index:
            told[a.visit_index[standing.visit]] = 0
    started = np.array([0 if crew.seats else 1 for crew in a.filled], dtype=np.int64)
    return np.lexsort((last, scarce, -worth, started, told))


def worth_it(a: Arrays, insertion: Insertion, visit: int, cost: float) -> bool:
    """Whether serving at this cost is better than leaving out."""
    return insertion.nearest or cost < insertion.weigh["left_out"] * int(a.visit_cost[visit])


def insert_all(a: Arrays, insertion: Insertion, diary: Diary, visits: Iterable[int]) -> int:
    """Insert visits in the given order where they fit; say how many were tried."""
    tried = 0
    for visit in visits:
        if visit in diary.chosen:
            continue
        tried += 1
        option = insertion.best(visit, diary)
        if option is not None and worth_it(a, insertion, visit, option.cost):
            insertion.apply(visit, option, diary)
    return tried


def plan(a: Arrays, insertion: Insertion, order: Sequence[int] | Ints) -> Diary:
    """Build a plan from what holds of the standing one, or from nothing."""
    diary = Diary(a)
    stand(a, diary)
    if not insertion.nearest:
        keep(a, diary)
    insert_all(a, insertion, diary, [int(visit) for visit in order])
    return diary
