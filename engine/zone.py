"""A zone's state: what rules and decisions read, folded from its events over persistent maps.

What has ended leaves the state (the read model keeps it); loads are bounded aggregates. Setting one entry of a map is
no copy of it. Nothing here depends on the process: iterate maps in sorted order wherever the order can be seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self
from uuid import UUID

from immutables import Map

from engine.timers import Timers
from schemas.base import Moment
from schemas.catalogue import ServiceType, Site
from schemas.envelope import GENESIS
from schemas.place import Place, TimeWindow
from schemas.plan import WaivableRule
from schemas.problem import ExclusionRule
from schemas.request import AlarmKind, Need, Referral, RequestSpec, RequestState, Stars, Taken
from schemas.roster import Team, Volunteer
from schemas.views import SeatState
from schemas.zone import Policy, ZoneConfig

_set = object.__setattr__

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

CALENDAR_KEPT = timedelta(days=8)
"""How long a past calendar entry is kept: a local week's limit must still see all of that week."""

ASKED_KEPT = timedelta(days=7)
"""Offers older than this no longer count against the offers that a volunteer puts up with in a week."""

REFERRALS_KEPT = timedelta(days=60)
"""How long a guest remembers that a referral is over, should its admission arrive after its cancellation."""


TAKEN = frozenset({"accepted", "arrived"})


@dataclass(frozen=True, slots=True)
class Seat:
    """One head of a crew. ``demand`` indexes the need's demands; ``offer_id`` is there while it is offered.

    ``also``: who else is asked, with the offer, in the order of asking; whoever says yes first takes the seat.
    """

    demand: int
    state: SeatState = "empty"
    volunteer: str | None = None
    offer_id: UUID | None = None
    also: tuple[tuple[str, UUID], ...] = ()

    @property
    def taken(self) -> bool:
        """Whether somebody has accepted it (and maybe arrived)."""
        return self.state in TAKEN

    @property
    def asked(self) -> tuple[tuple[str, UUID], ...]:
        """Everybody who is asked for it, with the offer."""
        if self.volunteer is None or self.offer_id is None:
            return ()
        return ((self.volunteer, self.offer_id), *self.also)


@dataclass(frozen=True, slots=True)
class VisitRecord:
    """The current visit of a request: some seat of it is offered or taken, or it is about to be.

    ``pinned``: an operator wants it to stay as it is.
    """

    visit_id: UUID
    team: str
    window: TimeWindow
    seats: tuple[Seat, ...]
    pinned: bool = False

    @property
    def complete(self) -> bool:
        """Whether every seat is taken."""
        return all(seat.state in TAKEN for seat in self.seats)

    @property
    def begun(self) -> bool:
        """Whether somebody has arrived."""
        return any(seat.state == "arrived" for seat in self.seats)

    @property
    def occupied(self) -> bool:
        """Whether any seat is offered or taken: people were told of this team and time."""
        return any(seat.state != "empty" for seat in self.seats)

    def seat_of(self, volunteer: str) -> int | None:
        """Index of the seat that is offered to or taken by a volunteer."""
        for index, seat in enumerate(self.seats):
            if seat.volunteer == volunteer or any(name == volunteer for name, _ in seat.also):
                return index
        return None


@dataclass(frozen=True, slots=True)
class Referred:
    """Where the request is while another zone has it. ``cancel``: why the guest was asked to stop, if it was."""

    referral: Referral
    to: str
    asks: int = 0
    cancel: str | None = None


class _Copied:
    """Frozen values that are copied often: a copy of the fields' dictionary is several times faster than ``replace``."""

    def changed(self, **fields: Any) -> Self:
        """Copy with some fields replaced."""
        copy = object.__new__(type(self))
        _set(copy, "__dict__", self.__dict__ | fields)
        return copy


@dataclass(frozen=True)
class RequestRecord(_Copied):
    """A request that is open here, or done and waiting for its rating.

    Attributes
    ----------
    correlation_id
        Stays the same along the request's whole life; timers' events carry it.
    seen
        Version of the zone's last change to this request: the precondition of plan items.
    since
        When the search for the present crew began (received, changed, or a taken seat lost): see ``cut_off``.
    noticed_at
        When the matcher was last told that a possible start had come within the notice horizon.
    excluded
        People never asked again for this request, each with the rule.
    waived
        The rules that an operator has waived for somebody who is asked or has accepted.
    taken
        Who sees to its alarms, or to those of them that were there then.
    referral
        Set when this zone is the guest.
    referred, tried
        Where the request is now, and the zones that had it (all hops so far), when this zone is the origin.
    visits
        How many visits have been planned for it.
    """

    request_id: UUID
    correlation_id: UUID
    spec: RequestSpec
    need: Need | None
    state: RequestState
    created_at: Moment
    updated_at: Moment
    seen: int
    since: Moment
    noticed_at: Moment | None = None
    excluded: tuple[tuple[str, ExclusionRule], ...] = ()
    waived: tuple[tuple[str, tuple[WaivableRule, ...]], ...] = ()
    referral: Referral | None = None
    referred: Referred | None = None
    tried: tuple[str, ...] = ()
    visit: VisitRecord | None = None
    visits: int = 0
    offers: int = 0
    alarms: tuple[AlarmKind, ...] = ()
    taken: Taken | None = None
    first_offer_at: Moment | None = None
    accepted_at: Moment | None = None
    started_at: Moment | None = None
    ended_at: Moment | None = None
    reason: str = ""
    served_by: str | None = None
    stars: Stars | None = None

    @property
    def guest(self) -> bool:
        """Whether another zone is the origin."""
        return self.referral is not None

    @property
    def matchable(self) -> bool:
        """Whether the matcher may propose people for it: it has a need, is here, and a seat is empty."""
        return (
            self.need is not None
            and self.state in (RequestState.QUEUED, RequestState.OFFERED)
            and (self.visit is None or any(seat.state == "empty" for seat in self.visit.seats))
        )

    def waived_for(self, volunteer: str) -> tuple[WaivableRule, ...]:
        """Rules that an operator has waived for somebody's seat."""
        return next((waived for name, waived in self.waived if name == volunteer), ())

    def barred(self, volunteer: str) -> ExclusionRule | None:
        """Rule by which a volunteer is never asked (again) for this request."""
        for name, rule in self.excluded:
            if name == volunteer:
                return rule
        return None


