"""Ruin and recreate with annealing, compiled: take neighbouring visits off some tours, put them back, keep or take back.

Source: J. Christiaens, G. Vanden Berghe, *Slack induction by string removals for vehicle routing problems*,
Transportation Science 54(2), 2020; here with crews, whose other members lose the visit too.
"""

from math import exp, log

from solvers.routes.columns import (
    COST,
    COUNT,
    END_LINK,
    END_SLOT,
    FIRST_LINK,
    FIRST_SLOT,
    ITSELF,
    LATENESS,
    LOST,
    MAX_LATENESS,
    NEXT,
    NODE_TOUR,
    OTHER,
    PARTNER,
    PER_LATE,
    PER_MAX_LATE,
    PREV,
    ROW,
    SERVED,
    STANDS,
    START,
    TWIN,
    VISIT,
    Layout,
    State,
)
from solvers.routes.insertion import NEVER, best_job, serve
from solvers.routes.schedule import lateness, relax_lates, relax_starts
from solvers.routes.state import begin_trial, below, compiled, draw, entry, keep_visit, put, take, take_back

STRING = 10
"""Longest string of visits taken off one tour."""
RUIN = 10
"""Visits taken off in one trial, on average."""
FORCED = 0.1
"""Share of the trials whose first visit is put back whatever it costs: only others that join them may make a tour pay."""
ABSENT = 8
"""Visits left out so far that are tried again in one trial."""


@compiled
def cost_of(d: Layout, s: State) -> float:
    """The plan's whole cost, as the sums say it."""
    late = d.weight[PER_LATE] * s.sums[LATENESS] + d.weight[PER_MAX_LATE] * s.sums[MAX_LATENESS]
    return s.sums[COST] + s.sums[LOST] + late


@entry
def account(d: Layout, s: State) -> float:
    """Sum up lateness afresh, and give the plan's whole cost."""
    lateness(d, s)
    return cost_of(d, s)


@entry
def bring(d: Layout, s: State, slot: int, tour: int) -> None:
    """Seat a tour's person in a slot, behind all on the tour that starts no later; the visit's start is set already."""
    slots = d.slot.shape[0]
    start = s.visit[d.slot[slot, VISIT], START]
    prev = slots + tour
    while s.node[prev, NEXT] < slots and s.visit[d.slot[s.node[prev, NEXT], VISIT], START] <= start:
        prev = s.node[prev, NEXT]
    put(d, s, slot, tour, prev, d.allowed[d.slot[slot, ROW], tour])


@compiled
def _remove(d: Layout, s: State, v: int, absent: int) -> int:
    """Take a visit out, and its partner; both wait in ``absent`` as one job."""
    for one in (v, d.visit[v, PARTNER]):
        if one >= 0 and s.visit[one, SERVED] == 1:
            for slot in range(d.visit[one, FIRST_SLOT], d.visit[one, END_SLOT]):
                take(d, s, slot)
            keep_visit(s, one)
            s.visit[one, SERVED] = 0
            s.sums[LOST] += d.lost[one]
    partner = d.visit[v, PARTNER]
    s.absent[absent] = v if partner < 0 else min(v, partner)
    return absent + 1


@compiled
def unserved(d: Layout, s: State, v: int) -> bool:
    """Whether neither a visit nor its twin is in the plan."""
    v = d.visit[v, ITSELF]
    twin = d.visit[v, TWIN]
    return s.visit[v, SERVED] == 0 and (twin < 0 or s.visit[twin, SERVED] == 0)


