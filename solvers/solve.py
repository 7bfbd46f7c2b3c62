"""The one entry: a problem in, a plan out, with every cost, a bound, and a reason for each visit left out."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from schemas.plan import Assignment, LeftOut, LevelCost, Plan, Status, Step
from schemas.problem import FilledSeat, Limits, Problem
from solvers import flow, greedy
from solvers.arrays import Arrays, Bools, build
from solvers.candidates import Candidates, find
from solvers.costs import Chosen, by_level, first_cost, terms, vector
from solvers.diary import Diary
from solvers.exact.proof import Proof, prove
from solvers.garbage import kept
from solvers.insertion import Insertion
from solvers.keeping import touched
from solvers.pairs import Pairs, timed
from solvers.reasons import explain
from solvers.routes import search
from solvers.seating import fill, seat
from solvers.tally import explain_all, plain

DEFAULT_ITERATIONS = 400

EFFORT_A_TRIAL = 0.0005
"""Deterministic time of CP-SAT for each trial of the budget."""

SMALL = 40
PROVING_SMALL, PROVING = 0.6, 0.05
"""Share of the seconds that is kept to prove a plan, of up to so many visits and of more."""

LARGE = 3_000
"""Visits from which a flow's plan is not searched further."""

TOLD_AT_ONCE = 2_000
"""Visits whose reasons are worked out together."""


@dataclass
class Run:
    """One solve under way: what is known so far."""

    a: Arrays
    candidates: Candidates
    insertion: Insertion
    limits: Limits
    done: Callable[[], bool]
    left: Callable[[], float | None]
    served: set[int] = field(default_factory=set)
    bound: int = 0
    bound_by: str = "none"
    proved: set[int] = field(default_factory=set)
    proof: Proof | None = None
    steps: list[Step] = field(default_factory=list)

    @cached_property
    def pairs(self) -> Pairs:
        """Candidates with their earliest starts."""
        return timed(self.a, self.candidates)

    def note(self, method: str, diary: Diary, visits: int | None = None) -> None:
        """Record a stage."""
        cost = first_cost(self.a, diary.chosen, self.insertion.rarity)
        self.steps.append(
            Step(method=method, visits=self.a.visits if visits is None else visits, cost=cost, proved=0 in self.proved)
        )


def _assignments(a: Arrays, chosen: Chosen) -> tuple[Assignment, ...]:
    problem = a.problem
    names = [volunteer.id for volunteer in problem.volunteers]
    teams, of_visit, one_team = a.team.tolist(), a.visit_team.tolist(), a.one_team.tolist()
    lengths = a.visit_length.tolist()
    out = []
    for visit, (start, seats) in sorted(chosen.items()):
        crew = sorted([(demand, names[who]) for demand, who in seats])
        if a.filled[visit].seats:
            crew = sorted(crew + [(demand, name) for demand, _, name in a.filled[visit].seats])
        team: str | None = None
        if of_visit[visit] >= 0:
            team = a.team_names[of_visit[visit]]
        elif seats and one_team[visit]:
            team = a.team_names[teams[seats[0][1]]]
        out.append(
            Assignment.built(
                visit=problem.visits[visit].id,
                team=team,
                start=start,
                end=start + lengths[visit],
                crew=tuple([FilledSeat.built(demand=demand, volunteer=name) for demand, name in crew]),
            )
        )
    return tuple(out)


def _weight_of_left_out(run: Run) -> int:
    """Weight of leaving out in the first level, 0 where other terms there could be negative."""
    terms_there = run.a.problem.levels[0].terms
    if not run.a.travel.by_distance and any(term.name.startswith("travel") for term in terms_there):
        return 0  # given matrices may have detours that save travel
    return sum(term.weight for term in terms_there if term.name == "left_out")


def _bound(run: Run, cost: int) -> None:
    """Bound the first level: first by what nobody could serve at all, then by a flow of heads to people."""
    a, weight = run.a, _weight_of_left_out(run)
    if not weight:
        return
    lost = np.array(
        [
            any(a.row_heads[row] > 0 for row in a.rows_of(v)) and run.insertion.impossible(v)
            if v not in run.served
            else False
            for v in range(a.visits)
        ],
        dtype=np.bool_,
    )
    run.bound, run.bound_by = weight * int(a.visit_cost[lost].sum()), "impossible"
    if cost > run.bound and not run.done():
        flowing = weight * flow.left_out_bound(a, run.pairs, lost)
        if flowing > run.bound:
            run.bound, run.bound_by = flowing, "flow of heads"


def _first_cost(run: Run, diary: Diary) -> int:
    return first_cost(run.a, diary.chosen, run.insertion.rarity)


