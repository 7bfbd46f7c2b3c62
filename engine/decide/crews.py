"""What happens to a crew when it changes: given up, waiting for others, complete, or at its end."""

from datetime import datetime
from uuid import UUID

from engine.deadlines import askable, cut_off, next_start, seconds
from engine.decide.draft import Draft
from engine.eligibility import judge
from engine.zone import RequestRecord, VisitRecord
from schemas.events import (
    CrewCompleted,
    OfferEnded,
    ReferralEnded,
    RequestEnded,
    RequestQueued,
    SeatVacated,
    VisitFinished,
    VisitPlanned,
    VisitReleased,
)
from schemas.place import TimeWindow
from schemas.request import End, RequestState, Vacated
from solvers.rules import ALWAYS

TIMELESS = frozenset(rule for rule, _ in ALWAYS)
"""Rules that do not ask when: waived for one hour, they are waived for another."""

RESULTS = {
    RequestState.DONE: "served",
    RequestState.UNSERVED: "failed",
    RequestState.REFUSED: "failed",
    RequestState.CANCELLED: "cancelled",
}


def visit_of(draft: Draft, request_id: UUID) -> VisitRecord:
    """The request's visit, which the caller knows to be there."""
    visit = draft.zone.requests[request_id].visit
    assert visit is not None
    return visit


def vacate(draft: Draft, request_id: UUID, seat: int, how: Vacated, reason: str, *, barred: bool = False) -> None:
    """Empty one taken or offered seat; ``barred``: who had taken it is not asked again for the request."""
    held = visit_of(draft, request_id).seats[seat]
    if held.volunteer is None:
        return
    if held.offer_id is not None:
        for _, offer_id in held.asked:
            rescind(draft, offer_id, reason)
        return
    draft.emit(
        SeatVacated(request_id=request_id, seat=seat, volunteer=held.volunteer, how=how, reason=reason, barred=barred)
    )


def rescind(draft: Draft, offer_id: UUID, reason: str, *, barred: bool = False) -> None:
    """Take back an offer that waits for its answer; ``barred``: who was asked is not asked again for the request."""
    offer = draft.zone.offers[offer_id]
    draft.emit(
        OfferEnded(
            request_id=offer.request_id,
            offer_id=offer_id,
            seat=offer.seat,
            volunteer=offer.volunteer,
            how="rescinded",
            reason=reason,
            barred=barred,
        )
    )


def release(draft: Draft, request_id: UUID, reason: str) -> None:
    """Give the visit up, if there is one: everybody who was asked or has accepted is told."""
    visit = draft.zone.requests[request_id].visit
    if visit is None:
        return
    for seat in range(len(visit.seats)):
        vacate(draft, request_id, seat, "released", reason)
    draft.emit(VisitReleased(request_id=request_id, visit_id=visit.visit_id, reason=reason))
    draft.clear(request_id, "check_in_overdue", "finish_overdue")


def end(draft: Draft, request_id: UUID, how: End, reason: str, served_by: str | None = None) -> None:
    """End the request: at its origin for good, as a guest with the answer to the origin."""
    record = draft.zone.requests[request_id]
    if record.referral is None:
        draft.emit(RequestEnded(request_id=request_id, end=how, reason=reason, served_by=served_by))
        return
    draft.emit(
        ReferralEnded(
            request_id=request_id,
            referral_id=record.referral.referral_id,
            origin=record.referral.origin,
            result=RESULTS[how],  # type: ignore[arg-type]
            reason=reason,
        )
    )


def queue_or_end(draft: Draft, request_id: UUID, reason: str) -> None:
    """Have the request matched anew if a start is left for which people can be asked; else it is unserved."""
    record = draft.zone.requests[request_id]
    if next_start(draft.zone.policy, record, draft.now) is not None:
        draft.emit(RequestQueued(request_id=request_id, reason=reason))
    else:
        end(draft, request_id, RequestState.UNSERVED, reason)


def too_late_to_ask(draft: Draft, record: RequestRecord, visit: VisitRecord) -> bool:
    """Whether a seat offered now could no longer be answered before the cut-off."""
    assert record.need is not None
    policy = draft.zone.policy
    by = askable(policy, record.need, draft.now) + seconds(policy.offer_expiry_min_s)
    return by > cut_off(policy, record.need, record.since, visit.window.start)


