"""When candidates could still take a seat beside a plan: for pairs (row, person) by the thousand, all at once."""

import numpy as np

from solvers.arrays import FAR, Arrays, Bools
from solvers.candidates import BLOCK
from solvers.diary import Diary
from solvers.rules import availability, clashes, expired_qualification, limits_hit, shift_of
from solvers.travel import Ints


def first_starts(a: Arrays, row: Ints, who: Ints, diary: Diary | None = None) -> tuple[Ints, Bools]:
    """Starts (n, T) one of which works wherever any does, and which of them the windows hold.

    Whatever works still works when it is moved earlier until it runs into the beginning of a window, a shift or the
    time after a limit's period, or into the end of another event and the way from there.
    """
    visit = a.row_visit[row]
    low = np.maximum(a.window_low[visit], a.visit_answerable[visit][:, None])
    high = a.window_high[visit]
    shifts, origin = a.shift_start[who], a.shift_from[who]
    mode, place = a.mode[who][:, None], a.visit_place[visit][:, None]
    if (origin >= 0).any():
        shifts = shifts + np.where(origin >= 0, a.travel.time(mode, np.maximum(origin, 0), place), 0)
    ends, places = (a.busy_end, a.busy_place) if diary is None else (diary.end, diary.place)
    used = int((ends[who] > -FAR).sum(axis=1).max(initial=0))
    ends, places = ends[who, :used], places[who, :used]
    after = ends + a.travel.time(mode, places, place) if used else ends
    starts = np.concatenate((low, shifts, a.limit_end[who], after), axis=1)
    inside = np.zeros(starts.shape, dtype=np.bool_)
    for number in range(low.shape[1]):
        inside |= (low[:, number, None] <= starts) & (starts <= high[:, number, None])
    return np.where(inside, starts, low.min(axis=1, initial=FAR)[:, None]), inside


def _earliest(a: Arrays, row: Ints, who: Ints, diary: Diary) -> Ints:
    found = np.full(len(row), FAR, dtype=np.int64)
    starts, fine = first_starts(a, row, who, diary)
    some = np.flatnonzero(fine.any(axis=1))
    row, who, starts, fine = row[some, None], who[some, None], starts[some], fine[some]
    fine &= ~availability(a, row, who, starts) & ~expired_qualification(a, row, who, starts)
    fine &= ~limits_hit(a, row, who, starts, diary.visits_left[who], diary.seconds_left[who]).any(-1)
    if diary.load_left is not None:
        fine &= diary.load_left[who, shift_of(a, row, who, starts)] >= a.visit_load[a.row_visit[row]]
    used = int(diary.events[who].max(initial=0))
    if used:
        fine &= ~clashes(a, row, who, starts, diary.start[who, :used], diary.end[who, :used], diary.place[who, :used])
    found[some] = np.where(fine, starts, FAR).min(axis=1)
    return found


def steps(a: Arrays, diary: Diary | None = None) -> int:
    """How many pairs are judged at once, so that memory stays bounded."""
    events = a.busy_end.shape[1] if diary is None else int(diary.events.max(initial=0))
    deep = max(1, events, a.shift_start.shape[1], a.limit_end.shape[1])
    starts = int(a.window_low.shape[1] + a.shift_start.shape[1] + a.limit_end.shape[1]) + events
    return int(max(1, 2 * BLOCK // (deep * starts)))


def earliest_beside(a: Arrays, row: Ints, who: Ints, diary: Diary) -> Ints:
    """Earliest start at which each candidate could take the seat beside what the diary holds, far where there is none."""
    step = steps(a, diary)
    parts = [_earliest(a, row[at : at + step], who[at : at + step], diary) for at in range(0, len(row), step)]
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])
