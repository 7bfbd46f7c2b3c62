"""A request's life, event by event: what each makes of its record."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from engine.zone import Referred, RequestRecord, Seat, VisitRecord
from schemas.events import (
    AlarmCleared,
    AlarmRaised,
    AlarmsTaken,
    CheckedIn,
    CrewCompleted,
    Event,
    NoticeReached,
    OfferEnded,
    RatingClosed,
    ReferralCancelAsked,
    ReferralEnded,
    ReferralReturned,
    RequestChanged,
    RequestEnded,
    RequestQueued,
    RequestRated,
    RequestReceived,
    RequestReferred,
    SeatAccepted,
    SeatOffered,
    SeatVacated,
    VisitFinished,
    VisitPinned,
    VisitPlanned,
    VisitReleased,
)
from schemas.problem import ExclusionRule
from schemas.request import OfferEnd, RequestState, Taken, Vacated
from schemas.views import SeatState

RESULT_STATE = {
    "served": RequestState.DONE,
    "failed": RequestState.UNSERVED,
    "cancelled": RequestState.CANCELLED,
}
BARRED_BY: dict[OfferEnd | Vacated, ExclusionRule] = {
    "declined": "declined_before",
    "expired": "declined_before",
    "withdrawn": "withdrew_before",
    "no_show": "withdrew_before",
}
LOST = frozenset({"withdrawn", "no_show", "roster"})
"""Ways to lose a taken seat after which the search for the crew begins anew."""

LIVE = frozenset({RequestState.QUEUED, RequestState.OFFERED, RequestState.ACCEPTED, RequestState.UNDER_WAY})


RequestEvent = (
    RequestQueued
    | RequestChanged
    | RequestEnded
    | RequestRated
    | NoticeReached
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
    | RatingClosed
)


class Stamped(Protocol):
    """What the fold reads of an event's envelope."""

    @property
    def version(self) -> int: ...
    @property
    def now(self) -> datetime: ...
    @property
    def correlation_id(self) -> UUID: ...
    @property
    def event(self) -> Event: ...


Changes = dict[str, Any]


def received(event: RequestReceived, envelope: Stamped) -> RequestRecord:
    """The record that a request begins with."""
    return RequestRecord(
        request_id=event.spec.request_id,
        correlation_id=envelope.correlation_id,
        spec=event.spec,
        need=event.need,
        state=RequestState.RECEIVED,
        created_at=envelope.now,
        updated_at=envelope.now,
        seen=envelope.version,
        since=envelope.now,
        excluded=tuple((name, "blocked") for name in (*event.spec.wishes.blocked, *event.excluded)),
        referral=event.referral,
    )


def advance(record: RequestRecord, event: RequestEvent, stamped: Stamped) -> RequestRecord:
    """What one event makes of its request; the state follows the crew: queued, offered, accepted, under way."""
    fields = _ADVANCE[type(event)](record, event, stamped.now)
    if type(event) is not AlarmsTaken:  # who looks after it is no change of the request: plans and pages stay good
        fields["seen"], fields["updated_at"] = stamped.version, stamped.now
    if "visit" in fields and "state" not in fields and record.state in LIVE:
        visit = fields["visit"]
        if visit is None or not visit.occupied:
            fields["state"] = RequestState.QUEUED
        elif not visit.complete:
            fields["state"] = RequestState.OFFERED
        else:
            fields["state"] = RequestState.UNDER_WAY if visit.begun else RequestState.ACCEPTED
    return record.changed(**fields)


def _queued(record: RequestRecord, event: RequestQueued, now: datetime) -> Changes:
    return {"state": RequestState.QUEUED, "reason": event.reason}


def _changed(record: RequestRecord, event: RequestChanged, now: datetime) -> Changes:
    return {"need": event.need, "since": now, "noticed_at": None}


def _ended(record: RequestRecord, event: RequestEnded, now: datetime) -> Changes:
    return {
        "state": RequestState(event.end),
        "reason": event.reason,
        "ended_at": now,
        "referred": None,
        "served_by": event.served_by,
    }


def _rated(record: RequestRecord, event: RequestRated, now: datetime) -> Changes:
    return {"stars": event.stars}


def _noticed(record: RequestRecord, event: NoticeReached, now: datetime) -> Changes:
    return {"noticed_at": now}


def _planned(record: RequestRecord, event: VisitPlanned, now: datetime) -> Changes:
    """A new visit, or the same one at another time with its crew kept."""
    visit = record.visit
    if visit is not None and visit.visit_id == event.visit_id:
        return {"visit": VisitRecord(event.visit_id, event.team, event.window, visit.seats, visit.pinned)}
    seats = tuple([Seat(demand) for demand in event.seats])
    return {"visit": VisitRecord(event.visit_id, event.team, event.window, seats), "visits": record.visits + 1}


def _offered(record: RequestRecord, event: SeatOffered, now: datetime) -> Changes:
    assert record.visit is not None
    asked = (*record.visit.seats[event.seat].asked, (event.volunteer, event.offer_id))
    visit = _asked_for(record, event.seat, asked)
    fields: Changes = {"visit": visit, "offers": record.offers + 1, "first_offer_at": record.first_offer_at or now}
    if event.waived:
        fields["waived"] = (*_without(record, event.volunteer), (event.volunteer, event.waived))
    return fields


def _accepted(record: RequestRecord, event: SeatAccepted, now: datetime) -> Changes:
    return {"visit": _seated(record, event.seat, "accepted", event.volunteer)}


