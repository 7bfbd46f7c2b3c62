"""What two plans differ in, seen from one problem."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.difference import ChangeKind, Difference, TermChange, Touched, VisitChange
from schemas.plan import Assignment, Plan
from schemas.problem import Problem, TermName
from solvers.arrays import Arrays, build
from solvers.costs import Choice, Chosen, terms


def chosen_of(a: Arrays, assignments: Iterable[Assignment]) -> dict[int, Choice]:
    """Read assignments as the problem sees them: what it does not know any more, visit or person, is not served."""
    chosen: dict[int, Choice] = {}
    for item in assignments:
        visit = a.visit_index.get(item.visit)
        if visit is None:
            continue
        held = {(demand, name) for demand, _, name in a.filled[visit].seats}
        new = [(seat.demand, seat.volunteer) for seat in item.crew if (seat.demand, seat.volunteer) not in held]
        if all(name in a.volunteer_index for _, name in new):
            chosen[visit] = (item.start, tuple(sorted((demand, a.volunteer_index[name]) for demand, name in new)))
    return chosen


def compare(a: Arrays, before: Chosen, after: Chosen) -> tuple[TermChange, ...]:
    """Every term under two plans."""
    return change_of(a.problem, terms(a, before), terms(a, after))


def change_of(
    problem: Problem, before: Mapping[TermName, int], after: Mapping[TermName, int]
) -> tuple[TermChange, ...]:
    """Every term under two plans whose terms are known."""
    return tuple(
        TermChange(
            level=level.name,
            name=term.name,
            before=before[term.name],
            after=after[term.name],
            weighted=term.weight * (after[term.name] - before[term.name]),
        )
        for level in problem.levels
        for term in level.terms
    )


def gain(problem: Problem, changes: Iterable[TermChange]) -> tuple[int, ...]:
    """What a change weighs on each level, to compare changes by."""
    rows = iter(changes)
    return tuple(sum(next(rows).weighted for _ in level.terms) for level in problem.levels)


@dataclass(slots=True)
class _Person:
    gains: list[str] = field(default_factory=list)
    loses: list[str] = field(default_factory=list)
    moves: list[str] = field(default_factory=list)
    told: int = 0


def diff(before: Plan, after: Plan, problem: Problem | Arrays) -> Difference:
    """Say what changed from one plan to another, whom it touches, and what each term gained.

    Parameters
    ----------
    problem
        What both are judged by. Where it has changed since ``before`` was made, a visit counts there as served only if
        its whole crew is still known.

    Raises
    ------
    InvalidProblem
        When the problem contradicts itself.
    """
    a = problem if isinstance(problem, Arrays) else build(problem)
    old = {item.visit: item for item in before.assignments}
    new = {item.visit: item for item in after.assignments}
    told = {
        (standing.visit, seat.volunteer): standing.start
        for standing in a.problem.standing
        if standing.told
        for seat in standing.crew
    }
    changes: list[VisitChange] = []
    people: dict[str, _Person] = {}
    for visit in dict.fromkeys((*old, *new)):
        one, two = old.get(visit), new.get(visit)
        kind = _kind(one, two)
        if kind is None:
            continue
        was, now = _crew(one), _crew(two)
        moved = one is not None and two is not None and one.start != two.start
        knew = False
        for name in sorted(was | now):
            person = people.setdefault(name, _Person())
            if name not in was:
                person.gains.append(visit)
            elif name not in now:
                person.loses.append(visit)
            elif moved:
                person.moves.append(visit)
            else:
                continue
            start = told.get((visit, name))
            if start is not None and not (two is not None and name in now and two.start == start):
                person.told += 1
                knew = True
        changes.append(VisitChange(visit=visit, kind=kind, before=one, after=two, told=knew))
    return Difference(
        changes=tuple(changes),
        people=tuple(
            Touched(
                volunteer=name,
                gains=tuple(person.gains),
                loses=tuple(person.loses),
                moves=tuple(person.moves),
                told_otherwise=person.told,
            )
            for name, person in sorted(people.items())
            if person.gains or person.loses or person.moves
        ),
        terms=compare(a, chosen_of(a, before.assignments), chosen_of(a, after.assignments)),
    )


def _crew(item: Assignment | None) -> set[str]:
    return set() if item is None else {seat.volunteer for seat in item.crew}


def _kind(one: Assignment | None, two: Assignment | None) -> ChangeKind | None:
    if one is None or two is None:
        return "dropped" if one is not None else "added"
    if one.start != two.start:
        return "moved"
    if one.team != two.team:
        return "reteamed"
    same = {(s.demand, s.volunteer) for s in one.crew} == {(s.demand, s.volunteer) for s in two.crew}
    return None if same else "recrewed"
