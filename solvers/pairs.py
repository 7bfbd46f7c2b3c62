"""When each candidate could start at the earliest in an empty plan: all pairs at once, for flows and bounds."""

from dataclasses import dataclass

import numpy as np

from solvers.arrays import FAR, Arrays, Bools
from solvers.candidates import BLOCK, Candidates
from solvers.rules import availability, expired_qualification, limits_hit, overlap
from solvers.travel import Ints


@dataclass(frozen=True, slots=True)
class Pairs:
    """Rows and people that fit in time, once for each shift in which one seat could be taken.

    ``start`` is the earliest start, ``last`` the latest, ``sure`` that the earliest passes every rule. Where it is not
    sure the pair may be impossible: it may stand in a bound, but not in a proof. A row of several seats has its people
    once, over all of their shifts: a flow must not seat anybody twice.
    """

    row: Ints
    who: Ints
    legs: Ints
    start: Ints
    last: Ints
    sure: Bools
    shift: Ints

    def those(self, some: Bools | Ints) -> "Pairs":
        """Some of the pairs."""
        return Pairs(
            self.row[some],
            self.who[some],
            self.legs[some],
            self.start[some],
            self.last[some],
            self.sure[some],
            self.shift[some],
        )


def _spans(a: Arrays, row: Ints, who: Ints) -> tuple[Ints, Ints]:
    """Earliest and latest start in each shift (n, K); the earliest is far where there is none."""
    visit = a.row_visit[row]
    low = np.maximum(a.window_low[visit], a.visit_answerable[visit][:, None])
    high = a.window_high[visit]
    begin, end = a.shift_start[who], a.shift_end[who] - a.row_duration[row][:, None]
    gone = (a.limit_visits[who] < 1) | (a.limit_seconds[who] < a.row_duration[row][:, None])
    spent = np.flatnonzero(gone.any(axis=1))
    gone = gone[spent][:, None, :]
    first, until = a.limit_start[who[spent]][:, None, :], a.limit_end[who[spent]][:, None, :]
    earliest = np.full(begin.shape, FAR, dtype=np.int64)
    latest = np.full(begin.shape, -FAR, dtype=np.int64)
    for number in range(low.shape[1]):
        start = np.maximum(low[:, number, None], begin)
        last = np.minimum(high[:, number, None], end)
        possible = start <= last
        if len(spent):
            within = (first <= start[spent][:, :, None]) & (last[spent][:, :, None] < until)
            possible[spent] &= ~(within & gone).any(-1)
        earliest = np.where(possible, np.minimum(earliest, start), earliest)
        latest = np.where(possible, np.maximum(latest, last), latest)
    return earliest, latest


def _doubtful(a: Arrays, who: Ints) -> Bools:
    """People about whom more is to be asked than windows and shifts."""
    out: Bools = np.asarray((a.shift_from >= 0).any(axis=1) | (a.shift_to >= 0).any(axis=1))
    if a.busy_end.shape[1]:
        out |= (a.busy_end > -FAR).any(axis=1)
    if a.limit_start.shape[1]:
        longest = int(a.row_duration.max(initial=0))
        out |= ((a.limit_visits < 1) | (a.limit_seconds < longest)).any(axis=1)
    return np.asarray(out[who])


def timed(a: Arrays, candidates: Candidates) -> Pairs:
    """Keep the candidates that have a start, blocks of them at a time."""
    row, who = candidates.row, candidates.who
    step = max(1, BLOCK // max(1, a.shift_start.shape[1] * max(1, a.limit_start.shape[1])))
    parts = [_block(a, row[at : at + step], who[at : at + step], at) for at in range(0, len(row), step)]
    columns = list(zip(*parts, strict=True)) or [()] * 4
    pair, shift, start, last = (np.concatenate([np.zeros(0, dtype=np.int64), *column]) for column in columns)
    row, who = row[pair], who[pair]
    sure = np.ones(len(row), dtype=np.bool_)
    some = np.flatnonzero(_doubtful(a, who))
    if len(some):
        there, people, when = row[some], who[some], start[some]
        left = a.limit_visits[people], a.limit_seconds[people]
        fails = availability(a, there, people, when) | overlap(a, there, people, when)
        sure[some] = ~(fails | limits_hit(a, there, people, when, *left).any(-1))
    found = Pairs(row=row, who=who, legs=candidates.legs[pair], start=start, last=last, sure=sure, shift=shift)
    late = expired_qualification(a, row, who, start)
    return found.those(~late) if late.any() else found


def _block(a: Arrays, row: Ints, who: Ints, at: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Which of the candidates have a start in which shift, and from when to when."""
    start, last = _spans(a, row, who)
    crowd = a.row_heads[row] > 1
    if crowd.any() and start.shape[1]:
        several = crowd & ((start < FAR).sum(axis=1) > 1)
        whole = np.flatnonzero(several)
        single = np.flatnonzero(~several)
        pair, which = np.nonzero(start[single] < FAR)
        pairs, shifts = np.concatenate((single[pair], whole)), np.concatenate((which, np.full(len(whole), -1)))
        starts = np.concatenate((start[single][pair, which], start[whole].min(axis=1)))
        lasts = np.concatenate((last[single][pair, which], last[whole].max(axis=1)))
        order = np.argsort(pairs, kind="stable")
        return pairs[order] + at, shifts[order], starts[order], lasts[order]
    pair, which = np.nonzero(start < FAR)
    return pair + at, which, start[pair, which], last[pair, which]
