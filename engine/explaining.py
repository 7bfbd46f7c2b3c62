"""Why a request is where it is: from the zone's state and the rules that decide, never from a guess."""

from collections.abc import Callable, Collection
from datetime import datetime
from uuid import UUID

import numpy as np

from engine.eligibility import Frame, build_commitments, build_team, build_visit, build_volunteer
from engine.matching import levels, pose
from engine.zone import RequestRecord, VisitRecord, Zone
from schemas import problem as p
from schemas.explanation import Candidate, Explanation
from schemas.plan import Assignment, Plan, Relaxation
from schemas.request import RequestState
from schemas.why import WhyAssigned, WhyLeftOut
from solvers import wording
from solvers.arrays import Arrays, build
from solvers.reasons import explain as count_rules
from solvers.rules import ORDER, judge

Why = Callable[[p.Problem, str, Plan | None, p.Limits], WhyAssigned | WhyLeftOut]
"""``solvers.why.why``: the engine does not solve by itself."""

NEAREST = 20
"""Candidates that are named one by one: those who pass first, then those who come furthest through the rules."""


def explain(zone: Zone, request_id: UUID, now: datetime, why: Why) -> Explanation | None:
    """Explain a request that is open here.

    Parameters
    ----------
    now
        The moment for which the rules are asked.
    why
        Says of a visit of a problem why it is where it is, in a plan or in the one that it finds.

    Returns
    -------
    Explanation | None
        None when the zone has no such request; what has ended says so in the read model.
    """
    record = zone.record(request_id)
    if record is None:
        return None
    bare = Explanation(
        request_id=request_id,
        zone=zone.zone,
        version=zone.version,
        now=now,
        state=record.state,
        summary=_summary(record),
        alarms=record.alarms,
        offers=record.offers,
        referred_to=record.referred.to if record.referred is not None else None,
    )
    if record.need is None or record.state.ended or record.referred is not None or not zone.volunteers:
        return bare
    visit = record.visit
    if visit is not None and all(seat.volunteer is not None for seat in visit.seats):
        problem, plan = _standing(zone, record, visit, now)
        found = why(problem, str(request_id), plan, p.Limits())
        bare = _counted(bare, zone, problem)
        return _with_crew(bare, found) if isinstance(found, WhyAssigned) else bare
    bare = _counted(bare, zone, _problem(zone, record, now))
    return bare if record.state is RequestState.RECEIVED else _planned(bare, zone, record, now, why)


def _counted(bare: Explanation, zone: Zone, problem: p.Problem) -> Explanation:
    """Count rule by rule, and name those who come nearest, for a request posed alone."""
    arrays = build(problem)
    counted = count_rules(arrays, 0, nearest=False)
    return bare.changed(
        volunteers=arrays.volunteers,
        passing=sum(count.removed for count in counted.reasons if count.rule == "outcompeted"),
        removed=tuple(count for count in counted.reasons if count.rule != "outcompeted"),
        candidates=_candidates(zone, arrays),
    )


def _planned(bare: Explanation, zone: Zone, record: RequestRecord, now: datetime, why: Why) -> Explanation:
    """Explain by the plan of this moment: the one that the matcher would find, or without one beside what stands."""
    name = str(record.request_id)
    told = record.visit is not None and record.visit.occupied
    posed = pose(zone, now)
    problem, limits = posed.problem, posed.limits
    if problem is None or all(visit.id != name for visit in problem.visits):
        problem, limits = _problem(zone, record, now), p.Limits(iterations=0)
    found = why(problem, name, None, limits)
    if isinstance(found, WhyAssigned):
        start = Frame(zone, now, now, now).moment(found.assignment.start)
        team = found.assignment.team or "several teams"
        said = f"{_people(bare)} could be asked; planned for {team} at {start:%FT%RZ}"
        return _with_crew(bare.changed(tentative=True, summary=bare.summary if told else said), found)
    nearest = next(iter(found.relaxations), Relaxation(kind="none"))
    return bare.changed(
        left_out=found,
        nearest=None if bare.passing or found.fits else nearest,
        summary=bare.summary if told else _outcome(bare, found),
        texts=wording.left_out(found),
    )


def _with_crew(bare: Explanation, why: WhyAssigned) -> Explanation:
    return bare.changed(assigned=why, texts=wording.assigned(why))


