"""Who could sit for which demand, before anybody is chosen: sparse, behind an index of skills and of places."""

from collections.abc import Iterator
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


BESIDE_THE_WAY = [check for rule, check in ALWAYS if rule not in ("reach", "service_reach")]


@dataclass(frozen=True, slots=True)
class Candidates:
    """People by row, compressed: row ``r`` has ``who[first[r]:first[r + 1]]``, in ascending order.

    ``legs`` is the time from where the first shift starts (home where empty) to the visit and on to where it ends.
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
    """Pairs that are about as near as both sides allow, or nothing where that bounds nobody."""
    if a.travel.vectors is None or not a.travel.by_distance:
        return None
    reach, allowed = a.reach[people], a.visit_reach[a.row_visit[rows]]
    radius = min(int(reach.max()), int(allowed.max()))
    if radius >= EARTH_RADIUS_M:
        return None
    chord = 2.0 * np.sin((radius + 1.0) / (2.0 * EARTH_RADIUS_M))
    there = cKDTree(a.travel.vectors[a.visit_place[a.row_visit[rows]]])
    homes = cKDTree(a.travel.vectors[a.home[people]])
    pairs = there.sparse_distance_matrix(homes, chord * (1 + 1e-9), output_type="ndarray")
    row, who = pairs["i"], pairs["j"]
    near = pairs["v"] * EARTH_RADIUS_M <= np.minimum(reach[who], allowed[row]) + 1  # a chord is shorter than its arc
    return rows[row[near]], people[who[near]]


def _blocks(a: Arrays, rows: Ints, people: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Pairs of rows and people worth judging, so many at once."""
    near = _near(a, rows, people) if len(rows) * len(people) >= INDEXED_FROM else None
    if near is not None:
        for at in range(0, len(near[0]), BLOCK):
            yield near[0][at : at + BLOCK], near[1][at : at + BLOCK]
        return
    step = max(1, BLOCK // len(people))
    for at in range(0, len(rows), step):
        some = rows[at : at + step]
        yield np.repeat(some, len(people)), np.tile(people, len(some))


def _passing(a: Arrays, row: Ints, who: Ints, earliest: Ints) -> Ints:
    """Keys (row by row, people in ascending order) of the pairs that pass every rule but those of the way."""
    for check in BESIDE_THE_WAY:
        fails = check(a, row, who, earliest[a.row_visit[row]])
        if fails.any():
            row, who = row[~fails], who[~fails]
    return row * a.volunteers + who


def find(a: Arrays, visits: int | Ints | None = None) -> Candidates:
    """Judge the rules that do not ask when, for all rows with open heads, or for those of some visits."""
    earliest = _earliest(a)
    asked = (a.row_heads > 0) & (earliest[a.row_visit] < FAR)
    if visits is not None:
        asked &= np.isin(a.row_visit, visits)
    found = [np.zeros(0, dtype=np.int64)]
    for skill in np.unique(a.row_skill[asked]):
        rows = np.flatnonzero(asked & (a.row_skill == skill))
        people = np.flatnonzero(a.held[:, skill])
        if len(people):
            found += [_passing(a, row, who, earliest) for row, who in _blocks(a, rows, people)]
    keys = np.sort(np.concatenate(found))
    parts = [_within_reach(a, keys[at : at + BLOCK]) for at in range(0, len(keys), BLOCK)]
    row, who, legs = (np.concatenate([keys[:0], *(part[column] for part in parts)]) for column in range(3))
    seated = [(number, person) for number, crew in enumerate(a.filled) for _, person, _ in crew.seats if person >= 0]
    if seated:
        taken = np.array([visit * a.volunteers + person for visit, person in seated], dtype=np.int64)
        free = ~np.isin(a.row_visit[row] * a.volunteers + who, taken)
        row, who, legs = row[free], who[free], legs[free]
    first = np.searchsorted(row, np.arange(len(a.row_visit) + 1))
    return Candidates(first=first.astype(np.int64), who=who, legs=legs)


def _within_reach(a: Arrays, keys: Ints) -> tuple[Ints, Ints, Ints]:
    """Keep the pairs whose way is not too long for either, with the time there and back."""
    row, who = np.divmod(keys, max(1, a.volunteers))
    place, mode, home = a.visit_place[a.row_visit[row]], a.mode[who], a.home[who]
    time, metres = a.travel.ways(mode, home, place)
    fine = metres <= np.minimum(a.reach[who], a.visit_reach[a.row_visit[row]])
    row, who, place, mode, home, time = (column[fine] for column in (row, who, place, mode, home, time))
    origin = target = home
    if a.shift_from.shape[1] and bool((a.shift_from[:, 0] >= 0).any() or (a.shift_to[:, 0] >= 0).any()):
        origin = np.where(a.shift_from[who, 0] >= 0, a.shift_from[who, 0], origin)
        target = np.where(a.shift_to[who, 0] >= 0, a.shift_to[who, 0], target)
        return row, who, a.travel.time(mode, origin, place) + a.travel.time(mode, place, target)
    return row, who, 2 * time if a.travel.by_distance else time + a.travel.time(mode, place, target)