def _emptied(record: RequestRecord, event: OfferEnded | SeatVacated, now: datetime) -> Changes:
    assert record.visit is not None
    asked = record.visit.seats[event.seat].asked if isinstance(event, OfferEnded) else ()
    others = tuple(pair for pair in asked if pair[1] != getattr(event, "offer_id", None))
    fields: Changes = {"visit": _asked_for(record, event.seat, others)}
    if record.waived:
        fields["waived"] = _without(record, event.volunteer)
    rule = BARRED_BY.get(event.how, "withdrew_before" if event.barred else None)
    if rule is not None and record.barred(event.volunteer) is None:
        fields["excluded"] = (*record.excluded, (event.volunteer, rule))
    if event.how in LOST or (event.barred and isinstance(event, SeatVacated)):
        fields["since"] = now
    return fields


def _without(record: RequestRecord, volunteer: str) -> tuple[Any, ...]:
    """What was waived for the others."""
    return tuple(pair for pair in record.waived if pair[0] != volunteer)


def _completed(record: RequestRecord, event: CrewCompleted, now: datetime) -> Changes:
    return {"accepted_at": now}


def _released(record: RequestRecord, event: VisitReleased, now: datetime) -> Changes:
    return {"visit": None}


def _pinned(record: RequestRecord, event: VisitPinned, now: datetime) -> Changes:
    visit = record.visit
    assert visit is not None
    return {"visit": VisitRecord(visit.visit_id, visit.team, visit.window, visit.seats, event.pinned)}


def _arrived(record: RequestRecord, event: CheckedIn, now: datetime) -> Changes:
    assert record.visit is not None
    seat = record.visit.seat_of(event.volunteer)
    assert seat is not None
    return {"visit": _seated(record, seat, "arrived", event.volunteer), "started_at": record.started_at or now}


def _nothing(record: RequestRecord, event: Event, now: datetime) -> Changes:
    return {}


def _referred(record: RequestRecord, event: RequestReferred, now: datetime) -> Changes:
    referred = Referred(referral=event.referral, to=event.to)
    return {"state": RequestState.REFERRED, "referred": referred, "tried": (*record.tried, event.to)}


def _asked(record: RequestRecord, event: ReferralCancelAsked, now: datetime) -> Changes:
    asked = record.referred
    assert asked is not None
    return {"referred": Referred(asked.referral, asked.to, asked.asks + 1, event.reason or asked.cancel)}


def _returned(record: RequestRecord, event: ReferralReturned, now: datetime) -> Changes:
    return {"referred": None}


def _answered(record: RequestRecord, event: ReferralEnded, now: datetime) -> Changes:
    return {"state": RESULT_STATE[event.result], "reason": event.reason, "ended_at": now}


def _alarmed(record: RequestRecord, event: AlarmRaised, now: datetime) -> Changes:
    return {} if event.alarm in record.alarms else {"alarms": (*record.alarms, event.alarm)}


def _calmed(record: RequestRecord, event: AlarmCleared, now: datetime) -> Changes:
    changes: Changes = {"alarms": tuple(alarm for alarm in record.alarms if alarm != event.alarm)}
    if (taken := record.taken) is not None and event.alarm in taken.alarms:
        left = tuple(alarm for alarm in taken.alarms if alarm != event.alarm)
        changes["taken"] = taken.changed(alarms=left) if left else None
    return changes


def _taken(record: RequestRecord, event: AlarmsTaken, now: datetime) -> Changes:
    return {"taken": Taken(by=event.by, at=now, alarms=event.alarms)}


def _asked_for(record: RequestRecord, seat: int, asked: tuple[tuple[str, UUID], ...]) -> VisitRecord:
    """The visit with a seat for which these people are asked; with nobody, it is empty."""
    if not asked:
        return _seated(record, seat, "empty", None)
    (volunteer, offer_id), *also = asked
    return _seated(record, seat, "offered", volunteer, offer_id, tuple(also))


def _seated(
    record: RequestRecord,
    seat: int,
    state: SeatState,
    volunteer: str | None,
    offer_id: UUID | None = None,
    also: tuple[tuple[str, UUID], ...] = (),
) -> VisitRecord:
    visit = record.visit
    assert visit is not None
    seats = list(visit.seats)
    seats[seat] = Seat(seats[seat].demand, state, volunteer, offer_id, also)
    return VisitRecord(visit.visit_id, visit.team, visit.window, tuple(seats), visit.pinned)


_ADVANCE: dict[type[Event], Callable[[RequestRecord, Any, datetime], Changes]] = {
    RequestQueued: _queued,
    RequestChanged: _changed,
    RequestEnded: _ended,
    RequestRated: _rated,
    NoticeReached: _noticed,
    VisitPlanned: _planned,
    SeatOffered: _offered,
    SeatAccepted: _accepted,
    OfferEnded: _emptied,
    SeatVacated: _emptied,
    CrewCompleted: _completed,
    VisitReleased: _released,
    VisitPinned: _pinned,
    CheckedIn: _arrived,
    VisitFinished: _nothing,
    RequestReferred: _referred,
    ReferralCancelAsked: _asked,
    ReferralReturned: _returned,
    ReferralEnded: _answered,
    AlarmRaised: _alarmed,
    AlarmCleared: _calmed,
    AlarmsTaken: _taken,
    RatingClosed: _nothing,
}
"""What events of a request change of it. Tables, not matching: asking a model for its class is slow."""
