"""Starts worth trying: moved earlier, any feasible start runs into one of these."""

import numpy as np

from solvers.arrays import FAR, Arrays
from solvers.travel import Ints

MOST = 96


def inside_windows(a: Arrays, visit: int, starts: Ints) -> Ints:
    """Those of the starts that a window holds and for which people can still be asked; sorted, each once.

    Whatever would have to wait for the waking hours, or lies before a window, waits for its beginning.
    """
    low, high = a.window_low[visit], a.window_high[visit]
    answerable = a.visit_answerable[visit]
    begin = np.maximum(low, answerable)
    starts = np.unique(np.concatenate((starts, begin[low <= high])))
    inside = ((begin <= starts[:, None]) & (starts[:, None] <= high)).any(1)
    return np.asarray(starts[inside])


def possible_starts(a: Arrays, visit: int, who: Ints, *, after_others: bool = True) -> Ints:
    """Beginnings of windows, shifts and limits, and ends of what stands (with the way from there), for some people.

    More than ``MOST`` are thinned evenly, the first one stays. ``after_others``: count what stands, too.
    """
    if a.fixed[visit] is not None:
        return inside_windows(a, visit, np.zeros(0, dtype=np.int64))
    place = a.visit_place[visit]
    mode = a.mode[who][:, None]
    origin = a.shift_from[who]
    shifts = a.shift_start[who]
    if (origin >= 0).any():
        shifts = shifts + np.where(origin >= 0, a.travel.time(mode, np.maximum(origin, 0), place), 0)
    parts = [shifts.ravel()]
    ends = a.limit_end[who].ravel()
    parts.append(ends[ends > -FAR])
    if after_others and a.busy_end.shape[1]:
        ends = a.busy_end[who]
        if (ends > -FAR).any():
            parts.append((ends + a.travel.time(mode, a.busy_place[who], place)).ravel())
    starts = inside_windows(a, visit, np.unique(np.concatenate(parts)))
    if len(starts) > MOST:
        starts = starts[np.linspace(0, len(starts) - 1, MOST).astype(np.int64)]
    return starts
