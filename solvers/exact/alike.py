"""People whom nothing tells apart: of all ways to name them only one need be looked at."""

from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise

from ortools.sat.python import cp_model

from solvers.arrays import Arrays
from solvers.costs import Choice, Chosen
from solvers.exact.seats import Part, stands


def alike(a: Arrays, part: Part) -> list[list[int]]:
    """Groups of at least two people who could do the same at the same cost, and whom nothing names."""
    ids = {a.problem.visits[visit].id for visit in part.visits}
    named = {name for visit in part.visits for name in a.problem.visits[visit].preferred}
    named |= {seat.volunteer for item in a.problem.standing if item.visit in ids for seat in item.crew}
    places: dict[int, list[object]] = defaultdict(list)
    for place in part.places:
        places[place.who].append((place.group, place.tour, tuple(place.starts.flattened_intervals())))
    same: dict[object, list[int]] = defaultdict(list)
    for who, seats in sorted(places.items()):
        if stands(a, who) or a.problem.volunteers[who].id in named:
            continue
        columns = (a.team, a.home, a.mode, a.load, a.reluctance, a.capacity)
        shifts = (a.shift_start, a.shift_end, a.shift_from, a.shift_to)
        limits = (a.limit_start, a.limit_end, a.limit_visits, a.limit_seconds)
        key = (
            tuple(seats),
            tuple(int(column[who]) for column in columns),
            tuple(tuple(table[who].tolist()) for table in shifts + limits),
            tuple((a.held[who] > 0).tolist()),
        )
        same[key].append(who)
    return [people for people in same.values() if len(people) > 1]


def named_in_order(groups: list[list[int]], chosen: Chosen) -> dict[int, Choice]:
    """The same plan with those who are alike named by the first visit that they have."""
    other: dict[int, int] = {}
    for people in groups:
        first = {who: len(chosen) for who in people}
        for number, visit in reversed(list(enumerate(sorted(chosen)))):
            first |= {who: number for _, who in chosen[visit][1] if who in first}
        other |= dict(zip(sorted(people, key=first.__getitem__), people, strict=True))
    return {
        visit: (start, tuple((demand, other.get(who, who)) for demand, who in seats))
        for visit, (start, seats) in chosen.items()
    }


def order(
    model: cp_model.CpModel,
    groups: list[list[int]],
    visits: Mapping[int, int],
    sits: Mapping[tuple[int, int], list[cp_model.IntVar]],
) -> None:
    """Let nobody come in before the one before has come in.

    Parameters
    ----------
    visits
        How many open seats each visit has.
    sits
        By visit and person, the literals of which one holds when the person is there.
    """
    for people in groups:
        for one, two in pairwise(people):
            before: list[cp_model.IntVar] = []
            for visit, heads in sorted(visits.items()):
                here = sits.get((visit, one), [])
                earlier = before + here if heads > 1 else list(before)
                before += here
                literals = sits.get((visit, two), [])
                if literals:
                    model.add(sum(literals) <= sum(earlier))