def _flow(run: Run) -> Diary | None:
    """Assign by flow; where that sends people to two places at once, fill up by rounds what stands, or all anew."""
    a = run.a
    found = flow.assign(a, run.pairs)
    if found is None:
        return None
    diary = _standing(a)
    broken = seat(a, diary, run.pairs.those(found.chosen), within_limits=found.within_limits)
    weight = _weight_of_left_out(run)
    if weight and found.bound:
        run.bound, run.bound_by = found.bound, "flow"
    if not broken:
        run.proved |= set(range(found.exact_levels))
        run.bound_by = "flow"
    elif {term.name for term in a.problem.levels[0].terms} == {"left_out"}:  # then serving always pays
        diary = min((diary, _standing(a)), key=lambda plan: _filled(run, plan))
    else:
        clashing = set(broken)
        for visit in [visit for visit in greedy.urgency(a, run.candidates).tolist() if visit in clashing]:
            if run.done():
                break
            greedy.insert_all(a, run.insertion, diary, [visit])
    run.note("flow", diary)
    return diary


def _standing(a: Arrays) -> Diary:
    diary = Diary(a)
    greedy.stand(a, diary)
    return diary


def _filled(run: Run, diary: Diary) -> tuple[int, ...]:
    """Serve what else can be served, in rounds, and say what the plan costs then."""
    fill(run.a, diary, run.pairs, run.done)
    return vector(run.a, diary.chosen, run.insertion.rarity)


def _auto(run: Run) -> Diary:
    a, limits = run.a, run.limits
    diary: Diary | None = None
    if limits.method in ("auto", "flow") and limits.iterations != 0 and flow.fits(a):
        diary = _flow(run)
        settled = len(run.proved) == len(a.problem.levels) or limits.method == "flow" or a.visits > LARGE
        if diary is not None and settled:
            return diary
    order = greedy.urgency(a, run.candidates)
    built = greedy.plan(a, run.insertion, order)
    run.note("greedy", built)
    if diary is None or vector(a, built.chosen, run.insertion.rarity) < vector(a, diary.chosen, run.insertion.rarity):
        diary = built
    run.served = set(diary.chosen)
    if run.bound_by != "flow":
        _bound(run, _first_cost(run, diary))
    if limits.method == "greedy" or limits.iterations == 0 or run.done():
        return diary
    if limits.method == "cp_sat":
        return _prove(run, diary)
    diary = _search(run, diary)
    # A matcher counts trials and is content with a good plan; whoever gives it time wants to know how good it is.
    # Where a plan stands, people wait for its repair: what it costs at least is not asked then.
    told = any(standing.told for standing in a.problem.standing)
    if limits.seconds is not None or (_first_cost(run, diary) > run.bound and not told):
        diary = _prove(run, diary)
    return diary


def _search(run: Run, diary: Diary) -> Diary:
    """Improve a plan by the compiled search, if that is compiled in time."""
    a, limits = run.a, run.limits
    iterations = limits.iterations
    if iterations is None and limits.seconds is None:
        iterations = DEFAULT_ITERATIONS
    if not search.fits(a, run.candidates) or not search.warm(run.left()):
        return diary
    held, free = _still(run, diary)
    whole = run.left()
    kept = 0.0 if whole is None else whole * (PROVING_SMALL if a.visits <= SMALL else PROVING)

    def left() -> float | None:
        now = run.left()
        return None if now is None else now - kept

    found = search.improve(
        a,
        run.candidates,
        run.insertion.rarity,
        diary,
        seed=limits.seed,
        workers=limits.workers,
        iterations=iterations,
        left=left,
        held=held,
        free=free,
    )
    if found is None:
        return diary
    better = _written(run, found.chosen, held)
    if vector(a, better.chosen, run.insertion.rarity) < vector(a, diary.chosen, run.insertion.rarity):
        diary = better
    run.note("search", diary)
    return diary


def _still(run: Run, diary: Diary) -> tuple[Diary, Bools | None]:
    """What stays as it stands while the rest is searched, and what may move: nothing where all of it may."""
    a, limits = run.a, run.limits
    held = _standing(a)
    # Whoever gives time wants the best plan; a number of trials is best spent where something has happened.
    if limits.seconds is not None:
        return held, None
    free = touched(a, run.candidates, diary)
    if free is not None:
        for visit, (start, seats) in diary.chosen.items():
            if seats and not free[visit]:
                held.add(visit, start, seats)
    return held, free


def _written(run: Run, chosen: Chosen, held: Diary | None = None) -> Diary:
    """Write a plan down visit by visit beside what is held; whatever the rules refuse is inserted anew."""
    a = run.a
    diary = _standing(a) if held is None else held
    refused = []
    for visit, (start, seats) in sorted(chosen.items(), key=lambda item: item[1][0]):
        first = int(a.first_row[visit])
        if all(diary.open_for(first + demand, who, start) for demand, who in seats):
            diary.add(visit, start, seats)
        else:
            refused.append(visit)
    greedy.insert_all(a, run.insertion, diary, refused)
    return diary