@dataclass(frozen=True, slots=True)
class OfferRecord:
    """A live offer. ``asked`` answers: the volunteer, or the team's leader."""

    offer_id: UUID
    request_id: UUID
    visit_id: UUID
    seat: int
    volunteer: str
    asked: str
    window: TimeWindow
    place: Place
    offered_at: Moment
    expires_at: Moment


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """What blocks a volunteer: a live offer (``offer_id``), a commitment, or a past visit that limits still count."""

    request_id: UUID
    start: Moment
    end: Moment
    place: Place
    offer_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ClosedReferral:
    """What a guest answered, and when."""

    at: Moment
    result: Literal["served", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class LastChange:
    """When something was changed last: the zone's version then, and what the call that did it correlates by."""

    version: int = 0
    by: UUID | None = None


@dataclass(frozen=True)
class Zone(_Copied):
    """The state of one zone at ``version``.

    Attributes
    ----------
    clock
        Time of the last event; time never goes back in a zone.
    head_hash
        Hash of the last record: the ``prev_hash`` of the next.
    roster_change, catalogue_change
        The last change of each: what somebody has looked at before is not overwritten.
    members
        Team → its volunteers' ids, sorted.
    requests, done
        Open requests; requests that are done and may still be rated.
    offers
        Live offers by id.
    calendars
        Volunteer → entries by start; entries that ended more than ``CALENDAR_KEPT`` ago are dropped when touched.
    asked
        Volunteer → when seats were offered to them, the last ``ASKED_KEPT`` at least.
    volunteer_seen
        Volunteer → version of the last change to the person or their calendar: the precondition of plan seats.
    closed_referrals
        Referrals that are over here as a guest: a late admission does not open them again, a question is answered again.
    timers
        What is due when; a function of the rest of the state.
    """

    zone: str
    version: int = 0
    clock: datetime = BEGINNING
    head_hash: str = GENESIS
    config: ZoneConfig | None = None
    policy: Policy = Policy()
    service_types: Map[str, ServiceType] = Map()
    sites: Map[str, Site] = Map()
    teams: Map[str, Team] = Map()
    volunteers: Map[str, Volunteer] = Map()
    members: Map[str, tuple[str, ...]] = Map()
    requests: Map[UUID, RequestRecord] = Map()
    done: Map[UUID, RequestRecord] = Map()
    offers: Map[UUID, OfferRecord] = Map()
    calendars: Map[str, tuple[CalendarEntry, ...]] = Map()
    asked: Map[str, tuple[datetime, ...]] = Map()
    volunteer_seen: Map[str, int] = Map()
    closed_referrals: Map[UUID, ClosedReferral] = Map()
    roster_change: LastChange = LastChange()
    catalogue_change: LastChange = LastChange()
    timers: Timers = Timers()

    @classmethod
    def empty(cls, zone_id: str) -> Self:
        """A zone before its first event."""
        return cls(zone=zone_id)

    @property
    def next_due(self) -> datetime | None:
        """When the next timer is due."""
        first = self.timers.first()
        return None if first is None else first.due

    def record(self, request_id: UUID) -> RequestRecord | None:
        """A request that is open or waits for its rating."""
        return self.requests.get(request_id) or self.done.get(request_id)

    def matchable(self) -> Iterator[RequestRecord]:
        """Open requests that the matcher may propose people for, by creation and id."""
        waiting = (record for record in self.requests.values() if record.matchable)
        return iter(sorted(waiting, key=lambda record: (record.created_at, record.request_id)))

    def calendar(self, volunteer: str) -> tuple[CalendarEntry, ...]:
        """Entries of a volunteer, by start."""
        return self.calendars.get(volunteer, ())

    def asked_since(self, volunteer: str, moment: datetime) -> int:
        """How many seats were offered to a volunteer after ``moment``."""
        return sum(1 for when in self.asked.get(volunteer, ()) if when > moment)

    def seen(self, volunteer: str) -> int:
        """Version of the last change to a volunteer or their calendar."""
        return self.volunteer_seen.get(volunteer, 0)
