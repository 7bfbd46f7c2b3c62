"""The best way to put one visit into a plan in the making: start, team and crew."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from solvers.arrays import Arrays, Bools
from solvers.candidates import Candidates
from solvers.costs import Coefficients, coefficients, scarcity_of_skills, seat_scarcity
from solvers.diary import Diary, Seats
from solvers.rules import clashes, limits_hit, passing, shift_of
from solvers.starts import MOST, inside_windows, possible_starts
from solvers.travel import Floats, Ints

MANY = 64
"""People from which a visit is tried without the starts at which somebody comes from what stands, unless none fits."""

TRIES = 12
"""Pairs (team, start) for which a crew is put together, best bound first."""

KEPT_UP_TO = 3_000
"""Visits up to which options are kept between calls."""

NEVER = 1e300
INFEASIBLE = 1e250


@dataclass(frozen=True, slots=True)
class Option:
    """A way to serve a visit and what it adds to the cost, as one number."""

    cost: float
    start: int
    seats: Seats


@dataclass(frozen=True, slots=True)
class _Block:
    """One visit's possibilities: rows (D), people (n, sorted by team), starts (T)."""

    rows: tuple[int, ...]
    heads: tuple[int, ...]
    who: Ints
    starts: Ints
    fine: Bools
    base: Floats
    when: Floats
    legs: Ints
    bonus: Floats | None
    group_first: Ints
    thorough: bool


