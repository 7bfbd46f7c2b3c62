"""What a plan of one part costs, as a linear expression for each level."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from ortools.sat.python import cp_model

from schemas.problem import TermName
from solvers.arrays import Arrays
from solvers.costs import seat_scarcity
from solvers.exact.model import Model
from solvers.travel import Ints


@dataclass(slots=True)
class Cost:
    """A sum of variables with whole coefficients, the least that it can be, and what it is when nothing is served."""

    least: int = 0
    constant: int = 0
    empty: int = 0
    variables: list[cp_model.IntVar] = field(default_factory=list)
    coefficients: list[int] = field(default_factory=list)
    size: int = 0

    def add(self, variable: object, coefficient: int, most: int = 1) -> None:
        """Count a variable between 0 and ``most``."""
        if not coefficient:
            return
        self.size += abs(coefficient) * most
        if isinstance(variable, int):
            self.constant += variable * coefficient
            self.least += variable * coefficient
            return
        assert isinstance(variable, cp_model.IntVar)
        self.variables.append(variable)
        self.coefficients.append(coefficient)
        self.least += min(0, coefficient * most)

    def fix(self, amount: int) -> None:
        """Count what is to be paid when nothing is served."""
        self.constant += amount
        self.least += amount
        self.empty += amount

    def expression(self) -> cp_model.LinearExpr:
        """The sum, for the solver."""
        return cp_model.LinearExpr.weighted_sum(self.variables, self.coefficients) + self.constant


class Terms:
    """Adds the terms of levels to a model, each once."""

    def __init__(self, a: Arrays, model: Model, rarity: Ints, late_before: int) -> None:
        self.a, self.m, self.rarity, self.late_before = a, model, rarity, late_before
        self._late: dict[int, tuple[cp_model.IntVar, int]] | None = None
        self._adders: dict[TermName, Callable[[Cost, int], None]] = {
            "left_out": self._left_out,
            "told_otherwise": self._told_otherwise,
            "lateness_total": self._lateness_total,
            "lateness_max": self._lateness_max,
            "continuity": self._continuity,
            "preference": self._preference,
            "fairness": self._fairness,
            "travel_time": self._travel_time,
            "travel_distance": self._travel_distance,
            "scarcity": self._scarcity,
        }

    def level(self, number: int) -> Cost:
        """One level's cost."""
        cost = Cost()
        for term in self.a.problem.levels[number].terms:
            if term.weight:
                self._adders[term.name](cost, term.weight)
        return cost

    def _left_out(self, cost: Cost, weight: int) -> None:
        for visit, served in self.m.served.items():
            worth = weight * int(self.a.visit_cost[visit])
            cost.add(served, -worth)
            cost.fix(worth)

    def _told_otherwise(self, cost: Cost, weight: int) -> None:
        a, m = self.a, self.m
        for standing in a.problem.standing:
            visit = a.visit_index.get(standing.visit, -1)
            if visit not in m.served or not standing.told or standing.pinned:
                continue
            names = [seat.volunteer for seat in standing.crew]
            cost.fix(weight * len(names))
            now = m.chosen.get(visit)
            as_told = m.boolean(now is not None and now[0] == standing.start)
            m.model.add_implication(as_told, m.served[visit])
            m.model.add(m.start[visit] == standing.start).only_enforce_if(as_told)
            held = {name for _, _, name in a.filled[visit].seats}
            for name in names:
                if name in held:
                    cost.add(as_told, -weight)
                    continue
                who = a.volunteer_index.get(name, -1)
                sits = now is not None and now[0] == standing.start and who in {person for _, person in now[1]}
                kept = m.boolean(sits)
                m.model.add_implication(kept, as_told)
                m.model.add(kept <= m.crew(visit, who))
                cost.add(kept, -weight)

    @property
    def late(self) -> dict[int, tuple[cp_model.IntVar, int]]:
        """How late each visit is that can be late, and the most of it."""
        if self._late is None:
            self._late = {}
            for visit, start in self.m.start.items():
                due = int(self.a.visit_due[visit])
                most = max((self.m.starts[number].max() for number in self.m.by_visit[visit]), default=due) - due
                if most <= 0:
                    continue
                hint = self.m.chosen[visit][0] - due if visit in self.m.chosen else 0
                late = self.m.integer(0, most, hint)
                self.m.model.add(late >= start - due).only_enforce_if(self.m.served[visit])
                self._late[visit] = late, most
        return self._late

    def _lateness_total(self, cost: Cost, weight: int) -> None:
        for late, most in self.late.values():
            cost.add(late, weight, most)

    def _lateness_max(self, cost: Cost, weight: int) -> None:
        cost.fix(weight * self.late_before)
        if not self.late:
            return
        worst = max(
            (self.m.chosen[visit][0] - int(self.a.visit_due[visit]) for visit in self.late if visit in self.m.chosen),
            default=0,
        )
        top = max(0, max(most for _, most in self.late.values()) - self.late_before)
        more = self.m.integer(0, top, worst - self.late_before)
        for late, _ in self.late.values():
            self.m.model.add(more + self.late_before >= late)
        cost.add(more, weight, top)

    def _continuity(self, cost: Cost, weight: int) -> None:
        a, m = self.a, self.m
        for visit, served in m.served.items():
            preferred = a.problem.visits[visit].preferred
            if not preferred or not {name for _, _, name in a.filled[visit].seats}.isdisjoint(preferred):
                continue
            known = [a.volunteer_index[name] for name in dict.fromkeys(preferred) if name in a.volunteer_index]
            in_crew = {who for _, who in m.chosen[visit][1]} if visit in m.chosen else set(known)
            missed = m.boolean(in_crew.isdisjoint(known))
            m.model.add(missed + sum(m.crew(visit, who) for who in known) >= served)
            cost.add(missed, weight)

    def _preference(self, cost: Cost, weight: int) -> None:
        for number, on in self.m.on.items():
            place = self.m.part.places[number]
            cost.add(
                on,
                weight * int(self.a.visit_stake[self.m.part.groups[place.group].visit] * self.a.reluctance[place.who]),
            )

    def _fairness(self, cost: Cost, weight: int) -> None:
        """Each further seat of a person costs two more than the one before: cheapest steps are taken first."""
        m = self.m
        seats: dict[int, dict[int, list[int]]] = {}
        for number in m.on:
            seats.setdefault(m.part.places[number].who, {}).setdefault(m.visit_of(number), []).append(number)
        for who, visits in seats.items():
            load = int(self.a.load[who])
            numbers = [number for some in visits.values() for number in some]
            if len(visits) == 1:
                for number in numbers:
                    cost.add(m.on[number], weight * (2 * load + 1))
                continue
            now = sum(visit in m.chosen and who in {p for _, p in m.chosen[visit][1]} for visit in visits)
            steps = [m.boolean(step < now) for step in range(len(visits))]
            m.model.add(sum(steps) == sum(m.on[number] for number in numbers))
            for step, literal in enumerate(steps):
                cost.add(literal, weight * (2 * (load + step) + 1))

    def _travel_time(self, cost: Cost, weight: int) -> None:
        for leg in self.m.legs:
            cost.add(leg.literal, weight * leg.seconds)

    def _travel_distance(self, cost: Cost, weight: int) -> None:
        for leg in self.m.legs:
            cost.add(leg.literal, weight * leg.metres)

    def _scarcity(self, cost: Cost, weight: int) -> None:
        for number, on in self.m.on.items():
            place = self.m.part.places[number]
            row = self.m.part.groups[place.group].rows[0]
            rare = seat_scarcity(self.a, self.rarity, row, np.array([place.who]))
            cost.add(on, weight * int(rare[0]))
