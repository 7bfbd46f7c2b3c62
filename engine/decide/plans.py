"""Plans: each item's preconditions and every hard rule once more, against the state as it is now."""

from collections.abc import Sequence
from uuid import UUID

from engine.deadlines import askable, cut_off, offer_expiry, seconds
from engine.decide.crews import end, give_up, release, too_late_to_ask, visit_of
from engine.decide.draft import Draft
from engine.decide.referrals import refer
from engine.eligibility import judge
from engine.hurry import open_again
from engine.zone import RequestRecord, VisitRecord, Zone
from schemas.base import derive_id
from schemas.commands import ProposedSeat, ProposedVisit, ProposePlan
from schemas.events import ItemRefused, PlanAdopted, SeatOffered, VisitPlanned
from schemas.place import TimeWindow
from schemas.plan import WaivableRule
from schemas.request import Need, RequestState


def propose(draft: Draft, command: ProposePlan) -> tuple[ItemRefused, ...]:
    """Adopt a plan item by item; what has changed since it was solved is refused, the rest stands.

    Returns
    -------
    tuple
        The items that did not stand. Reasons are ``code`` or ``code: volunteer``; codes are names of rules or of
        preconditions.
    """
    before = draft.zone
    adopted: list[UUID] = []
    refused: list[ItemRefused] = []
    for item in command.items:
        reason = "duplicate" if item.request_id in adopted else _adopt(draft, before, item)
        if reason is None:
            adopted.append(item.request_id)
        else:
            refused.append(ItemRefused(request_id=item.request_id, reason=reason))
    for request_id in command.refer:
        reason = _refer(draft, request_id)
        if reason is None:
            adopted.append(request_id)
        else:
            refused.append(ItemRefused(request_id=request_id, reason=reason))
    draft.emit(PlanAdopted(plan_hash=command.plan_hash, adopted=tuple(adopted), refused=tuple(refused)))
    return tuple(refused)


def _refer(draft: Draft, request_id: UUID) -> str | None:
    """Send a request on that nobody here can serve; a guest's goes back, so that the origin can ask the next zone.

    A crew that nobody can complete is given up first: at another time, or with another team, there may be one.
    """
    record = draft.zone.requests.get(request_id)
    if record is None:
        return "unknown_request"
    visit = record.visit
    if not record.matchable or (visit is not None and (visit.begun or any(s.state == "offered" for s in visit.seats))):
        return "not_matchable"
    if visit is not None and visit.pinned:
        return "pinned"
    if visit is not None:
        give_up(draft, request_id, "crew_incomplete")
        return None
    if record.guest:
        end(draft, request_id, RequestState.UNSERVED, "nobody_here")
        return None
    return None if refer(draft, request_id) else "no_zone_left"


def _adopt(draft: Draft, before: Zone, item: ProposedVisit) -> str | None:
    """Offer an item's seats, or say why it does not stand."""
    zone, now = draft.zone, draft.now
    record = zone.requests.get(item.request_id)
    if record is None:
        return "unknown_request"
    if record.seen > item.seen:
        return "request_changed"
    need = record.need
    again = open_again(zone, record, now)
    if need is None or not (record.matchable or again):
        return "not_matchable"
    team = zone.teams.get(item.team)
    if team is None:
        return "unknown_team"
    if item.start.microsecond:
        return "window"
    if item.start - now > seconds(need.notice_s):
        return "notice"
    if askable(zone.policy, need, now) > now:
        return "quiet_hours"
    window = TimeWindow(start=item.start, end=item.start + seconds(need.duration_s))
    planned = VisitRecord(next_visit_id(record), item.team, window, ())
    kept = record.visit if record.visit is not None and _same(record.visit, planned) else None
    if record.visit is not None and kept is None and record.visit.begun:
        return "under_way"
    if record.visit is not None and kept is None and record.visit.pinned:
        return "pinned"
    if kept is None and not record.matchable:
        return "not_matchable"
    if too_late_to_ask(draft, record, planned):
        return "too_late"
    chosen = _seats(need, kept, item.seats, again)
    if chosen is None:
        return "seat_taken"
    reason = _fit(draft, before, record, item, kept)
    if reason is not None:
        return reason
    if kept is None:
        release(draft, item.request_id, "replanned")
        seats = tuple(heads(need))
        draft.emit(
            VisitPlanned(
                request_id=item.request_id, visit_id=planned.visit_id, team=item.team, window=window, seats=seats
            )
        )
    for seat, proposed in zip(chosen, item.seats, strict=True):
        offer(draft, item.request_id, need, seat, proposed.volunteer, team.leader)
    return None


