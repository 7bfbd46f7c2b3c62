"""Why a visit is left out of a plan, or why it has its team and crew: from the rules, the plan, and solving again."""

from collections.abc import Iterator, Mapping

import numpy as np

from schemas.plan import Assignment, Plan, Relaxation
from schemas.problem import CostLevel, Exclusion, Limits, Problem, Term, Visit
from schemas.why import DemandCount, Price, RunnerUp, WhyAssigned, WhyLeftOut
from solvers.around import around
from solvers.arrays import Arrays, build
from solvers.check import check
from solvers.costs import terms
from solvers.diff import change_of, chosen_of, diff, gain
from solvers.errors import InvalidProblem
from solvers.relaxing import ladders
from solvers.rules import survey
from solvers.solve import solve

ALONE = Limits(iterations=0, explain="counts")
"""For one visit beside a plan that is held: its best team, crew and start."""

TOGETHER = Limits(iterations=2_000, explain="counts")
"""For a visit that is forced in, and those whose people it might take."""

RING = 24
"""Visits that may give way to one that is forced in: those next to its window."""

MOST = 2**40
"""What leaving out a visit costs that is to be served."""


def why(problem: Problem, visit: str, plan: Plan | None = None, limits: Limits = ALONE) -> WhyAssigned | WhyLeftOut:
    """Say why a visit is where it is in a plan, or in the one that a solve within ``limits`` finds.

    Raises
    ------
    InvalidProblem
        When the problem has no such visit or contradicts itself.
    """
    a = build(problem)
    plan = solve(problem, limits.changed(explain="counts")) if plan is None else plan
    served = any(item.visit == visit for item in plan.assignments)
    return why_assigned(a, plan, visit) if served else why_left_out(a, plan, visit)


def why_left_out(problem: Problem | Arrays, plan: Plan, visit: str) -> WhyLeftOut:
    """Say why a plan leaves a visit out, what would let it in, and at whose cost.

    Parameters
    ----------
    visit
        Its id. Only what the plan does with the other visits is looked at.

    Raises
    ------
    InvalidProblem
        When the problem has no such visit or contradicts itself.
    """
    a, index = _found(problem, visit)
    asked = a.problem.visits[index]
    others = {item.visit: item for item in plan.assignments if item.visit != visit}
    demands = _demands(a, index)
    small = around(a, others, {visit})
    if _served(small, visit) is not None:
        return WhyLeftOut(visit=visit, candidates=a.volunteers, demands=demands, fits=True)
    asked = asked.changed(left_out_cost=MOST)  # from here on it is to be served whatever that costs
    small = _instead(small, asked)
    rules: set[str] = {count.rule for demand in demands for count in demand.removed}
    could = all(demand.passing >= demand.heads for demand in demands)
    if could:
        rules.add("outcompeted")
    dear = could and _served(small, visit) is not None
    return WhyLeftOut(
        visit=visit,
        candidates=a.volunteers,
        demands=demands,
        relaxations=() if dear else tuple(_relaxations(small, asked, rules, _teams(a, index))),
        price=_price(a, others, asked) if could else None,
    )


def why_assigned(problem: Problem | Arrays, plan: Plan, visit: str) -> WhyAssigned:
    """Say why a visit has its team and crew: who could have had it, and what the runners-up would cost more.

    Raises
    ------
    InvalidProblem
        When the problem has no such visit or contradicts itself, or the plan does not serve the visit.
    """
    a, index = _found(problem, visit)
    assignments = {item.visit: item for item in plan.assignments}
    chosen = assignments.get(visit)
    if chosen is None:
        raise InvalidProblem("plan", f"it does not serve {visit!r}: ask why it is left out")
    asked = a.problem.visits[index]
    held = {name for _, _, name in a.filled[index].seats}
    small = around(a, assignments, {visit})
    small = small.changed(standing=tuple(one for one in small.standing if one.visit != visit or one.told or one.pinned))
    base = terms(a, chosen_of(a, plan.assignments))

    def weighed(found: Iterator[Assignment]) -> RunnerUp | None:
        best: RunnerUp | None = None
        for item in found:
            other = terms(a, chosen_of(a, ({**assignments, visit: item}).values()))
            runner = RunnerUp(instead=item, terms=change_of(a.problem, base, other))
            if best is None or gain(a.problem, runner.terms) < gain(a.problem, best.terms):
                best = runner
        return best

    team = None
    if chosen.team is not None and not held and asked.team is None:
        team = weighed(_other_teams(small, asked, chosen.team, _teams(a, index)))
    return WhyAssigned(
        assignment=chosen,
        candidates=a.volunteers,
        demands=_demands(a, index),
        standing=len(held),
        team=team,
        crew=weighed(_other_crews(small, asked, chosen, held)),
    )


def _found(problem: Problem | Arrays, visit: str) -> tuple[Arrays, int]:
    a = problem if isinstance(problem, Arrays) else build(problem)
    if visit not in a.visit_index:
        raise InvalidProblem("visits", f"there is no visit {visit!r}")
    return a, a.visit_index[visit]


