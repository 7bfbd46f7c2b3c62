"""Who could sit where and when, exactly: for each person, demand and tour the starts that every rule allows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ortools.sat.python.cp_model import Domain

from solvers.arrays import FAR, Arrays
from solvers.candidates import Candidates
from solvers.costs import tour_key
from solvers.travel import Ints

NEVER = Domain.from_intervals([])


@dataclass(frozen=True, slots=True)
class Group:
    """Demands of one visit that ask for the same: their rows count together."""

    visit: int
    rows: tuple[int, ...]
    heads: int
    length: int


@dataclass(frozen=True, slots=True)
class Place:
    """A person in a group of seats, on one tour, and the starts at which that could be."""

    group: int
    who: int
    tour: int
    starts: Domain


@dataclass(frozen=True, slots=True)
class Part:
    """Visits that share people or links with no other: they can be solved alone."""

    visits: tuple[int, ...]
    groups: tuple[Group, ...]
    places: tuple[Place, ...]

    @property
    def instant(self) -> bool:
        """Whether some seat takes no time: two of them at one moment have an order that only the cost's tie-break knows."""
        return any(group.length == 0 for group in self.groups)

    @property
    def arcs(self) -> int:
        """How many ways from one seat to the next the tours have, at most."""
        _, sizes = np.unique([(place.who, place.tour) for place in self.places], axis=0, return_counts=True)
        return int((sizes * (sizes + 1)).sum())


def ranges(pairs: Sequence[tuple[int, int]]) -> Domain:
    """Union of inclusive ranges, empty ones left away."""
    return Domain.from_intervals([[low, high] for low, high in pairs if low <= high])


def tours(a: Arrays, who: int) -> list[Domain]:
    """When an event must start to belong to each shift: to the first that holds it, as the costs count."""
    found, taken = [], NEVER
    for low, high in zip(a.shift_start[who].tolist(), a.shift_end[who].tolist(), strict=True):
        whole = ranges([(low, high)])
        found.append(whole.intersection_with(taken.complement()))
        taken = taken.union_with(whole)
    return found


def stands(a: Arrays, who: int) -> list[tuple[int, int, int]]:
    """What a person has already: (start, end, location), sorted."""
    slots = range(int((a.busy_end[who] > -FAR).sum()))
    return sorted((int(a.busy_start[who, s]), int(a.busy_end[who, s]), int(a.busy_place[who, s])) for s in slots)


def asked_starts(a: Arrays, visit: int) -> Domain:
    """Starts that the visit's windows allow and for which people can still be asked."""
    answerable = int(a.visit_answerable[visit])
    lows, highs = a.window_low[visit].tolist(), a.window_high[visit].tolist()
    return ranges([(max(low, answerable), high) for low, high in zip(lows, highs, strict=True)])


def able_starts(a: Arrays, row: int, who: int, asked: Domain) -> Domain:
    """Starts at which the person could sit there, beside what the person has already."""
    length, place, mode = int(a.row_duration[row]), a.visit_place[a.row_visit[row]], a.mode[who]
    held = []
    for number in range(a.shift_start.shape[1]):
        low, high = int(a.shift_start[who, number]), int(a.shift_end[who, number]) - length
        if low >= FAR:
            continue
        if a.shift_from[who, number] >= 0:
            low += int(a.travel.time(mode, a.shift_from[who, number], place))
        if a.shift_to[who, number] >= 0:
            high -= int(a.travel.time(mode, place, a.shift_to[who, number]))
        held.append((low, high))
    free = ranges(held).intersection_with(asked)
    closed = []
    until = int(a.valid_until[a.held[who, a.row_skill[row]], a.row_level[row]])
    if until < FAR:
        closed.append((until - length + 1, FAR))
    for start, end, other in stands(a, who):
        there = int(a.travel.time(mode, place, np.array(other)))
        back = int(a.travel.time(mode, np.array(other), place))
        closed.append((start - there - length + 1, end + back - 1))
    for limit in range(a.limit_start.shape[1]):
        if a.limit_visits[who, limit] < 1 or a.limit_seconds[who, limit] < length:
            closed.append((int(a.limit_start[who, limit]), int(a.limit_end[who, limit]) - 1))
    return free.intersection_with(ranges(closed).complement()) if closed else free


