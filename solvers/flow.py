"""Min-cost flow: exact where visits need one person and nothing chains, a bound for the first level everywhere.

Every open head sends one unit to a candidate or, at its share of the cost, to nowhere. People pass on at most what
their limits leave. What a flow cannot see (overlaps, teams, minutes) makes it a relaxation: its plan is repaired by
insertion, and proved only where the repair had nothing to do.
"""

from dataclasses import dataclass
from math import lcm

import numpy as np
from ortools.graph.python import min_cost_flow

from solvers.arrays import FAR, Arrays, Bools
from solvers.costs import scarcity_of_skills, seat_scarcity
from solvers.errors import SolverError
from solvers.pairs import Pairs
from solvers.travel import Ints

MOST_STEPS = 12
"""Steps of the convex burden; whoever has more visits pays the last one again."""

SHARES = 5_040
"""Cost shares of heads are whole numbers up to this least common multiple of crew sizes."""

COST_ROOM = 2**61

FEW = 8
"""With so few people left who could serve it, a visit counts twice in a round: nobody may be left in the next."""

PRICES = (1, 4, 16)
"""What a unit of what is left out may cost in a later level, as multiples of its dearest pair."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Pairs that were chosen (positions in the pairs) and the value of the relaxation, per level asked for."""

    chosen: Ints
    bound: int
    exact_levels: int
    within_limits: bool


@dataclass(frozen=True, slots=True)
class _Caps:
    """What people pass on: a cap each, and buckets (person, period) with their own cap; bucket of each pair or -1."""

    person: Ints
    bucket_of_pair: Ints
    bucket_person: Ints
    bucket_cap: Ints
    complete: bool


