"""The cheapest way to put a visit into a plan, compiled: one seat, two that meet, or a crew from one team.

The cost of a place on a tour counts the way, the person and the visit's own lateness; what it makes others late is
computed exactly, cheapest places first, until no other can be better.
"""

from solvers.routes.columns import (
    COUNT,
    DUE,
    DURATION,
    END_LINK,
    END_SLOT,
    FAR,
    FIRST_LINK,
    FIRST_SLOT,
    GROUP_BEGIN,
    GROUP_END,
    GROUP_TEAM,
    IN,
    LATE,
    LOST,
    LOW,
    NEXT,
    NODE_TOUR,
    OTHER,
    OUT,
    PARTNER,
    PER_LATE,
    PREV,
    ROW,
    SEAT_CANDIDATE,
    SEAT_PREV,
    SEAT_START,
    SEAT_TOUR,
    SERVED,
    SLOT,
    SLOT_PLACE,
    START,
    TEAMED,
    TOUR,
    UNTIL,
    VISIT,
    WHO,
    Layout,
    State,
)
from solvers.routes.schedule import (
    arrival,
    deadline,
    fit,
    knock_on,
    lateness,
    latest,
    pull_lates,
    push_starts,
)
from solvers.routes.state import (
    compiled,
    crew_agrees,
    detour,
    draw,
    fairness,
    keep_visit,
    put,
    room,
)

NEVER = 1e300
PLACES = 128
"""Places that are kept for a seat: the cheapest, before it is known what they make others late."""
EMPTY_TOURS = 3
"""Empty tours that are tried for a seat: the cheapest that fit."""
SPARE = 8
"""People of a team who are looked at beside as many as a demand asks for."""
BLINK = 0.01
"""Share of the places that are overlooked, so that the next best get a chance."""

# columns of ``option``
ARRIVAL, UNTIL_THEN = 3, 4


@compiled
def bounds_by_links(d: Layout, s: State, v: int) -> tuple[int, int]:
    """First and last start that links to served visits allow."""
    low, high = d.visit[v, LOW], FAR
    for link in range(d.visit[v, FIRST_LINK], d.visit[v, END_LINK]):
        other = d.link[link, OTHER]
        if s.visit[other, SERVED] == 1:
            low = max(low, s.visit[other, START] + d.link[link, IN])
            if d.hard:
                high = min(high, s.visit[other, LATE] - d.link[link, OUT])
    return low, high


@compiled
def _consider(d: Layout, s: State, slot: int, c: int, prev: int, low: int, high: int, base: int, end: int) -> int:
    """Judge one place on a tour; if it is possible it joins the cheapest places, ``option[base:end]``; their new end."""
    t = d.candidate[c, TOUR]
    v, place, duration = d.slot[slot, VISIT], d.slot[slot, SLOT_PLACE], d.slot[slot, DURATION]
    cost = detour(d, s, t, prev, place) + fairness(d, s, d.tour[t, WHO]) + d.candidate_cost[c]
    full = end == base + PLACES
    if full and cost >= s.option_cost[end - 1]:
        return end
    start = fit(d, v, max(low, arrival(d, s, t, prev, place)))
    last = min(high, d.candidate[c, UNTIL] - duration)
    if d.hard:
        last = min(last, deadline(d, s, t, s.node[prev, NEXT], place, duration))
    if start > last or start >= FAR:
        return end
    cost += d.weight[PER_LATE] * max(0, start - d.visit[v, DUE])
    if full:
        if cost >= s.option_cost[end - 1]:
            return end
        end -= 1
    at = end
    while at > base and s.option_cost[at - 1] > cost:
        s.option_cost[at] = s.option_cost[at - 1]
        for column in range(5):
            s.option[at, column] = s.option[at - 1, column]
        at -= 1
    s.option[at, TOUR] = t
    s.option[at, SEAT_TOUR] = c
    s.option[at, SEAT_PREV] = prev
    s.option[at, ARRIVAL] = start
    s.option[at, UNTIL_THEN] = last
    s.option_cost[at] = cost
    return end + 1


