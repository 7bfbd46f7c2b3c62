"""Everything a zone can decide. One union, told apart by ``kind``; an unknown kind stops the fold."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from schemas.base import Frozen, Identifier, Moment, Reason
from schemas.catalogue import ServiceType, Site
from schemas.place import Place, TimeWindow
from schemas.plan import WaivableRule
from schemas.request import ActorKey, AlarmKind, End, Need, OfferEnd, Referral, RequestSpec, Stars, Vacated
from schemas.roster import Team, Volunteer
from schemas.zone import Policy, ZoneConfig


class ZoneConfigured(Frozen):
    """The zone's place in the tree and its policy are these."""

    kind: Literal["zone_configured"] = "zone_configured"
    config: ZoneConfig
    policy: Policy


class CatalogueChanged(Frozen):
    """Service types and sites were added, replaced or removed."""

    kind: Literal["catalogue_changed"] = "catalogue_changed"
    service_types: tuple[ServiceType, ...] = ()
    sites: tuple[Site, ...] = ()
    removed_service_types: tuple[Identifier, ...] = ()
    removed_sites: tuple[Identifier, ...] = ()


class RosterChanged(Frozen):
    """Teams and volunteers were added, replaced or removed."""

    kind: Literal["roster_changed"] = "roster_changed"
    teams: tuple[Team, ...] = ()
    volunteers: tuple[Volunteer, ...] = ()
    removed_teams: tuple[Identifier, ...] = ()
    removed_volunteers: tuple[Identifier, ...] = ()


class RequestReceived(Frozen):
    """A need is known here: as its origin, or as the guest of ``referral``."""

    kind: Literal["request_received"] = "request_received"
    spec: RequestSpec
    need: Need | None
    referral: Referral | None = None
    excluded: tuple[Identifier, ...] = ()


class RequestQueued(Frozen):
    """The request waits to be matched (received, triaged, released or come back)."""

    kind: Literal["request_queued"] = "request_queued"
    request_id: UUID
    reason: Reason = ""


class RequestChanged(Frozen):
    """What the request needs is now this."""

    kind: Literal["request_changed"] = "request_changed"
    request_id: UUID
    need: Need


class RequestEnded(Frozen):
    """The one end of a request, at its origin."""

    kind: Literal["request_ended"] = "request_ended"
    request_id: UUID
    end: End
    reason: Reason = ""
    served_by: Identifier | None = None


class RequestRated(Frozen):
    """The beneficiary rated a visit that is done."""

    kind: Literal["request_rated"] = "request_rated"
    request_id: UUID
    stars: Stars


class NoticeReached(Frozen):
    """The request's visit has come within its notice horizon: it may be offered from now on."""

    kind: Literal["notice_reached"] = "notice_reached"
    request_id: UUID


class ItemRefused(Frozen):
    """An item of a plan (``request_id``), roster or catalogue (``item``) that did not stand, and why."""

    request_id: UUID | None = None
    item: str = ""
    reason: Reason


class PlanAdopted(Frozen):
    """A plan was taken, item by item; its content and evidence stand in the plan table."""

    kind: Literal["plan_adopted"] = "plan_adopted"
    plan_hash: str
    adopted: tuple[UUID, ...] = ()
    refused: tuple[ItemRefused, ...] = ()


class VisitPlanned(Frozen):
    """The request has a visit: team, time, and one seat for each head (the demand that it sits for)."""

    kind: Literal["visit_planned"] = "visit_planned"
    request_id: UUID
    visit_id: UUID
    team: Identifier
    window: TimeWindow
    seats: tuple[int, ...]


class SeatOffered(Frozen):
    """A seat is offered. ``asked`` is who answers: the volunteer, or the team leader.

    ``waived`` names the rules that an operator has waived for this person in this seat.
    """

    kind: Literal["seat_offered"] = "seat_offered"
    request_id: UUID
    visit_id: UUID
    offer_id: UUID
    seat: Annotated[int, Field(ge=0)]
    volunteer: Identifier
    asked: Identifier
    expires_at: Moment
    service_type: Identifier
    place: Place
    window: TimeWindow
    waived: tuple[WaivableRule, ...] = ()


class SeatAccepted(Frozen):
    """A seat is taken by ``volunteer`` (a leader may have named somebody else than was offered)."""

    kind: Literal["seat_accepted"] = "seat_accepted"
    request_id: UUID
    offer_id: UUID
    seat: int
    volunteer: Identifier


class OfferEnded(Frozen):
    """An offer ended without being accepted; the volunteer is not asked again for this visit unless it was rescinded.

    ``barred``: they are not asked again for the request, although it was.
    """

    kind: Literal["offer_ended"] = "offer_ended"
    request_id: UUID
    offer_id: UUID
    seat: int
    volunteer: Identifier
    how: OfferEnd
    reason: Reason = ""
    barred: bool = False


