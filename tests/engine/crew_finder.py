"""A matcher of a few lines: the first people of the first team who pass every rule."""

from datetime import timedelta

from engine.deadlines import next_start
from engine.eligibility import judge
from engine.zone import RequestRecord
from schemas.commands import ProposedSeat, ProposedVisit, ProposePlan
from tests.engine.town import Town


def propose_crew(town: Town, zone: str, record: RequestRecord, *, partly: bool = False, late: int = 0) -> list[str]:
    """Propose people for all empty seats, or only for the first; tell who was proposed.

    Parameters
    ----------
    late
        Minutes after the earliest possible start, where the window allows.
    """
    state, need, visit = town.states[zone], record.need, record.visit
    assert need is not None
    if visit is not None:
        start, teams = visit.window.start, [visit.team]
        demands = [seat.demand for seat in visit.seats if seat.state == "empty"]
    else:
        first = next_start(state.policy, record, town.now)
        if first is None:
            return []
        start = next_start(state.policy, record, town.now, first + timedelta(minutes=late)) or first
        teams = sorted(state.teams)
        demands = [i for i, demand in enumerate(need.demands) for _ in range(demand.heads)]
    wanted = demands[:1] if partly else demands
    for team in teams:
        chosen: list[tuple[str, int]] = []
        for demand in wanted:
            for name in state.members.get(team, ()):
                if any(name == who for who, _ in chosen) or (visit is not None and visit.seat_of(name) is not None):
                    continue
                if judge(state, record, town.now, team=team, start=start, crew=[(name, demand)])[name] is None:
                    chosen.append((name, demand))
                    break
        if len(chosen) == len(wanted):
            seats = tuple(ProposedSeat(demand=d, volunteer=n, seen=state.seen(n)) for n, d in chosen)
            item = ProposedVisit(request_id=record.request_id, seen=record.seen, team=team, start=start, seats=seats)
            town.ok(zone, ProposePlan(plan_hash="p", solved_at_version=state.version, items=(item,)))
            return [name for name, _ in chosen]
    return []
