"""A problem laid out for the compiled search: which tours there are, who may sit where, what is near what."""

from collections.abc import Sequence

import numpy as np

from schemas.problem import Link, StandingVisit
from solvers.arrays import FAR as BEYOND
from solvers.arrays import Arrays, Bools
from solvers.candidates import Candidates
from solvers.costs import seat_scarcity
from solvers.diary import Diary
from solvers.routes import columns as c
from solvers.routes.anneal import bring
from solvers.routes.columns import FAR, Floats, Int32s, Ints, Layout, State
from solvers.routes.schedule import relax_lates, relax_starts
from solvers.routes.state import begin_trial

NEAR = 50
"""Neighbours that are looked at for a visit."""

TABLE_ENTRIES = 24_000_000
"""Entries of travel tables, all modes together; beyond, ways are computed each time."""

OPTIONS = 4_096
"""Places that a search notes at once, at most."""

ALLOWED_ENTRIES = 100_000_000
"""Pairs of a demand and a tour up to which the search runs at all."""


class Map:
    """What the layout's numbers mean in the arrays.

    Attributes
    ----------
    source, rows
        Visit of the arrays for each visit of the layout, row of the arrays for each of its rows; the twins of visits of
        which people were told come last.
    row, who, shift, tour
        Candidates: row of the layout, person of the arrays, shift, tour of the layout.
    held
        What stands: commitments and filled seats, and visits of a plan that are none of the layout's.
    """

    def __init__(self, a: Arrays, candidates: Candidates, held: Diary | None = None, free: Bools | None = None) -> None:
        """Choose what there is to plan: all, or only what is ``free``, beside the visits that a diary holds."""
        self.a = a
        self.held = Diary(a) if held is None else held
        open_heads = a.row_heads > 0
        fine = (np.diff(candidates.first) >= np.maximum(1, a.row_heads)) | ~open_heads
        plannable = np.zeros(a.visits, dtype=np.bool_)
        if a.visits and a.window_low.shape[1]:
            plannable = np.logical_and.reduceat(fine, a.first_row[:-1])
            plannable &= np.logical_or.reduceat(open_heads, a.first_row[:-1])
            begin = np.maximum(a.window_low, a.visit_answerable[:, None])
            plannable &= ((begin <= a.window_high) & (a.window_low < BEYOND)).any(axis=1)
        if free is not None:
            plannable &= free
        visits = np.flatnonzero(plannable)
        self.of_visit = _positions(visits, a.visits)
        rows = np.flatnonzero(open_heads & plannable[a.row_visit])
        of_row = _positions(rows, len(a.row_visit))
        row, who = candidates.row, candidates.who
        keep = of_row[row] >= 0
        row, who = row[keep], who[keep]
        pair, shift = np.nonzero(self._fits(row, who))
        row, who = of_row[row[pair]], who[pair]
        found, tour = np.unique(who * max(1, a.shift_start.shape[1]) + shift, return_inverse=True)
        self.tour_who = found // max(1, a.shift_start.shape[1])
        self.tour_shift = found % max(1, a.shift_start.shape[1])
        told = _told(a)
        self.told = {int(self.of_visit[visit]): item for visit, item in told.items() if plannable[visit]}
        twins = np.array(sorted(self.told), dtype=np.int64)
        again = np.flatnonzero(np.isin(self.of_visit[a.row_visit[rows]], twins))
        some = np.flatnonzero(np.isin(row, again))
        self.planned = len(visits)
        self.twin_of = twins
        self.source = np.concatenate((visits, visits[twins]))
        self.rows = np.concatenate((rows, rows[again]))
        self.row_visit = np.concatenate(
            (
                self.of_visit[a.row_visit[rows]],
                self.planned + np.searchsorted(twins, self.of_visit[a.row_visit[rows[again]]]),
            )
        )
        self.row = np.concatenate((row, len(rows) + np.searchsorted(again, row[some])))
        self.who = np.concatenate((who, who[some]))
        self.shift = np.concatenate((shift, shift[some]))
        self.tour = np.concatenate((tour, tour[some]))

    @property
    def array_row(self) -> Ints:
        """Row of the arrays of each candidate."""
        return self.rows[self.row]

    def _fits(self, row: Ints, who: Ints) -> Bools:
        """Which shifts (axis 1) could hold which pair."""
        a = self.a
        low = np.maximum(a.window_low, a.visit_answerable[:, None])[a.row_visit[row]][:, None, :]
        high = a.window_high[a.row_visit[row]][:, None, :]
        begin, end = a.shift_start[who][:, :, None], a.shift_end[who][:, :, None]
        last = np.minimum(high, end - a.row_duration[row][:, None, None])
        return np.asarray((np.maximum(low, begin) <= last).any(-1))


