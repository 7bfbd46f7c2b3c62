"""Small problems solved to the end: the best plan on every level, with a proof, or a bound of how far off it may be."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ortools.sat.python import cp_model

from solvers.arrays import FAR, Arrays
from solvers.candidates import Candidates
from solvers.costs import Choice, Chosen, vector
from solvers.exact.alike import alike, named_in_order
from solvers.exact.model import Model
from solvers.exact.seats import Part, parts
from solvers.exact.terms import Cost, Terms
from solvers.travel import Ints

MOST_VISITS = 150
MOST_ARCS = 60_000
MOST_PAIRS = 20_000
"""Candidates of all rows beyond which nothing is tried: looking for parts alone would take seconds."""

LARGEST = 2**52
"""Sums up to here are whole numbers in the solver's statistics, too."""

BOUNDING = ("lb_tree_search", "default_lp", "objective_lb_search")
"""Who raises the bound, of several workers; the last worker looks for better plans. Left to itself, CP-SAT gives two workers
one that raises it at the root alone."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A plan, and for each level a lower bound given that the levels above cost what they do (none: not known).

    ``bound_by`` says how the bound was got.
    """

    chosen: dict[int, Choice]
    bound: tuple[int | None, ...]
    bound_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Budget:
    """What one solve may use: until a moment of the clock, or deterministic time."""

    seed: int
    workers: int
    effort: float | None
    until: float | None

    @property
    def spent(self) -> bool:
        return (self.effort is not None and self.effort <= 0) or (
            self.until is not None and time.monotonic() >= self.until
        )


@dataclass(frozen=True, slots=True)
class _Outcome:
    choices: dict[int, Choice]
    empty: tuple[int, ...]
    bound: tuple[int | None, ...]
    budget: _Budget


def _solver(budget: _Budget) -> cp_model.CpSolver:
    solver = cp_model.CpSolver()
    solver.parameters.random_seed = budget.seed
    workers = budget.workers if budget.effort is None else 1
    solver.parameters.num_workers = workers
    solver.parameters.subsolvers.extend(BOUNDING[: workers - 1])
    if budget.effort is not None:
        solver.parameters.max_deterministic_time = budget.effort
    if budget.until is not None:
        solver.parameters.max_time_in_seconds = max(0.01, budget.until - time.monotonic())
    return solver


def _fits(part: Part) -> bool:
    return len(part.visits) <= MOST_VISITS and part.arcs <= MOST_ARCS and not part.instant