def next_visit_id(record: RequestRecord) -> UUID:
    """Id of the request's next visit; a guest's differ from those of the origin."""
    whose = record.request_id if record.referral is None else record.referral.referral_id
    return derive_id("visit", whose, record.visits + 1)


def _same(visit: VisitRecord, planned: VisitRecord) -> bool:
    return visit.team == planned.team and visit.window.start == planned.window.start


def _seats(
    need: Need, kept: VisitRecord | None, proposed: Sequence[ProposedSeat], again: Sequence[int]
) -> list[int] | None:
    """A free seat for each proposed head, or nothing when there are not enough of its demand.

    After the empty ones come those that are offered already, and may be offered ``again``.
    """
    if kept is not None:
        free = [(index, seat.demand) for index, seat in enumerate(kept.seats) if seat.state == "empty"]
        free += [(index, kept.seats[index].demand) for index in again]
    else:
        free = list(enumerate(heads(need)))
    chosen: list[int] = []
    for seat in proposed:
        found = next((index for index, demand in free if demand == seat.demand and index not in chosen), None)
        if found is None:
            return None
        chosen.append(found)
    return chosen


def heads(need: Need) -> list[int]:
    """The demand that each seat of the crew sits for."""
    return [index for index, demand in enumerate(need.demands) for _ in range(demand.heads)]


def _fit(
    draft: Draft, before: Zone, record: RequestRecord, item: ProposedVisit, kept: VisitRecord | None
) -> str | None:
    """First reason why one of the people cannot be offered the seat."""
    names = [seat.volunteer for seat in item.seats]
    if len(set(names)) < len(names):
        return "already_in_crew"
    for seat in item.seats:
        if seat.volunteer not in draft.zone.volunteers:
            return f"unknown_volunteer: {seat.volunteer}"
        if before.seen(seat.volunteer) > seat.seen:
            return f"volunteer_changed: {seat.volunteer}"
        if kept is not None and kept.seat_of(seat.volunteer) is not None:
            return f"already_in_crew: {seat.volunteer}"
    crew = [(seat.volunteer, seat.demand) for seat in item.seats]
    judged = judge(draft.zone, record, draft.now, team=item.team, start=item.start, crew=crew)
    return next((f"{rule}: {name}" for name, rule in judged.items() if rule is not None), None)


def offer(
    draft: Draft,
    request_id: UUID,
    need: Need,
    seat: int,
    volunteer: str,
    leader: str | None,
    *,
    agreed: bool = False,
    waived: tuple[WaivableRule, ...] = (),
) -> UUID:
    """Offer one seat, to the volunteer or to the leader who answers for the team.

    Parameters
    ----------
    agreed
        Whether the answer is known already: then the offer need not leave time for one.
    waived
        Rules that the person breaks in this seat, and that an operator has waived.

    Returns
    -------
    UUID
        The offer's id.
    """
    visit = visit_of(draft, request_id)
    by = cut_off(draft.zone.policy, need, draft.zone.requests[request_id].since, visit.window.start)
    offer_id = derive_id("offer", visit.visit_id, seat, volunteer, draft.zone.version + 1)
    draft.emit(
        SeatOffered(
            request_id=request_id,
            visit_id=visit.visit_id,
            offer_id=offer_id,
            seat=seat,
            volunteer=volunteer,
            asked=leader if leader is not None and need.offered_to == "leader" else volunteer,
            expires_at=visit.window.start if agreed else offer_expiry(draft.zone.policy, need, draft.now, by),
            service_type=need.service_type,
            place=need.place,
            window=visit.window,
            waived=waived,
        )
    )
    draft.clear(request_id, "response_overdue")
    return offer_id