@compiled
def scan(d: Layout, s: State, slot: int, low: int, high: int, base: int) -> int:
    """Find the cheapest places for a seat, by the visit's neighbours and on empty tours: ``option[base:end]``, sorted."""
    v, row, duration = d.slot[slot, VISIT], d.slot[slot, ROW], d.slot[slot, DURATION]
    linked = d.visit[v, FIRST_LINK] < d.visit[v, END_LINK]
    sparse = d.near.shape[1] < d.visit.shape[0] - 1
    slots = d.slot.shape[0]
    end = base
    for j in range(d.near.shape[1]):
        u = d.near[v, j]
        if u < 0:
            break
        if s.visit[u, SERVED] == 0:
            continue
        for q in range(d.visit[u, FIRST_SLOT], d.visit[u, END_SLOT]):
            t = s.node[q, NODE_TOUR]
            if t < 0:
                continue
            c = d.allowed[row, t]
            if c < 0 or draw(s) < BLINK or not room(d, s, t, v, duration):
                continue
            if linked and not crew_agrees(d, s, v, d.tour[t, WHO]):
                continue
            end = _consider(d, s, slot, c, q, low, high, base, end)
            prev = s.node[q, PREV]
            if sparse or prev >= slots:
                end = _consider(d, s, slot, c, prev, low, high, base, end)
    found = 0
    for group in range(d.group_first[row], d.group_first[row + 1]):
        for c in range(d.group[group, GROUP_BEGIN], d.group[group, GROUP_END]):
            t = d.candidate[c, TOUR]
            if s.tour[t, COUNT] > 0 or draw(s) < BLINK or not room(d, s, t, v, duration):
                continue
            if linked and not crew_agrees(d, s, v, d.tour[t, WHO]):
                continue
            before = end
            end = _consider(d, s, slot, c, slots + t, low, high, base, end)
            if end > before or end == base + PLACES:
                found += 1
            if found >= EMPTY_TOURS:
                break
    return end


@compiled
def _choose(d: Layout, s: State, i: int, slot: int, option: int, start: int) -> None:
    s.chosen[i, SLOT] = slot
    s.chosen[i, SEAT_TOUR] = s.option[option, TOUR]
    s.chosen[i, SEAT_PREV] = s.option[option, SEAT_PREV]
    s.chosen[i, SEAT_CANDIDATE] = s.option[option, SEAT_TOUR]
    s.chosen[i, SEAT_START] = start


@compiled
def best_seat(d: Layout, s: State, v: int, limit: float) -> float:
    """The cheapest place for a visit's one slot, in ``chosen[0]``; NEVER if none is cheaper than ``limit``."""
    slot = d.visit[v, FIRST_SLOT]
    low, high = bounds_by_links(d, s, v)
    end = scan(d, s, slot, low, high, 0)
    best, chosen = limit, -1
    for at in range(end):
        cost = s.option_cost[at]
        if cost >= best:
            break
        if d.soft:
            start = s.option[at, ARRIVAL]
            cost -= d.weight[PER_LATE] * max(0, start - d.visit[v, DUE])
            _choose(d, s, 0, slot, at, start)
            cost += knock_on(d, s, 1, best - cost)
        if cost < best:
            best, chosen = cost, at
    if chosen < 0:
        return NEVER
    _choose(d, s, 0, slot, chosen, s.option[chosen, ARRIVAL])
    return best


@compiled
def crosswise(d: Layout, s: State, one: int, two: int) -> bool:
    """Whether what follows one chosen place could come before the other: then the two might wait for each other."""
    slots = d.slot.shape[0]
    following, prev = s.node[one, NEXT], two
    if following >= slots or prev >= slots:
        return False
    a, b = d.slot[following, VISIT], d.slot[prev, VISIT]
    return a == b or s.visit[b, START] >= s.visit[a, START] + d.slot[following, DURATION]


