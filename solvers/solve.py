"""The one entry: a problem in, a plan out, with every cost, a bound, and a reason for each visit left out."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from schemas.plan import Assignment, LevelCost, Plan, Status, Step
from schemas.problem import FilledSeat, Limits, Problem
from solvers import greedy, search
from solvers.arrays import Arrays, build
from solvers.candidates import Candidates, find
from solvers.costs import Chosen, by_level, terms
from solvers.diary import Diary
from solvers.insertion import Insertion
from solvers.reasons import explain

DEFAULT_ITERATIONS = 400


@dataclass(slots=True)
class Run:
    """One solve under way: what is known so far."""

    a: Arrays
    candidates: Candidates
    insertion: Insertion
    limits: Limits
    done: Callable[[], bool]
    bound: int = 0
    bound_by: str = "none"
    proved: set[int] = field(default_factory=set)
    steps: list[Step] = field(default_factory=list)

    def note(self, method: str, diary: Diary, visits: int | None = None) -> None:
        """Record a stage."""
        cost = by_level(self.a.problem, terms(self.a, diary.chosen, self.insertion.rarity))[0][0]
        self.steps.append(
            Step(method=method, visits=self.a.visits if visits is None else visits, cost=cost, proved=0 in self.proved)
        )


def _assignments(a: Arrays, chosen: Chosen) -> tuple[Assignment, ...]:
    problem = a.problem
    out = []
    for visit in sorted(chosen):
        start, seats = chosen[visit]
        crew = [(demand, name) for demand, _, name in a.filled[visit].seats]
        crew += [(demand, problem.volunteers[who].id) for demand, who in seats]
        team: str | None = None
        if a.visit_team[visit] >= 0:
            team = a.team_names[int(a.visit_team[visit])]
        elif seats and a.one_team[visit]:
            team = a.team_names[int(a.team[seats[0][1]])]
        out.append(
            Assignment(
                visit=problem.visits[visit].id,
                team=team,
                start=start,
                end=start + int(a.visit_length[visit]),
                crew=tuple(FilledSeat(demand=demand, volunteer=name) for demand, name in sorted(crew)),
            )
        )
    return tuple(out)


def _impossible(run: Run) -> None:
    """Bound the first level by what nobody could serve even in an empty plan."""
    a = run.a
    if not any(term.name == "left_out" for term in a.problem.levels[0].terms):
        return
    weight = sum(term.weight for term in a.problem.levels[0].terms if term.name == "left_out")
    lost = sum(
        int(a.visit_cost[v])
        for v in range(a.visits)
        if any(a.row_heads[row] > 0 for row in a.rows_of(v)) and run.insertion.impossible(v)
    )
    run.bound, run.bound_by = weight * lost, "impossible"


def _auto(run: Run) -> Diary:
    a, limits = run.a, run.limits
    order = greedy.urgency(a, run.candidates)
    diary = greedy.plan(a, run.insertion, order)
    run.note("greedy", diary)
    _impossible(run)
    if limits.method == "greedy" or limits.iterations == 0:
        return diary
    iterations = limits.iterations
    if iterations is None:
        iterations = 2**40 if limits.seconds is not None else DEFAULT_ITERATIONS
    diary, tried = search.improve(
        a, run.insertion, diary, order, seed=limits.seed, iterations=iterations, done=run.done, floor=run.bound
    )
    if tried:
        run.note("search", diary)
    return diary


def _nearest_first(run: Run) -> Diary:
    run.insertion = Insertion(run.a, run.candidates, nearest=True)
    diary = greedy.plan(run.a, run.insertion, range(run.a.visits))
    _impossible(run)
    run.note("nearest_first", diary)
    return diary


def solve(problem: Problem, limits: Limits | None = None) -> Plan:
    """Plan the visits.

    Parameters
    ----------
    limits
        Seconds or iterations (insertions to try), a seed, a method. Empty: 400 iterations.

    Raises
    ------
    InvalidProblem
        When the problem contradicts itself. A visit that nobody can serve does not: it is left out, with reasons.

    Notes
    -----
    With ``iterations`` and no ``seconds`` the plan is the same each time, but for ``Plan.seconds``.
    """
    limits = limits if limits is not None else Limits()
    begin = time.monotonic()

    def done() -> bool:
        return limits.seconds is not None and time.monotonic() - begin >= limits.seconds

    a = build(problem)
    candidates = find(a)
    run = Run(a=a, candidates=candidates, insertion=Insertion(a, candidates), limits=limits, done=done)
    diary = _nearest_first(run) if limits.method == "nearest_first" else _auto(run)
    chosen = diary.chosen
    levels = []
    for number, (level, (cost, rows)) in enumerate(
        zip(problem.levels, by_level(problem, terms(a, chosen, run.insertion.rarity)), strict=True)
    ):
        bound, by = (run.bound, run.bound_by) if number == 0 else (0, "none")
        if cost <= bound or number in run.proved:
            run.proved.add(number)
            bound = cost
        levels.append(LevelCost(name=level.name, cost=cost, bound=min(bound, cost), bound_by=by, terms=rows))
    status: Status = "feasible"
    if not problem.visits:
        status = "empty"
    elif all(level.cost <= level.bound for level in levels):
        status = "optimal"
    return Plan(
        status=status,
        assignments=_assignments(a, chosen),
        left_out=tuple(explain(a, visit) for visit in range(a.visits) if visit not in chosen),
        levels=tuple(levels),
        steps=tuple(run.steps),
        seconds=time.monotonic() - begin,
    )
