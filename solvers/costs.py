"""The cost of any plan, term by term and level by level: the one place that says what counts as better."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from schemas.plan import TermCost
from schemas.problem import Problem, TermName
from solvers.arrays import Arrays
from solvers.travel import Ints

SCARCITY_STEPS = 10

Choice = tuple[int, tuple[tuple[int, int], ...]]
"""Start, and the new seats of a crew: (demand, volunteer index). Seats that stand are not repeated."""

Chosen = Mapping[int, Choice]
"""Visits that are served, by index."""

LEVEL_STEP = 1e9


@dataclass(frozen=True, slots=True)
class Coefficients:
    """One number for each term, such that an earlier level outweighs the later ones: good for choosing, not for proof."""

    of: dict[TermName, float]

    def __getitem__(self, term: TermName) -> float:
        return self.of.get(term, 0.0)


def coefficients(problem: Problem) -> Coefficients:
    """Weigh every term of the problem's levels."""
    found: dict[TermName, float] = {}
    for below, level in enumerate(reversed(problem.levels)):
        for term in level.terms:
            found[term.name] = found.get(term.name, 0.0) + term.weight * LEVEL_STEP**below
    return Coefficients(found)


def scarcity_of_skills(a: Arrays) -> Ints:
    """How rare each skill is, 0-10: ten times the open heads that ask for it, for each holder."""
    heads = np.bincount(a.row_skill, weights=a.row_heads, minlength=a.held.shape[1]).astype(np.int64)
    holders = (a.held > 0).sum(axis=0)
    return np.asarray(np.minimum(SCARCITY_STEPS, SCARCITY_STEPS * heads // np.maximum(1, holders)))


def seat_scarcity(a: Arrays, rarity: Ints, row: Ints | int, who: Ints) -> Ints:
    """The rarest skill that each person holds and that the seat does not ask for."""
    held = a.held[who] > 0
    held[np.arange(len(who)), a.row_skill[row]] = False
    return np.asarray(np.where(held, rarity, 0).max(axis=1, initial=0))


def tour_key(a: Arrays, who: int, start: int) -> int:
    """Shift that an event starts in, or -1: then it is a tour of its own."""
    for shift, (begin, end) in enumerate(zip(a.shift_start[who].tolist(), a.shift_end[who].tolist(), strict=True)):
        if begin <= start <= end:
            return shift
    return -1


def tour_keys(a: Arrays, who: Ints, start: Ints) -> Ints:
    """The same for many events at once."""
    inside = (a.shift_start[who] <= start[:, None]) & (start[:, None] <= a.shift_end[who])
    if not inside.shape[1]:
        return np.full(len(who), -1, dtype=np.int64)
    return np.asarray(np.where(inside.any(axis=1), inside.argmax(axis=1), -1), dtype=np.int64)


def tour_ways(a: Arrays, who: Ints, start: Ints, end: Ints, place: Ints) -> tuple[int, int]:
    """Travel seconds and metres of people's tours: from where the shift starts, through its events, to where it ends."""
    key = tour_keys(a, who, start)
    alone = np.where(key < 0, np.arange(len(who)), 0)
    order = np.lexsort((place, end, start, alone, key, who))
    who, key, place, alone = who[order], key[order], place[order], alone[order]
    first = np.ones(len(who), dtype=np.bool_)
    first[1:] = (who[1:] != who[:-1]) | (key[1:] != key[:-1]) | (alone[1:] != alone[:-1])
    last = np.append(first[1:], np.ones(min(1, len(who)), dtype=np.bool_))
    origin = target = a.home[who]
    if a.shift_from.shape[1]:
        there, back = a.shift_from[who, key], a.shift_to[who, key]
        origin = np.where((key >= 0) & (there >= 0), there, origin)
        target = np.where((key >= 0) & (back >= 0), back, target)
    before = np.where(first, origin, np.roll(place, 1))
    mode = a.mode[who]
    seconds, metres = a.travel.time(mode, before, place), a.travel.distance(mode, before, place)
    home = a.travel.time(mode, place, target)[last], a.travel.distance(mode, place, target)[last]
    return int(seconds.sum() + home[0].sum()), int(metres.sum() + home[1].sum())


def _travel(a: Arrays, chosen: Chosen) -> tuple[int, int]:
    """What the new seats add to the travel of what stands, in seconds and metres."""
    rows, people, begins = seats_of(a, chosen)
    new = (people, begins, begins + a.row_duration[rows], a.visit_place[a.row_visit[rows]])
    busy = np.zeros(a.volunteers, dtype=np.bool_)
    busy[people] = True
    who, event = np.nonzero(busy[:, None] & (a.busy_end >= a.busy_start))
    stands = (who, a.busy_start[who, event], a.busy_end[who, event], a.busy_place[who, event])
    both = [np.concatenate(columns) for columns in zip(new, stands, strict=True)]
    before, after = tour_ways(a, *stands), tour_ways(a, *both)
    return after[0] - before[0], after[1] - before[1]


def seats_of(a: Arrays, chosen: Chosen) -> tuple[Ints, Ints, Ints]:
    """Row, person and start of each new seat."""
    seats = [
        (int(a.first_row[visit]) + demand, who, start)
        for visit, (start, crew) in chosen.items()
        for demand, who in crew
    ]
    block = np.array(seats, dtype=np.int64).reshape(len(seats), 3)
    return block[:, 0], block[:, 1], block[:, 2]


def _told_otherwise(a: Arrays, chosen: Chosen) -> int:
    """Seats whose holder was told one thing and would now be told another."""
    count = 0
    for standing in a.problem.standing:
        visit = a.visit_index.get(standing.visit)
        if visit is None or not standing.told or standing.pinned:
            continue
        kept: set[tuple[int, str]] = set()
        if visit in chosen and chosen[visit][0] == standing.start:
            names = a.problem.volunteers
            kept = {(demand, names[who].id) for demand, who in chosen[visit][1]}
            kept |= {(demand, name) for demand, _, name in a.filled[visit].seats}
        people = {name for _, name in kept}
        count += sum(seat.volunteer not in people for seat in standing.crew)
    return count


def _continuity(a: Arrays, chosen: Chosen) -> int:
    missed = 0
    for visit, (_, seats) in chosen.items():
        preferred = a.problem.visits[visit].preferred
        if preferred:
            crew = {a.problem.volunteers[who].id for _, who in seats} | {name for _, _, name in a.filled[visit].seats}
            missed += crew.isdisjoint(preferred)
    return missed


def terms(a: Arrays, chosen: Chosen, rarity: Ints | None = None, levels: int | None = None) -> dict[TermName, int]:
    """Unweighted value of every term that the problem's levels, or the first of them, name.

    * ``left_out``: sum of ``left_out_cost`` over the visits not served.
    * ``told_otherwise``: told seats of standing visits whose holder loses the seat or gets another start.
    * ``lateness_total``, ``lateness_max``: seconds from due to start.
    * ``continuity``: served visits with preferred people and none of them in the crew.
    * ``preference``: reluctance of the newly seated, as often as is at stake.
    * ``fairness``: growth of the sum of squared loads.
    * ``travel_time``, ``travel_distance``: what the new seats add to the tours that stand.
    * ``scarcity``: for each new seat the rarest skill (0-10) that the person holds beside the one asked for.
    """
    wanted = {term.name for level in a.problem.levels[:levels] for term in level.terms}
    found: dict[TermName, int] = {}
    if "left_out" in wanted:
        served = np.zeros(a.visits, dtype=np.bool_)
        served[list(chosen)] = True
        found["left_out"] = int(a.visit_cost[~served].sum())
    if "told_otherwise" in wanted:
        found["told_otherwise"] = _told_otherwise(a, chosen)
    late = [max(0, start - int(a.visit_due[visit])) for visit, (start, _) in chosen.items()]
    if "lateness_total" in wanted:
        found["lateness_total"] = sum(late)
    if "lateness_max" in wanted:
        found["lateness_max"] = max(late, default=0)
    if "continuity" in wanted:
        found["continuity"] = _continuity(a, chosen)
    rows, who, _ = seats_of(a, chosen)
    if "preference" in wanted:
        found["preference"] = int((a.reluctance[who] * a.visit_stake[a.row_visit[rows]]).sum())
    if "fairness" in wanted:
        people, count = np.unique(who, return_counts=True)
        found["fairness"] = int((count * (2 * a.load[people] + count)).sum())
    if wanted & {"travel_time", "travel_distance"}:
        seconds, metres = _travel(a, chosen)
        if "travel_time" in wanted:
            found["travel_time"] = seconds
        if "travel_distance" in wanted:
            found["travel_distance"] = metres
    if "scarcity" in wanted:
        rarity = scarcity_of_skills(a) if rarity is None else rarity
        found["scarcity"] = int(seat_scarcity(a, rarity, rows, who).sum())
    return found


def by_level(problem: Problem, values: Mapping[TermName, int]) -> list[tuple[int, tuple[TermCost, ...]]]:
    """Cost of each level and its terms, in the problem's order."""
    out = []
    for level in problem.levels:
        rows = tuple(
            TermCost(name=term.name, value=values[term.name], weighted=term.weight * values[term.name])
            for term in level.terms
        )
        out.append((sum(row.weighted for row in rows), rows))
    return out


def first_cost(a: Arrays, chosen: Chosen, rarity: Ints | None = None) -> int:
    """Cost of the first level alone."""
    found = terms(a, chosen, rarity, levels=1)
    return sum(term.weight * found[term.name] for term in a.problem.levels[0].terms)


def vector(a: Arrays, chosen: Chosen, rarity: Ints | None = None) -> tuple[int, ...]:
    """Level costs, to compare plans by."""
    return tuple(cost for cost, _ in by_level(a.problem, terms(a, chosen, rarity)))
