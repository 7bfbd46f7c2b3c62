"""From the pairs that a flow chose to a plan: what stands as chosen, and what clashes."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from solvers.arrays import FAR, Arrays, Bools
from solvers.diary import Diary
from solvers.flow import one_each
from solvers.openings import earliest_beside
from solvers.pairs import Pairs
from solvers.travel import Ints


def _in_time(a: Arrays, row: Ints, who: Ints, start: Ints) -> Bools:
    """Whether each person comes in time from each seat to every other."""
    order = np.lexsort((start, who))
    row, who, start = row[order], who[order], start[order]
    place, end = a.visit_place[a.row_visit[row]], start + a.row_duration[row]
    late = np.zeros(a.volunteers, dtype=np.bool_)
    for apart in range(1, int(np.bincount(who).max(initial=1))):
        one, two = np.arange(len(who) - apart), np.arange(apart, len(who))
        both = who[one] == who[two]
        one, two = one[both], two[both]
        way = a.travel.time(a.mode[who[one]], place[one], place[two])
        late[who[one][end[one] + way > start[two]]] = True
    return ~late


def fill(a: Arrays, diary: Diary, pairs: Pairs, done: Callable[[], bool]) -> None:
    """Serve more visits in rounds: in each, everybody takes one more at most, whatever is best for all.

    Visits have one seat each; pairs may name any of them.
    """
    while not done():
        missing = np.ones(a.visits, dtype=np.bool_)
        missing[list(diary.chosen)] = False
        pairs = pairs.those(missing[a.row_visit[pairs.row]])
        start = earliest_beside(a, pairs.row, pairs.who, diary)
        pairs = replace(pairs.those(start < FAR), start=start[start < FAR])
        chosen = pairs.those(one_each(a, pairs))
        if not len(chosen.row):
            return
        diary.add_each(chosen.row, chosen.who, chosen.start)


def seat(a: Arrays, diary: Diary, pairs: Pairs, *, within_limits: bool) -> list[int]:
    """Write chosen pairs, one for each row, into the diary at their earliest starts; say which visits do not fit.

    Parameters
    ----------
    within_limits
        Whether the pairs keep all limits together.
    """
    row, who, start = pairs.row, pairs.who, pairs.start
    several = np.bincount(who, minlength=a.volunteers) > 1
    busy = (a.busy_end[who] > -FAR).any(axis=1)
    loaded = bool(a.visit_load.any())
    sure = pairs.sure & ~(several[who] & (busy | loaded | (not within_limits))) & _in_time(a, row, who, start)[who]
    diary.add_each(row[sure], who[sure], start[sure])
    broken = []
    rest = np.flatnonzero(~sure)
    for at, person, when in zip(row[rest].tolist(), who[rest].tolist(), start[rest].tolist(), strict=True):
        visit = int(a.row_visit[at])
        if diary.open_for(at, person, when):
            diary.add(visit, when, ((at - int(a.first_row[visit]), person),))
        else:
            broken.append(visit)
    return broken
