"""Why a request is where it is: from the zone's state and the rules that decide, never from a guess."""

from datetime import datetime
from uuid import UUID

import numpy as np

from engine.eligibility import Frame, build_commitments, build_team, build_visit, build_volunteer
from engine.zone import RequestRecord, Zone
from schemas import problem as p
from schemas.explanation import Candidate, Explanation
from schemas.plan import LeftOut
from schemas.request import RequestState
from solvers.arrays import Arrays, build
from solvers.reasons import explain as explain_visit
from solvers.rules import ORDER, judge

NEAREST = 20
"""Candidates that are named one by one: those who pass first, then those who come furthest through the rules."""


def explain(zone: Zone, request_id: UUID, now: datetime) -> Explanation | None:
    """Explain a request that is open here.

    Parameters
    ----------
    now
        The moment for which the rules are asked.

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
    arrays = build(_problem(zone, record, now))
    left = explain_visit(arrays, 0)
    passing = sum(count.removed for count in left.reasons if count.rule == "outcompeted")
    return bare.changed(
        volunteers=arrays.volunteers,
        passing=passing,
        removed=tuple(count for count in left.reasons if count.rule != "outcompeted"),
        nearest=left.nearest,
        candidates=_candidates(zone, arrays),
        summary=_summary(record, left, passing),
    )


def _problem(zone: Zone, record: RequestRecord, now: datetime) -> p.Problem:
    need = record.need
    assert need is not None
    frame = Frame(zone, now, now, max(*(window.end for window in need.windows), now))
    own = (record.request_id,)
    people = [zone.volunteers[name] for name in sorted(zone.volunteers)]
    visit = build_visit(record, frame)
    volunteers = tuple(build_volunteer(person, frame, without=own) for person in people)
    commitments = tuple(item for person in people for item in build_commitments(person.id, frame, without=own))
    teams = tuple(build_team(zone.teams[name], frame) for name in sorted(zone.teams))
    return frame.problem((visit,), volunteers, teams, commitments)


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


def _summary(record: RequestRecord, left: LeftOut | None = None, passing: int = 0) -> str:
    if record.reason and record.state.ended:
        return f"{record.state.value}: {record.reason}"
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
    if left is None:
        return "waits to be matched"
    if passing:
        return f"{passing} people could be asked; it is matched with the next solve, or others need them more"
    first = max((count for count in left.reasons), key=lambda count: count.removed, default=None)
    return "nobody can be asked" + (f": most fail '{first.rule}' ({first.removed})" if first is not None else "")
