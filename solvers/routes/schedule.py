"""When each visit of a plan starts at the earliest and at the latest, compiled.

Visits that wait for each other, crosswise too, are nodes of a graph: a crew's members arrive each from the visit before,
links bind the starts of two visits. The earliest starts are its longest paths, brought up to date where a change
reaches; they are the best schedule for an order, as every cost grows with the start.
"""

from solvers.routes.columns import (
    BEGIN,
    DUE,
    DURATION,
    END,
    END_LINK,
    END_SLOT,
    END_WINDOW,
    FAR,
    FIRST_LINK,
    FIRST_SLOT,
    FIRST_WINDOW,
    FROM,
    IN,
    LATE,
    LATENESS,
    LOW,
    MAX_LATENESS,
    MODE,
    NEXT,
    NODE_TOUR,
    OTHER,
    OUT,
    PER_LATE,
    PER_MAX_LATE,
    PREV,
    ROW,
    SEAT_PREV,
    SEAT_START,
    SEAT_TOUR,
    SERVED,
    SLOT,
    SLOT_PLACE,
    STANDS,
    START,
    TO,
    UNTIL,
    VISIT,
    Layout,
    State,
)
from solvers.routes.state import compiled, entry, keep_visit, way


@compiled
def fit(d: Layout, v: int, start: int) -> int:
    """First start in the visit's windows that is not before ``start``, FAR if there is none."""
    for window in range(d.visit[v, FIRST_WINDOW], d.visit[v, END_WINDOW]):
        if start <= d.window[window, 1]:
            return max(start, d.window[window, 0])
    return FAR


@compiled
def fit_back(d: Layout, v: int, start: int) -> int:
    """Last start in the visit's windows that is not after ``start``, -FAR if there is none."""
    for window in range(d.visit[v, END_WINDOW] - 1, d.visit[v, FIRST_WINDOW] - 1, -1):
        if start >= d.window[window, 0]:
            return min(start, d.window[window, 1])
    return -FAR


@compiled
def arrival(d: Layout, s: State, t: int, prev: int, place: int) -> int:
    """When a tour's person is at a place, coming from ``prev``."""
    if prev >= d.slot.shape[0]:
        origin = d.tour[t, FROM]
        if origin < 0:
            return d.tour[t, BEGIN]
        return d.tour[t, BEGIN] + way(d, d.tour[t, MODE], origin, place)
    ready = s.visit[d.slot[prev, VISIT], START] + d.slot[prev, DURATION]
    return max(d.tour[t, BEGIN], ready + way(d, d.tour[t, MODE], d.slot[prev, SLOT_PLACE], place))


@compiled
def deadline(d: Layout, s: State, t: int, following: int, place: int, duration: int) -> int:
    """Until when a visit of that duration must start for a tour to go on as it does now."""
    if following >= d.slot.shape[0]:
        target = d.tour[t, TO]
        if target < 0:
            return d.tour[t, END] - duration
        return d.tour[t, END] - duration - way(d, d.tour[t, MODE], place, target)
    latest = s.visit[d.slot[following, VISIT], LATE] - duration
    return min(d.tour[t, END] - duration, latest - way(d, d.tour[t, MODE], place, d.slot[following, SLOT_PLACE]))


@compiled
def earliest(d: Layout, s: State, v: int) -> int:
    """First possible start of a served visit, given all others' starts."""
    start = d.visit[v, LOW]
    for slot in range(d.visit[v, FIRST_SLOT], d.visit[v, END_SLOT]):
        at = arrival(d, s, s.node[slot, NODE_TOUR], s.node[slot, PREV], d.slot[slot, SLOT_PLACE])
        start = max(start, at)
    for link in range(d.visit[v, FIRST_LINK], d.visit[v, END_LINK]):
        other = d.link[link, OTHER]
        if s.visit[other, SERVED] == 1:
            start = max(start, s.visit[other, START] + d.link[link, IN])
    return fit(d, v, start)


@compiled
def latest(d: Layout, s: State, v: int) -> int:
    """Last possible start of a served visit, given all others' latest."""
    last = FAR
    for slot in range(d.visit[v, FIRST_SLOT], d.visit[v, END_SLOT]):
        t = s.node[slot, NODE_TOUR]
        duration = d.slot[slot, DURATION]
        last = min(last, deadline(d, s, t, s.node[slot, NEXT], d.slot[slot, SLOT_PLACE], duration))
        last = min(last, d.candidate[d.allowed[d.slot[slot, ROW], t], UNTIL] - duration)
    for link in range(d.visit[v, FIRST_LINK], d.visit[v, END_LINK]):
        other = d.link[link, OTHER]
        if s.visit[other, SERVED] == 1:
            last = min(last, s.visit[other, LATE] - d.link[link, OUT])
    return fit_back(d, v, last)


# ----------------------------------------------------------------------------------------------------- after a removal


