"""A plan in the making, compiled: seats put into tours and taken out, and every change taken back at will."""

from collections.abc import Callable
from math import asin, ceil, floor, sqrt
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

from solvers.routes.columns import (
    ANY,
    BURDEN,
    CARRIED,
    COST,
    COUNT,
    CREW,
    DURATION,
    END_LIMIT,
    END_LINK,
    END_SLOT,
    FIRST_LIMIT,
    FIRST_LINK,
    FIRST_SLOT,
    LIMIT_END,
    LIMIT_START,
    LOAD,
    MODE,
    NEXT,
    NODE_TOUR,
    ORIGIN,
    OTHER,
    PER_LOAD,
    PER_METRE,
    PER_SECOND,
    PREV,
    SAME,
    SERVED,
    SLOT_PLACE,
    TARGET,
    VISIT,
    WHO,
    Layout,
    State,
)
from solvers.travel import EARTH_RADIUS_M, SLACK

Function = TypeVar("Function", bound=Callable[..., Any])

# Without reference counts: no function here makes an array, and counting those of a layout at each call costs most.
_SETTINGS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}


def entry(function: Function) -> Function:
    """Compile a function that Python calls."""
    return cast("Function", cast("Any", njit)(**_SETTINGS)(function))


def compiled(function: Function) -> Function:
    """Compile a function that only compiled ones may call: without the wrappers that Python needs to call it safely."""
    return cast("Function", cast("Any", njit)(**_SETTINGS, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function))