def _latest(a: Arrays, part: Part, costs: Sequence[Cost], ceilings: Sequence[int], late_before: int) -> list[int]:
    """Latest starts: anything later would be so late that the plan at hand is better."""
    most = FAR
    for level, cost, ceiling in zip(a.problem.levels, costs, ceilings, strict=False):
        weight = {term.name: term.weight for term in level.terms}
        each, largest = weight.get("lateness_total", 0), weight.get("lateness_max", 0)
        slack = ceiling - cost.least
        if each and each * late_before >= slack:
            most = min(most, slack // each)
        elif each + largest:
            most = min(most, (slack + largest * late_before) // (each + largest))
    return [min(FAR, int(a.visit_due[visit]) + max(0, most)) for visit in part.visits]


class _Lexicographic:
    """Solves the levels of one part in turn: each at its best, given the best of those above."""

    def __init__(self, a: Arrays, part: Part, rarity: Ints, chosen: Chosen, standing: Chosen) -> None:
        self.a, self.part, self.rarity, self.standing = a, part, rarity, standing
        self.before = vector(a, standing, rarity)
        self.late_before = max((0, *(start - int(a.visit_due[visit]) for visit, (start, _) in standing.items())))
        self.alike = alike(a, part)
        self.given = {visit: chosen[visit] for visit in part.visits if visit in chosen}
        self.choices = named_in_order(self.alike, self.given)

    def more(self, choices: Chosen) -> tuple[int, ...]:
        """What these choices add to what stands, by level."""
        after = vector(self.a, {**self.standing, **choices}, self.rarity)
        return tuple(new - old for new, old in zip(after, self.before, strict=True))

    def run(self, budget: _Budget) -> tuple[list[int | None], _Budget]:
        """Bounds of what the part adds, by level; ``choices`` are the best found."""
        bounds: list[int | None] = [None] * len(self.before)
        for level in range(len(bounds)):
            if budget.spent:
                break
            bounds[level], budget = self._level(level, budget)
            if bounds[level] != self.more(self.choices)[level]:
                break
        if self.more(self.choices) == self.more(self.given):
            self.choices = self.given
        return bounds, budget

    def _build(self, level: int, latest: Sequence[int]) -> tuple[Model, list[Cost]]:
        model = Model(self.a, self.part, self.choices, latest, self.alike)
        terms = Terms(self.a, model, self.rarity, self.late_before)
        return model, [terms.level(number) for number in range(level + 1)]

    def _level(self, level: int, budget: _Budget) -> tuple[int | None, _Budget]:
        now = self.more(self.choices)
        model, costs = self._build(level, [FAR] * len(self.part.visits))
        ceilings = [now[number] + cost.empty for number, cost in enumerate(costs)]
        if costs[level].least >= ceilings[level]:
            return now[level], budget
        if max(cost.size for cost in costs) > LARGEST:
            return None, budget
        latest = _latest(self.a, self.part, costs, ceilings, self.late_before)
        if min(latest) < FAR:
            model, costs = self._build(level, latest)
        for cost, ceiling in zip(costs, ceilings, strict=True):
            model.model.add(cost.expression() <= ceiling)
        model.model.minimize(costs[level].expression())
        solver = _solver(budget)
        status = solver.solve(model.model)
        if budget.effort is not None:
            used = solver.response_proto.deterministic_time
            budget = replace(budget, effort=budget.effort - used)
        if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            found = model.choices(solver)
            if self.more(found) < now:
                self.choices = found
        elif status != cp_model.UNKNOWN:
            return None, budget  # the plan at hand breaks a rule itself: nothing can be said beside it
        bound = max(costs[level].least, round(solver.best_objective_bound))
        return min(bound - costs[level].empty, self.more(self.choices)[level]), budget


def prove(
    a: Arrays,
    candidates: Candidates,
    rarity: Ints,
    chosen: Chosen,
    *,
    seed: int,
    workers: int,
    effort: float | None,
    seconds: float | None,
) -> Proof | None:
    """Improve a plan to the best there is, and prove it, where the problem falls into parts that are small enough.

    Parameters
    ----------
    chosen
        The plan to start from: valid, with what stands in it.
    effort
        Deterministic time; given, the same comes out each time (one worker).

    Returns
    -------
    Proof or None
        Nothing when no part is small enough.

    Notes
    -----
    A part has visits that share people or links; CP-SAT minimises its levels one after the other, each with those above
    held at their best. The bound of a sum over parts is the sum of their bounds. A level is bounded only where the levels above
    are proved.
    """
    if len(candidates.who) > MOST_PAIRS:
        return None
    until = None if seconds is None else time.monotonic() + seconds
    every = parts(a, candidates)
    small = [part for part in every if _fits(part)]
    if every and not small:
        return None
    standing: dict[int, Choice] = {
        visit: (fixed, ())
        for visit, fixed in enumerate(a.fixed)
        if fixed is not None and not a.row_heads[list(a.rows_of(visit))].any()
    }
    best = {**standing, **chosen}
    budget = _Budget(seed=seed, workers=workers, effort=effort, until=until)
    total: list[int | None] = list(vector(a, standing, rarity))
    if len(small) < len(every):
        total = [None] * len(total)
    for part in sorted(small, key=lambda part: (part.arcs, part.visits)):
        solve = _Lexicographic(a, part, rarity, chosen, standing)
        bounds, budget = solve.run(budget)
        for visit in part.visits:
            best.pop(visit, None)
        best |= solve.choices
        total = [None if one is None or two is None else one + two for one, two in zip(total, bounds, strict=True)]
    cost = vector(a, best, rarity)
    known = next((number for number, bound in enumerate(total) if bound != cost[number]), len(total))
    bound = tuple(value if number <= known else None for number, value in enumerate(total))
    by = "CP-SAT" if len(every) == 1 else f"CP-SAT, {len(every)} parts"
    return Proof(chosen=best, bound=bound, bound_by=tuple("none" if value is None else by for value in bound))