@compiled
def best_pair(d: Layout, s: State, one: int, two: int, limit: float) -> float:
    """The cheapest places for two slots that must meet: of one visit, or of two visits bound by a link.

    Chosen into ``chosen[0]`` and ``chosen[1]``; NEVER if none is cheaper than ``limit``.
    """
    v, w = d.slot[one, VISIT], d.slot[two, VISIT]
    least, most, apart = 0, 0, True
    if v != w:
        for link in range(d.visit[v, FIRST_LINK], d.visit[v, END_LINK]):
            if d.link[link, OTHER] == w:
                least, most = d.link[link, OUT], -d.link[link, IN]
                apart = d.link[link, 3] == 2
    half = PLACES
    middle = scan(d, s, one, d.visit[v, LOW], FAR, 0)
    if middle == 0:
        return NEVER
    end = scan(d, s, two, d.visit[w, LOW], FAR, half)
    if end == half:
        return NEVER
    best, first, second, start_one, start_two = limit, -1, -1, 0, 0
    late = d.weight[PER_LATE]
    for i in range(middle):
        if s.option_cost[i] + s.option_cost[half] >= best:
            break
        own_one = late * max(0, s.option[i, ARRIVAL] - d.visit[v, DUE])
        for j in range(half, end):
            if s.option_cost[i] + s.option_cost[j] >= best:
                break
            if (apart or v == w) and d.tour[s.option[i, TOUR], WHO] == d.tour[s.option[j, TOUR], WHO]:
                continue
            if not apart and s.option[i, TOUR] == s.option[j, TOUR]:
                continue
            begin = max(s.option[i, ARRIVAL], s.option[j, ARRIVAL] - most)
            begin = fit(d, v, begin)
            then = fit(d, w, max(s.option[j, ARRIVAL], begin + least))
            if v == w:
                then = begin
            elif then - begin > most:
                begin = fit(d, v, then - most)
            if begin > s.option[i, UNTIL_THEN] or then > s.option[j, UNTIL_THEN] or then >= FAR or begin >= FAR:
                continue
            own_two = late * max(0, s.option[j, ARRIVAL] - d.visit[w, DUE])
            seats = s.option_cost[i] - own_one + s.option_cost[j] - own_two
            if d.soft:
                own = late * max(0, begin - d.visit[v, DUE])
                if v != w:
                    own += late * max(0, then - d.visit[w, DUE])
                if seats + own >= best:
                    continue
            elif seats >= best:
                continue
            p, q = s.option[i, SEAT_PREV], s.option[j, SEAT_PREV]
            if crosswise(d, s, p, q) or crosswise(d, s, q, p):
                continue
            cost = seats
            if d.soft:
                _choose(d, s, 0, one, i, begin)
                _choose(d, s, 1, two, j, then)
                cost += knock_on(d, s, 2, best - seats)
            if cost < best:
                best, first, second, start_one, start_two = cost, i, j, begin, then
    if first < 0:
        return NEVER
    _choose(d, s, 0, one, first, start_one)
    _choose(d, s, 1, two, second, start_two)
    return best


@compiled
def _place_of(d: Layout, s: State, slot: int, c: int, low: int, high: int, at: int) -> int:
    """Note the cheapest place on one tour for a seat, if there is one."""
    t, v = d.candidate[c, TOUR], d.slot[slot, VISIT]
    if not room(d, s, t, v, d.slot[slot, DURATION]) or draw(s) < BLINK or not crew_agrees(d, s, v, d.tour[t, WHO]):
        return at
    slots = d.slot.shape[0]
    prev = slots + t
    end = at
    while True:
        end = _consider(d, s, slot, c, prev, low, high, at, end)
        prev = s.node[prev, NEXT]
        if prev >= slots:
            return min(end, at + 1)


@compiled
def _gather(d: Layout, s: State, row: int, slot: int, group: int, low: int, high: int, wanted: int, at: int) -> int:
    """Note a place for each of the cheapest people of one team for one demand."""
    begin = at
    for c in range(d.group[group, GROUP_BEGIN], d.group[group, GROUP_END]):
        at = _place_of(d, s, slot, c, low, high, at)
        if at - begin >= wanted or at + PLACES >= s.option.shape[0]:
            break
    return at


