"""Who could sit for which demand, before anybody is chosen: sparse, behind an index of skills and of places."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from solvers.arrays import FAR, Arrays
from solvers.rules import ALWAYS
from solvers.travel import EARTH_RADIUS_M, Ints

BLOCK = 1 << 20
"""Pairs judged at once: bounds memory whatever the size."""

INDEXED_FROM = 1 << 16
"""Pairs from which the index of places pays."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """People by row, compressed: row ``r`` has ``who[first[r]:first[r + 1]]``, in ascending order.

    ``legs`` is the time of the way there and back.
    """

    first: Ints
    who: Ints
    legs: Ints

    def of(self, row: int) -> Ints:
        """Candidates of a row."""
        return self.who[self.first[row] : self.first[row + 1]]

    def legs_of(self, row: int) -> Ints:
        """Times of the way there and back, as ``of``."""
        return self.legs[self.first[row] : self.first[row + 1]]

    @property
    def row(self) -> Ints:
        """The row of each pair."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))


def _earliest(a: Arrays) -> Ints:
    if not a.window_low.shape[1]:
        return np.full(a.visits, FAR, dtype=np.int64)
    return np.asarray(a.window_low.min(axis=1))


def _near(a: Arrays, rows: Ints, people: Ints) -> tuple[Ints, Ints] | None:
    """Pairs within the farthest reach of anybody, or nothing where no reach bounds them."""
    if a.travel.vectors is None or not a.travel.by_distance:
        return None
    radius = min(int(a.reach[people].max()), int(a.visit_reach[a.row_visit[rows]].max()))
    if radius >= EARTH_RADIUS_M:
        return None
    chord = 2.0 * np.sin((radius + 1.0) / (2.0 * EARTH_RADIUS_M))
    there = cKDTree(a.travel.vectors[a.visit_place[a.row_visit[rows]]])
    homes = cKDTree(a.travel.vectors[a.home[people]])
    pairs = there.sparse_distance_matrix(homes, chord * (1 + 1e-9), output_type="ndarray")
    return pairs["i"].astype(np.int64), pairs["j"].astype(np.int64)


def _passing(a: Arrays, row: Ints, who: Ints, earliest: Ints) -> tuple[Ints, Ints]:
    start = earliest[a.row_visit[row]]
    for _, check in ALWAYS:
        fine = ~check(a, row, who, start)
        row, who, start = row[fine], who[fine], start[fine]
    return row, who


def find(a: Arrays, visits: int | Ints | None = None) -> Candidates:
    """Judge the rules that do not ask when, for all rows with open heads, or for those of some visits."""
    earliest = _earliest(a)
    asked = (a.row_heads > 0) & (earliest[a.row_visit] < FAR)
    if visits is not None:
        asked &= np.isin(a.row_visit, visits)
    rows_found: list[Ints] = []
    who_found: list[Ints] = []
    for skill in np.unique(a.row_skill[asked]):
        rows = np.flatnonzero(asked & (a.row_skill == skill))
        people = np.flatnonzero(a.held[:, skill])
        if not len(people):
            continue
        near = _near(a, rows, people) if len(rows) * len(people) >= INDEXED_FROM else None
        if near is not None:
            for at in range(0, len(near[0]), BLOCK):
                row, who = _passing(a, rows[near[0][at : at + BLOCK]], people[near[1][at : at + BLOCK]], earliest)
                rows_found.append(row)
                who_found.append(who)
            continue
        step = max(1, BLOCK // len(people))
        for at in range(0, len(rows), step):
            some = rows[at : at + step]
            row, who = _passing(a, np.repeat(some, len(people)), np.tile(people, len(some)), earliest)
            rows_found.append(row)
            who_found.append(who)
    row = np.concatenate(rows_found) if rows_found else np.zeros(0, dtype=np.int64)
    who = np.concatenate(who_found) if who_found else np.zeros(0, dtype=np.int64)
    seated = [(number, person) for number, crew in enumerate(a.filled) for _, person, _ in crew.seats if person >= 0]
    if seated:
        taken = np.array([visit * a.volunteers + person for visit, person in seated], dtype=np.int64)
        free = ~np.isin(a.row_visit[row] * a.volunteers + who, taken)
        row, who = row[free], who[free]
    order = np.lexsort((who, row))
    row, who = row[order], who[order]
    first = np.searchsorted(row, np.arange(len(a.row_visit) + 1))
    return Candidates(first=first.astype(np.int64), who=who, legs=legs(a, row, who))


def legs(a: Arrays, row: Ints, who: Ints) -> Ints:
    """Time from where the first shift starts (home where empty) to the visit and on to where it ends."""
    place, mode = a.visit_place[a.row_visit[row]], a.mode[who]
    origin = target = a.home[who]
    if a.shift_from.shape[1]:
        origin = np.where(a.shift_from[who, 0] >= 0, a.shift_from[who, 0], origin)
        target = np.where(a.shift_to[who, 0] >= 0, a.shift_to[who, 0], target)
    there = a.travel.time(mode, origin, place)
    if a.travel.by_distance and origin is target:
        return 2 * there
    return there + a.travel.time(mode, place, target)
