"""The cost of any plan, term by term and level by level: the one place that says what counts as better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from schemas.plan import TermCost
from schemas.problem import Problem, TermName
from solvers.arrays import Arrays, Bools
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


def route_ways(a: Arrays, who: int, events: Sequence[tuple[int, int, int]]) -> tuple[int, int]:
    """Travel seconds and metres of one person's tours: from where the shift starts, through its events, to where it ends.

    Parameters
    ----------
    events
        (start, end, location), any order.
    """
    tours: dict[tuple[int, int], list[int]] = {}
    for number, (start, _, place) in enumerate(sorted(events)):
        key = tour_key(a, who, start)
        tours.setdefault((key, number if key < 0 else 0), []).append(place)
    seconds = metres = 0
    for (key, _), places in tours.items():
        home = int(a.home[who])
        origin = int(a.shift_from[who, key]) if key >= 0 and a.shift_from[who, key] >= 0 else home
        target = int(a.shift_to[who, key]) if key >= 0 and a.shift_to[who, key] >= 0 else home
        stops = np.array([origin, *places, target], dtype=np.int64)
        seconds += int(a.travel.time(a.mode[who], stops[:-1], stops[1:]).sum())
        metres += int(a.travel.distance(a.mode[who], stops[:-1], stops[1:]).sum())
    return seconds, metres


def _travel(a: Arrays, chosen: Chosen) -> tuple[int, int]:
    """What the new seats add to the travel of what stands, in seconds and metres."""
    new: dict[int, list[tuple[int, int, int]]] = {}
    for visit, (start, seats) in chosen.items():
        for demand, who in seats:
            end = start + int(a.row_duration[int(a.first_row[visit]) + demand])
            new.setdefault(who, []).append((start, end, int(a.visit_place[visit])))
    seconds = metres = 0
    simple_who: list[int] = []
    simple_place: list[int] = []
    standing: Bools = np.asarray((a.busy_end >= a.busy_start).any(axis=1))
    from_home: Bools = np.asarray((a.shift_from < 0).all(axis=1) & (a.shift_to < 0).all(axis=1))
    for who, events in new.items():
        if len(events) == 1 and not standing[who] and from_home[who]:
            simple_who.append(who)
            simple_place.append(events[0][2])
            continue
        stands = [
            (int(s), int(e), int(p))
            for s, e, p in zip(a.busy_start[who], a.busy_end[who], a.busy_place[who], strict=True)
            if e >= s
        ]
        before, after = route_ways(a, who, stands), route_ways(a, who, stands + events)
        seconds += after[0] - before[0]
        metres += after[1] - before[1]
    if simple_who:
        people, places = np.array(simple_who), np.array(simple_place)
        mode, home = a.mode[people], a.home[people]
        seconds += int((a.travel.time(mode, home, places) + a.travel.time(mode, places, home)).sum())
        metres += int((a.travel.distance(mode, home, places) + a.travel.distance(mode, places, home)).sum())
    return seconds, metres


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


def terms(a: Arrays, chosen: Chosen, rarity: Ints | None = None) -> dict[TermName, int]:
    """Unweighted value of every term that the problem's levels name.

    * ``left_out``: sum of ``left_out_cost`` over the visits not served.
    * ``told_otherwise``: told seats of standing visits whose holder loses the seat or gets another start.
    * ``lateness_total``, ``lateness_max``: seconds from due to start.
    * ``continuity``: served visits with preferred people and none of them in the crew.
    * ``preference``: reluctance of the newly seated.
    * ``fairness``: growth of the sum of squared loads.
    * ``travel_time``, ``travel_distance``: what the new seats add to the tours that stand.
    * ``scarcity``: for each new seat the rarest skill (0-10) that the person holds beside the one asked for.
    """
    wanted = {term.name for level in a.problem.levels for term in level.terms}
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
    seats = [(int(a.first_row[visit]) + demand, who) for visit, (_, crew) in chosen.items() for demand, who in crew]
    who = np.array([person for _, person in seats], dtype=np.int64)
    if "preference" in wanted:
        found["preference"] = int(a.reluctance[who].sum())
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
        rows = np.array([row for row, _ in seats], dtype=np.int64)
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


def vector(a: Arrays, chosen: Chosen, rarity: Ints | None = None) -> tuple[int, ...]:
    """Level costs, to compare plans by."""
    return tuple(cost for cost, _ in by_level(a.problem, terms(a, chosen, rarity)))