@compiled
def _reach(d: Layout, s: State, count: int, side: int) -> int:
    """Extend the visits in ``queue[:count]`` by all whose start (or latest start) leans on theirs."""
    s.mark[-1] += 1
    for i in range(count):
        s.mark[s.queue[i]] = s.mark[-1]
    i = 0
    while i < count:
        v = s.queue[i]
        i += 1
        for slot in range(d.visit[v, FIRST_SLOT], d.visit[v, END_SLOT]):
            node = s.node[slot, side]
            if node < d.slot.shape[0]:
                count = _lean(d, s, d.slot[node, VISIT], count, side)
        for link in range(d.visit[v, FIRST_LINK], d.visit[v, END_LINK]):
            if s.visit[d.link[link, OTHER], SERVED] == 1:
                count = _lean(d, s, d.link[link, OTHER], count, side)
    return count


@compiled
def _lean(d: Layout, s: State, w: int, count: int, side: int) -> int:
    if s.mark[w] == s.mark[-1] or d.visit[w, STANDS] == 1:
        return count
    if side == NEXT:
        if s.visit[w, START] == d.visit[w, LOW]:
            return count
    elif s.visit[w, LATE] == d.window[d.visit[w, END_WINDOW] - 1, 1]:
        return count
    s.mark[w] = s.mark[-1]
    s.queue[count] = w
    return count + 1


@entry
def relax_starts(d: Layout, s: State, count: int) -> None:
    """Bring earliest starts down after a removal; ``queue[:count]`` are the visits that came right after."""
    count = _reach(d, s, count, NEXT)
    for i in range(count):
        v = s.queue[i]
        keep_visit(s, v)
        s.visit[v, START] = -FAR
    changed = True
    while changed:
        changed = False
        for i in range(count):
            v = s.queue[i]
            start = earliest(d, s, v)
            if start > s.visit[v, START]:
                s.visit[v, START] = start
                changed = True


@entry
def relax_lates(d: Layout, s: State, count: int) -> None:
    """Bring latest starts up after a removal; ``queue[:count]`` are the visits that came right before."""
    count = _reach(d, s, count, PREV)
    for i in range(count):
        v = s.queue[i]
        keep_visit(s, v)
        s.visit[v, LATE] = FAR
    changed = True
    while changed:
        changed = False
        for i in range(count):
            v = s.queue[i]
            last = latest(d, s, v)
            if last < s.visit[v, LATE]:
                s.visit[v, LATE] = last
                changed = True


# --------------------------------------------------------------------------------------------------- after an insertion


@compiled
def push_starts(d: Layout, s: State, v: int) -> bool:
    """Bring up every start that leans on a visit; false if there is no end to it, or one has no start left."""
    s.queue[0] = v
    head, tail, pops = 0, 1, 0
    size = s.queue.shape[0]
    most = 8 * s.visit.shape[0] + 64
    while head != tail:
        u = s.queue[head]
        head = (head + 1) % size
        pops += 1
        if pops > most:
            return False
        for slot in range(d.visit[u, FIRST_SLOT], d.visit[u, END_SLOT]):
            node = s.node[slot, NEXT]
            if node >= d.slot.shape[0]:
                continue
            w = d.slot[node, VISIT]
            t = s.node[slot, NODE_TOUR]
            at = arrival(d, s, t, slot, d.slot[node, SLOT_PLACE])
            if at > s.visit[w, START]:
                if not _raise(d, s, w, at):
                    return False
                s.queue[tail] = w
                tail = (tail + 1) % size
        for link in range(d.visit[u, FIRST_LINK], d.visit[u, END_LINK]):
            w = d.link[link, OTHER]
            at = s.visit[u, START] + d.link[link, OUT]
            if s.visit[w, SERVED] == 1 and at > s.visit[w, START]:
                if not _raise(d, s, w, at):
                    return False
                s.queue[tail] = w
                tail = (tail + 1) % size
    return True


@compiled
def _raise(d: Layout, s: State, w: int, at: int) -> bool:
    if d.visit[w, STANDS] == 1:
        return False
    start = fit(d, w, at)
    if start >= FAR:
        return False
    keep_visit(s, w)
    s.visit[w, START] = start
    return True


@compiled
def pull_lates(d: Layout, s: State, v: int) -> bool:
    """Bring down every latest start that leans on a visit; false if there is no end to it."""
    s.queue[0] = v
    head, tail, pops = 0, 1, 0
    size = s.queue.shape[0]
    most = 8 * s.visit.shape[0] + 64
    while head != tail:
        u = s.queue[head]
        head = (head + 1) % size
        pops += 1
        if pops > most:
            return False
        for slot in range(d.visit[u, FIRST_SLOT], d.visit[u, END_SLOT]):
            node = s.node[slot, PREV]
            if node < d.slot.shape[0] and _lower(d, s, d.slot[node, VISIT]):
                s.queue[tail] = d.slot[node, VISIT]
                tail = (tail + 1) % size
        for link in range(d.visit[u, FIRST_LINK], d.visit[u, END_LINK]):
            w = d.link[link, OTHER]
            if s.visit[w, SERVED] == 1 and _lower(d, s, w):
                s.queue[tail] = w
                tail = (tail + 1) % size
    return True