@compiled
def best_crew(d: Layout, s: State, v: int, limit: float) -> float:
    """The cheapest crew for a visit's slots, from one team where it must be; seats in ``chosen``.

    For each team the cheapest people of each demand are noted, then every time at which one of them can be there is
    tried as the start, and filled with the cheapest who can be there by then.
    """
    first, end = d.visit[v, FIRST_SLOT], d.visit[v, END_SLOT]
    low, high = bounds_by_links(d, s, v)
    best = limit
    size = end - first
    lead = d.slot[first, ROW]
    late = d.weight[PER_LATE]
    taken = -1
    for group in range(d.group_first[lead], d.group_first[lead + 1]):
        team = d.group[group, GROUP_TEAM]
        # places of every demand of this team: from[i] .. of the demand's first slot
        at = 0
        slot = first
        possible = True
        while slot < end and possible:
            row = d.slot[slot, ROW]
            heads = 0
            while slot + heads < end and d.slot[slot + heads, ROW] == row:
                heads += 1
            s.crew[slot - first, 0] = at
            mine = -1
            for g in range(d.group_first[row], d.group_first[row + 1]):
                if d.group[g, GROUP_TEAM] == team:
                    mine = g
            if mine >= 0:
                at = _gather(d, s, row, slot, mine, low, high, heads + size + SPARE, at)
            s.crew[slot - first, 1] = at
            s.crew[slot - first, 2] = heads
            possible = at - s.crew[slot - first, 0] >= heads
            slot += heads
        if not possible:
            continue
        for moment in range(at):
            start = s.option[moment, ARRIVAL]
            known = False
            for other in range(moment):
                if s.option[other, ARRIVAL] == start:
                    known = True
            if known:
                continue
            total = late * max(0, start - d.visit[v, DUE])
            s.mark[-1] += 1
            stamp = s.mark[-1]
            slot = first
            while slot < end and total < best:
                i = slot - first
                heads = s.crew[i, 2]
                for head in range(heads):
                    pick, cheapest = -1, NEVER
                    for o in range(s.crew[i, 0], s.crew[i, 1]):
                        if s.option[o, ARRIVAL] > start or s.option[o, UNTIL_THEN] < start:
                            continue
                        own = s.option_cost[o] - late * max(0, s.option[o, ARRIVAL] - d.visit[v, DUE])
                        if own < cheapest and s.busy[d.tour[s.option[o, TOUR], WHO]] != stamp:
                            pick, cheapest = o, own
                    if pick < 0:
                        total = NEVER
                        break
                    s.busy[d.tour[s.option[pick, TOUR], WHO]] = stamp
                    total += cheapest
                    s.crew[i + head, 3] = pick
                slot += heads
            if total >= best:
                continue
            for i in range(size):
                for j in range(size):
                    if i != j and total < NEVER:
                        p, q = s.option[s.crew[i, 3], SEAT_PREV], s.option[s.crew[j, 3], SEAT_PREV]
                        if crosswise(d, s, p, q):
                            total = NEVER
            if total >= best:
                continue
            for i in range(size):
                _choose(d, s, i, first + i, s.crew[i, 3], start)
            if d.soft:
                own = late * max(0, start - d.visit[v, DUE])
                total += knock_on(d, s, size, best - total + own) - own
            if total < best:
                best = total
                taken = group
                for i in range(size):
                    for column in range(5):
                        s.kept[i, column] = s.chosen[i, column]
    if taken < 0:
        return NEVER
    for i in range(size):
        for column in range(5):
            s.chosen[i, column] = s.kept[i, column]
    return best


@compiled
def best_job(d: Layout, s: State, v: int, limit: float) -> tuple[float, int]:
    """The cheapest way to serve a visit, with its partner if it has one; cost and number of seats in ``chosen``."""
    first, end = d.visit[v, FIRST_SLOT], d.visit[v, END_SLOT]
    partner = d.visit[v, PARTNER]
    if partner >= 0:
        return best_pair(d, s, first, d.visit[partner, FIRST_SLOT], limit), 2
    if end - first == 1:
        return best_seat(d, s, v, limit), 1
    if end - first == 2 and d.visit[v, TEAMED] == 0 and d.visit[v, FIRST_LINK] == d.visit[v, END_LINK]:
        return best_pair(d, s, first, first + 1, limit), 2
    return best_crew(d, s, v, limit), end - first


@compiled
def serve(d: Layout, s: State, seats: int) -> bool:
    """Put the chosen seats into the plan and bring its schedule up to date; false where that cannot be."""
    for i in range(seats):
        slot = s.chosen[i, SLOT]
        put(d, s, slot, s.chosen[i, SEAT_TOUR], s.chosen[i, SEAT_PREV], s.chosen[i, SEAT_CANDIDATE])
    for i in range(seats):
        v = d.slot[s.chosen[i, SLOT], VISIT]
        if s.visit[v, SERVED] == 0:
            keep_visit(s, v)
            s.visit[v, SERVED] = 1
            s.visit[v, START] = s.chosen[i, SEAT_START]
            s.visit[v, LATE] = FAR
            s.sums[LOST] -= d.lost[v]
    for i in range(seats):
        v = d.slot[s.chosen[i, SLOT], VISIT]
        if not push_starts(d, s, v):
            return False
        if d.hard:
            s.visit[v, LATE] = latest(d, s, v)
            if not pull_lates(d, s, v):
                return False
    if d.soft:
        lateness(d, s)
    return True