def _demands(a: Arrays, visit: int) -> tuple[DemandCount, ...]:
    counts = []
    for number, row in enumerate(a.rows_of(visit)):
        if a.row_heads[row] > 0:
            passing, removed = survey(a, row)
            wanted = a.problem.visits[visit].demands[number]
            counts.append(
                DemandCount(
                    demand=number,
                    skill=wanted.skill,
                    level=wanted.level,
                    heads=int(a.row_heads[row]),
                    passing=passing,
                    removed=tuple(removed),
                )
            )
    return tuple(counts)


def _teams(a: Arrays, visit: int) -> list[str]:
    """Teams that may serve the visit, those with the most people first who hold a skill of it."""
    if a.visit_team[visit] >= 0:
        return [a.team_names[int(a.visit_team[visit])]]
    able = (a.held[:, np.unique(a.row_skill[list(a.rows_of(visit))])] > 0).any(axis=1)
    count = np.bincount(a.team[able], minlength=len(a.team_names))
    allowed = np.ones(len(count), dtype=np.bool_) if a.team_allowed is None else a.team_allowed[visit]
    return [a.team_names[team] for team in np.argsort(-count, kind="stable").tolist() if allowed[team]]


def _served(problem: Problem, visit: str, limits: Limits = ALONE) -> Assignment | None:
    """How a solve of the small problem serves the visit, if it does and the plan breaks no rule."""
    plan = solve(problem, limits)
    for item in plan.assignments:
        if item.visit == visit:
            return item if not check(problem, plan) else None
    return None


def _relaxations(small: Problem, visit: Visit, rules: set[str], teams: list[str]) -> list[Relaxation]:
    """The smallest step of each kind that serves the visit, the fewest steps first."""
    found: list[tuple[int, Relaxation]] = []
    for ladder in ladders(small, visit, rules, teams):
        for step, (relaxation, relaxed) in enumerate(ladder):
            if _served(relaxed, visit.id) is not None:
                rank = 0 if relaxation.kind == "volunteer" else step  # its steps are teams, one as good as another
                found.append((rank, relaxation.changed(checked=True)))
                break
    return [relaxation for _, relaxation in sorted(found, key=lambda one: one[0])]


def _price(a: Arrays, others: Mapping[str, Assignment], visit: Visit) -> Price | None:
    """Serve the visit, which is worth more than all others, and compare."""
    ring = _ring(a, others, visit)
    free = {visit.id, *ring}
    small = around(a, others, free)
    forced = _undisturbed(_instead(small, visit))
    plan = solve(forced, TOGETHER)
    served = {item.visit: item for item in plan.assignments}
    if visit.id not in served:
        return None
    after = {name: item for name, item in others.items() if name not in free}
    after |= {name: item for name, item in served.items() if name in free}
    before = Plan(status="feasible", assignments=tuple(others.values()))
    difference = diff(before, Plan(status="feasible", assignments=tuple(after.values())), a)
    return Price(difference=difference, checked=not check(forced, plan))


def _undisturbed(problem: Problem) -> Problem:
    """The problem with every change to a standing visit as dear as one to what people were told: no change but for cause."""
    levels = problem.levels
    if all(term.name != "told_otherwise" for level in levels for term in level.terms):
        levels = (levels[0], CostLevel(name="undisturbed", terms=(Term(name="told_otherwise"),)), *levels[1:])
    return problem.changed(levels=levels, standing=tuple(one.changed(told=True) for one in problem.standing))


def _ring(a: Arrays, others: Mapping[str, Assignment], visit: Visit) -> list[str]:
    """Visits of the plan whose people could serve this one, the nearest to its window first."""
    index = a.visit_index[visit.id]
    able = np.asarray((a.held[:, np.unique(a.row_skill[list(a.rows_of(index))])] > 0).any(axis=1))
    low, high = min(one.start for one in visit.windows), max(one.end for one in visit.windows)
    pinned = {standing.visit for standing in a.problem.standing if standing.pinned}
    found = []
    for number, (start, seats) in chosen_of(a, others.values()).items():
        name = a.problem.visits[number].id
        if name not in pinned and able[[who for _, who in seats]].any():
            found.append((max(0, low - start, start - high), number, name))
    return [name for _, _, name in sorted(found)[:RING]]


def _other_teams(small: Problem, visit: Visit, team: str, teams: list[str]) -> Iterator[Assignment]:
    """The best of each other team."""
    for other in teams:
        if other != team:
            item = _served(_instead(small, visit.changed(teams=(other,))), visit.id)
            if item is not None:
                yield item


def _other_crews(small: Problem, visit: Visit, chosen: Assignment, held: set[str]) -> Iterator[Assignment]:
    """The best crews of the same team without one of those who were chosen: any other crew lacks one of them."""
    for seat in chosen.crew:
        if seat.volunteer in held:
            continue
        without = (*visit.excluded, Exclusion(volunteer=seat.volunteer, rule="blocked"))
        teams = visit.teams if chosen.team is None else (chosen.team,)
        item = _served(_instead(small, visit.changed(excluded=without, teams=teams)), visit.id)
        if item is not None:
            yield item


def _instead(small: Problem, visit: Visit) -> Problem:
    return small.changed(visits=tuple(visit if one.id == visit.id else one for one in small.visits))