@compiled
def draw(s: State) -> float:
    """A random number in [0, 1): xorshift64*."""
    x = s.seed[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    s.seed[0] = x
    return ((x * np.uint64(0x2545F4914F6CDD1D)) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@compiled
def below(s: State, n: int) -> int:
    """A random whole number in [0, n)."""
    return int(draw(s) * n)


@compiled
def metres(d: Layout, a: int, b: int) -> float:
    """Great-circle distance, as in ``solvers.travel``."""
    x, y, z = d.xyz[a, 0] - d.xyz[b, 0], d.xyz[a, 1] - d.xyz[b, 1], d.xyz[a, 2] - d.xyz[b, 2]
    return 2.0 * EARTH_RADIUS_M * asin(min(1.0, 0.5 * sqrt(x * x + y * y + z * z)))


@compiled
def way(d: Layout, mode: int, a: int, b: int) -> int:
    """Travel time in seconds."""
    if d.times.shape[0] > 0:
        return int(d.times[mode, a, b])
    return ceil(metres(d, a, b) * d.pace[mode] - SLACK)


@compiled
def price(d: Layout, mode: int, a: int, b: int) -> float:
    """Weighted cost of a way."""
    if d.costs.shape[0] > 0:
        return float(d.costs[mode, a, b])
    far = metres(d, a, b)
    cost = 0.0
    if d.weight[PER_SECOND] > 0:
        cost += d.weight[PER_SECOND] * ceil(far * d.pace[mode] - SLACK)
    if d.weight[PER_METRE] > 0:
        cost += d.weight[PER_METRE] * floor(far + 0.5)
    return cost


# ---------------------------------------------------------------------------------------------------- taking back


@entry
def begin_trial(s: State) -> None:
    """Forget what the last trial changed: from here on changes can be taken back."""
    s.stamp[-1] += 1
    s.node_log[0, 0] = 0
    s.visit_log[0, 0] = 0
    s.tour_log[0, 0] = 0
    s.person_log[0, 0] = 0
    s.limit_log[0, 0] = 0
    for i in range(4):
        s.sums_before[i] = s.sums[i]


@compiled
def _fresh(s: State, key: int) -> bool:
    if s.stamp[key] == s.stamp[-1]:
        return False
    s.stamp[key] = s.stamp[-1]
    return True


@compiled
def keep_node(s: State, x: int) -> None:
    """Note a node before it changes."""
    if _fresh(s, x):
        n = s.node_log[0, 0] + 1
        s.node_log[0, 0] = n
        s.node_log[n, 0] = x
        for i in range(3):
            s.node_log[n, 1 + i] = s.node[x, i]


@compiled
def keep_visit(s: State, v: int) -> None:
    """Note a visit before it changes."""
    if _fresh(s, s.node.shape[0] + v):
        n = s.visit_log[0, 0] + 1
        s.visit_log[0, 0] = n
        s.visit_log[n, 0] = v
        for i in range(3):
            s.visit_log[n, 1 + i] = s.visit[v, i]


@compiled
def keep_tour(d: Layout, s: State, t: int) -> None:
    """Note a tour and its person before they change."""
    at = s.node.shape[0] + s.visit.shape[0]
    if _fresh(s, at + t):
        n = s.tour_log[0, 0] + 1
        s.tour_log[0, 0] = n
        s.tour_log[n, 0] = t
        s.tour_log[n, 1] = s.tour[t, 0]
        s.tour_log[n, 2] = s.tour[t, 1]
    who = d.tour[t, WHO]
    if _fresh(s, at + s.tour.shape[0] + who):
        n = s.person_log[0, 0] + 1
        s.person_log[0, 0] = n
        s.person_log[n, 0] = who
        s.person_log[n, 1] = s.person[who]
        for limit in range(d.person[who, FIRST_LIMIT], d.person[who, END_LIMIT]):
            n = s.limit_log[0, 0] + 1
            s.limit_log[0, 0] = n
            s.limit_log[n, 0] = limit
            s.limit_log[n, 1] = s.limit[limit, 0]
            s.limit_log[n, 2] = s.limit[limit, 1]


@compiled
def take_back(s: State) -> None:
    """Undo all since ``begin_trial``."""
    for i in range(4):
        s.sums[i] = s.sums_before[i]
    for n in range(1, s.node_log[0, 0] + 1):
        for i in range(3):
            s.node[s.node_log[n, 0], i] = s.node_log[n, 1 + i]
    for n in range(1, s.visit_log[0, 0] + 1):
        for i in range(3):
            s.visit[s.visit_log[n, 0], i] = s.visit_log[n, 1 + i]
    for n in range(1, s.tour_log[0, 0] + 1):
        for i in range(2):
            s.tour[s.tour_log[n, 0], i] = s.tour_log[n, 1 + i]
    for n in range(1, s.person_log[0, 0] + 1):
        s.person[s.person_log[n, 0]] = s.person_log[n, 1]
    for n in range(1, s.limit_log[0, 0] + 1):
        for i in range(2):
            s.limit[s.limit_log[n, 0], i] = s.limit_log[n, 1 + i]


# ----------------------------------------------------------------------------------------------------- seats in tours


@compiled
def place_before(d: Layout, t: int, node: int) -> int:
    """Where a tour comes from behind this node (a slot, or the tour's end node: its origin)."""
    if node >= d.slot.shape[0]:
        return d.tour[t, ORIGIN]
    return d.slot[node, SLOT_PLACE]


@compiled
def place_after(d: Layout, t: int, node: int) -> int:
    """Where a tour goes to before this node (a slot, or the tour's end node: its target)."""
    if node >= d.slot.shape[0]:
        return d.tour[t, TARGET]
    return d.slot[node, SLOT_PLACE]


@compiled
def detour(d: Layout, s: State, t: int, prev: int, place: int) -> float:
    """Cost of passing by a place after ``prev``; an empty tour's way there and back."""
    mode = d.tour[t, MODE]
    following = s.node[prev, NEXT]
    one, two = place_before(d, t, prev), place_after(d, t, following)
    cost = price(d, mode, one, place) + price(d, mode, place, two)
    if s.tour[t, COUNT] > 0:
        cost -= price(d, mode, one, two)
    return cost


@compiled
def fairness(d: Layout, s: State, who: int) -> float:
    """Cost of one visit more for a person."""
    return d.weight[PER_LOAD] * (2 * (d.person[who, BURDEN] + s.person[who]) + 1)


@compiled
def _use_limits(d: Layout, s: State, t: int, duration: int, times: int) -> None:
    who = d.tour[t, WHO]
    for limit in range(d.person[who, FIRST_LIMIT], d.person[who, END_LIMIT]):
        if d.limit[limit, LIMIT_START] < d.tour[t, 2] and d.tour[t, 1] < d.limit[limit, LIMIT_END]:
            s.limit[limit, 0] += times
            s.limit[limit, 1] += times * duration


@compiled
def room(d: Layout, s: State, t: int, v: int, duration: int) -> bool:
    """Whether a tour's load, and its person's limits, leave room for a seat of a visit."""
    if s.tour[t, CARRIED] + d.visit[v, LOAD] > d.tour[t, 8]:
        return False
    who = d.tour[t, WHO]
    for limit in range(d.person[who, FIRST_LIMIT], d.person[who, END_LIMIT]):
        if d.limit[limit, LIMIT_START] < d.tour[t, 2] and d.tour[t, 1] < d.limit[limit, LIMIT_END]:
            full = s.limit[limit, 0] + 1 > d.limit[limit, 2] or s.limit[limit, 1] + duration > d.limit[limit, 3]
            if full:
                return False
    return True


@compiled
def put(d: Layout, s: State, slot: int, t: int, prev: int, candidate: int) -> None:
    """Seat a tour's person in a slot, after ``prev`` on the tour."""
    following = s.node[prev, NEXT]
    v, who = d.slot[slot, VISIT], d.tour[t, WHO]
    s.sums[COST] += detour(d, s, t, prev, d.slot[slot, SLOT_PLACE]) + fairness(d, s, who) + d.candidate_cost[candidate]
    keep_node(s, slot)
    keep_node(s, prev)
    keep_node(s, following)
    keep_tour(d, s, t)
    s.node[slot, PREV] = prev
    s.node[slot, NEXT] = following
    s.node[slot, NODE_TOUR] = t
    s.node[prev, NEXT] = slot
    s.node[following, PREV] = slot
    s.tour[t, COUNT] += 1
    s.tour[t, CARRIED] += d.visit[v, LOAD]
    s.person[who] += 1
    _use_limits(d, s, t, d.slot[slot, DURATION], 1)


@compiled
def take(d: Layout, s: State, slot: int) -> None:
    """Free a slot."""
    t, prev, following = s.node[slot, NODE_TOUR], s.node[slot, PREV], s.node[slot, NEXT]
    v, who = d.slot[slot, VISIT], d.tour[t, WHO]
    keep_node(s, slot)
    keep_node(s, prev)
    keep_node(s, following)
    keep_tour(d, s, t)
    s.node[prev, NEXT] = following
    s.node[following, PREV] = prev
    s.node[slot, NODE_TOUR] = -1
    s.tour[t, COUNT] -= 1
    s.tour[t, CARRIED] -= d.visit[v, LOAD]
    s.person[who] -= 1
    _use_limits(d, s, t, d.slot[slot, DURATION], -1)
    s.sums[COST] -= detour(d, s, t, prev, d.slot[slot, SLOT_PLACE]) + fairness(d, s, who)
    s.sums[COST] -= d.candidate_cost[d.allowed[d.slot[slot, 1], t]]


@compiled
def crew_agrees(d: Layout, s: State, v: int, who: int) -> bool:
    """Whether links to served visits let this person into the visit's crew."""
    for link in range(d.visit[v, FIRST_LINK], d.visit[v, END_LINK]):
        kind = d.link[link, CREW]
        other = d.link[link, OTHER]
        if kind == ANY or s.visit[other, SERVED] == 0:
            continue
        there = False
        for slot in range(d.visit[other, FIRST_SLOT], d.visit[other, END_SLOT]):
            if s.node[slot, NODE_TOUR] >= 0 and d.tour[s.node[slot, NODE_TOUR], WHO] == who:
                there = True
        if there != (kind == SAME):
            return False
    return True