def _positions(chosen: Ints, size: int) -> Ints:
    found = np.full(size, -1, dtype=np.int64)
    found[chosen] = np.arange(len(chosen))
    return found


def _told(a: Arrays) -> dict[int, StandingVisit]:
    """Visits that people were told of at a time that is still possible, where telling them otherwise costs something."""
    if not _plain(a).get("told_otherwise"):
        return {}
    return {
        visit: item
        for item in a.problem.standing
        if item.told
        and not item.pinned
        and (visit := a.visit_index.get(item.visit, -1)) >= 0
        and any(low <= item.start <= high for low, high in _windows(a, visit))
    }


def size_of(a: Arrays, candidates: Candidates) -> int:
    """Pairs of demands and tours, at most."""
    people = len(np.unique(candidates.who))
    return int((a.row_heads > 0).sum()) * people * max(1, a.shift_start.shape[1])


def _factors(a: Arrays, dearest: float) -> dict[str, float]:
    """A number for each term, such that a unit of an earlier level outweighs any one visit in the later ones."""
    found: dict[str, float] = {}
    factor, span = 1.0, dearest
    for level in reversed(a.problem.levels):
        for term in level.terms:
            found[term.name] = found.get(term.name, 0.0) + term.weight * factor
        factor *= max(1.0, np.ceil(span))
        span = 1_000.0
    return found


def _plain(a: Arrays) -> dict[str, float]:
    return {term.name: float(term.weight) for level in a.problem.levels for term in level.terms}


def _events(a: Arrays, m: Map) -> list[tuple[int, int, int, int]]:
    """What stands inside a tour: (tour, start, end, place)."""
    held, found = m.held, []
    shifts = zip(m.tour_who.tolist(), m.tour_shift.tolist(), strict=True)
    for tour, (who, shift) in enumerate(shifts):
        if count := int(held.events[who]):
            begin, end = int(a.shift_start[who, shift]), int(a.shift_end[who, shift])
            events = (column[who, :count].tolist() for column in (held.start, held.end, held.place))
            found += [
                (tour, start, until, place)
                for start, until, place in sorted(zip(*events, strict=True))
                if until >= start and start <= end and until >= begin
            ]
    return found


def _windows(a: Arrays, visit: int) -> list[tuple[int, int]]:
    answerable = int(a.visit_answerable[visit])
    pairs = zip(a.window_low[visit].tolist(), a.window_high[visit].tolist(), strict=True)
    return sorted(
        (max(low, answerable, -FAR), min(high, FAR - 1))
        for low, high in pairs
        if max(low, answerable) <= high and low < BEYOND
    )


def _partner(links: dict[int, list[tuple[int, int, int, int]]], slots: Ints, told: frozenset[int]) -> Ints:
    """Visits of one seat each that one link binds to one another, with different crews: they are planned as one job."""
    partner = np.full(len(slots), -1, dtype=np.int64)
    for visit, bound in links.items():
        if len(bound) == 1 and slots[visit] == 1:
            other, _, _, crew = bound[0]
            if crew == c.DIFFERENT and slots[other] == 1 and len(links[other]) == 1 and not {visit, other} & told:
                partner[visit] = other
    return partner


