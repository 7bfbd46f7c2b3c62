"""The CP-SAT model of one part: seats, starts, crews, links, limits, and a circuit for each tour."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from ortools.sat.python import cp_model

from solvers.arrays import FAR, Arrays
from solvers.costs import Chosen
from solvers.exact.alike import order
from solvers.exact.seats import Part, load_left, ranges, stands, tours, ways
from solvers.exact.tours import Leg, Stop, Sum, circuit
from solvers.travel import Ints


class Model:
    """Everything that must hold; ``solvers.exact.terms`` adds what it costs.

    ``latest`` is the latest start of each visit that need be looked at. ``chosen`` is the plan to start from: all
    variables get their values in it as hints. ``groups`` are people who are alike.
    """

    def __init__(self, a: Arrays, part: Part, chosen: Chosen, latest: Sequence[int], groups: list[list[int]]) -> None:
        self.a, self.part, self.chosen = a, part, chosen
        self.model = cp_model.CpModel()
        self.legs: list[Leg] = []
        self.served: dict[int, cp_model.IntVar] = {}
        self.start: dict[int, cp_model.IntVar] = {}
        self.on: dict[int, cp_model.IntVar] = {}
        self.sits: dict[tuple[int, int], list[int]] = defaultdict(list)
        self.by_visit: dict[int, list[int]] = defaultdict(list)
        self.sitting = {
            (visit, who, int(a.first_row[visit]) + demand)
            for visit in part.visits
            for demand, who in (chosen[visit][1] if visit in chosen else ())
        }
        allowed = {visit: ranges([(-FAR, last)]) for visit, last in zip(part.visits, latest, strict=True)}
        self.starts = [place.starts.intersection_with(allowed[part.groups[place.group].visit]) for place in part.places]
        for number, place in enumerate(part.places):
            if not self.starts[number].is_empty():
                self.by_visit[part.groups[place.group].visit].append(number)
        for visit in part.visits:
            self._visit(visit)
        by_tour: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for number in self.on:
            place = part.places[number]
            by_tour[place.who][place.tour].append(number)
        for who, some in sorted(by_tour.items()):
            self._person(who, some)
        self._links()
        heads = {visit: sum(group.heads for group in part.groups if group.visit == visit) for visit in part.visits}
        order(self.model, groups, heads, {key: [self.on[n] for n in some] for key, some in self.sits.items()})

    # ------------------------------------------------------------------------------------------------------- variables

    def boolean(self, hint: bool) -> cp_model.IntVar:
        """A new literal with its value in the plan at hand."""
        literal = self.model.new_bool_var("")
        self.model.add_hint(literal, hint)
        return literal

    def integer(self, low: int, high: int, hint: int) -> cp_model.IntVar:
        """A new whole number with its value in the plan at hand."""
        number = self.model.new_int_var(low, high, "")
        self.model.add_hint(number, min(max(hint, low), high))
        return number

    def visit_of(self, number: int) -> int:
        """Visit of a place."""
        return self.part.groups[self.part.places[number].group].visit

    def length(self, number: int) -> int:
        """Seconds that a place takes."""
        return self.part.groups[self.part.places[number].group].length

    def _hinted(self, number: int) -> bool:
        """Whether the plan at hand has somebody at a place."""
        place, visit = self.part.places[number], self.visit_of(number)
        rows = self.part.groups[place.group].rows
        if not any((visit, place.who, row) in self.sitting for row in rows):
            return False
        return bool(place.starts.contains(self.chosen[visit][0]))

    def _visit(self, visit: int) -> None:
        a, model, part = self.a, self.model, self.part
        served = self.served[visit] = self.boolean(visit in self.chosen)
        numbers = self.by_visit[visit]
        asked = cp_model.Domain.from_intervals([])
        for number in numbers:
            asked = asked.union_with(self.starts[number])
        if asked.is_empty():
            model.add(served == 0)
            asked = cp_model.Domain(0, 0)
        start = self.start[visit] = model.new_int_var_from_domain(asked, "")
        model.add_hint(start, self.chosen[visit][0] if visit in self.chosen else asked.min())
        teams: dict[int, cp_model.IntVar] = {}
        groups = [number for number, group in enumerate(part.groups) if group.visit == visit]
        heads = sum(part.groups[group].heads for group in groups)
        if a.one_team[visit] and a.visit_team[visit] < 0 and heads > 1:
            now = {int(a.team[who]) for v, who, _ in self.sitting if v == visit}
            for team in sorted({int(a.team[part.places[number].who]) for number in numbers}):
                teams[team] = self.boolean(team in now)
            model.add(sum(teams.values()) == served)
        whose: dict[int, list[cp_model.IntVar]] = defaultdict(list)
        for group in groups:
            by_team: dict[int, list[cp_model.IntVar]] = {team: [] for team in teams or (-1,)}
            for number in numbers:
                place = part.places[number]
                if place.group != group:
                    continue
                on = self.on[number] = self.boolean(self._hinted(number))
                self.sits[visit, place.who].append(number)
                whose[place.who].append(on)
                by_team[int(a.team[place.who]) if teams else -1].append(on)
                if self.starts[number].size() != asked.size():
                    model.add_linear_expression_in_domain(start, self.starts[number]).only_enforce_if(on)
            for team, seats in by_team.items():
                model.add(sum(seats) == part.groups[group].heads * (teams[team] if teams else served))
        for literals in whose.values():
            if len(literals) > 1:
                model.add_at_most_one(literals)

    # ---------------------------------------------------------------------------------------------------------- people

    def _person(self, who: int, by_tour: dict[int, list[int]]) -> None:
        stops = self._stops(who, by_tour)
        times, metres = ways(self.a, who, stops[0])
        at = stops[1]
        for tour, numbers in sorted(by_tour.items()):
            self._tour(who, tour, numbers, times, metres, at)
            self._carried(who, tour, numbers)
        numbers = sorted(number for some in by_tour.values() for number in some)
        for one, number in enumerate(numbers):
            for other in numbers[one + 1 :]:
                if self.visit_of(number) != self.visit_of(other):
                    self._apart(number, other, times, at)
        self._limits(who, numbers)

    def _stops(self, who: int, by_tour: dict[int, list[int]]) -> tuple[Ints, dict[int, int]]:
        """All locations that matter to a person, and where each stands in the list."""
        a = self.a
        places = {int(a.home[who])} | {place for _, _, place in stands(a, who)}
        for tour, numbers in by_tour.items():
            places |= {self._end(a.shift_from, who, tour), self._end(a.shift_to, who, tour)}
            places |= {int(a.visit_place[self.visit_of(number)]) for number in numbers}
        ordered = sorted(places)
        return np.array(ordered, dtype=np.int64), {place: number for number, place in enumerate(ordered)}

    def _end(self, ends: Ints, who: int, tour: int) -> int:
        return int(ends[who, tour]) if ends[who, tour] >= 0 else int(self.a.home[who])

    def _tour(self, who: int, tour: int, numbers: list[int], times: Ints, metres: Ints, at: dict[int, int]) -> None:
        a, key = self.a, tours(self.a, who)[tour]
        stops = [self._stop(number, at) for number in numbers]
        for event, (begin, end, place) in enumerate(stands(a, who), start=1):
            if key.contains(begin):
                stops.append(Stop(at[place], -event, None, begin, end, soonest=end, latest=begin, now=begin))
        ends = at[self._end(a.shift_from, who, tour)], at[self._end(a.shift_to, who, tour)]
        self.legs += circuit(self.model, self.boolean, stops, ends, times, metres)

    def _stop(self, number: int, at: dict[int, int]) -> Stop:
        visit, length = self.visit_of(number), self.length(number)
        return Stop(
            at=at[int(self.a.visit_place[visit])],
            visit=visit,
            on=self.on[number],
            begin=self.start[visit],
            end=self.start[visit] + length,
            soonest=self.starts[number].min() + length,
            latest=self.starts[number].max(),
            now=self.chosen[visit][0] if self._hinted(number) else None,
        )

    def _apart(self, one: int, two: int, times: Ints, at: dict[int, int]) -> None:
        """Keep two seats of one person apart where the circuits alone might not."""
        a, model = self.a, self.model
        here, there = (at[int(a.visit_place[self.visit_of(number)])] for number in (one, two))
        gap = self.length(one) + int(times[here, there]), self.length(two) + int(times[there, here])
        first, second = self.starts[one], self.starts[two]
        if first.max() + gap[0] <= second.min() or second.max() + gap[1] <= first.min():
            return
        if self.part.places[one].tour == self.part.places[two].tour:
            direct = np.minimum(times[here] + times[:, there] - times[here, there], 0).min()
            back = np.minimum(times[there] + times[:, here] - times[there, here], 0).min()
            if direct >= 0 and back >= 0:
                return
        starts = self.start[self.visit_of(one)], self.start[self.visit_of(two)]
        both = [self.on[one], self.on[two]]
        before = self.boolean(self._begins(one) <= self._begins(two))
        model.add(starts[1] >= starts[0] + gap[0]).only_enforce_if([*both, before])
        model.add(starts[0] >= starts[1] + gap[1]).only_enforce_if([*both, before.negated()])

    def _begins(self, number: int) -> int:
        return self.chosen[self.visit_of(number)][0] if self.visit_of(number) in self.chosen else FAR

    def _carried(self, who: int, tour: int, numbers: list[int]) -> None:
        loads = [int(self.a.visit_load[self.visit_of(number)]) for number in numbers]
        if not any(loads) or self.a.capacity[who] >= FAR:
            return
        left = load_left(self.a, who, tour)
        if sum(loads) > left:
            self.model.add(sum(self.on[number] * load for number, load in zip(numbers, loads, strict=True)) <= left)

    def _limits(self, who: int, numbers: list[int]) -> None:
        a, model = self.a, self.model
        total = sum(self.length(number) for number in numbers)
        for limit in range(a.limit_start.shape[1]):
            visits, seconds = int(a.limit_visits[who, limit]), int(a.limit_seconds[who, limit])
            if len(numbers) <= visits and total <= seconds:
                continue
            low, high = int(a.limit_start[who, limit]), int(a.limit_end[who, limit]) - 1
            inside = [(self._within(number, low, high), self.length(number)) for number in numbers]
            if visits < len(numbers):
                model.add(sum(literal for literal, _ in inside) <= visits)
            if seconds < total:
                model.add(sum(literal * length for literal, length in inside) <= seconds)

    def _within(self, number: int, low: int, high: int) -> cp_model.IntVar | int:
        """Whether a seat is taken and starts within the period."""
        period, starts = ranges([(low, high)]), self.starts[number]
        inside = starts.intersection_with(period)
        if inside.is_empty():
            return 0
        if inside.size() == starts.size():
            return self.on[number]
        counted = self.boolean(self._hinted(number) and low <= self._begins(number) <= high)
        outside = self.model.add_linear_expression_in_domain(
            self.start[self.visit_of(number)], starts.intersection_with(period.complement())
        )
        outside.only_enforce_if([self.on[number], counted.negated()])
        return counted

    # ----------------------------------------------------------------------------------------------------------- links

    def crew(self, visit: int, who: int) -> Sum:
        """1 where a person is in the crew of a visit that is served, by an old seat or a new one."""
        if any(person == who for _, person, _ in self.a.filled[visit].seats):
            return self.served.get(visit, 1)
        return sum(self.on[number] for number in self.sits.get((visit, who), ()))

    def _links(self) -> None:
        a, model = self.a, self.model
        for link in a.problem.links:
            one, two = a.visit_index[link.earlier], a.visit_index[link.later]
            ends = [visit for visit in (one, two) if visit in self.served]
            if not ends or any(visit not in self.served and not self._settled(visit) for visit in (one, two)):
                continue
            both = [self.served[visit] for visit in ends]
            gap = self._when(two) - self._when(one)
            model.add_linear_constraint(gap, link.at_least, link.at_most).only_enforce_if(both)
            if link.crew == "any":
                continue
            people: Iterable[int] = sorted(
                {who for visit, who in self.sits if visit in (one, two)}
                | {who for visit in (one, two) for _, who, _ in a.filled[visit].seats if who >= 0}
            )
            strangers = [{name for _, who, name in a.filled[visit].seats if who < 0} for visit in (one, two)]
            if (strangers[0] != strangers[1]) if link.crew == "same" else (strangers[0] & strangers[1]):
                model.add_bool_or([literal.negated() for literal in both])
            for who in people:
                if link.crew == "same":
                    model.add(self.crew(one, who) == self.crew(two, who)).only_enforce_if(both)
                else:
                    model.add(self.crew(one, who) + self.crew(two, who) <= 1).only_enforce_if(both)

    def _settled(self, visit: int) -> bool:
        """Whether a visit needs nobody new: then it is served."""
        return self.a.fixed[visit] is not None and not self.a.row_heads[list(self.a.rows_of(visit))].any()

    def _when(self, visit: int) -> Sum:
        return self.start[visit] if visit in self.start else int(self.a.fixed[visit] or 0)

    def choices(self, solver: cp_model.CpSolver) -> dict[int, tuple[int, tuple[tuple[int, int], ...]]]:
        """Read the plan from a solution."""
        found = {}
        for visit in self.part.visits:
            if not solver.boolean_value(self.served[visit]):
                continue
            seats: list[tuple[int, int]] = []
            for number, group in enumerate(self.part.groups):
                if group.visit != visit:
                    continue
                rows = [row for row in group.rows for _ in range(int(self.a.row_heads[row]))]
                people = [self.part.places[n].who for n in self.by_visit[visit] if self._at(n, number, solver)]
                seats += [(row - int(self.a.first_row[visit]), who) for row, who in zip(rows, people, strict=True)]
            found[visit] = (solver.value(self.start[visit]), tuple(sorted(seats)))
        return found

    def _at(self, number: int, group: int, solver: cp_model.CpSolver) -> bool:
        return self.part.places[number].group == group and solver.boolean_value(self.on[number])