def _caps(a: Arrays, pairs: Pairs) -> _Caps:
    first, last = pairs.start, pairs.last
    cap = np.full(a.volunteers, FAR, dtype=np.int64)
    bucket = np.full(len(pairs.row), -1, dtype=np.int64)
    complete = bool((a.limit_seconds >= FAR).all()) and not a.visit_load.any()
    if not len(pairs.row) or not a.limit_start.shape[1]:
        return _Caps(cap, bucket, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), complete)
    width = a.limit_start.shape[1]
    earliest, latest = np.full(a.volunteers, FAR), np.full(a.volunteers, -FAR)
    np.minimum.at(earliest, pairs.who, first)
    np.maximum.at(latest, pairs.who, last)
    whole = (a.limit_start <= earliest[:, None]) & (latest[:, None] < a.limit_end)
    cap = np.where(whole, a.limit_visits, FAR).min(axis=1)
    for number in range(width):  # the first period that holds all the pair's starts
        start, end = a.limit_start[pairs.who, number], a.limit_end[pairs.who, number]
        useful = ~whole[pairs.who, number] & (a.limit_visits[pairs.who, number] < FAR)
        inside = (start <= first) & (last < end) & useful
        touched = (start <= last) & (first < end) & useful
        complete = complete and not bool((touched & (~inside | (bucket >= 0))).any())
        bucket[inside & (bucket < 0)] = (pairs.who * width + number)[inside & (bucket < 0)]
    used, compact = np.unique(bucket[bucket >= 0], return_inverse=True)
    bucket[bucket >= 0] = compact
    return _Caps(cap, bucket, used // width, a.limit_visits.ravel()[used], complete)


def _solve(tails: list[Ints], heads: list[Ints], caps: list[Ints], costs: list[Ints], supply: Ints) -> tuple[Ints, int]:
    flow = min_cost_flow.SimpleMinCostFlow()
    arcs = flow.add_arcs_with_capacity_and_unit_cost(
        np.concatenate(tails).astype(np.int32),
        np.concatenate(heads).astype(np.int32),
        np.concatenate(caps).astype(np.int64),
        np.concatenate(costs).astype(np.int64),
    )
    flow.set_nodes_supplies(np.arange(len(supply), dtype=np.int32), supply)
    status = flow.solve()
    if status != flow.OPTIMAL:
        raise SolverError(f"the min-cost flow ended with {status}")
    return np.asarray(flow.flows(arcs)), int(flow.optimal_cost())


def _room(a: Arrays, pairs: Pairs, caps: _Caps) -> Ints:
    """Most visits that the flow may give each person."""
    free = np.bincount(pairs.who[caps.bucket_of_pair < 0], minlength=a.volunteers)
    bucketed = np.bincount(caps.bucket_of_pair[caps.bucket_of_pair >= 0], minlength=len(caps.bucket_cap))
    np.add.at(free, caps.bucket_person, np.minimum(caps.bucket_cap, bucketed))
    return np.minimum(caps.person, free)


def _one_a_tour(a: Arrays, pairs: Pairs, caps: _Caps) -> bool:
    """Whether the flow can give nobody two visits on one tour, so that each is a way there and back."""
    several = _room(a, pairs, caps) > 1
    some = np.flatnonzero(several[pairs.who])
    who, bucket = pairs.who[some], caps.bucket_of_pair[some]
    if (bucket < 0).any() or (pairs.shift[some] < 0).any() or (caps.bucket_cap[bucket] > 1).any():
        return False
    order = np.lexsort((bucket, pairs.shift[some], who))
    who, bucket, shift = who[order], bucket[order], pairs.shift[some][order]
    if ((who[1:] == who[:-1]) & (shift[1:] == shift[:-1]) & (bucket[1:] != bucket[:-1])).any():
        return False
    people = np.unique(who)  # where shifts touch, a visit may count to the tour of the other
    begin = np.sort(a.shift_start[people], axis=1)
    end = np.sort(np.where(a.shift_end[people] > -FAR, a.shift_end[people], FAR), axis=1)
    return not bool((begin[:, 1:] <= end[:, :-1])[begin[:, 1:] < FAR].any())


def pair_costs(a: Arrays, pairs: Pairs, weights: dict[str, int]) -> Ints:
    """What a pair adds to a level with these weights, alone on its tour and without the convex burden."""
    visit = a.row_visit[pairs.row]
    cost = weights.get("preference", 0) * a.visit_stake[visit] * a.reluctance[pairs.who]
    cost = cost + weights.get("lateness_total", 0) * np.maximum(0, pairs.start - a.visit_due[visit])
    cost = cost + weights.get("travel_time", 0) * pairs.legs
    if metres := weights.get("travel_distance", 0):
        home, place, mode = a.home[pairs.who], a.visit_place[visit], a.mode[pairs.who]
        cost = cost + metres * (a.travel.distance(mode, home, place) + a.travel.distance(mode, place, home))
    if rare := weights.get("scarcity", 0):
        cost = cost + rare * seat_scarcity(a, scarcity_of_skills(a), pairs.row, pairs.who)
    if missed := weights.get("continuity", 0):
        wishes = [bool(v.preferred) for v in a.problem.visits]
        liked = [
            number * a.volunteers + a.volunteer_index[name]
            for number, v in enumerate(a.problem.visits)
            for name in v.preferred
            if name in a.volunteer_index
        ]
        found = np.isin(visit * a.volunteers + pairs.who, np.array(liked, dtype=np.int64))
        cost = cost + missed * (np.array(wishes, dtype=np.bool_)[visit] & ~found)
    return np.asarray(cost, dtype=np.int64)


def left_out_bound(a: Arrays, pairs: Pairs, lost: Bools) -> int:
    """A lower bound for the sum of ``left_out_cost``; ``lost`` are visits known to be impossible.

    A crew that is short of one head counts as that share of it: fewer people can then only serve less.
    """
    crew = np.add.reduceat(a.row_heads, a.first_row[:-1])
    keep = ~lost[a.row_visit[pairs.row]]
    some = pairs.those(keep)
    caps = _caps(a, some)
    asked = (a.row_heads > 0) & ~lost[a.row_visit]
    sizes = np.unique(crew[a.row_visit[asked]])
    scale = lcm(*sizes.tolist()) if len(sizes) else 1
    scale = min(scale, SHARES)
    nodes = int(len(a.row_visit) + a.volunteers + len(caps.bucket_cap) + 1)
    while scale > 1 and int(a.visit_cost.max()) * scale * nodes >= COST_ROOM:
        scale //= 2
    if int(a.visit_cost.max(initial=0)) * nodes >= COST_ROOM:
        return int(a.visit_cost[lost].sum())
    share = a.visit_cost[a.row_visit] * scale // np.maximum(1, crew[a.row_visit])
    value = _relaxed(a, some, caps, np.where(asked, a.row_heads, 0), share, np.zeros(len(some.row), np.int64), 0)[1]
    return int(a.visit_cost[lost].sum()) + -(-value // scale)


def quality_bound(a: Arrays, pairs: Pairs, number: int, first: int) -> int:
    """A lower bound for a later level of all plans whose ``left_out`` is no more than ``first``.

    A unit of what is left out costs so much in the level itself that serving more pays (tried at several prices);
    what the plan at hand may leave out is taken off again. Shared visits, tours of several visits and what is on the
    way already count for less than they cost, or for nothing.
    """
    level = a.problem.levels[number]
    weights: dict[str, int] = {}
    for term in level.terms:
        weights[term.name] = weights.get(term.name, 0) + term.weight
    crew = np.add.reduceat(a.row_heads, a.first_row[:-1])
    scale = lcm(*np.unique(crew[crew > 0]).tolist())
    caps = _caps(a, pairs)
    room = _room(a, pairs, caps)
    begun = np.array([bool(held.seats) for held in a.filled], dtype=np.bool_)
    shared = np.isin(a.row_visit[pairs.row], np.flatnonzero(np.logical_or(begun, crew > 1)))
    stands, away = (a.busy_end > -FAR).any(axis=1), (a.shift_from >= 0) | (a.shift_to >= 0)
    roads = np.logical_or(stands, away.any(axis=1))
    ways = {name: weight for name, weight in weights.items() if name.startswith("travel")}
    on_visit = {name: weight for name, weight in weights.items() if name in ("lateness_total", "continuity")}
    on_seat = {name: weight for name, weight in weights.items() if name in ("preference", "scarcity")}
    cost = pair_costs(a, pairs, on_seat) + np.where(shared, 0, pair_costs(a, pairs, on_visit))
    if ways and (not a.travel.by_distance or ("travel_distance" in ways and bool(np.asarray(roads).any()))):
        return 0  # a detour over matrices, or rounded metres beside what stands, may be shorter than the way itself
    if ways:  # a tour is as long as the way to its farthest visit and back, and metres are rounded at each stop
        most = np.maximum(1, room)[pairs.who]
        rounded = np.where(most > 1, 2 * ways.get("travel_distance", 0), 0)
        there = np.maximum(0, pair_costs(a, pairs, ways) // most - rounded)
        cost = cost + np.where(np.asarray(roads)[pairs.who], 0, there)
    share = a.visit_cost[a.row_visit] * scale // np.maximum(1, crew[a.row_visit])
    nodes = int(len(a.row_visit) + a.volunteers + len(caps.bucket_cap) + 1)
    burden = weights.get("fairness", 0) * scale
    dearest = int(cost.max(initial=0)) * scale + burden * (2 * int((a.load + MOST_STEPS).max(initial=0)) + 1)
    best = 0
    for price in PRICES:
        each = max(1, price * int(cost.max(initial=0)))
        if scale > SHARES or (int(share.max(initial=0)) * each + dearest) * nodes >= COST_ROOM:
            break
        value = _relaxed(a, pairs, caps, a.row_heads, share * each, cost * scale, burden)[1]
        best = max(best, -(-(value - each * scale * first) // scale))
    return best


def _relaxed(
    a: Arrays, pairs: Pairs, caps: _Caps, supply: Ints, alone: Ints, cost: Ints, burden: int
) -> tuple[Ints, int, bool]:
    """Solve the flow of all rows; ``burden`` weighs the convex load. Says whether the burden was whole."""
    rows, buckets = len(a.row_visit), len(caps.bucket_cap)
    person = rows + np.arange(a.volunteers)
    bucket = rows + a.volunteers + np.arange(buckets)
    sink = rows + a.volunteers + buckets
    to = np.where(caps.bucket_of_pair >= 0, rows + a.volunteers + caps.bucket_of_pair, rows + pairs.who)
    asked = np.flatnonzero(supply > 0)
    tails, heads = [pairs.row, bucket, asked], [to, rows + caps.bucket_person, np.full(len(asked), sink)]
    limits = [np.ones(len(pairs.row), np.int64), caps.bucket_cap, supply[asked]]
    costs = [cost, np.zeros(buckets, np.int64), alone[asked]]
    room = _room(a, pairs, caps)
    whole = True
    if burden:
        steps = int(min(MOST_STEPS, room.max(initial=0)))
        for step in range(steps):
            have = np.flatnonzero(room > step)
            tails.append(person[have])
            heads.append(np.full(len(have), sink))
            limits.append(np.where(step == MOST_STEPS - 1, room[have] - step, 1))
            costs.append(burden * (2 * (a.load[have] + step) + 1))
        whole = bool(room.max(initial=0) <= MOST_STEPS)
    else:
        have = np.flatnonzero(room > 0)
        tails.append(person[have])
        heads.append(np.full(len(have), sink))
        limits.append(room[have])
        costs.append(np.zeros(len(have), np.int64))
    balance = np.zeros(sink + 1, dtype=np.int64)
    balance[:rows] = supply
    balance[sink] = -supply.sum()
    flows, value = _solve(tails, heads, limits, costs, balance)
    return flows[: len(pairs.row)], value, whole


def one_each(a: Arrays, pairs: Pairs) -> Ints:
    """Positions of pairs that give nobody more than one visit: one round, in which what few can serve goes first."""
    nobody = np.zeros(0, dtype=np.int64)
    caps = _Caps(np.ones(a.volunteers, np.int64), np.full(len(pairs.row), -1, np.int64), nobody, nobody, True)
    weights: dict[str, int] = {}
    for term in a.problem.levels[-1].terms:
        weights[term.name] = weights.get(term.name, 0) + term.weight
    cost = pair_costs(a, pairs, weights)
    options = np.bincount(pairs.row, minlength=len(a.row_visit))
    worth = a.visit_cost[a.row_visit] * (options + FEW) // np.maximum(1, options)
    price = PRICES[-1] * (int(cost.max(initial=0)) + 1)
    if price * int(worth.max(initial=0)) * (len(worth) + a.volunteers) >= COST_ROOM:
        price, cost = 1, np.zeros(len(cost), np.int64)
    return np.flatnonzero(_relaxed(a, pairs, caps, np.minimum(1, options), price * worth, cost, 0)[0] > 0)


def fits(a: Arrays) -> bool:
    """Whether visits need one person each and nothing links them."""
    heads = np.add.reduceat(a.row_heads, a.first_row[:-1]) if a.visits else np.zeros(0)
    return not a.problem.links and bool((heads <= 1).all())


def assign(a: Arrays, pairs: Pairs) -> Flow | None:
    """Assign one person to each visit at the least cost over all levels.

    Returns
    -------
    Flow or None
        The chosen pairs, the relaxation's first level, and how many levels are exact if every chosen pair stands as
        it is. Nothing when the costs are too large to be told apart in one number.
    """
    caps = _caps(a, pairs)
    supply = np.minimum(a.row_heads, 1)
    nodes = len(a.row_visit) + a.volunteers + len(caps.bucket_cap) + 1
    once = _one_a_tour(a, pairs, caps)
    roads = bool((a.busy_end[pairs.who] > -FAR).any()) or bool((a.shift_from >= 0).any() or (a.shift_to >= 0).any())
    told = any(standing.told and not standing.pinned for standing in a.problem.standing)
    cost, burden, alone = np.zeros(len(pairs.row), np.int64), 0, np.zeros(len(a.row_visit), np.int64)
    step, exact, unclear = 1, len(a.problem.levels), []
    for number, level in reversed(list(enumerate(a.problem.levels))):
        weights: dict[str, int] = {}
        for term in level.terms:
            weights[term.name] = weights.get(term.name, 0) + term.weight
        here = pair_costs(a, pairs, weights)
        cost = cost + step * here
        burden += step * weights.get("fairness", 0)
        alone = alone + step * weights.get("left_out", 0) * a.visit_cost[a.row_visit]
        chained = (roads or not once) and (weights.get("travel_time", 0) or weights.get("travel_distance", 0))
        if weights.get("lateness_max", 0) or chained or (told and weights.get("told_otherwise", 0)):
            unclear.append(number)
        most = int(cost.max(initial=0)) + burden * (2 * (int(a.load.max(initial=0)) + MOST_STEPS) + 1)
        if number:  # a change of the plan passes each row, person and bucket at most once
            changed = min(int(supply.sum()), a.volunteers + len(caps.bucket_cap)) + 1
            step = max(step, changed * (most + int(alone.max(initial=0))) + 1)
        if (most + int(alone.max(initial=0)) + step) * nodes >= COST_ROOM:
            return None
    flows, _, whole = _relaxed(a, pairs, caps, supply, alone, cost, burden)
    if not (caps.complete and bool(pairs.sure.all())):
        exact = 1
    exact = min([exact, *unclear]) if whole else 0
    chosen = np.flatnonzero(flows > 0)
    served = np.zeros(a.visits, dtype=np.bool_)
    served[a.row_visit[pairs.row[chosen]]] = True
    weight = sum(term.weight for term in a.problem.levels[0].terms if term.name == "left_out")
    asked = np.zeros(a.visits, dtype=np.bool_)
    asked[a.row_visit[supply > 0]] = True
    only = {term.name for term in a.problem.levels[0].terms} == {"left_out"}
    bound = weight * int(a.visit_cost[asked & ~served].sum()) if only else 0
    return Flow(chosen=chosen, bound=bound, exact_levels=exact, within_limits=caps.complete)