@compiled
def _string(d: Layout, s: State, slot: int, longest: int, absent: int) -> int:
    """Take a string of visits that holds the slot off its tour, half the time with some in its middle kept."""
    slots = d.slot.shape[0]
    t = s.node[slot, NODE_TOUR]
    length = min(s.tour[t, COUNT], 1 + below(s, longest))
    kept = 0
    if length > 1 and draw(s) < 0.5:
        while length + kept < s.tour[t, COUNT] and draw(s) < 0.99:
            kept += 1
            if draw(s) > 0.5:
                break
    back = below(s, length + kept)
    node = slot
    while back > 0 and s.node[node, PREV] < slots:
        node = s.node[node, PREV]
        back -= 1
    skip_from = 1 + below(s, length) if kept > 0 else length + kept
    i = 0
    first = absent
    while node < slots and i < length + kept:
        if (i < skip_from or i >= skip_from + kept) and d.visit[d.slot[node, VISIT], STANDS] == 0:
            s.absent[absent] = d.slot[node, VISIT]
            absent += 1
        node = s.node[node, NEXT]
        i += 1
    end = first
    for i in range(first, absent):
        if s.visit[s.absent[i], SERVED] == 1:
            end = _remove(d, s, s.absent[i], end)
    return end


@compiled
def ruin(d: Layout, s: State, forced: bool) -> int:
    """Take visits around a random one off their tours; how many jobs wait in ``absent``."""
    seed = below(s, d.to_plan)
    if draw(s) < 0.5:
        for _ in range(6):
            if not unserved(d, s, seed):
                break
            seed = below(s, d.to_plan)
    used = stops = 0
    for t in range(s.tour.shape[0]):
        if s.tour[t, COUNT] > 0:
            used += 1
            stops += s.tour[t, COUNT]
    longest = max(1, min(STRING, stops // max(1, used)))
    tours = 1 + below(s, max(1, (4 * RUIN) // (1 + longest) - 1))
    s.mark[-1] += 1
    stamp = s.mark[-1]
    absent = 0
    j = -1
    while tours > 0 and j < d.near.shape[1]:
        v = seed if j < 0 else d.near[seed, j]
        j += 1
        if v < 0:
            break
        if s.visit[v, SERVED] == 0 or d.visit[v, STANDS] == 1:
            continue
        for slot in range(d.visit[v, FIRST_SLOT], d.visit[v, END_SLOT]):
            t = s.node[slot, NODE_TOUR]
            if t < 0 or s.torn[t] == stamp:
                continue
            s.torn[t] = stamp
            absent = _string(d, s, slot, longest, absent)
            tours -= 1
            if tours == 0 or s.visit[v, SERVED] == 0:
                break
    _settle(d, s, absent)
    for i in range(absent):
        s.absent[i] = d.visit[s.absent[i], ITSELF]
    removed = absent
    most = removed + (d.near.shape[1] if forced else ABSENT)
    if unserved(d, s, seed):
        absent = _await(d, s, seed, absent)
    for j in range(d.near.shape[1]):
        v = d.near[seed, j]
        if v < 0 or absent >= most:
            break
        if d.visit[v, STANDS] == 0 and unserved(d, s, v) and (forced or draw(s) < 0.5):
            absent = _await(d, s, v, absent)
    return absent


@compiled
def _await(d: Layout, s: State, v: int, absent: int) -> int:
    v = d.visit[v, ITSELF]
    if d.visit[v, PARTNER] >= 0:
        v = min(v, d.visit[v, PARTNER])
    for i in range(absent):
        if s.absent[i] == v:
            return absent
    s.absent[absent] = v
    return absent + 1


@compiled
def _settle(d: Layout, s: State, absent: int) -> None:
    """Bring the schedule up to date after the removal of the jobs in ``absent``."""
    for side in (NEXT, PREV):
        if side == PREV and not d.hard:
            break
        count = 0
        s.mark[-1] += 1
        stamp = s.mark[-1]
        for i in range(absent):
            for v in (s.absent[i], d.visit[s.absent[i], PARTNER]):
                if v < 0:
                    continue
                for slot in range(d.visit[v, FIRST_SLOT], d.visit[v, END_SLOT]):
                    node = s.node[slot, side]  # where it was; a later removal may have moved on from there
                    while node < d.slot.shape[0] and s.node[node, NODE_TOUR] < 0:
                        node = s.node[node, side]
                    if node < d.slot.shape[0]:
                        w = d.slot[node, VISIT]
                        if s.mark[w] != stamp and d.visit[w, STANDS] == 0:
                            s.mark[w] = stamp
                            s.queue[count] = w
                            count += 1
                for link in range(d.visit[v, FIRST_LINK], d.visit[v, END_LINK]):
                    w = d.link[link, OTHER]
                    if s.visit[w, SERVED] == 1 and s.mark[w] != stamp:
                        s.mark[w] = stamp
                        s.queue[count] = w
                        count += 1
        if side == NEXT:
            relax_starts(d, s, count)
        else:
            relax_lates(d, s, count)
    if d.soft:
        lateness(d, s)


@compiled
def recreate(d: Layout, s: State, absent: int, forced: int, temperature: float) -> bool:
    """Put the jobs in ``absent`` back, one after the other in an order drawn anew; false where times came to no end."""
    kind = below(s, 5)
    for i in range(absent):
        v = s.absent[i]
        s.fate[i] = draw(s) if kind == 0 else d.key[v, kind - 1] + 1e-6 * draw(s)
    for i in range(1, absent):
        v, key = s.absent[i], s.fate[i]
        j = i - 1
        while j >= 0 and s.fate[j] > key:
            s.absent[j + 1] = s.absent[j]
            s.fate[j + 1] = s.fate[j]
            j -= 1
        s.absent[j + 1] = v
        s.fate[j + 1] = key
    if forced == 1 and absent > 1:  # any of them, first
        i = below(s, absent)
        v = s.absent[i]
        s.absent[i] = s.absent[0]
        s.absent[0] = v
    for i in range(absent):
        v = s.absent[i]
        partner = d.visit[v, PARTNER]
        limit = d.lost[v] + (d.lost[partner] if partner >= 0 else 0.0)
        if i < forced:
            limit = NEVER
        elif temperature > 0:
            limit -= temperature * log(1e-300 + draw(s))  # what does not pay yet may do so beside others
        cost, seats = best_job(d, s, v, limit)
        twin = d.visit[v, TWIN]
        if twin >= 0:
            for seat in range(seats):
                for column in range(5):
                    s.first[seat, column] = s.chosen[seat, column]
            as_told, told_seats = best_job(d, s, twin, min(limit, cost))
            if as_told < NEVER:
                cost, seats = as_told, told_seats
            else:
                for seat in range(seats):
                    for column in range(5):
                        s.chosen[seat, column] = s.first[seat, column]
        if cost < NEVER and not serve(d, s, seats):
            return False
    return True


@entry
def remember(s: State, cost: float) -> None:
    """Keep the plan as the best so far."""
    for x in range(s.node.shape[0]):
        for i in range(3):
            s.best_node[x, i] = s.node[x, i]
    for v in range(s.visit.shape[0]):
        for i in range(3):
            s.best_visit[v, i] = s.visit[v, i]
    s.best_cost[0] = cost


@entry
def anneal(d: Layout, s: State, iterations: int, hot: float, cold: float) -> int:
    """Try ``iterations`` times, while the temperature falls from ``hot`` to ``cold``; how many trials were kept."""
    current = cost_of(d, s)
    kept = 0
    for i in range(iterations):
        temperature = hot * exp(log(cold / hot) * i / iterations)
        begin_trial(s)
        forced = draw(s) < FORCED
        absent = ruin(d, s, forced)
        fine = recreate(d, s, absent, 1 if forced else 0, temperature)
        cost = cost_of(d, s)
        if fine and cost < current - temperature * log(1e-300 + draw(s)):
            if cost != current:
                kept += 1
            current = cost
            if cost < s.best_cost[0] - 1e-7:
                remember(s, cost)
        else:
            take_back(s)
    return kept


@entry
def construct(d: Layout, s: State) -> None:
    """Serve what can be served, the hardest first; nothing changes where that ties times into a knot."""
    begin_trial(s)
    count = 0
    for v in range(d.to_plan):
        if d.visit[v, ITSELF] == v and unserved(d, s, v):
            partner = d.visit[v, PARTNER]
            if partner < 0 or v < partner:
                s.absent[count] = v
                count += 1
    if not recreate(d, s, count, count, 0.0):
        take_back(s)
