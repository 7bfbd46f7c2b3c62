"""A request, what it needs, and what it becomes: visits, seats, offers, referrals."""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from schemas.base import Frozen, Identifier, Metres, Moment, Priority, Reason, Seconds
from schemas.catalogue import SkillDemand
from schemas.place import Place, TimeWindow

ActorKey = Annotated[str, Field(max_length=100)]
Windows = Annotated[tuple[TimeWindow, ...], Field(min_length=1, max_length=50)]


class RequestState(StrEnum):
    """A request's life; the last four are its ends."""

    RECEIVED = "received"
    QUEUED = "queued"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    UNDER_WAY = "under_way"
    REFERRED = "referred"
    DONE = "done"
    UNSERVED = "unserved"
    CANCELLED = "cancelled"
    REFUSED = "refused"

    @property
    def ended(self) -> bool:
        """Whether this is one of the four ends."""
        return self in ENDS


WAITING = (RequestState.RECEIVED, RequestState.QUEUED)
"""States in which a request waits for somebody to be asked."""

ENDS = frozenset({RequestState.DONE, RequestState.UNSERVED, RequestState.CANCELLED, RequestState.REFUSED})
End = Literal[RequestState.DONE, RequestState.UNSERVED, RequestState.CANCELLED, RequestState.REFUSED]


class Wishes(Frozen):
    """Who is preferred, who must not come."""

    preferred: Annotated[tuple[Identifier, ...], Field(max_length=20)] = ()
    blocked: Annotated[tuple[Identifier, ...], Field(max_length=50)] = ()


class RequestSpec(Frozen):
    """One need as the zone is told of it: ids and a coarse place, no personal data.

    Empty ``demands``, ``duration_s`` and ``priority`` take the service type's own.
    """

    request_id: UUID
    service_type: Identifier
    place: Place
    site: Identifier | None = None
    windows: Windows
    beneficiary: Identifier | None = None
    tier: Annotated[int, Field(ge=0, le=5)] = 0
    priority: Priority | None = None
    demands: Annotated[tuple[SkillDemand, ...], Field(max_length=10)] = ()
    duration_s: Annotated[int, Field(ge=60, le=86_400)] | None = None
    wishes: Wishes = Wishes()
    load: Annotated[int, Field(ge=0)] = 0
    source: Identifier = "api"


class Need(Frozen):
    """What a request needs, resolved against the catalogue of the moment: later catalogue changes do not bend it."""

    service_type: Identifier
    place: Place
    windows: Windows
    demands: Annotated[tuple[SkillDemand, ...], Field(min_length=1)]
    duration_s: Annotated[int, Field(ge=60)]
    priority: Priority
    reach_m: Metres | None
    notice_s: Seconds
    quiet_hours: bool
    offered_to: Literal["volunteer", "leader"]
    one_team: bool
    respond_by: Moment
    complete_by: Moment
    wishes: Wishes = Wishes()
    load: int = 0

    @property
    def crew(self) -> int:
        """Heads of the whole crew."""
        return sum(demand.heads for demand in self.demands)


class Referral(Frozen):
    """A request served by another zone for its origin."""

    referral_id: UUID
    origin: Identifier
    hop: Annotated[int, Field(ge=1)]
    expires_at: Moment


OfferEnd = Literal["declined", "expired", "rescinded"]
Vacated = Literal["withdrawn", "no_show", "roster", "released"]
AlarmKind = Literal["response_overdue", "crew_incomplete", "check_in_overdue", "finish_overdue", "needs_operator"]


class Taken(Frozen):
    """Who has taken alarms upon themselves, as ``kind:id``, when, and which: a later one is nobody's yet."""

    by: ActorKey
    at: Moment
    alarms: tuple[AlarmKind, ...]


Stars = Annotated[int, Field(ge=1, le=5)]
Why = Reason
