"""Answers to offers: taken, declined, given back."""

from engine.decide.crews import complete, rescind, settle, vacate, visit_of
from engine.decide.draft import Draft, Refused
from engine.eligibility import judge
from engine.zone import OfferRecord, RequestRecord, Zone
from schemas.commands import AcceptOffer, DeclineOffer, WithdrawSeat
from schemas.envelope import Actor
from schemas.events import OfferEnded, SeatAccepted

STAFF = frozenset({"operator", "system"})


def live_offer(draft: Draft, actor: Actor, command: AcceptOffer | DeclineOffer) -> OfferRecord:
    """The offer, if it is live and this actor may answer it."""
    offer = draft.zone.offers.get(command.offer_id)
    if offer is None:
        raise Refused("offer_closed", "the offer was answered, has expired or was taken back")
    if actor.kind not in STAFF and not (actor.kind in ("volunteer", "leader") and actor.id == offer.asked):
        raise Refused("not_yours", "only who was asked may answer this offer, or an operator")
    return offer


def accept(draft: Draft, actor: Actor, command: AcceptOffer) -> None:
    """Take the seat, for oneself or, as the leader who was asked, for the member who goes."""
    offer = live_offer(draft, actor, command)
    record = draft.zone.requests[offer.request_id]
    volunteer = offer.volunteer
    if command.volunteer is not None and command.volunteer != volunteer:
        volunteer = _member(draft, actor, record, offer, command.volunteer)
    for _, offer_id in visit_of(draft, offer.request_id).seats[offer.seat].asked:
        if offer_id != offer.offer_id:
            rescind(draft, offer_id, "seat_taken")
    draft.emit(SeatAccepted(request_id=offer.request_id, offer_id=offer.offer_id, seat=offer.seat, volunteer=volunteer))
    complete(draft, offer.request_id)
    settle(draft, offer.request_id, "crew_incomplete")


def _member(draft: Draft, actor: Actor, record: RequestRecord, offer: OfferRecord, name: str) -> str:
    """The member whom a leader names, judged by every rule as anybody who is offered a seat."""
    visit = visit_of(draft, record.request_id)
    person = draft.zone.volunteers.get(name)
    assert record.need is not None
    if actor.kind not in STAFF and record.need.offered_to != "leader":
        raise Refused("not_leader", "the seat was offered to you alone; only a team leader may name somebody else")
    if person is None or person.team != visit.team:
        raise Refused("not_a_member", f"{name} is not in team {visit.team}; name one of its members")
    if visit.seat_of(name) is not None:
        raise Refused("already_in_crew", f"{name} has another seat of this visit")
    crew = [(name, visit.seats[offer.seat].demand)]
    failed = judge(draft.zone, record, draft.now, team=visit.team, start=visit.window.start, crew=crew, asking=False)[
        name
    ]
    rule = failed or record.barred(name)
    if rule is not None:
        raise Refused(rule, f"{name} cannot take this seat: {rule}; name another member")
    return name


def decline(draft: Draft, actor: Actor, command: DeclineOffer) -> None:
    """Say no: the seat is matched again, with somebody else."""
    offer = live_offer(draft, actor, command)
    draft.emit(
        OfferEnded(
            request_id=offer.request_id,
            offer_id=offer.offer_id,
            seat=offer.seat,
            volunteer=offer.volunteer,
            how="declined",
            reason=command.reason,
        )
    )
    settle(draft, offer.request_id, "declined")


def withdraw(draft: Draft, actor: Actor, command: WithdrawSeat) -> None:
    """Give a taken seat back before arriving."""
    record = draft.open(command.request_id)
    seat = taken_seat(record, command.volunteer)
    answers_for(draft.zone, actor, record, command.volunteer)
    assert record.visit is not None
    if record.visit.seats[seat].state == "arrived":
        raise Refused("already_arrived", "who has arrived cannot withdraw; finish the visit")
    vacate(draft, command.request_id, seat, "withdrawn", command.reason)
    settle(draft, command.request_id, "withdrawn")


def taken_seat(record: RequestRecord, volunteer: str) -> int:
    """Index of the seat that a volunteer has taken."""
    seat = None if record.visit is None else record.visit.seat_of(volunteer)
    if seat is None or record.visit is None or not record.visit.seats[seat].taken:
        raise Refused("not_in_crew", f"{volunteer} has no accepted seat of this request")
    return seat


def answers_for(zone: Zone, actor: Actor, record: RequestRecord, volunteer: str) -> None:
    """Refuse unless the actor is the person, the leader of the visit's team, or an operator."""
    if actor.kind in STAFF or (actor.kind in ("volunteer", "leader") and actor.id == volunteer):
        return
    team = None if record.visit is None else zone.teams.get(record.visit.team)
    if team is None or team.leader is None or actor.kind not in ("volunteer", "leader") or actor.id != team.leader:
        raise Refused("not_yours", f"only {volunteer}, the team's leader or an operator may do this")
