"""CP-SAT for what is small: crews, windows, teams, travel between visits, with everything outside held still.

The first level is exact; later levels are linear estimates (each visit there and back from home), so they guide the
choice and are not proved.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from ortools.sat.python import cp_model

from solvers.arrays import FAR, Arrays
from solvers.diary import Diary, Seats
from solvers.insertion import Insertion
from solvers.starts import MOST

PEOPLE_PER_ROW = 24
"""Candidates kept for each row, cheapest first, beside those that sit there now."""

MOST_VISITS = 20
MOST_SEATS = 1_200
SECONDS_AN_ITERATION = 0.0005
LEAST_GAIN = 1_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """Outcome for some visits: their new choices, a bound for their ``left_out_cost``, and whether that is proved."""

    choices: dict[int, tuple[int, Seats]]
    bound: int
    proved: bool


def components(a: Arrays, insertion: Insertion) -> list[list[int]]:
    """Groups of visits that share people or links; visits that nobody could serve are left away."""
    parent = list(range(a.visits))

    def root(visit: int) -> int:
        while parent[visit] != visit:
            parent[visit] = parent[parent[visit]]
            visit = parent[visit]
        return visit

    owner: dict[int, int] = {}
    active = [v for v in range(a.visits) if insertion.block(v) is not None and not insertion.impossible(v)]
    for visit in active:
        block = insertion.block(visit)
        assert block is not None
        for who in block.who.tolist():
            parent[root(visit)] = root(owner.setdefault(who, visit))
    for link in a.problem.links:
        parent[root(a.visit_index[link.earlier])] = root(a.visit_index[link.later])
    groups: dict[int, list[int]] = {}
    for visit in active:
        groups.setdefault(root(visit), []).append(visit)
    return sorted(groups.values())


def _domain(ranges: Sequence[tuple[int, int]]) -> cp_model.Domain:
    return cp_model.Domain.from_intervals([[low, high] for low, high in ranges if low <= high])


class _Model:
    """The model of some visits beside a diary that holds the rest."""

    def __init__(self, a: Arrays, insertion: Insertion, diary: Diary, visits: Sequence[int]) -> None:
        self.a, self.insertion, self.diary, self.visits = a, insertion, diary, visits
        self.model = cp_model.CpModel()
        self.start: dict[int, cp_model.IntVar] = {}
        self.span: dict[int, tuple[int, int]] = {}
        self.served: dict[int, cp_model.IntVar] = {}
        self.seat: dict[tuple[int, int], cp_model.IntVar] = {}
        self.by_person: dict[int, list[tuple[int, int]]] = {}
        self.costs: list[tuple[cp_model.IntVar, int]] = []
        self.pruned = False
        for visit in visits:
            self._visit(visit)
        for who, places in self.by_person.items():
            self._person(who, places)
        self._links()
        self.most = sum(abs(cost) for _, cost in self.costs) + LEAST_GAIN
        left_out = sum(self.most * int(a.visit_cost[v]) * (1 - self.served[v]) for v in visits)
        self.model.minimize(left_out + sum(cost * variable for variable, cost in self.costs))

    def _visit(self, visit: int) -> None:
        a, model = self.a, self.model
        block = self.insertion.block(visit)
        assert block is not None
        self.pruned = self.pruned or not block.thorough or len(block.starts) >= MOST
        asked_from = int(a.visit_answerable[visit])
        windows = [
            (max(int(low), asked_from), int(high))
            for low, high in zip(a.window_low[visit], a.window_high[visit], strict=True)
            if low < FAR
        ]
        allowed = _domain(windows)
        start = self.start[visit] = model.new_int_var_from_domain(allowed, f"start {visit}")
        self.span[visit] = (allowed.min(), allowed.max())
        served = self.served[visit] = model.new_bool_var(f"served {visit}")
        teams: dict[int, cp_model.IntVar] = {}
        if a.one_team[visit]:
            groups = sorted(set(a.team[block.who].tolist()))
            teams = {team: model.new_bool_var(f"team {visit} {team}") for team in groups}
            model.add(sum(teams.values()) == served)
        sits: dict[int, list[cp_model.IntVar]] = {}
        for number, row in enumerate(block.rows):
            heads = block.heads[number]
            able = np.flatnonzero(np.isin(block.who, self.insertion.candidates.of(row)))
            keep = max(PEOPLE_PER_ROW, 4 * heads)
            if len(able) > keep:
                self.pruned = True
                able = able[np.argsort(block.base[number, able], kind="stable")[:keep]]
            row_seats = []
            for position in able.tolist():
                who = int(block.who[position])
                seat = self._seat(visit, row, who, allowed)
                if seat is None:
                    continue
                if teams:
                    model.add_implication(seat, teams[int(a.team[who])])
                row_seats.append(seat)
                sits.setdefault(who, []).append(seat)
                self.costs.append((seat, round(min(float(block.base[number, position]), 2.0**40))))
            model.add(sum(row_seats) == heads * served)
        for seats in sits.values():
            if len(seats) > 1:
                model.add_at_most_one(seats)
        due, weight = int(a.visit_due[visit]), self.insertion.weigh["lateness_total"]
        if weight and self.span[visit][1] > due:
            late = model.new_int_var(0, self.span[visit][1] - due, f"late {visit}")
            model.add(late >= start - due).only_enforce_if(served)
            self.costs.append((late, round(weight)))

    def _seat(self, visit: int, row: int, who: int, allowed: cp_model.Domain) -> cp_model.IntVar | None:
        """A variable for the person in the row, bound to the starts at which the person could."""
        a, diary = self.a, self.diary
        length, place = int(a.row_duration[row]), a.visit_place[visit]
        mode = a.mode[who]
        ranges = []
        for number in range(a.shift_start.shape[1]):
            low, high = int(a.shift_start[who, number]), int(a.shift_end[who, number]) - length
            if low >= FAR:
                continue
            if a.shift_from[who, number] >= 0:
                low += int(a.travel.time(mode, a.shift_from[who, number], place))
            if a.shift_to[who, number] >= 0:
                high -= int(a.travel.time(mode, place, a.shift_to[who, number]))
            ranges.append((low, high))
        free = _domain(ranges).intersection_with(allowed)
        until = int(a.valid_until[a.held[who, a.row_skill[row]], a.row_level[row]])
        closed = [(until - length + 1, FAR)] if until < FAR else []
        for slot in range(int(diary.events[who])):
            other = diary.place[who, slot]
            there, back = int(a.travel.time(mode, place, other)), int(a.travel.time(mode, other, place))
            closed.append((int(diary.start[who, slot]) - there - length + 1, int(diary.end[who, slot]) + back - 1))
        for limit in range(a.limit_start.shape[1]):
            if diary.visits_left[who, limit] < 1 or diary.seconds_left[who, limit] < length:
                closed.append((int(a.limit_start[who, limit]), int(a.limit_end[who, limit]) - 1))
        free = free.intersection_with(_domain(closed).complement()) if closed else free
        if free.is_empty():
            return None
        seat = self.seat[row, who] = self.model.new_bool_var(f"seat {row} {who}")
        if free.size() != allowed.size():
            self.model.add_linear_expression_in_domain(self.start[visit], free).only_enforce_if(seat)
        self.by_person.setdefault(who, []).append((visit, row))
        return seat

    def _person(self, who: int, places: list[tuple[int, int]]) -> None:
        """Visits of one person keep apart, and within what the limits leave."""
        a, model = self.a, self.model
        mode = a.mode[who]
        for number, (one, row_one) in enumerate(places):
            for two, row_two in places[number + 1 :]:
                if one == two:
                    continue
                place_one, place_two = a.visit_place[one], a.visit_place[two]
                gap_one = int(a.row_duration[row_one]) + int(a.travel.time(mode, place_one, place_two))
                gap_two = int(a.row_duration[row_two]) + int(a.travel.time(mode, place_two, place_one))
                first = self.span[one][1] + gap_one <= self.span[two][0]
                last = self.span[two][1] + gap_two <= self.span[one][0]
                if first or last:
                    continue
                both = [self.seat[row_one, who], self.seat[row_two, who]]
                before = model.new_bool_var("")
                model.add(self.start[two] >= self.start[one] + gap_one).only_enforce_if([*both, before])
                model.add(self.start[one] >= self.start[two] + gap_two).only_enforce_if([*both, before.negated()])
        for limit in range(a.limit_start.shape[1]):
            visits_left, seconds_left = (
                int(self.diary.visits_left[who, limit]),
                int(self.diary.seconds_left[who, limit]),
            )
            total = sum(int(a.row_duration[row]) for _, row in places)
            if len(places) <= visits_left and total <= seconds_left:
                continue
            low, high = int(a.limit_start[who, limit]), int(a.limit_end[who, limit]) - 1
            counted = [(self._within(visit, row, who, low, high), int(a.row_duration[row])) for visit, row in places]
            if visits_left < FAR:
                model.add(sum(literal for literal, _ in counted) <= visits_left)
            if seconds_left < FAR:
                model.add(sum(literal * length for literal, length in counted) <= seconds_left)

    def _within(self, visit: int, row: int, who: int, low: int, high: int) -> cp_model.IntVar | int:
        """Whether the person has the seat and the visit starts within the period."""
        first, last = self.span[visit]
        if last < low or high < first:
            return 0
        seat = self.seat[row, who]
        if low <= first and last <= high:
            return seat
        outside = cp_model.Domain(low, high).complement()
        counted = self.model.new_bool_var("")
        self.model.add_linear_expression_in_domain(self.start[visit], outside).only_enforce_if(
            [seat, counted.negated()]
        )
        return counted

    def _links(self) -> None:
        for link in self.a.problem.links:
            one, two = self.a.visit_index[link.earlier], self.a.visit_index[link.later]
            if one in self.start and two in self.start:
                gap = self.start[two] - self.start[one]
                both = [self.served[one], self.served[two]]
                self.model.add_linear_constraint(gap, link.at_least, link.at_most).only_enforce_if(both)

    def hint(self, choices: dict[int, tuple[int, Seats]]) -> None:
        """Start from the plan at hand."""
        sitting = {
            (int(self.a.first_row[visit]) + demand, who)
            for visit, (_, seats) in choices.items()
            for demand, who in seats
        }
        for visit, variable in self.served.items():
            self.model.add_hint(variable, visit in choices)
            if visit in choices:
                self.model.add_hint(self.start[visit], choices[visit][0])
        for key, variable in self.seat.items():
            self.model.add_hint(variable, key in sitting)


def usable(a: Arrays) -> bool:
    """Whether the model can say all that the problem asks: no loads, links about times alone."""
    return not a.visit_load.any() and all(link.crew == "any" for link in a.problem.links)


def solve_part(
    a: Arrays,
    insertion: Insertion,
    diary: Diary,
    visits: Sequence[int],
    *,
    seed: int,
    workers: int,
    effort: float | None,
    seconds: float | None,
) -> Part | None:
    """Serve these visits at best, beside everything else in the diary.

    Parameters
    ----------
    effort
        Deterministic time; given, the same plan comes out each time (one worker).

    Returns
    -------
    Part or None
        Nothing when no solution was found within the budget.
    """
    before = {visit: diary.chosen[visit] for visit in visits if visit in diary.chosen}
    for visit in before:
        diary.remove(visit)
    try:
        built = _Model(a, insertion, diary, visits)
    finally:
        for visit, (start, seats) in before.items():
            diary.add(visit, start, seats)
    built.hint(before)
    solver = cp_model.CpSolver()
    solver.parameters.random_seed = seed
    solver.parameters.num_workers = workers
    if effort is not None:
        solver.parameters.num_workers = 1
        solver.parameters.max_deterministic_time = effort
    if seconds is not None:
        solver.parameters.max_time_in_seconds = max(0.01, seconds)
    status = solver.solve(built.model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    choices: dict[int, tuple[int, Seats]] = {}
    for visit in visits:
        if solver.boolean_value(built.served[visit]):
            first = int(a.first_row[visit])
            seats = tuple(
                (row - first, who)
                for (row, who), variable in sorted(built.seat.items())
                if row in a.rows_of(visit) and solver.boolean_value(variable)
            )
            choices[visit] = (int(solver.value(built.start[visit])), seats)
    proved = status == cp_model.OPTIMAL and not built.pruned
    lost = sum(int(a.visit_cost[visit]) for visit in visits if visit not in choices)
    return Part(choices=choices, bound=lost if proved else 0, proved=proved)


def improve(
    a: Arrays,
    insertion: Insertion,
    diary: Diary,
    *,
    seed: int,
    workers: int,
    iterations: int | None,
    seconds: Callable[[], float | None],
    every: bool,
) -> tuple[Diary, int | None]:
    """Solve the small components that leave something out (``every``: all small ones).

    Returns
    -------
    tuple
        The diary, and the bound for the sum of ``left_out_cost``, where any component was proved.
    """
    groups = components(a, insertion)
    known = {visit for group in groups for visit in group}
    bound = sum(int(a.visit_cost[v]) for v in range(a.visits) if v not in known and v not in diary.chosen)
    proved = False
    effort = None if iterations is None else iterations * SECONDS_AN_ITERATION
    for group in groups:
        missing = [visit for visit in group if visit not in diary.chosen]
        seats = sum(len(insertion.candidates.of(row)) for visit in group for row in a.rows_of(visit))
        left = seconds()
        if not (missing or every) or len(group) > MOST_VISITS or (left is not None and left <= 0):
            continue
        if min(seats, PEOPLE_PER_ROW * sum(len(a.rows_of(v)) for v in group)) > MOST_SEATS:
            continue
        part = solve_part(a, insertion, diary, group, seed=seed, workers=workers, effort=effort, seconds=left)
        if part is None:
            continue
        proved = proved or part.proved
        bound += part.bound
        before = sum(int(a.visit_cost[visit]) for visit in missing)
        after = sum(int(a.visit_cost[visit]) for visit in group if visit not in part.choices)
        if after < before:
            for visit in group:
                if visit in diary.chosen:
                    diary.remove(visit)
            for visit, (start, chosen) in part.choices.items():
                diary.add(visit, start, chosen)
    return diary, bound if proved else None
