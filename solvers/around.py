"""A small problem cut out of a large one: a few visits are free, the rest of the plan is held."""

from collections import defaultdict
from collections.abc import Collection, Mapping

import numpy as np

from schemas.plan import Assignment
from schemas.problem import Problem, StandingVisit, Team, Volunteer
from solvers.arrays import Arrays, Bools
from solvers.diff import chosen_of

BEYOND_M = 2_000
"""How much farther than they go, or than a service allows, people are looked for who might come."""

Spent = list[tuple[int, int]]
"""Start and seconds of what somebody does in visits that are held."""


def around(a: Arrays, assignments: Mapping[str, Assignment], free: Collection[str]) -> Problem:
    """Pose visits alone, beside the rest of a plan.

    Parameters
    ----------
    assignments
        The plan, by visit. Of the visits that are not free those stay, pinned, which share people with the free ones
        or are linked to them.
    free
        Ids of visits. Where the plan serves them, a solve has that to begin with.

    Notes
    -----
    Limits and loads are what the held visits leave of them. How rare skills are is counted anew: only the term for
    scarcity may differ from that of the whole problem.
    """
    problem = a.problem
    near = _near(a, free)
    for name in free:
        if name in assignments:
            crew = (a.volunteer_index.get(seat.volunteer, -1) for seat in assignments[name].crew)
            near[[who for who in crew if who >= 0]] = True
    people = [problem.volunteers[who] for who in np.flatnonzero(near).tolist()]
    names = {person.id for person in people}
    linked = {link.earlier for link in problem.links if link.later in free}
    linked |= {link.later for link in problem.links if link.earlier in free}
    held = {
        name: item
        for name, item in assignments.items()
        if name not in free
        and name in a.visit_index
        and (name in linked or any(seat.volunteer in names for seat in item.crew))
    }
    there = held.keys() | free
    known = {standing.visit: standing for standing in problem.standing if standing.visit in there}
    standing = [
        StandingVisit(visit=name, team=item.team, start=item.start, crew=item.crew, pinned=True)
        for name, item in held.items()
    ]
    for name in sorted(free):
        if name in known:
            standing.append(known[name])
        elif name in assignments:
            item = assignments[name]
            standing.append(StandingVisit(visit=name, team=item.team, start=item.start, crew=item.crew))
    spent = _spent(a, held.values())
    return problem.changed(
        visits=tuple(visit for visit in problem.visits if visit.id in there),
        volunteers=tuple(less(person, spent[person.id]) if person.id in spent else person for person in people),
        teams=tuple(Team(id=name) for name in a.team_names),
        links=tuple(link for link in problem.links if link.earlier in there and link.later in there),
        commitments=tuple(item for item in problem.commitments if item.volunteer in names),
        standing=tuple(standing),
    )


def _near(a: Arrays, free: Collection[str]) -> Bools:
    """Who holds a skill that one of the visits asks for and lives where they might come from."""
    near = np.zeros(a.volunteers, dtype=np.bool_)
    for name in free:
        visit = a.visit_index[name]
        skills = np.unique(a.row_skill[list(a.rows_of(visit))])
        able = (a.held[:, skills] > 0).any(axis=1)
        way = a.travel.distance(a.mode, a.home, np.broadcast_to(a.visit_place[visit], able.shape))
        near |= able & (way <= np.minimum(a.reach, a.visit_reach[visit]) + BEYOND_M)
    return near


def _spent(a: Arrays, held: Collection[Assignment]) -> dict[str, Spent]:
    """What the new seats of visits take from their people."""
    spent: dict[str, Spent] = defaultdict(list)
    for visit, (start, seats) in chosen_of(a, held).items():
        for demand, who in seats:
            length = int(a.row_duration[int(a.first_row[visit]) + demand])
            spent[a.problem.volunteers[who].id].append((start, length))
    return spent


def less(person: Volunteer, spent: Spent) -> Volunteer:
    """Somebody with what visits that they have leave of their limits, and with the load that these are."""
    limits = []
    for limit in person.limits:
        inside = [length for start, length in spent if limit.period.start <= start < limit.period.end]
        limits.append(
            limit.changed(
                visits=None if limit.visits is None else max(0, limit.visits - len(inside)),
                seconds=None if limit.seconds is None else max(0, limit.seconds - sum(inside)),
            )
        )
    return person.changed(limits=tuple(limits), load=person.load + len(spent))