def _standing(zone: Zone, record: RequestRecord, visit: VisitRecord, now: datetime) -> tuple[p.Problem, Plan]:
    """The request as if nobody had been asked for it yet, and its crew as the plan."""
    crew = tuple(
        p.FilledSeat(demand=seat.demand, volunteer=seat.volunteer) for seat in visit.seats if seat.volunteer is not None
    )
    problem = _problem(zone, record, now, held=[seat.volunteer for seat in crew])
    frame = Frame(zone, now, now, now)
    item = Assignment(
        visit=str(record.request_id),
        team=visit.team if record.need is not None and record.need.one_team else None,
        start=frame.second(visit.window.start),
        end=frame.second(visit.window.end),
        crew=tuple(sorted(crew, key=lambda seat: (seat.demand, seat.volunteer))),
    )
    free = problem.visits[0].changed(filled=(), fixed_start=None, team=None, answerable_from=None)
    return problem.changed(visits=(free,)), Plan(status="feasible", assignments=(item,))


def _problem(zone: Zone, record: RequestRecord, now: datetime, held: Collection[str] = ()) -> p.Problem:
    """The request alone, beside what stands; that ``held`` have been asked for it does not count."""
    need = record.need
    assert need is not None
    frame = Frame(zone, now, now, max(*(window.end for window in need.windows), now))
    own = (record.request_id,)
    people = [zone.volunteers[name] for name in sorted(zone.volunteers)]
    visit = build_visit(record, frame)
    volunteers = tuple(build_volunteer(person, frame, without=own, asking=person.id not in held) for person in people)
    commitments = tuple(item for person in people for item in build_commitments(person.id, frame, without=own))
    teams = tuple(build_team(zone.teams[name], frame) for name in sorted(zone.teams))
    return frame.problem((visit,), volunteers, teams, commitments, levels(zone.policy.weights))


def _candidates(zone: Zone, arrays: Arrays) -> tuple[Candidate, ...]:
    everyone = np.arange(arrays.volunteers, dtype=np.int64)
    furthest = np.full(arrays.volunteers, -1, dtype=np.int64)
    for row in arrays.rows_of(0):
        np.maximum(furthest, judge(arrays, row, everyone), out=furthest)
    way = arrays.travel.distance(arrays.mode, arrays.home, np.broadcast_to(arrays.visit_place[0], everyone.shape))
    best = np.lexsort((everyone, way, -furthest))[:NEAREST]
    names = [volunteer.id for volunteer in arrays.problem.volunteers]
    return tuple(
        Candidate(
            volunteer=names[who],
            team=zone.volunteers[names[who]].team,
            metres=int(way[who]),
            rule=ORDER[int(furthest[who])][0] if furthest[who] < len(ORDER) else None,
        )
        for who in best.tolist()
    )


def _summary(record: RequestRecord) -> str:
    if record.state.ended:
        said = record.reason if record.reason != record.state.value else ""
        return f"{record.state.value}: {said}" if said else record.state.value
    if record.referred is not None:
        return f"zone {record.referred.to} has it until {record.referred.referral.expires_at:%FT%RZ}"
    visit = record.visit
    if visit is not None and visit.occupied:
        taken = sum(seat.taken for seat in visit.seats)
        offered = sum(seat.state == "offered" for seat in visit.seats)
        return (
            f"team {visit.team} at {visit.window.start:%FT%RZ}: {taken} of {len(visit.seats)} seats taken,"
            f" {offered} offered"
        )
    if record.state is RequestState.RECEIVED:
        return "waits for triage: accept or refuse it"
    return "waits to be matched"


def _people(bare: Explanation) -> str:
    return "1 person" if bare.passing == 1 else f"{bare.passing} people"


def _outcome(bare: Explanation, why: WhyLeftOut) -> str:
    """What becomes of a request that the plan leaves out."""
    if why.fits:
        return f"{_people(bare)} could be asked; it is matched with the next solve"
    if bare.passing:
        changes = why.price.difference.changes if why.price is not None else ()
        others = sum(change.visit != why.visit for change in changes)
        cost = f": serving it would change {others} other visit{'s' * (others > 1)}" if others else ""
        terms = why.price.difference.terms if why.price is not None else ()
        gain = sum(term.weighted for term in terms if term.level == terms[0].level) < 0
        return f"{_people(bare)} could be asked, but others {'came first' if gain else 'need them more'}{cost}"
    first = max(bare.removed, key=lambda count: count.removed, default=None)
    return "nobody can be asked" + (f": most fail '{first.rule}' ({first.removed})" if first is not None else "")