def load_left(a: Arrays, who: int, tour: int) -> int:
    """What the person can still carry on a tour."""
    carried = sum(
        int(a.visit_load[visit])
        for visit, crew in enumerate(a.filled)
        for _, person, _ in crew.seats
        if person == who and tour_key(a, who, int(a.fixed[visit] or 0)) == tour
    )
    return int(a.capacity[who]) - carried


def _groups(a: Arrays) -> list[Group]:
    alike: dict[tuple[int, ...], list[int]] = {}
    for row in np.flatnonzero(a.row_heads > 0).tolist():
        visit, length = int(a.row_visit[row]), int(a.row_duration[row])
        alike.setdefault((visit, int(a.row_skill[row]), int(a.row_level[row]), length), []).append(row)
    return [
        Group(visit=key[0], rows=tuple(rows), heads=int(a.row_heads[rows].sum()), length=key[3])
        for key, rows in alike.items()
    ]


def _places(a: Arrays, candidates: Candidates, groups: Sequence[Group]) -> list[Place]:
    loads = bool(a.visit_load.any())
    keys: dict[int, list[Domain]] = {}
    found = []
    for number, group in enumerate(groups):
        asked = asked_starts(a, group.visit)
        if asked.is_empty():
            continue
        for who in candidates.of(group.rows[0]).tolist():
            able = able_starts(a, group.rows[0], who, asked)
            if able.is_empty():
                continue
            if who not in keys:
                keys[who] = tours(a, who)
            for tour, key in enumerate(keys[who]):
                starts = able.intersection_with(key)
                fits = not loads or load_left(a, who, tour) >= a.visit_load[group.visit]
                if fits and not starts.is_empty():
                    found.append(Place(number, who, tour, starts))
    return found


def _served_by_nobody(groups: Sequence[Group], places: Sequence[Place]) -> set[int]:
    """Visits with a group that has too few people."""
    people: list[set[int]] = [set() for _ in groups]
    for place in places:
        people[place.group].add(place.who)
    return {group.visit for group, able in zip(groups, people, strict=True) if len(able) < group.heads}


def parts(a: Arrays, candidates: Candidates) -> list[Part]:
    """Split what is open into parts that nothing couples; visits that nobody could serve are in none.

    Visits that may be late belong together where the largest lateness counts: it is one for all.
    """
    groups = _groups(a)
    places = _places(a, candidates, groups)
    hopeless = _served_by_nobody(groups, places)
    places = [place for place in places if groups[place.group].visit not in hopeless]
    parent = list(range(a.visits))

    def root(visit: int) -> int:
        while parent[visit] != visit:
            parent[visit] = parent[parent[visit]]
            visit = parent[visit]
        return visit

    owner: dict[int, int] = {}
    largest = any(term.name == "lateness_max" for level in a.problem.levels for term in level.terms)
    late = -1
    for place in places:
        visit = groups[place.group].visit
        parent[root(visit)] = root(owner.setdefault(place.who, visit))
        if largest and place.starts.max() > a.visit_due[visit]:
            late = visit if late < 0 else late
            parent[root(visit)] = root(late)
    alive = {groups[place.group].visit for place in places}
    for link in a.problem.links:
        one, two = a.visit_index[link.earlier], a.visit_index[link.later]
        if one in alive and two in alive:
            parent[root(one)] = root(two)
    together: dict[int, list[int]] = {}
    for visit in sorted(alive):
        together.setdefault(root(visit), []).append(visit)
    return [_part(groups, places, visits) for visits in together.values()]


def _part(groups: Sequence[Group], places: Sequence[Place], visits: Sequence[int]) -> Part:
    inside = set(visits)
    numbers = [number for number, group in enumerate(groups) if group.visit in inside]
    renumbered = {old: new for new, old in enumerate(numbers)}
    return Part(
        visits=tuple(visits),
        groups=tuple(groups[number] for number in numbers),
        places=tuple(
            Place(renumbered[place.group], place.who, place.tour, place.starts)
            for place in places
            if place.group in renumbered
        ),
    )


def ways(a: Arrays, who: int, stops: Ints) -> tuple[Ints, Ints]:
    """Seconds and metres between all of a person's stops, from row to column."""
    mode = a.mode[who]
    return a.travel.time(mode, stops[:, None], stops[None, :]), a.travel.distance(mode, stops[:, None], stops[None, :])
