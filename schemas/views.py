"""The read model: what is asked for often, kept beside the ledger and rebuilt from it at will."""

from typing import Literal
from uuid import UUID

from schemas.base import Frozen, Identifier, Label, Moment
from schemas.catalogue import ServiceType, Site, ZoneLevel
from schemas.place import Place, TimeWindow
from schemas.request import AlarmKind, Referral, RequestState, Stars, Taken
from schemas.roster import Team, Volunteer
from schemas.zone import Policy, ZoneConfig

SeatState = Literal["empty", "offered", "accepted", "arrived"]
OfferState = Literal["open", "accepted", "declined", "expired", "rescinded"]


class SeatView(Frozen):
    """One head of a crew."""

    seat: int
    skill: Identifier
    level: int
    state: SeatState
    volunteer: Identifier | None = None
    offer_id: UUID | None = None
    expires_at: Moment | None = None


class VisitView(Frozen):
    """A request's occurrence with a crew and a start."""

    visit_id: UUID
    team: Identifier
    window: TimeWindow
    seats: tuple[SeatView, ...]
    pinned: bool = False


class RequestView(Frozen):
    """A request's life so far, in one zone; ``version`` is the zone's version that it reflects.

    A guest's row has ``referral``; only the origin's row says how the request ends.
    """

    zone: Identifier
    request_id: UUID
    version: int
    state: RequestState
    service_type: Identifier
    priority: int
    crew: int
    place: Place
    site: Identifier | None
    beneficiary: Identifier | None
    source: Identifier
    windows: tuple[TimeWindow, ...]
    respond_by: Moment | None
    complete_by: Moment | None
    created_at: Moment
    updated_at: Moment
    first_offer_at: Moment | None = None
    accepted_at: Moment | None = None
    started_at: Moment | None = None
    ended_at: Moment | None = None
    reason: str = ""
    visit: VisitView | None = None
    offers: int = 0
    alarms: tuple[AlarmKind, ...] = ()
    taken: Taken | None = None
    referral: Referral | None = None
    referred_to: Identifier | None = None
    served_by: Identifier | None = None
    stars: Stars | None = None

    @property
    def keeper(self) -> Taken | None:
        """Who sees to all of its alarms, if somebody does."""
        return self.taken if self.taken is not None and set(self.alarms) <= set(self.taken.alarms) else None


class OfferView(Frozen):
    """One offer and what became of it."""

    offer_id: UUID
    zone: Identifier
    version: int
    request_id: UUID
    visit_id: UUID
    seat: int
    volunteer: Identifier
    asked: Identifier
    state: OfferState
    window: TimeWindow
    offered_at: Moment
    expires_at: Moment
    ended_at: Moment | None = None
    reason: str = ""


class VolunteerView(Frozen):
    """A volunteer as the zone has them, with the recent burden."""

    zone: Identifier
    version: int
    volunteer: Volunteer


class TeamView(Frozen):
    """A team as the zone has it."""

    zone: Identifier
    version: int
    team: Team


class ZoneView(Frozen):
    """A zone's configuration, catalogue and figures."""

    zone: Identifier
    version: int
    name: Label
    level: ZoneLevel
    config: ZoneConfig
    policy: Policy
    service_types: tuple[ServiceType, ...] = ()
    sites: tuple[Site, ...] = ()


class Notification(Frozen):
    """One message to one person, at least once; ``key`` lets the receiver drop a second copy."""

    key: UUID
    zone: Identifier
    kind: Literal["offer", "offer_rescinded", "confirmed", "released", "cancelled"]
    to: Identifier
    request_id: UUID
    offer_id: UUID | None = None
    visit_id: UUID | None = None
    volunteer: Identifier
    service_type: Identifier | None = None
    place: Place | None = None
    window: TimeWindow | None = None
    expires_at: Moment | None = None
    reason: str = ""