def _near(a: Arrays, place: Ints, low: Ints, high: Ints, length: Ints, to_plan: int) -> Int32s:
    """Neighbours of each visit: short ways with little waiting and no hurry, whoever comes first."""
    total = len(place)
    width = min(NEAR, max(0, total - 1))
    near = np.full((total, max(1, width)), -1, dtype=np.int32)
    if not width:
        return near
    mode = np.zeros(1, dtype=np.int64)
    everyone = np.arange(total)
    step = max(1, 2_000_000 // total)
    for at in range(0, to_plan, step):
        some = np.arange(at, min(to_plan, at + step))
        there = a.travel.time(mode[:, None], place[some][:, None], place[None, :]).astype(np.float64)
        back = a.travel.time(mode[:, None], place[None, :], place[some][:, None]).astype(np.float64)
        one = _gap(there, low[some][:, None], high[some][:, None], length[some][:, None], low[None, :], high[None, :])
        two = _gap(back, low[None, :], high[None, :], length[None, :], low[some][:, None], high[some][:, None])
        far = np.minimum(one, two)
        far[np.arange(len(some)), some] = np.inf
        far = far + 1e-9 * everyone
        nearest = np.argpartition(far, width - 1, axis=1)[:, :width]
        order = np.argsort(np.take_along_axis(far, nearest, 1), axis=1, kind="stable")
        near[some] = np.take_along_axis(nearest, order, 1)
    return near


def _gap(way: Floats, low: Ints, high: Ints, length: Ints, next_low: Ints, next_high: Ints) -> Floats:
    waiting = np.maximum(0, next_low - length - way - high)
    hurry = np.maximum(0, low + length + way - next_high)
    return np.asarray(way + 0.2 * waiting + hurry)


def _tables(a: Arrays, weights: Floats) -> tuple[Int32s, Int32s, Floats, Floats]:
    modes, size = len(a.problem.travel), a.travel.size
    nothing, nowhere = np.zeros((0, 1, 1), dtype=np.int32), np.zeros((0, 3))
    if modes * size * size <= TABLE_ENTRIES or not a.travel.by_distance:
        places = np.arange(size)
        times = np.zeros((modes, size, size), dtype=np.int32)
        costs = np.zeros((modes, size, size), dtype=np.int32)
        for mode in range(modes):
            one, two, which = places[:, None], places[None, :], np.full((1, 1), mode)
            times[mode] = a.travel.time(which, one, two)
            costs[mode] = weights[c.PER_SECOND] * times[mode]
            if weights[c.PER_METRE]:
                costs[mode] += (weights[c.PER_METRE] * a.travel.distance(which, one, two)).astype(np.int32)
        return times, costs, nowhere, np.zeros(modes)
    pace = np.array([0.0 if t.speed_kmh is None else t.detour * 3.6 / t.speed_kmh for t in a.problem.travel])
    vectors = a.travel.vectors
    assert vectors is not None
    return nothing, nothing, np.ascontiguousarray(vectors), pace


def lay_out(a: Arrays, m: Map, rarity: Ints) -> Layout:
    """Lay a problem out.

    Parameters
    ----------
    rarity
        How rare each skill is, see ``solvers.costs``.
    """
    visits, rows = m.source, m.rows
    plain = _plain(a)
    weights = np.zeros(5)
    events = _events(a, m)
    heads = a.row_heads[rows]
    slot_row = np.repeat(np.arange(len(rows)), heads)
    slot_visit = m.row_visit[slot_row]
    first_slot = np.searchsorted(slot_visit, np.arange(len(visits) + 1))

    # people and their tours
    tours = len(m.tour_who)
    who_first = np.unique(m.tour_who)
    tour = np.zeros((tours, 9), dtype=np.int64)
    tour[:, c.WHO] = np.searchsorted(who_first, m.tour_who)
    tour[:, c.BEGIN] = np.maximum(a.shift_start[m.tour_who, m.tour_shift], -FAR) if tours else 0
    tour[:, c.END] = np.minimum(a.shift_end[m.tour_who, m.tour_shift], FAR) if tours else 0
    home = a.home[m.tour_who]
    origin = a.shift_from[m.tour_who, m.tour_shift] if tours else home
    target = a.shift_to[m.tour_who, m.tour_shift] if tours else home
    tour[:, c.FROM], tour[:, c.TO] = origin, target
    tour[:, c.ORIGIN], tour[:, c.TARGET] = np.where(origin >= 0, origin, home), np.where(target >= 0, target, home)
    tour[:, c.MODE] = a.mode[m.tour_who]
    capacity = a.capacity[m.tour_who] if m.held.load_left is None else m.held.load_left[m.tour_who, m.tour_shift]
    tour[:, c.CAPACITY] = np.minimum(capacity, FAR)
    person = np.zeros((len(who_first), 3), dtype=np.int64)
    person[:, c.BURDEN] = a.load[who_first] + m.held.new[who_first]
    limits: list[tuple[int, int, int, int]] = []
    for number, who in enumerate(who_first.tolist()):
        person[number, c.FIRST_LIMIT] = len(limits)
        for start, end, most, seconds in zip(
            a.limit_start[who].tolist(),
            a.limit_end[who].tolist(),
            m.held.visits_left[who].tolist(),
            m.held.seconds_left[who].tolist(),
            strict=True,
        ):
            if start < end:
                limits.append((start, end, most, seconds))
        person[number, c.END_LIMIT] = len(limits)

    # candidates by row, team and cost
    travel = _seat_travel(a, m, plain)
    static = _seat_cost(a, m, plain, rarity)
    fair = plain.get("fairness", 0.0) * (2 * (a.load[m.who] + m.held.new[m.who]) + 1)
    row = m.row
    team = np.where(a.one_team[a.row_visit[rows[row]]], a.team[m.who], -1)
    order = np.lexsort((m.tour, travel + static + fair, team, row))
    candidate = np.zeros((len(order), 2), dtype=np.int64)
    candidate[:, c.TOUR] = m.tour[order]
    skill, level = a.row_skill[rows[row[order]]], a.row_level[rows[row[order]]]
    candidate[:, c.UNTIL] = np.minimum(a.valid_until[a.held[m.who[order], skill], level], FAR)
    allowed = np.full((len(rows), max(1, tours)), -1, dtype=np.int32)
    allowed[row[order], m.tour[order]] = np.arange(len(order))
    both = np.stack((row[order], team[order]), axis=1) if len(order) else np.zeros((0, 2), dtype=np.int64)
    starts = np.flatnonzero(np.any(np.diff(both, axis=0, prepend=-2), axis=1))
    group = np.zeros((len(starts), 3), dtype=np.int64)
    if len(starts):
        group[:, c.GROUP_TEAM] = both[starts, 1]
        group[:, c.GROUP_BEGIN], group[:, c.GROUP_END] = starts, np.append(starts[1:], len(order))
    group_first = np.searchsorted(both[starts, 0], np.arange(len(rows) + 1)) if len(starts) else np.zeros(len(rows) + 1)

    # what a level outweighs
    due = a.visit_due[visits]
    span = due[due < BEYOND]
    late = plain.get("lateness_total", 0.0) + plain.get("lateness_max", 0.0)
    dearest = 8.0 * float((travel + np.abs(static) + fair).max(initial=1.0))
    dearest += late * float(span.max() - span.min() + 1) if len(span) else 0.0
    factors = _factors(a, dearest)
    scale = factors.get("travel_time", 0.0), factors.get("travel_distance", 0.0)
    weights[[c.PER_SECOND, c.PER_METRE]] = scale
    weights[c.PER_LATE], weights[c.PER_MAX_LATE] = factors.get("lateness_total", 0.0), factors.get("lateness_max", 0.0)
    weights[c.PER_LOAD] = factors.get("fairness", 0.0)
    static = _seat_cost(a, m, factors, rarity)

    # visits, windows, links; then what stands
    links = _links(a, m)
    visit = np.zeros((len(visits) + len(events), c.VISIT_COLUMNS), dtype=np.int64)
    windows: list[tuple[int, int]] = []
    bound: list[tuple[int, int, int, int]] = []
    for number, index in enumerate(visits.tolist()):
        visit[number, c.FIRST_WINDOW] = len(windows)
        if number < m.planned:
            windows += _windows(a, index)
        else:
            start = m.told[int(m.twin_of[number - m.planned])].start
            windows.append((start, start))
        visit[number, c.END_WINDOW] = len(windows)
        visit[number, c.LOW] = windows[int(visit[number, c.FIRST_WINDOW])][0]
        visit[number, c.FIRST_LINK] = len(bound)
        bound += links.get(number, [])
        visit[number, c.END_LINK] = len(bound)
    planned = slice(0, len(visits))
    visit[planned, c.PLACE] = a.visit_place[visits]
    visit[planned, c.FIRST_SLOT], visit[planned, c.END_SLOT] = first_slot[:-1], first_slot[1:]
    visit[planned, c.DUE] = np.minimum(due, FAR)
    visit[planned, c.LOAD] = a.visit_load[visits]
    visit[planned, c.TEAMED] = a.one_team[visits]
    visit[planned, c.PARTNER] = _partner(links, np.diff(first_slot), frozenset(m.told))
    visit[:, c.TWIN] = -1
    visit[:, c.ITSELF] = np.arange(len(visit))
    visit[m.twin_of, c.TWIN] = m.planned + np.arange(len(m.twin_of))
    visit[m.planned + np.arange(len(m.twin_of)), c.ITSELF] = m.twin_of
    slot = np.zeros((len(slot_row) + len(events), 4), dtype=np.int64)
    slot[: len(slot_row)] = np.stack(
        (slot_visit, slot_row, a.row_duration[rows][slot_row], a.visit_place[visits][slot_visit]), axis=1
    ).reshape(-1, 4)
    for number, (_, start, end, place) in enumerate(events):
        at, which = len(visits) + number, len(slot_row) + number
        slot[which] = (at, -1, end - start, place)
        visit[at, [c.PLACE, c.FIRST_SLOT, c.END_SLOT]] = place, which, which + 1
        visit[at, [c.FIRST_WINDOW, c.END_WINDOW]] = len(windows), len(windows) + 1
        visit[at, [c.DUE, c.PARTNER, c.STANDS, c.LOW]] = FAR, -1, 1, start
        windows.append((start, start))
    window = np.array(windows, dtype=np.int64).reshape(-1, 2)
    lost = factors.get("left_out", 0.0) * a.visit_cost[visits].astype(np.float64)
    if plain.get("continuity"):
        prefers = np.array([bool(a.problem.visits[v].preferred) for v in visits.tolist()], dtype=np.bool_)
        lost = lost - factors["continuity"] * prefers  # a visit with a crew that nobody prefers costs this much more
    length = a.visit_length[visits]
    lost[m.planned :] = lost[m.twin_of]
    low = window[visit[:, c.FIRST_WINDOW], 0] if len(visit) else np.zeros(0, dtype=np.int64)
    high = window[visit[:, c.END_WINDOW] - 1, 1] if len(visit) else np.zeros(0, dtype=np.int64)
    soft = (weights[c.PER_LATE] + weights[c.PER_MAX_LATE]) > 0 and bool((visit[planned, c.DUE] < FAR).any())
    around = np.minimum(high, visit[:, c.DUE]) if soft else high
    all_lengths = np.concatenate((length, slot[len(slot_row) :, c.DURATION]))
    hard = _hard(a, m, visit, window, slot, bound, bool(events))
    times, costs, xyz, pace = _tables(a, weights)
    spare = np.zeros(max(1, len(rows)))
    np.add.at(spare, row, 1.0)
    hardness = (
        np.minimum.reduceat(spare[: len(rows)] / heads, np.searchsorted(m.row_visit, np.arange(len(visits))))
        if len(visits)
        else np.zeros(0)
    )
    key = np.zeros((max(1, len(visits)), 4))
    if len(visits):
        key[:, 0] = hardness
        key[:, 1] = (around - low)[planned]
        key[:, 2] = around[planned]
        key[:, 3] = -lost / np.maximum(1, np.diff(first_slot))
    return Layout(
        visit=visit,
        lost=lost,
        window=window,
        slot=slot,
        tour=tour,
        person=person,
        limit=np.array(limits, dtype=np.int64).reshape(-1, 4),
        link=np.array(bound, dtype=np.int64).reshape(-1, 4),
        group_first=group_first.astype(np.int64),
        group=group,
        candidate=candidate,
        candidate_cost=static[order],
        allowed=allowed,
        near=_near(a, visit[:, c.PLACE], low, around, all_lengths, len(visits)),
        key=key,
        times=times,
        costs=costs,
        xyz=xyz,
        pace=pace,
        weight=weights,
        to_plan=len(visits),
        hard=hard,
        soft=soft,
    )


def _seat_travel(a: Arrays, m: Map, weigh: dict[str, float]) -> Floats:
    """There and back for each candidate."""
    place, mode, home = a.visit_place[a.row_visit[m.array_row]], a.mode[m.who], a.home[m.who]
    origin, target = a.shift_from[m.who, m.shift], a.shift_to[m.who, m.shift]
    origin, target = np.where(origin >= 0, origin, home), np.where(target >= 0, target, home)
    cost = np.zeros(len(m.who))
    if weigh.get("travel_time"):
        cost += weigh["travel_time"] * (a.travel.time(mode, origin, place) + a.travel.time(mode, place, target))
    if weigh.get("travel_distance"):
        ways = a.travel.distance(mode, origin, place) + a.travel.distance(mode, place, target)
        cost += weigh["travel_distance"] * ways
    return cost


def _seat_cost(a: Arrays, m: Map, weigh: dict[str, float], rarity: Ints) -> Floats:
    """What seating each candidate costs, however the plan is."""
    cost = weigh.get("preference", 0.0) * (a.visit_stake[a.row_visit[m.array_row]] * a.reluctance[m.who]).astype(
        np.float64
    )
    if weigh.get("scarcity"):
        cost = cost + weigh["scarcity"] * seat_scarcity(a, rarity, m.array_row, m.who)
    of_visit = m.row_visit[m.row]
    if weigh.get("continuity"):
        for visit, source in enumerate(m.source.tolist()):
            preferred = a.problem.visits[source].preferred
            if preferred:
                crew = int(a.row_heads[list(a.rows_of(source))].sum())
                cost[(of_visit == visit) & np.isin(m.who, _people(a, preferred))] -= weigh["continuity"] / crew
    told = [
        (m.planned + number) * a.volunteers + who
        for number, visit in enumerate(m.twin_of.tolist())
        for who in _people(a, [seat.volunteer for seat in m.told[visit].crew])
    ]
    if told:
        cost[np.isin(of_visit * a.volunteers + m.who, told)] -= weigh["told_otherwise"]
    return np.asarray(cost)


def _people(a: Arrays, names: Sequence[str]) -> list[int]:
    return [a.volunteer_index[name] for name in names if name in a.volunteer_index]


def _links(a: Arrays, m: Map) -> dict[int, list[tuple[int, int, int, int]]]:
    kinds = {"any": c.ANY, "same": c.SAME, "different": c.DIFFERENT}

    def clip(link: Link) -> tuple[int, int]:
        return max(link.at_least, -FAR), min(link.at_most, FAR)

    twin = {int(visit): m.planned + number for number, visit in enumerate(m.twin_of)}
    found: dict[int, list[tuple[int, int, int, int]]] = {}
    for link in a.problem.links:
        one, two = int(m.of_visit[a.visit_index[link.earlier]]), int(m.of_visit[a.visit_index[link.later]])
        if one < 0 or two < 0:
            continue
        least, most = clip(link)
        for first in {one, twin.get(one, one)}:
            for second in {two, twin.get(two, two)}:
                found.setdefault(first, []).append((second, least, -most, kinds[link.crew]))
                found.setdefault(second, []).append((first, -most, least, kinds[link.crew]))
    return found


def _hard(
    a: Arrays, m: Map, visit: Ints, window: Ints, slot: Ints, links: list[tuple[int, int, int, int]], events: bool
) -> bool:
    """Whether anything could come too late: not where all that there is, one after the other, ends in time."""
    if events or not len(m.source) or not len(m.tour_who) or len(m.twin_of):
        return True
    last = window[:, 1].min(initial=FAR)
    ends = a.shift_end[m.tour_who, m.tour_shift].min(initial=BEYOND)
    until = a.valid_until[a.held[m.who, a.row_skill[m.array_row]], a.row_level[m.array_row]].min(initial=BEYOND)
    way = max((int(a.travel._time[mode].max()) for mode in a.travel._time), default=FAR)
    begin = max(int(visit[:, c.LOW].max()), int(a.shift_start[m.tour_who, m.tour_shift].max()))
    slack = sum(max(0, abs(least)) for _, least, most, _ in links if least > -FAR) if links else 0
    longest = begin + int(slot[:, c.DURATION].sum()) + (len(slot) + 2) * way + slack
    several = (visit[:, c.END_WINDOW] - visit[:, c.FIRST_WINDOW] > 1).any()
    return bool(several or longest > min(last, ends, until))


def blank(d: Layout, seed: int) -> State:
    """A plan of what stands alone."""
    slots, tours, visits, people = len(d.slot), len(d.tour), len(d.visit), len(d.person)
    nodes = slots + tours
    node = np.full((nodes, 3), -1, dtype=np.int64)
    ends = np.arange(slots, nodes)
    node[ends, c.NEXT] = node[ends, c.PREV] = ends
    node[ends, c.NODE_TOUR] = np.arange(tours)
    size = int((d.visit[:, c.END_SLOT] - d.visit[:, c.FIRST_SLOT]).max(initial=1))
    mixed = (seed + 1) * 0x9E3779B97F4A7C15 % 2**64
    return State(
        node=node,
        visit=np.zeros((visits, 3), dtype=np.int64),
        tour=np.zeros((tours, 2), dtype=np.int64),
        person=np.zeros(people, dtype=np.int64),
        limit=np.zeros((len(d.limit), 2), dtype=np.int64),
        sums=np.array([0.0, float(d.lost[d.visit[: d.to_plan, c.ITSELF] == np.arange(d.to_plan)].sum()), 0.0, 0.0]),
        sums_before=np.zeros(4),
        seed=np.array([mixed], dtype=np.uint64),
        node_log=np.zeros((nodes + 1, 4), dtype=np.int64),
        visit_log=np.zeros((visits + 1, 4), dtype=np.int64),
        tour_log=np.zeros((tours + 1, 3), dtype=np.int64),
        person_log=np.zeros((people + 1, 2), dtype=np.int64),
        limit_log=np.zeros((len(d.limit) + 1, 3), dtype=np.int64),
        stamp=np.zeros(nodes + visits + tours + people + 1, dtype=np.int64),
        mark=np.zeros(visits + 1, dtype=np.int64),
        queue=np.zeros(16 * visits + 256, dtype=np.int64),
        trial=np.zeros((visits, 2), dtype=np.int64),
        option=np.zeros((OPTIONS, 5), dtype=np.int64),
        option_cost=np.zeros(OPTIONS),
        chosen=np.zeros((max(2, size), 5), dtype=np.int64),
        kept=np.zeros((max(2, size), 5), dtype=np.int64),
        first=np.zeros((max(2, size), 5), dtype=np.int64),
        crew=np.zeros((max(2, size), 4), dtype=np.int64),
        busy=np.zeros(people, dtype=np.int64),
        torn=np.zeros(tours, dtype=np.int64),
        absent=np.zeros(visits + slots + 1, dtype=np.int64),
        fate=np.zeros(visits + slots + 1),
        best_node=node.copy(),
        best_visit=np.zeros((visits, 3), dtype=np.int64),
        best_cost=np.array([np.inf]),
    )


def _append(s: State, node: int, tour: int, slots: int) -> None:
    end = slots + tour
    prev = s.node[end, c.PREV]
    s.node[node] = (end, prev, tour)
    s.node[prev, c.NEXT] = node
    s.node[end, c.PREV] = node
    s.tour[tour, c.COUNT] += 1


def start_from(a: Arrays, m: Map, d: Layout, s: State, diary: Diary) -> None:
    """Bring what stands, and a plan, into a blank state."""
    begin_trial(s)
    slots = len(d.slot)
    for number, (tour, start, _, _) in sorted(enumerate(_events(a, m)), key=lambda event: event[1][1]):
        visit = d.to_plan + number
        s.visit[visit] = (start, start, 1)
        _append(s, int(d.visit[visit, c.FIRST_SLOT]), tour, slots)
    tours = enumerate(zip(m.tour_who.tolist(), m.tour_shift.tolist(), strict=True))
    tour_of = {key: tour for tour, key in tours}
    for index, (start, crew) in sorted(diary.chosen.items(), key=lambda item: (item[1][0], item[0])):
        visit = int(m.of_visit[index])
        if visit < 0 or not crew:
            continue
        if visit in m.told and m.told[visit].start == start:
            visit = int(d.visit[visit, c.TWIN])
        mine = _seats_of(a, m, d, visit, index, start, crew, tour_of)
        partner = int(d.visit[visit, c.PARTNER])
        if mine is None or (partner >= 0 and int(m.source[partner]) not in diary.chosen):
            continue
        s.visit[visit] = (start, FAR, 1)
        s.sums[c.LOST] -= d.lost[visit]
        for slot, tour in mine:
            bring(d, s, slot, tour)
    served = np.flatnonzero(s.visit[: d.to_plan, c.SERVED] == 1)
    s.queue[: len(served)] = served
    s.visit[served, c.START] = -FAR
    if len(served):
        relax_starts(d, s, len(served))
        s.queue[: len(served)] = served
        if d.hard:
            relax_lates(d, s, len(served))


def _seats_of(
    a: Arrays,
    m: Map,
    d: Layout,
    visit: int,
    index: int,
    start: int,
    crew: tuple[tuple[int, int], ...],
    tour_of: dict[tuple[int, int], int],
) -> list[tuple[int, int]] | None:
    """(slot, tour) of a plan's seats, or nothing where the layout has no tour for one of them."""
    free = {
        slot: int(m.rows[d.slot[slot, c.ROW]] - a.first_row[index])
        for slot in range(d.visit[visit, c.FIRST_SLOT], d.visit[visit, c.END_SLOT])
    }
    mine = []
    for demand, who in crew:
        slot = next((slot for slot, wanted in free.items() if wanted == demand), None)
        tour = next(
            (
                tour_of[who, shift]
                for shift in range(a.shift_start.shape[1])
                if (who, shift) in tour_of and a.shift_start[who, shift] <= start <= a.shift_end[who, shift]
            ),
            None,
        )
        if slot is None or tour is None or d.allowed[d.slot[slot, c.ROW], tour] < 0:
            return None
        del free[slot]
        mine.append((slot, tour))
    return mine if not free else None


def plan_of(a: Arrays, m: Map, d: Layout, s: State) -> dict[int, tuple[int, tuple[tuple[int, int], ...]]]:
    """The best plan of a search, as a diary's choices."""
    chosen = {}
    for visit in np.flatnonzero(s.best_visit[: d.to_plan, c.SERVED] == 1).tolist():
        index = int(m.source[visit])
        crew = tuple(
            sorted(
                (int(m.rows[d.slot[slot, c.ROW]] - a.first_row[index]), int(m.tour_who[s.best_node[slot, c.NODE_TOUR]]))
                for slot in range(d.visit[visit, c.FIRST_SLOT], d.visit[visit, c.END_SLOT])
            )
        )
        chosen[index] = (int(s.best_visit[visit, c.START]), crew)
    return chosen