def _prove(run: Run, diary: Diary) -> Diary:
    """Solve what is small to the end, and bound the rest of what it costs."""
    a, limits = run.a, run.limits
    if run.done():
        return diary
    trials = DEFAULT_ITERATIONS if limits.iterations is None and limits.seconds is None else limits.iterations
    run.proof = prove(
        a,
        run.candidates,
        run.insertion.rarity,
        diary.chosen,
        seed=limits.seed,
        workers=limits.workers,
        effort=None if trials is None else trials * EFFORT_A_TRIAL,
        seconds=run.left(),
    )
    if run.proof is None:
        return diary
    better = _written(run, run.proof.chosen)
    if vector(a, better.chosen, run.insertion.rarity) < vector(a, diary.chosen, run.insertion.rarity):
        diary = better
    first = run.proof.bound[0]
    if first is not None and first > run.bound:
        run.bound, run.bound_by = first, run.proof.bound_by[0]
    run.note("cp_sat", diary)
    return diary


def _left_out(run: Run, diary: Diary) -> tuple[LeftOut, ...]:
    """Explain what is left out; once the time is up by a second and a tenth, the rest goes without reasons."""
    a, nearest = run.a, run.limits.explain == "nearest"
    grace = 1.0 if run.limits.seconds is None else 1.0 + run.limits.seconds / 10

    def late() -> bool:
        left = run.left()
        return left is not None and left < -grace

    missing = np.array([visit for visit in range(a.visits) if visit not in diary.chosen], dtype=np.int64)
    told: dict[int, LeftOut] = {}
    alone = missing[plain(a)[missing]]
    for at in range(0, len(alone), TOLD_AT_ONCE):
        some = alone[at : at + TOLD_AT_ONCE]
        if not late():
            told |= zip(some.tolist(), explain_all(a, some, diary, nearest=nearest and not run.done()), strict=True)
    for visit in missing.tolist():
        if visit not in told and not late():
            told[visit] = explain(a, visit, run.insertion, diary, nearest=nearest and not run.done())
    return tuple(
        told.get(visit) or LeftOut(visit=a.problem.visits[visit].id, candidates=a.volunteers, reasons=())
        for visit in missing.tolist()
    )


def _nearest_first(run: Run) -> Diary:
    run.insertion = Insertion(run.a, run.candidates, nearest=True)
    diary = greedy.plan(run.a, run.insertion, range(run.a.visits))
    run.served = set(diary.chosen)
    _bound(run, _first_cost(run, diary))
    run.note("nearest_first", diary)
    return diary


def _later_bound(run: Run, number: int, cost: int, chosen: Chosen) -> tuple[int, str]:
    """Bound a level below the first, given what the plan leaves out."""
    a = run.a
    by_proof = None if run.proof is None else run.proof.bound[number]
    if run.proof is not None and by_proof is not None and run.proved.issuperset(range(number)):
        return by_proof, run.proof.bound_by[number]
    known = run.done() or run.limits.iterations == 0 or number in run.proved
    if known or not cost or a.visits > LARGE or {term.name for term in a.problem.levels[0].terms} != {"left_out"}:
        return 0, "none"
    bound = flow.quality_bound(a, run.pairs, number, terms(a, chosen, levels=1)["left_out"])
    return bound, "flow of heads" if bound else "none"


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
    if limits.method == "auto" and limits.iterations != 0:
        search.start_warming()
    begin = time.monotonic()

    def left() -> float | None:
        return None if limits.seconds is None else limits.seconds - (time.monotonic() - begin)

    def done() -> bool:
        return limits.seconds is not None and time.monotonic() - begin >= limits.seconds

    with kept():
        a = build(problem)
    candidates = find(a)
    run = Run(a=a, candidates=candidates, insertion=Insertion(a, candidates), limits=limits, done=done, left=left)
    diary = _nearest_first(run) if limits.method == "nearest_first" else _auto(run)
    chosen = diary.chosen
    levels = []
    for number, (level, (cost, rows)) in enumerate(
        zip(problem.levels, by_level(problem, terms(a, chosen, run.insertion.rarity)), strict=True)
    ):
        bound, by = (run.bound, run.bound_by) if number == 0 else _later_bound(run, number, cost, chosen)
        if cost <= bound or number in run.proved:
            run.proved.add(number)
            bound = cost
        levels.append(LevelCost(name=level.name, cost=cost, bound=min(bound, cost), bound_by=by, terms=rows))
    status: Status = "feasible"
    if not problem.visits:
        status = "empty"
    elif all(level.cost <= level.bound for level in levels):
        status = "optimal"
    with kept():
        assignments = _assignments(a, chosen)
    return Plan.built(
        status=status,
        assignments=assignments,
        left_out=_left_out(run, diary),
        levels=tuple(levels),
        steps=tuple(run.steps),
        seconds=time.monotonic() - begin,
    )
