"""When each candidate could start at the earliest in an empty plan: all pairs at once, for flows and bounds."""

from dataclasses import dataclass

import numpy as np

from solvers.arrays import FAR, Arrays, Bools
from solvers.candidates import BLOCK, Candidates
from solvers.rules import availability, expired_qualification, limits_hit, overlap
from solvers.travel import Ints


@dataclass(frozen=True, slots=True)
class Pairs:
    """Rows and people that fit in time; ``start`` is the earliest start, ``sure`` that it passes every rule.

    Where it is not sure the pair may be impossible: it may stand in a bound, but not in a proof.
    """

    row: Ints
    who: Ints
    legs: Ints
    start: Ints
    sure: Bools


def _earliest(a: Arrays, row: Ints, who: Ints) -> tuple[Ints, Bools]:
    visit = a.row_visit[row]
    low = np.maximum(a.window_low[visit], a.visit_answerable[visit][:, None])[:, :, None]
    high = a.window_high[visit][:, :, None]
    begin, end = a.shift_start[who][:, None, :], a.shift_end[who][:, None, :]
    length = a.row_duration[row][:, None, None]
    start = np.maximum(low, begin)
    last = np.minimum(high, end - length)
    start = np.where(start <= last, start, FAR).reshape(len(row), -1)
    last = np.broadcast_to(last, (len(row), low.shape[1], begin.shape[2])).reshape(len(row), -1)
    possible = start < FAR
    spent = np.zeros((len(row), a.limit_start.shape[1]), dtype=np.bool_)
    if spent.shape[1]:
        spent = (a.limit_visits[who] < 1) | (a.limit_seconds[who] < a.row_duration[row][:, None])
        some = np.flatnonzero(spent.any(axis=1))
        if len(some):
            first, until = a.limit_start[who[some]][:, None, :], a.limit_end[who[some]][:, None, :]
            covered = (first <= start[some][:, :, None]) & (last[some][:, :, None] < until)
            possible[some] &= ~(covered & spent[some][:, None, :]).any(-1)
    start = np.where(possible, start, FAR)
    if not start.shape[1]:
        return np.full(len(row), FAR, dtype=np.int64), np.ones(len(row), dtype=np.bool_)
    best = start.min(axis=1)
    sure = best < FAR
    doubtful = (a.shift_from[who] >= 0).any(axis=1) | (a.shift_to[who] >= 0).any(axis=1)
    if a.busy_end.shape[1]:
        doubtful |= (a.busy_end[who] > -FAR).any(axis=1)
    doubtful |= spent.any(axis=1)
    some = np.flatnonzero(sure & doubtful)
    if len(some):
        there, people, when = row[some], who[some], best[some]
        fails = availability(a, there, people, when) | overlap(a, there, people, when)
        left = a.limit_visits[people], a.limit_seconds[people]
        fails |= limits_hit(a, there, people, when, *left).any(-1)
        sure[some] = ~fails
    return best, sure


def timed(a: Arrays, candidates: Candidates) -> Pairs:
    """Keep the candidates that have a start, blocks of them at a time."""
    row, who = candidates.row, candidates.who
    step = max(1, BLOCK // max(1, a.shift_start.shape[1] * a.window_low.shape[1]))
    starts, sures = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.bool_)]
    for at in range(0, len(row), step):
        start, sure = _earliest(a, row[at : at + step], who[at : at + step])
        starts.append(start)
        sures.append(sure)
    start, sure = np.concatenate(starts), np.concatenate(sures)
    fits = start < FAR
    row, who, start, sure, legs = row[fits], who[fits], start[fits], sure[fits], candidates.legs[fits]
    late = expired_qualification(a, row, who, start)
    return Pairs(row=row[~late], who=who[~late], legs=legs[~late], start=start[~late], sure=sure[~late])