class SeatVacated(Frozen):
    """An accepted seat is empty again. ``barred``: the volunteer is not asked again for the request."""

    kind: Literal["seat_vacated"] = "seat_vacated"
    request_id: UUID
    seat: int
    volunteer: Identifier
    how: Vacated
    reason: Reason = ""
    barred: bool = False


class CrewCompleted(Frozen):
    """Every seat is taken; the whole crew is told."""

    kind: Literal["crew_completed"] = "crew_completed"
    request_id: UUID
    crew: tuple[Identifier, ...] = ()
    window: TimeWindow | None = None


class VisitReleased(Frozen):
    """The visit is given up (its seats were vacated before); the request may be planned anew."""

    kind: Literal["visit_released"] = "visit_released"
    request_id: UUID
    visit_id: UUID
    reason: Reason = ""


class VisitPinned(Frozen):
    """An operator wants the visit to stay as it is (``pinned``), or no longer."""

    kind: Literal["visit_pinned"] = "visit_pinned"
    request_id: UUID
    visit_id: UUID
    pinned: bool = True


class CheckedIn(Frozen):
    """A crew member has arrived."""

    kind: Literal["checked_in"] = "checked_in"
    request_id: UUID
    volunteer: Identifier


class VisitFinished(Frozen):
    """The visit is over."""

    kind: Literal["visit_finished"] = "visit_finished"
    request_id: UUID
    visit_id: UUID
    crew: tuple[Identifier, ...]
    confirmed: bool = True


class RequestReferred(Frozen):
    """Another zone is asked to serve the request."""

    kind: Literal["request_referred"] = "request_referred"
    request_id: UUID
    referral: Referral
    to: Identifier
    spec: RequestSpec
    need: Need


class ReferralCancelAsked(Frozen):
    """The origin asked the guest to stop; the guest's ledger order decides."""

    kind: Literal["referral_cancel_asked"] = "referral_cancel_asked"
    request_id: UUID
    referral_id: UUID
    to: Identifier
    reason: Reason = ""


class ReferralEnded(Frozen):
    """The guest's answer, in the guest's ledger; the request leaves the guest's state with it."""

    kind: Literal["referral_ended"] = "referral_ended"
    request_id: UUID
    referral_id: UUID
    origin: Identifier
    result: Literal["served", "failed", "cancelled"]
    reason: Reason = ""


class ReferralReturned(Frozen):
    """The guest's answer has reached the origin (or the referral expired unanswered)."""

    kind: Literal["referral_returned"] = "referral_returned"
    request_id: UUID
    referral_id: UUID
    result: Literal["served", "failed", "cancelled", "expired"]
    guest: Identifier
    reason: Reason = ""


class AlarmRaised(Frozen):
    """Something wants a person's eye; never a resting place."""

    kind: Literal["alarm_raised"] = "alarm_raised"
    request_id: UUID
    alarm: AlarmKind


class AlarmCleared(Frozen):
    """The alarm's cause is gone."""

    kind: Literal["alarm_cleared"] = "alarm_cleared"
    request_id: UUID
    alarm: AlarmKind


class AlarmsTaken(Frozen):
    """Somebody sees to these alarms; for whom the request is, and what is planned, it changes nothing."""

    kind: Literal["alarms_taken"] = "alarms_taken"
    request_id: UUID
    alarms: tuple[AlarmKind, ...]
    by: ActorKey


class RatingClosed(Frozen):
    """The time to rate is over; what is done leaves the state."""

    kind: Literal["rating_closed"] = "rating_closed"
    request_id: UUID


Event = Annotated[
    ZoneConfigured
    | CatalogueChanged
    | RosterChanged
    | RequestReceived
    | RequestQueued
    | RequestChanged
    | RequestEnded
    | RequestRated
    | NoticeReached
    | PlanAdopted
    | VisitPlanned
    | SeatOffered
    | SeatAccepted
    | OfferEnded
    | SeatVacated
    | CrewCompleted
    | VisitReleased
    | VisitPinned
    | CheckedIn
    | VisitFinished
    | RequestReferred
    | ReferralCancelAsked
    | ReferralEnded
    | ReferralReturned
    | AlarmRaised
    | AlarmCleared
    | AlarmsTaken
    | RatingClosed,
    Field(discriminator="kind"),
]


def request_of(event: Event) -> UUID | None:
    """The request that an event is of; nothing for what concerns a whole zone."""
    request_id: UUID | None = (
        event.spec.request_id if isinstance(event, RequestReceived) else getattr(event, "request_id", None)
    )
    return request_id
