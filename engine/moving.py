"""A visit moved to another team or time: who would go, which rules that breaks, and what it costs; nothing is changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from engine.deadlines import seconds
from engine.decide.by_hand import broken
from engine.decide.plans import heads
from engine.eligibility import Frame, build_commitments, build_team, build_visit, build_volunteer, judge
from engine.matching import levels, squared_way
from engine.trying import Loss, attempt
from engine.zone import RequestRecord, Zone
from schemas import problem as p
from schemas.commands import WAIVABLE, AssignCrew, AssignedSeat
from schemas.difference import TermChange
from schemas.plan import Assignment, Plan, Rule
from solvers.diff import diff


@dataclass(frozen=True, slots=True)
class Move:
    """What a move would be.

    Attributes
    ----------
    seats
        Who would go: whoever goes already where they can, else whoever comes nearest to passing every rule, and lives
        nearest.
    broken
        The rules that this breaks, by person.
    losses
        Who would be told that they need not come, or need not answer.
    terms
        Every cost, with what stands and with this.
    code, detail
        Why it would be refused even with every waivable rule waived; empty where it would not.
    """

    team: str
    start: datetime
    seats: tuple[AssignedSeat, ...] = ()
    broken: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    losses: tuple[Loss, ...] = ()
    terms: tuple[TermChange, ...] = ()
    code: str = ""
    detail: str = ""


def move(
    zone: Zone,
    request_id: UUID,
    now: datetime,
    *,
    team: str,
    start: datetime,
    agreed: bool = False,
    want: str = "",
    instead: str = "",
) -> Move | None:
    """Say what moving a request's visit to a team and a start would be.

    Parameters
    ----------
    agreed
        Whether the people have said yes already.
    want, instead
        Who is to go, and who need not any more.

    Returns
    -------
    Move | None
        None where the zone has no such open request or no such team.
    """
    record = zone.requests.get(request_id)
    if record is None or record.need is None or team not in zone.teams:
        return None
    start = start.replace(microsecond=0)
    seats = _crew(zone, record, now, team, start, agreed, want, instead)
    if not seats:
        return Move(team, start)
    found = broken(zone, record, now, team=team, start=start, seats=seats, agreed=agreed)
    soft = sorted({rule for rules in found.values() for rule in rules} & WAIVABLE)
    command = AssignCrew(
        request_id=request_id,
        team=team,
        start=start,
        seats=seats,
        agreed=agreed,
        waived=tuple(soft),  # type: ignore[arg-type]
        reason="trial",
    )
    trial = attempt(zone, (command,), now)
    going = {seat.volunteer for seat in seats}
    losses = tuple(loss for loss in trial.losses if loss.request_id == request_id and loss.volunteer not in going)
    terms = _terms(zone, record, now, team, start, seats)
    return Move(team, start, seats, found, losses, terms, trial.code, trial.detail)


def _crew(
    zone: Zone,
    record: RequestRecord,
    now: datetime,
    team: str,
    start: datetime,
    agreed: bool,
    want: str,
    instead: str,
) -> tuple[AssignedSeat, ...]:
    """Somebody of the team for each seat, each once."""
    need, visit = record.need, record.visit
    assert need is not None
    holders = {seat.volunteer for seat in visit.seats} if visit is not None else set()
    holders -= {instead}
    single = len(need.demands) == 1
    chosen: list[AssignedSeat] = []
    for demand in heads(need):
        names = [name for name in zone.members.get(team, ()) if name not in {seat.volunteer for seat in chosen}]
        crew = [(name, demand) for name in names]
        judged = judge(zone, record, now, team=team, start=start, crew=crew, asking=not agreed) if crew else {}

        able = single or judged.get(want) not in ("skill", "level")

        def rank(
            name: str, judged: Mapping[str, Rule | None] = judged, able: bool = able
        ) -> tuple[bool, bool, bool, bool, float, str]:
            rule = judged[name]
            way = squared_way(zone.volunteers[name].home, need.place)
            unfit = rule is not None and rule not in WAIVABLE
            return (not (able and name == want), rule is not None, unfit, name not in holders, way, name)

        if names:
            chosen.append(AssignedSeat(demand=demand, volunteer=min(names, key=rank)))
    return tuple(chosen)


def _terms(
    zone: Zone, record: RequestRecord, now: datetime, team: str, start: datetime, seats: Sequence[AssignedSeat]
) -> tuple[TermChange, ...]:
    """The costs before and after, of this request and the people of both crews, beside all that they do otherwise."""
    need, visit, name = record.need, record.visit, str(record.request_id)
    assert need is not None
    ends = [start + seconds(need.duration_s), *(window.end for window in need.windows)]
    frame = Frame(zone, now, min(start, now), max(ends))
    before = [
        p.FilledSeat(demand=seat.demand, volunteer=seat.volunteer)
        for seat in (visit.seats if visit is not None else ())
        if seat.volunteer is not None and seat.volunteer in zone.volunteers
    ]
    after = [p.FilledSeat(demand=seat.demand, volunteer=seat.volunteer) for seat in seats]
    people = [zone.volunteers[who] for who in sorted({seat.volunteer for seat in (*before, *after)})]
    own = (record.request_id,)
    posed = build_visit(record, frame).changed(filled=(), fixed_start=None, team=None, answerable_from=None)
    problem = frame.problem(
        (posed,),
        tuple(build_volunteer(person, frame, without=own) for person in people),
        tuple(build_team(zone.teams[one], frame) for one in sorted({*(person.team for person in people), team})),
        tuple(item for person in people for item in build_commitments(person.id, frame, without=own)),
        levels(zone.policy.weights),
    )

    def plan(crew: list[p.FilledSeat], whose: str, at: datetime) -> Plan:
        first, last = frame.second(at), frame.second(at + seconds(need.duration_s))
        item = Assignment(visit=name, team=whose, start=first, end=last, crew=tuple(crew))
        return Plan(status="feasible", assignments=(item,) if crew else ())

    old = plan(before, visit.team, visit.window.start) if visit is not None else plan([], team, start)
    if visit is not None and before:
        told = p.StandingVisit(
            visit=name,
            team=visit.team if need.one_team else None,
            start=frame.second(visit.window.start),
            crew=tuple(before),
            told=True,
        )
        problem = problem.changed(standing=(told,))
    return diff(old, plan(after, team, start), problem).terms
