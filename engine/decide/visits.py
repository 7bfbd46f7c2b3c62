"""The visit itself: arrivals, the end, who did not come, and the rating."""

from datetime import timedelta

from engine.decide.crews import finish, postpone, settle, vacate, visit_of
from engine.decide.draft import Draft, Refused
from engine.decide.offers import STAFF, answers_for, taken_seat
from schemas.commands import CheckIn, FinishVisit, RateVisit, ReportNoShow
from schemas.envelope import Actor
from schemas.events import CheckedIn, RequestRated

EARLY = timedelta(hours=1)
"""How long before the start somebody may check in."""

REPLACEMENT = timedelta(hours=1)
"""Time to find a replacement for a no-show while the others wait, where the window leaves as much."""


def check_in(draft: Draft, actor: Actor, command: CheckIn) -> None:
    """Arrive; the first of a complete crew puts the visit under way."""
    record = draft.open(command.request_id)
    seat = taken_seat(record, command.volunteer)
    answers_for(draft.zone, actor, record, command.volunteer)
    visit = visit_of(draft, command.request_id)
    if visit.seats[seat].state == "arrived":
        raise Refused("already_arrived", f"{command.volunteer} has checked in before")
    if draft.now < visit.window.start - EARLY:
        raise Refused("too_early", f"the visit starts at {visit.window.start:%FT%RZ}; check in within the hour before")
    draft.emit(CheckedIn(request_id=command.request_id, volunteer=command.volunteer))
    draft.clear(command.request_id, "check_in_overdue")


def finish_visit(draft: Draft, actor: Actor, command: FinishVisit) -> None:
    """End a visit that is under way."""
    record = draft.open(command.request_id)
    visit = record.visit
    if visit is None or not visit.begun:
        raise Refused("not_under_way", "nobody has checked in; check in first, or report who did not come")
    if not visit.complete:
        raise Refused("crew_incomplete", "a seat is being filled anew; wait for its answer, or cancel the request")
    crew = {seat.volunteer for seat in visit.seats if seat.state == "arrived"}
    if actor.kind in ("volunteer", "leader") and actor.id not in crew:
        answers_for(draft.zone, actor, record, command.volunteer or actor.id)
        if actor.id != getattr(draft.zone.teams.get(visit.team), "leader", None):
            raise Refused("not_in_crew", "only who has checked in may finish the visit")
    finish(draft, command.request_id, confirmed=True)


def no_show(draft: Draft, actor: Actor, command: ReportNoShow) -> None:
    """Somebody did not come: replaced while the window allows, those who wait stay; else the request is unserved."""
    record = draft.open(command.request_id)
    seat = taken_seat(record, command.volunteer)
    visit = visit_of(draft, command.request_id)
    crew = {held.volunteer for held in visit.seats if held.taken}
    if actor.kind in ("volunteer", "leader") and actor.id not in crew:
        answers_for(draft.zone, actor, record, command.volunteer)
    if visit.seats[seat].state == "arrived":
        raise Refused("already_arrived", f"{command.volunteer} has checked in")
    if draft.now < visit.window.start:
        raise Refused("too_early", f"the visit starts at {visit.window.start:%FT%RZ}")
    vacate(draft, command.request_id, seat, "no_show", "did not come")
    record = draft.zone.requests[command.request_id]
    left = visit_of(draft, command.request_id)
    if left.begun and not left.pinned:
        postpone(draft, record, draft.now + REPLACEMENT) or postpone(draft, record)
    settle(draft, command.request_id, "no_show")


def rate(draft: Draft, actor: Actor, command: RateVisit) -> None:
    """Keep the beneficiary's rating of what is done."""
    record = draft.zone.done.get(command.request_id)
    if record is None:
        if command.request_id in draft.zone.requests:
            raise Refused("not_done", "only a visit that is done can be rated")
        raise Refused("unknown_request", "no request of this id is done here, or the time to rate it is over")
    if actor.kind not in STAFF and actor.kind not in ("beneficiary", "external"):
        raise Refused("not_yours", "only the beneficiary rates a visit, or an operator for them")
    if record.stars is not None:
        raise Refused("already_rated", "the visit was rated before")
    draft.emit(RequestRated(request_id=command.request_id, stars=command.stars))
