"""What still holds of a standing plan, written down at once: re-planning begins with it, and searches around the rest."""

import numpy as np

from solvers.arrays import Arrays, Bools
from solvers.candidates import Candidates
from solvers.diary import Diary, Seats
from solvers.rules import first_failing


def keep(a: Arrays, diary: Diary) -> int:
    """Write every standing visit into the diary that breaks no rule yet, what was told first; say how many.

    Notes
    -----
    Every rule is asked of all seats at once, without the others of the plan; then each visit is laid beside those
    before it. A visit of which one seat no longer holds is not written down at all; nor are visits with links: those
    are left to insertion, which looks at them.
    """
    linked = {name for link in a.problem.links for name in (link.earlier, link.later)}
    wanted: list[tuple[int, int, Seats]] = []
    for standing in sorted(a.problem.standing, key=lambda one: (not one.told, one.start)):
        visit = a.visit_index.get(standing.visit, -1)
        if visit < 0 or visit in diary.chosen or standing.visit in linked:
            continue
        if a.fixed[visit] not in (None, standing.start):
            continue
        held = {(demand, name) for demand, _, name in a.filled[visit].seats}
        crew = [
            (s.demand, a.volunteer_index.get(s.volunteer, -1))
            for s in standing.crew
            if (s.demand, s.volunteer) not in held
        ]
        if _whole(a, visit, crew):
            wanted.append((visit, standing.start, tuple(sorted(crew))))
    kept = 0
    if not wanted:
        return kept
    flat = [(int(a.first_row[visit]) + demand, who, start) for visit, start, seats in wanted for demand, who in seats]
    row, who, start = (np.array(column, dtype=np.int64) for column in zip(*flat, strict=True))
    broken = set(np.array([visit for visit, _, seats in wanted for _ in seats])[first_failing(a, row, who, start) >= 0])
    for visit, begin, seats in wanted:
        rows = int(a.first_row[visit])
        if visit not in broken and all(diary.open_for(rows + demand, person, begin) for demand, person in seats):
            diary.add(visit, begin, seats)
            kept += 1
    return kept


def touched(a: Arrays, candidates: Candidates, diary: Diary) -> Bools | None:
    """Which visits to plan again: those that are not as people were told, and those of the people who might take them.

    Nothing where nobody was told anything, or where telling them otherwise costs nothing: then all are.

    Notes
    -----
    A visit that is left as it is keeps its start and its people. Visits that links bind to each other are planned
    together.
    """
    told = {
        visit: (item.start, {(seat.demand, a.volunteer_index.get(seat.volunteer, -1)) for seat in item.crew})
        for item in a.problem.standing
        if item.told and (visit := a.visit_index.get(item.visit, -1)) >= 0
    }
    if not told or not any(term.name == "told_otherwise" for level in a.problem.levels for term in level.terms):
        return None
    free = np.ones(a.visits, dtype=np.bool_)
    for visit, (start, seats) in diary.chosen.items():
        begin, crew = told.get(visit, (None, set()))
        free[visit] = begin != start or not crew.issuperset(seats)
    able = np.zeros(a.volunteers, dtype=np.bool_)
    able[candidates.who[free[a.row_visit[candidates.row]]]] = True
    for visit, (_, seats) in diary.chosen.items():
        free[visit] |= any(able[who] for _, who in seats)
    bound = [(a.visit_index[link.earlier], a.visit_index[link.later]) for link in a.problem.links]
    while pulled := [pair for pair in bound if free[pair[0]] != free[pair[1]]]:
        free[[visit for pair in pulled for visit in pair]] = True
    return free


def _whole(a: Arrays, visit: int, crew: list[tuple[int, int]]) -> bool:
    """Whether the crew fills the open heads exactly, with different people that are known, of one team if it must be."""
    people = [who for _, who in crew]
    if not people or min(people) < 0 or len(set(people)) < len(people):
        return False
    if a.one_team[visit] and len({int(a.team[who]) for who in people}) > 1:
        return False
    asked = [int(a.row_heads[row]) for row in a.rows_of(visit)]
    return asked == [sum(demand == number for demand, _ in crew) for number in range(len(asked))]
