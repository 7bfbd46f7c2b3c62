"""A solver of a few lines: the first crew that comes to mind, often a bad one. What stands is up to the zone."""

from random import Random

from engine.ports import Unavailable
from schemas.plan import Assignment, LeftOut, Plan, RuleCount
from schemas.problem import FilledSeat, Limits, Problem, Visit
from tests.deterministic.faults import Chance


class FirstComer:
    def __init__(self, chance: Chance) -> None:
        self._chance = chance

    async def solve(self, problem: Problem, limits: Limits) -> Plan:
        await self._chance.pause()
        if self._chance.of("away"):
            raise Unavailable("the solver processes were replaced")
        return plan(problem, self._chance.rng)


def plan(problem: Problem, rng: Random) -> Plan:
    """Serve what can be served in a random order; one plan in five does not care who is busy."""
    careless = rng.random() < 0.2
    busy: dict[str, list[tuple[int, int]]] = {}
    for standing in problem.commitments:
        busy.setdefault(standing.volunteer, []).append((standing.start, standing.end))
    assignments, left_out = [], []
    for visit in rng.sample(problem.visits, len(problem.visits)):
        start = _start(visit, rng)
        made = None if start is None else _assignment(problem, visit, start, rng, {} if careless else busy)
        if made is None:
            rule = rng.choice(("capacity", "outcompeted", "outcompeted"))
            left_out.append(LeftOut(visit=visit.id, candidates=1, reasons=(RuleCount(rule=rule, removed=1),)))
        else:
            assignments.append(made)
            for seat in made.crew:
                busy.setdefault(seat.volunteer, []).append((made.start, made.end))
    return Plan(status="feasible", assignments=tuple(assignments), left_out=tuple(left_out))


def _start(visit: Visit, rng: Random) -> int | None:
    if visit.fixed_start is not None:
        return visit.fixed_start
    spans = [
        (span.start, span.end - visit.duration) for span in visit.windows if span.end - span.start >= visit.duration
    ]
    if not spans:
        return None
    first, last = rng.choice(spans)
    return first if rng.random() < 0.6 else rng.randint(first, last)


def _assignment(
    problem: Problem, visit: Visit, start: int, rng: Random, busy: dict[str, list[tuple[int, int]]]
) -> Assignment | None:
    end = start + visit.duration
    teams = [team.id for team in problem.teams if visit.teams is None or team.id in visit.teams]
    team = visit.team or (rng.choice(teams) if teams else None)
    excluded = {one.volunteer for one in visit.excluded} | {seat.volunteer for seat in visit.filled}
    crew = list(visit.filled)
    for index, demand in enumerate(visit.demands):
        for _ in range(demand.heads - sum(seat.demand == index for seat in visit.filled)):
            able = [
                person.id
                for person in problem.volunteers
                if person.team == team
                and person.id not in excluded
                and any(held.skill == demand.skill and held.level >= demand.level for held in person.skills)
                and all(end <= a or b <= start for a, b in busy.get(person.id, ()))
            ]
            if not able:
                return None
            chosen = rng.choice(able)
            excluded.add(chosen)
            crew.append(FilledSeat(demand=index, volunteer=chosen))
    return Assignment(visit=visit.id, team=team, start=start, end=end, crew=tuple(crew))