def postpone(draft: Draft, record: RequestRecord, after: datetime | None = None) -> bool:
    """Move the start so that the empty seats can be filled, if the windows and those who have taken seats allow it.

    Who could not come then is released; while somebody is there already, all who have taken seats must be able to wait.

    Parameters
    ----------
    after
        Not to start before this.

    Returns
    -------
    bool
        Whether the visit was moved.
    """
    need, visit = record.need, record.visit
    assert need is not None
    assert visit is not None
    start = next_start(draft.zone.policy, record, draft.now, after)
    holders = [(seat.volunteer, seat.demand) for seat in visit.seats if seat.taken and seat.volunteer is not None]
    if start is None or not holders:
        return False
    start = start.replace(microsecond=0)
    able = _able(draft, record, visit.team, start, holders)
    if not able or (visit.begun and len(able) < len(holders)):
        return False
    for index, seat in enumerate(visit.seats):
        if seat.volunteer not in able:
            vacate(draft, record.request_id, index, "released", "postponed")
    draft.emit(
        VisitPlanned(
            request_id=record.request_id,
            visit_id=visit.visit_id,
            team=visit.team,
            window=TimeWindow(start=start, end=start + seconds(need.duration_s)),
            seats=tuple(seat.demand for seat in visit.seats),
        )
    )
    return True


def _able(draft: Draft, record: RequestRecord, team: str, start: datetime, holders: list[tuple[str, int]]) -> set[str]:
    """Who of those who have taken seats could come at another time; what was waived for a person at any time still is."""
    zone, now = draft.zone, draft.now
    judged = judge(zone, record, now, team=team, start=start, crew=holders, asking=False)
    for name, demand in holders:
        waived = [rule for rule in record.waived_for(name) if rule in TIMELESS]
        if judged[name] in waived:
            crew = [(name, demand)]
            judged |= judge(zone, record, now, team=team, start=start, crew=crew, asking=False, waived=waived)
    return {name for name, rule in judged.items() if rule is None}


def give_up(draft: Draft, request_id: UUID, reason: str) -> None:
    """Release the visit and have the request matched anew, if time is left."""
    release(draft, request_id, reason)
    queue_or_end(draft, request_id, reason)


def settle(draft: Draft, request_id: UUID, reason: str) -> None:
    """After a seat was emptied, or one of several taken: the others stand while the empty ones can be filled in time.

    When they cannot, whoever is still asked is waited for; then the visit is moved inside its windows with those who
    have accepted, or given up.
    """
    record = draft.zone.requests[request_id]
    visit = record.visit
    assert visit is not None
    states = [seat.state for seat in visit.seats]
    if not visit.occupied:
        give_up(draft, request_id, reason)
        return
    if visit.pinned:  # when its cut-off comes, an operator is called
        return
    stuck = "empty" in states and "offered" not in states and too_late_to_ask(draft, record, visit)
    if stuck and not postpone(draft, record):
        give_up(draft, request_id, reason)


def complete(draft: Draft, request_id: UUID) -> None:
    """After a seat was taken: tell the crew if it was the last one."""
    visit = visit_of(draft, request_id)
    if visit.complete:
        crew = tuple(seat.volunteer for seat in visit.seats if seat.volunteer is not None)
        draft.emit(CrewCompleted(request_id=request_id, crew=crew, window=visit.window))
        draft.clear(request_id, "crew_incomplete", "needs_operator")


def finish(draft: Draft, request_id: UUID, *, confirmed: bool) -> None:
    """End the visit with those who arrived; who never checked in counts as not having come."""
    for index, seat in enumerate(visit_of(draft, request_id).seats):
        if seat.state != "arrived":
            vacate(draft, request_id, index, "no_show", "never checked in")
    visit = visit_of(draft, request_id)
    crew = tuple(seat.volunteer for seat in visit.seats if seat.state == "arrived" and seat.volunteer is not None)
    draft.emit(VisitFinished(request_id=request_id, visit_id=visit.visit_id, crew=crew, confirmed=confirmed))
    draft.clear(request_id, "check_in_overdue", "finish_overdue")
    end(draft, request_id, RequestState.DONE, "" if confirmed else "not confirmed", served_by=draft.zone.zone)