class Insertion:
    """Evaluates visits against a diary.

    ``nearest`` ranks by start, then by the way from home, and by nothing else; ``bare`` asks only whether a visit fits.
    """

    def __init__(self, a: Arrays, candidates: Candidates, *, nearest: bool = False, bare: bool = False) -> None:
        self.a, self.candidates, self.nearest = a, candidates, nearest
        self.weigh: Coefficients = coefficients(a.problem)
        self.rarity = np.zeros(a.held.shape[1], dtype=np.int64) if bare else scarcity_of_skills(a)
        self._kept: dict[int, _Block | None] = {}
        self._hopeless: dict[int, bool] = {}
        self._standing = {
            number: standing
            for standing in a.problem.standing
            if (number := a.visit_index.get(standing.visit, -1)) >= 0 and not (nearest or bare)
        }
        self._links: dict[int, list[tuple[int, int, int, str]]] = {}
        for link in a.problem.links:
            one, two = a.visit_index[link.earlier], a.visit_index[link.later]
            self._links.setdefault(two, []).append((one, link.at_least, link.at_most, link.crew))
            self._links.setdefault(one, []).append((two, -link.at_most, -link.at_least, link.crew))
        ways = self.weigh["travel_time"], self.weigh["travel_distance"]
        self._seconds, self._metres = (0.0, 0.0) if nearest or bare else ways

    # ------------------------------------------------------------------------------------------------ what is possible

    def block(self, visit: int) -> _Block | None:
        """Possibilities of a visit in an empty plan, or nothing."""
        if visit in self._kept:
            return self._kept[visit]
        block = self._block(visit, np.zeros(0, dtype=np.int64))
        if block is None or not (block.thorough or self._able(block)):
            block = self._block(visit, np.zeros(0, dtype=np.int64), thorough=True)
        if self.a.visits <= KEPT_UP_TO:
            self._kept[visit] = block
        return block

    @staticmethod
    def _able(block: _Block) -> bool:
        """Whether some team has enough people at some start, in an empty plan."""
        first = block.group_first
        able = np.ones((len(first), len(block.starts)), dtype=np.bool_)
        for number, heads in enumerate(block.heads):
            able &= np.add.reduceat(block.fine[number], first, axis=0, dtype=np.int64) >= heads
        able &= np.add.reduceat(block.fine.any(axis=0), first, axis=0, dtype=np.int64) >= sum(block.heads)
        return bool(able.any())

    def _block(self, visit: int, extra: Ints, *, thorough: bool = False) -> _Block | None:
        a = self.a
        rows = tuple(row for row in a.rows_of(visit) if a.row_heads[row] > 0)
        lists = [self.candidates.of(row) for row in rows]
        if not rows or not all(map(len, lists)):
            return None
        who = lists[0] if len(rows) == 1 else np.unique(np.concatenate(lists))
        one_team = bool(a.one_team[visit])
        low, high = a.window_low[visit].min(), a.window_high[visit].max()
        who = who[((a.shift_start[who] <= high) & (a.shift_end[who] > low)).any(axis=1)]
        if one_team:
            who = who[np.argsort(a.team[who], kind="stable")]
        thorough = thorough or len(who) <= MANY
        starts = possible_starts(a, visit, who, after_others=thorough)
        standing = self._standing.get(visit)
        if standing is not None:
            extra = np.append(extra, standing.start)
        if len(extra):
            starts = inside_windows(a, visit, np.concatenate((starts, extra)))
        if not len(starts) or not len(who):
            return None
        fine = np.stack([passing(a, row, who, starts) for row in rows])
        if len(rows) > 1:
            for number, people in enumerate(lists):
                fine[number, ~np.isin(who, people)] = False
        some = fine.any(axis=(0, 2))
        if not some.any():
            return None
        if not some.all():
            who, fine = who[some], fine[:, some]
        first = np.flatnonzero(np.diff(a.team[who], prepend=-1)) if one_team else np.zeros(1, dtype=np.int64)
        origin = a.home[who]
        place, mode = a.visit_place[visit], a.mode[who]
        legs = a.travel.time(mode, origin, place)
        if self.nearest:
            base = np.repeat(a.travel.distance(mode, origin, place)[None].astype(np.float64), len(rows), axis=0)
            when = 1e9 * (starts - starts[0]).astype(np.float64)
        else:
            base = self._base(visit, rows, who, legs)
            late = np.maximum(0, starts - a.visit_due[visit])
            when = (self.weigh["lateness_total"] + self.weigh["lateness_max"]) * late
        return _Block(
            rows=rows,
            heads=tuple(int(a.row_heads[row]) for row in rows),
            who=who,
            starts=starts,
            fine=fine,
            base=base,
            when=when,
            legs=legs,
            bonus=self._bonus(visit, who, starts),
            group_first=first,
            thorough=thorough,
        )

    def _base(self, visit: int, rows: Sequence[int], who: Ints, there: Ints) -> Floats:
        """Cost of each person for each row in an empty plan."""
        a, weigh = self.a, self.weigh
        place, mode, home = a.visit_place[visit], a.mode[who], a.home[who]
        cost = weigh["preference"] * a.visit_stake[visit] * a.reluctance[who] + weigh["fairness"] * (
            2 * a.load[who] + 1
        )
        if self._seconds:
            back = there if a.travel.by_distance else a.travel.time(mode, place, home)
            cost = cost + self._seconds * (there + back)
        if self._metres:
            cost = cost + self._metres * (a.travel.distance(mode, home, place) + a.travel.distance(mode, place, home))
        preferred = a.problem.visits[visit].preferred
        if preferred and weigh["continuity"]:
            index = [a.volunteer_index[name] for name in preferred if name in a.volunteer_index]
            cost = cost - weigh["continuity"] * np.isin(who, index)
        if not weigh["scarcity"]:
            return np.repeat(cost[None], len(rows), axis=0)
        return np.stack([cost + weigh["scarcity"] * seat_scarcity(a, self.rarity, row, who) for row in rows])

    def _bonus(self, visit: int, who: Ints, starts: Ints) -> Floats | None:
        """What keeping to the standing plan is worth: told people the term, others a tie-break."""
        standing = self._standing.get(visit)
        if standing is None:
            return None
        crew = [self.a.volunteer_index.get(seat.volunteer, -1) for seat in standing.crew]
        worth = max(self.weigh["told_otherwise"], 1.0) if standing.told else 0.5
        return np.asarray(-worth * (np.isin(who, crew)[:, None] & (starts == standing.start)[None, :]))

    def impossible(self, visit: int) -> bool:
        """Whether no team has the people at any start even in an empty plan; true only where that is certain."""
        a = self.a
        block = self.block(visit)
        if block is None:
            rows = [row for row in a.rows_of(visit) if a.row_heads[row] > 0]
            return not all(self._certain(visit, row) for row in rows)
        if visit not in self._hopeless:
            self._hopeless[visit] = len(block.starts) < MOST and not self._able(block)
        return self._hopeless[visit]

    def _certain(self, visit: int, row: int) -> bool:
        """Whether the row has candidates whose starts were too many to try them all."""
        who = self.candidates.of(row)
        return bool(len(who)) and len(possible_starts(self.a, visit, who)) >= MOST

    # ------------------------------------------------------------------------------------------------- what is best now

    def best(self, visit: int, diary: Diary) -> Option | None:
        """The cheapest way to serve the visit beside what the diary holds, or nothing."""
        block = self.block(visit)
        links = [(link, diary.chosen[link[0]]) for link in self._links.get(visit, ()) if link[0] in diary.chosen]
        if block is None:
            return None
        if links:
            extra = np.array([start + link[1] for link, (start, _) in links], dtype=np.int64)
            block = self._block(visit, extra)
            if block is None:
                return None
        found = self._best_of(visit, block, diary, links)
        if found is None and (diary.new[block.who] > 0).any() and not self.impossible(visit):
            wider = self._after_others(visit, block, diary)
            if wider is not None:
                found = self._best_of(visit, wider, diary, links)
        return found

    def _after_others(self, visit: int, block: _Block, diary: Diary) -> _Block | None:
        """The block with starts at which people come from what the plan gave them before."""
        a = self.a
        if a.fixed[visit] is not None:
            return None
        who = block.who[diary.new[block.who] > 0]
        ends = diary.end[who]
        way = a.travel.time(a.mode[who][:, None], diary.place[who], a.visit_place[visit])
        extra = inside_windows(a, visit, (ends + way)[diary.start[who] < diary.end[who]])
        extra = extra[~np.isin(extra, block.starts)]
        return self._block(visit, extra[:MOST], thorough=True) if len(extra) else None

    def _best_of(
        self,
        visit: int,
        block: _Block,
        diary: Diary,
        links: Sequence[tuple[tuple[int, int, int, str], tuple[int, Seats]]],
    ) -> Option | None:
        fine, cost, extra = block.fine, block.base, block.bonus
        active = np.flatnonzero(diary.new[block.who] > 0)
        if len(active):
            fine, cost, extra = self._beside(visit, block, diary, active)
        for (_, least, most, crew), (start, seats) in links:
            fine = fine & ((block.starts >= start + least) & (block.starts <= start + most))
            if crew != "any":
                same = np.isin(block.who, [who for _, who in seats])
                fine = fine & (same if crew == "same" else ~same)[:, None]
        if len(block.rows) == 1 and block.heads[0] == 1:
            return self._one_head(block, fine[0], cost[0], extra)
        return self._crew(block, fine, cost, extra)

    def _beside(self, visit: int, block: _Block, diary: Diary, active: Ints) -> tuple[Bools, Floats, Floats | None]:
        """Feasibility and costs, given what the plan has for the people at ``active`` already."""
        a, starts = self.a, block.starts[None, :]
        who = block.who[active]
        people = who[:, None]
        fine, cost, extra = block.fine.copy(), block.base.copy(), block.bonus
        known: dict[int, Bools] = {}
        for number, row in enumerate(block.rows):
            length = int(a.row_duration[row])
            if length not in known:
                there = np.array(row)
                left = diary.visits_left[who][:, None], diary.seconds_left[who][:, None]
                bad = limits_hit(a, there, people, starts, *left).any(-1)
                events = (diary.start[who][:, None], diary.end[who][:, None], diary.place[who][:, None])
                bad = bad | clashes(a, there, people, starts, *events)
                if diary.load_left is not None and a.visit_load[visit]:
                    shift = shift_of(a, there, people, starts)
                    bad = bad | (diary.load_left[people, shift] < a.visit_load[visit])
                known[length] = bad
            fine[number, active] &= ~known[length]
        cost[:, active] += 2 * self.weigh["fairness"] * diary.new[who]
        if self._seconds or self._metres:
            saved = self._detour(visit, block, diary, active)
            extra = np.zeros((len(block.who), len(block.starts))) if extra is None else extra.copy()
            extra[active] += saved
        return fine, cost, extra

    def _ways(self, mode: Ints, one: Ints, two: Ints) -> Floats:
        out = np.zeros(np.broadcast_shapes(mode.shape, one.shape, two.shape))
        if self._seconds:
            out = out + self._seconds * self.a.travel.time(mode, one, two)
        if self._metres:
            out = out + self._metres * self.a.travel.distance(mode, one, two)
        return out

    def _detour(self, visit: int, block: _Block, diary: Diary, active: Ints) -> Floats:
        """How the way differs from there and back from home, when it is a stop on a tour (m, T); mostly negative."""
        a, who = self.a, block.who[active]
        used = int(diary.events[who].max())
        start, place, tour = diary.start[who, :used], diary.place[who, :used], diary.tour[who, :used]
        shift = shift_of(a, np.array(block.rows[0]), who[:, None], block.starts[None, :])
        same = (tour[:, None, :] == shift[:, :, None]) & (shift[:, :, None] >= 0)
        if not same.any():
            return np.zeros(shift.shape)
        when = block.starts[None, :, None]
        earlier = np.where(same & (start[:, None, :] <= when), start[:, None, :], -1)
        later = np.where(same & (start[:, None, :] > when), start[:, None, :], 2**61)
        before, after = earlier.argmax(-1), later.argmin(-1)
        has_before, has_after = earlier.max(-1) >= 0, later.min(-1) < 2**61
        mode, home = a.mode[who][:, None], a.home[who][:, None]
        here = a.visit_place[visit][None, None]
        line = np.arange(len(who))[:, None]
        one = np.where(has_before, place[line, before], home)
        two = np.where(has_after, place[line, after], home)
        detour = self._ways(mode, one, here) + self._ways(mode, here, two) - self._ways(mode, one, two)
        plain = self._ways(mode, home, here) + self._ways(mode, here, home)
        return np.asarray(np.where(has_before | has_after, detour - plain, 0.0))

    # ------------------------------------------------------------------------------------------------------------ crews

    @staticmethod
    def _one_head(block: _Block, fine: Bools, cost: Floats, extra: Floats | None) -> Option | None:
        total = cost[:, None] + block.when[None, :]
        if extra is not None:
            total = total + extra
        total = np.where(fine, total, NEVER).T  # starts first: the earliest wins ties
        at = int(total.argmin())
        when, person = divmod(at, len(block.who))
        value = float(total[when, person])
        if value >= INFEASIBLE:
            return None
        demand = block.rows[0]
        return Option(value, int(block.starts[when]), ((demand, int(block.who[person])),))

    def _crew(self, block: _Block, fine: Bools, cost: Floats, extra: Floats | None) -> Option | None:
        first = block.group_first
        bound = np.repeat(block.when[None, :], len(first), axis=0)
        for number, heads in enumerate(block.heads):
            here = cost[number][:, None] if extra is None else cost[number][:, None] + extra
            cheapest = np.minimum.reduceat(np.where(fine[number], here, NEVER), first, axis=0)
            enough = np.add.reduceat(fine[number], first, axis=0, dtype=np.int64) >= heads
            bound = np.where(enough, bound + heads * cheapest, NEVER)
        if len(block.rows) > 1:
            distinct = np.add.reduceat(fine.any(axis=0), first, axis=0, dtype=np.int64)
            bound = np.where(distinct >= sum(block.heads), bound, NEVER)
        last = np.append(first[1:], len(block.who))
        flat = bound.T.ravel()
        best: Option | None = None
        order = np.argsort(flat, kind="stable")
        for tried, at in enumerate(order.tolist()):
            if flat[at] >= INFEASIBLE or (best is not None and (best.cost <= flat[at] or tried >= TRIES)):
                break
            when, group = divmod(at, len(first))
            option = self._assemble(block, fine, cost, extra, when, slice(int(first[group]), int(last[group])))
            if option is not None and (best is None or option.cost < best.cost):
                best = option
        return best

    @staticmethod
    def _assemble(
        block: _Block, fine: Bools, cost: Floats, extra: Floats | None, when: int, group: slice
    ) -> Option | None:
        """The cheapest crew from one group at one start."""
        here = cost[:, group] if extra is None else cost[:, group] + extra[group, when]
        here = np.where(fine[:, group, when], here, NEVER)
        start, total = int(block.starts[when]), float(block.when[when])
        people = block.who[group]
        if len(block.rows) == 1:
            heads = block.heads[0]
            order = np.argsort(here[0], kind="stable")[:heads]
            value = here[0, order].sum()
            if value >= INFEASIBLE:
                return None
            return Option(total + float(value), start, tuple((block.rows[0], int(people[i])) for i in order.tolist()))
        slots = np.repeat(np.arange(len(block.rows)), block.heads)
        there = here < INFEASIBLE
        if not there.any():
            return None
        table = np.where(there, here, 1e3 * (1.0 + np.abs(here[there]).max()))[slots]
        one, two = linear_sum_assignment(table)
        if here[slots[one], two].max() >= INFEASIBLE or len(one) < len(slots):
            return None
        value = float(table[one, two].sum())
        seats = tuple(
            (block.rows[int(slots[i])], int(people[j])) for i, j in zip(one.tolist(), two.tolist(), strict=True)
        )
        return Option(total + value, start, seats)

    def apply(self, visit: int, option: Option, diary: Diary) -> None:
        """Write the option into the diary."""
        first = int(self.a.first_row[visit])
        seats = tuple(sorted((row - first, who) for row, who in option.seats))
        diary.add(visit, option.start, seats)