@compiled
def _lower(d: Layout, s: State, w: int) -> bool:
    if d.visit[w, STANDS] == 1:
        return False
    last = latest(d, s, w)
    if last >= s.visit[w, LATE]:
        return False
    keep_visit(s, w)
    s.visit[w, LATE] = last
    return True


# ------------------------------------------------------------------------------------------------------------- lateness


@compiled
def lateness(d: Layout, s: State) -> None:
    """Sum up lateness, total and largest."""
    total = 0
    largest = 0
    for v in range(d.to_plan):
        if s.visit[v, SERVED] == 1:
            late = s.visit[v, START] - d.visit[v, DUE]
            if late > 0:
                total += late
                largest = max(largest, late)
    s.sums[LATENESS] = total
    s.sums[MAX_LATENESS] = largest


@compiled
def knock_on(d: Layout, s: State, seats: int, limit: float) -> float:
    """Cost of the lateness that chosen seats bring, to their own visits and to all that lean on them.

    ``chosen[:seats]`` are the seats; the sum is exact if it is below ``limit``, and FAR if they would wait for
    themselves.
    """
    s.mark[-1] += 1
    stamp = s.mark[-1]
    total = 0
    largest = int(s.sums[MAX_LATENESS])
    for i in range(seats):
        v = d.slot[s.chosen[i, SLOT], VISIT]
        if s.trial[v, 1] != stamp:
            s.trial[v, 0] = s.chosen[i, SEAT_START]
            s.trial[v, 1] = stamp
            late = s.chosen[i, SEAT_START] - d.visit[v, DUE]
            if late > 0:
                total += late
                largest = max(largest, late)
        prev = s.chosen[i, SEAT_PREV]
        if prev < d.slot.shape[0]:
            s.mark[d.slot[prev, VISIT]] = stamp
    size = s.queue.shape[0]
    head, tail, pops = 0, 0, 0
    most = 4 * s.visit.shape[0] + 64
    i = 0
    while i < seats or head != tail:
        if i < seats:
            own = d.slot[s.chosen[i, SLOT], VISIT]
            first, end = s.chosen[i, SLOT], s.chosen[i, SLOT] + 1
        else:
            own = s.queue[head]
            head = (head + 1) % size
            pops += 1
            if pops > most:
                return float(FAR)
            first, end = d.visit[own, FIRST_SLOT], d.visit[own, END_SLOT]
        begin = s.trial[own, 0]
        for slot in range(first, end):
            if i < seats:
                t = s.chosen[i, SEAT_TOUR]
                node = s.node[s.chosen[i, SEAT_PREV], NEXT]
            else:
                t = s.node[slot, NODE_TOUR]
                node = s.node[slot, NEXT]
            if node >= d.slot.shape[0]:
                continue
            ready = begin + d.slot[slot, DURATION]
            at = ready + way(d, d.tour[t, MODE], d.slot[slot, SLOT_PLACE], d.slot[node, SLOT_PLACE])
            w = d.slot[node, VISIT]
            now = s.trial[w, 0] if s.trial[w, 1] == stamp else s.visit[w, START]
            if at > now:
                if s.mark[w] == stamp or d.visit[w, STANDS] == 1:
                    return float(FAR)
                start = fit(d, w, at)
                s.trial[w, 0] = start
                s.trial[w, 1] = stamp
                due = d.visit[w, DUE]
                total += max(0, start - due) - max(0, now - due)
                largest = max(largest, start - due)
                s.queue[tail] = w
                tail = (tail + 1) % size
        if i >= seats or first == d.visit[own, FIRST_SLOT]:
            for link in range(d.visit[own, FIRST_LINK], d.visit[own, END_LINK]):
                w = d.link[link, OTHER]
                if s.visit[w, SERVED] == 0:
                    continue
                at = begin + d.link[link, OUT]
                now = s.trial[w, 0] if s.trial[w, 1] == stamp else s.visit[w, START]
                if at > now:
                    if s.mark[w] == stamp or d.visit[w, STANDS] == 1:
                        return float(FAR)
                    start = fit(d, w, at)
                    s.trial[w, 0] = start
                    s.trial[w, 1] = stamp
                    due = d.visit[w, DUE]
                    total += max(0, start - due) - max(0, now - due)
                    largest = max(largest, start - due)
                    s.queue[tail] = w
                    tail = (tail + 1) % size
        if i < seats:
            i += 1
        cost = d.weight[PER_LATE] * total + d.weight[PER_MAX_LATE] * (largest - s.sums[MAX_LATENESS])
        if cost >= limit:
            return cost
    return d.weight[PER_LATE] * total + d.weight[PER_MAX_LATE] * (largest - s.sums[MAX_LATENESS])
