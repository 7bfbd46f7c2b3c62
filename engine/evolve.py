"""State + event → state. It believes every event: what is allowed was decided before."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_never
from uuid import UUID

from immutables import Map

from engine.deadlines import deadlines
from engine.timers import TimerKey, TimerKind, Timers
from engine.zone import (
    ASKED_KEPT,
    CALENDAR_KEPT,
    REFERRALS_KEPT,
    CalendarEntry,
    ClosedReferral,
    OfferRecord,
    Referred,
    RequestRecord,
    Seat,
    VisitRecord,
    Zone,
)
from schemas.envelope import EventEnvelope
from schemas.events import (
    AlarmCleared,
    AlarmRaised,
    CatalogueChanged,
    CheckedIn,
    CrewCompleted,
    NoticeReached,
    OfferEnded,
    PlanAdopted,
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
    RosterChanged,
    SeatAccepted,
    SeatOffered,
    SeatVacated,
    VisitFinished,
    VisitPlanned,
    VisitReleased,
    ZoneConfigured,
)
from schemas.problem import ExclusionRule
from schemas.request import OfferEnd, RequestState, Vacated
from schemas.views import SeatState

REQUEST_TIMERS = tuple(kind for kind in TimerKind if kind is not TimerKind.OFFER_EXPIRY)
NO_TIMERS: dict[TimerKind, datetime] = {}
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
PRUNE_EVERY = 512


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
    | CheckedIn
    | VisitFinished
    | RequestReferred
    | ReferralCancelAsked
    | ReferralEnded
    | ReferralReturned
    | AlarmRaised
    | AlarmCleared
    | RatingClosed
)


def evolve(zone: Zone, envelope: EventEnvelope) -> Zone:
    """Fold one event into the state (all but the hash of the record that carries it)."""
    event = envelope.event
    changes: dict[str, Any] = {"version": envelope.version, "clock": envelope.now}
    match event:
        case ZoneConfigured():
            zone = zone.changed(config=event.config, policy=event.policy, **changes)
            return zone.changed(timers=all_timers(zone))
        case CatalogueChanged():
            types = zone.service_types.update({item.id: item for item in event.service_types})
            sites = zone.sites.update({item.id: item for item in event.sites})
            changes["service_types"] = _without(types, event.removed_service_types)
            changes["sites"] = _without(sites, event.removed_sites)
        case RosterChanged():
            _roster(zone, event, changes)
        case PlanAdopted():
            pass
        case RequestReceived():
            _place(zone, received(event, envelope), changes)
        case _:
            _request(zone, event, envelope, changes)
    return zone.changed(**changes)


def _request(zone: Zone, event: RequestEvent, envelope: EventEnvelope, changes: dict[str, Any]) -> None:
    _people(zone, event, envelope, changes)
    if isinstance(event, ReferralEnded):
        closed = zone.closed_referrals.set(event.referral_id, ClosedReferral(envelope.now, event.result))
        if envelope.version % PRUNE_EVERY == 0:
            closed = _without(closed, [key for key, item in closed.items() if item.at < envelope.now - REFERRALS_KEPT])
        changes["closed_referrals"] = closed
    before = concerned(zone, event)
    if before is not None:
        _place(zone, advance(before, event, envelope), changes, gone=isinstance(event, RatingClosed))


def concerned(zone: Zone, event: RequestEvent) -> RequestRecord | None:
    """The request that an event changes; a guest's answer changes only the request of that very referral."""
    record = zone.record(event.request_id)
    if isinstance(event, ReferralEnded) and record is not None:
        referral = record.referral
        return record if referral is not None and referral.referral_id == event.referral_id else None
    return record


def _place(zone: Zone, record: RequestRecord, changes: dict[str, Any], *, gone: bool = False) -> None:
    """Put a request where its state belongs, and set its timers."""
    key = record.request_id
    done = record.state is RequestState.DONE and not record.guest and not gone
    if not record.state.ended:
        changes["requests"] = zone.requests.set(key, record)
    elif key in zone.requests:
        changes["requests"] = zone.requests.delete(key)
    if done:
        changes["done"] = zone.done.set(key, record)
    elif key in zone.done:
        changes["done"] = zone.done.delete(key)
    wanted = deadlines(zone, record) if done or not record.state.ended else NO_TIMERS
    timers: dict[TimerKey, datetime | None] = {(kind, key): wanted.get(kind) for kind in REQUEST_TIMERS}
    timers.update(changes.pop("offer_timers", {}))
    changes["timers"] = zone.timers.updated(timers)


def received(event: RequestReceived, envelope: EventEnvelope) -> RequestRecord:
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


def advance(record: RequestRecord, event: RequestEvent, envelope: EventEnvelope) -> RequestRecord:
    """What one event makes of its request."""
    fields: dict[str, Any] = {"seen": envelope.version, "updated_at": envelope.now}
    visit = record.visit
    match event:
        case RequestQueued():
            fields.update(state=RequestState.QUEUED, reason=event.reason)
        case RequestChanged():
            fields.update(need=event.need, since=envelope.now, noticed_at=None)
        case RequestEnded():
            fields.update(state=RequestState(event.end), reason=event.reason, ended_at=envelope.now, referred=None)
            fields.update(served_by=event.served_by)
        case RequestRated():
            fields.update(stars=event.stars)
        case NoticeReached():
            fields.update(noticed_at=envelope.now)
        case VisitPlanned():
            fields.update(_planned(record, event))
        case SeatOffered():
            assert visit is not None
            visit = _seated(visit, event.seat, "offered", event.volunteer, event.offer_id)
            fields.update(visit=visit, offers=record.offers + 1, first_offer_at=record.first_offer_at or envelope.now)
        case SeatAccepted():
            assert visit is not None
            fields.update(visit=_seated(visit, event.seat, "accepted", event.volunteer))
        case OfferEnded() | SeatVacated():
            assert visit is not None
            fields.update(visit=_seated(visit, event.seat, "empty", None))
            rule = BARRED_BY.get(event.how)
            if rule is not None and record.barred(event.volunteer) is None:
                fields.update(excluded=(*record.excluded, (event.volunteer, rule)))
            if isinstance(event, SeatVacated) and event.how != "released":
                fields.update(since=envelope.now)
        case CrewCompleted():
            fields.update(accepted_at=envelope.now)
        case VisitReleased():
            fields.update(visit=None)
        case CheckedIn():
            assert visit is not None
            seat = visit.seat_of(event.volunteer)
            assert seat is not None
            fields.update(visit=_seated(visit, seat, "arrived", event.volunteer))
            fields.update(started_at=record.started_at or envelope.now)
        case VisitFinished():
            pass
        case RequestReferred():
            referred = Referred(referral=event.referral, to=event.to)
            fields.update(state=RequestState.REFERRED, referred=referred, tried=(*record.tried, event.to))
        case ReferralCancelAsked():
            asked = record.referred
            assert asked is not None
            fields.update(referred=Referred(asked.referral, asked.to, asked.asks + 1, event.reason or asked.cancel))
        case ReferralReturned():
            fields.update(referred=None)
        case ReferralEnded():
            fields.update(state=RESULT_STATE[event.result], reason=event.reason, ended_at=envelope.now)
        case AlarmRaised():
            if event.alarm not in record.alarms:
                fields.update(alarms=(*record.alarms, event.alarm))
        case AlarmCleared():
            fields.update(alarms=tuple(alarm for alarm in record.alarms if alarm != event.alarm))
        case RatingClosed():
            pass
        case _:  # pragma: no cover
            assert_never(event)
    return _in_state(record, fields)


def _in_state(record: RequestRecord, fields: dict[str, Any]) -> RequestRecord:
    """Follow the crew with the request's state: queued, offered, accepted, under way."""
    record = record.changed(**fields)
    visit = record.visit
    if "state" in fields or record.state not in LIVE:
        return record
    if visit is None or not visit.occupied:
        state = RequestState.QUEUED
    elif not visit.complete:
        state = RequestState.OFFERED
    else:
        state = RequestState.UNDER_WAY if visit.begun else RequestState.ACCEPTED
    return record if state is record.state else record.changed(state=state)


LIVE = frozenset({RequestState.QUEUED, RequestState.OFFERED, RequestState.ACCEPTED, RequestState.UNDER_WAY})


def _planned(record: RequestRecord, event: VisitPlanned) -> dict[str, Any]:
    """A new visit, or the same one at another time with its crew kept."""
    if record.visit is not None and record.visit.visit_id == event.visit_id:
        seats = record.visit.seats
        return {"visit": VisitRecord(event.visit_id, event.team, event.window, seats)}
    seats = tuple(Seat(demand) for demand in event.seats)
    return {"visit": VisitRecord(event.visit_id, event.team, event.window, seats), "visits": record.visits + 1}


def _seated(
    visit: VisitRecord, seat: int, state: SeatState, volunteer: str | None, offer_id: UUID | None = None
) -> VisitRecord:
    seats = list(visit.seats)
    seats[seat] = Seat(seats[seat].demand, state, volunteer, offer_id)
    return VisitRecord(visit.visit_id, visit.team, visit.window, tuple(seats))


def _people(zone: Zone, event: RequestEvent, envelope: EventEnvelope, changes: dict[str, Any]) -> None:
    """Offers, calendars, and what was asked of whom."""
    match event:
        case SeatOffered():
            changes["offers"] = zone.offers.set(
                event.offer_id,
                OfferRecord(
                    offer_id=event.offer_id,
                    request_id=event.request_id,
                    visit_id=event.visit_id,
                    seat=event.seat,
                    volunteer=event.volunteer,
                    asked=event.asked,
                    window=event.window,
                    place=event.place,
                    offered_at=envelope.now,
                    expires_at=event.expires_at,
                ),
            )
            entry = CalendarEntry(event.request_id, event.window.start, event.window.end, event.place, event.offer_id)
            recent = tuple(when for when in zone.asked.get(event.volunteer, ()) if when > envelope.now - ASKED_KEPT)
            changes["asked"] = zone.asked.set(event.volunteer, (*recent, envelope.now))
            changes["offer_timers"] = {(TimerKind.OFFER_EXPIRY, event.offer_id): event.expires_at}
            _calendars(zone, envelope, changes, event.request_id, {event.volunteer: entry})
        case SeatAccepted():
            offer = zone.offers[event.offer_id]
            entry = CalendarEntry(event.request_id, offer.window.start, offer.window.end, offer.place)
            _close_offer(zone, event.offer_id, changes)
            people: dict[str, CalendarEntry | None] = {offer.volunteer: None}
            people[event.volunteer] = entry
            _calendars(zone, envelope, changes, event.request_id, people)
        case OfferEnded():
            _close_offer(zone, event.offer_id, changes)
            _calendars(zone, envelope, changes, event.request_id, {event.volunteer: None})
        case SeatVacated():
            _calendars(zone, envelope, changes, event.request_id, {event.volunteer: None})
        case VisitPlanned():
            record = zone.requests.get(event.request_id)
            if record is None or record.visit is None or record.need is None or not record.visit.occupied:
                return
            place = record.need.place
            moved = {
                seat.volunteer: CalendarEntry(
                    event.request_id, event.window.start, event.window.end, place, seat.offer_id
                )
                for seat in record.visit.seats
                if seat.volunteer is not None
            }
            _calendars(zone, envelope, changes, event.request_id, moved)
        case _:
            return


def _close_offer(zone: Zone, offer_id: UUID, changes: dict[str, Any]) -> None:
    changes["offers"] = zone.offers.delete(offer_id)
    changes["offer_timers"] = {(TimerKind.OFFER_EXPIRY, offer_id): None}


def _calendars(
    zone: Zone,
    envelope: EventEnvelope,
    changes: dict[str, Any],
    request_id: UUID,
    people: Mapping[str, CalendarEntry | None],
) -> None:
    """Replace each person's entry for a request (or remove it), and drop what no limit counts any more."""
    calendars, seen = zone.calendars, zone.volunteer_seen
    for volunteer, entry in people.items():
        if volunteer not in zone.volunteers:
            continue
        old = envelope.now - CALENDAR_KEPT
        entries = [e for e in calendars.get(volunteer, ()) if e.request_id != request_id and e.end > old]
        if entry is not None:
            entries.append(entry)
        entries.sort(key=lambda e: (e.start, e.end, e.request_id))
        calendars = calendars.set(volunteer, tuple(entries))
        seen = seen.set(volunteer, envelope.version)
    changes["calendars"], changes["volunteer_seen"] = calendars, seen


def _roster(zone: Zone, event: RosterChanged, changes: dict[str, Any]) -> None:
    changes["teams"] = _without(zone.teams.update({team.id: team for team in event.teams}), event.removed_teams)
    gone = set(event.removed_volunteers)
    touched: dict[str, set[str]] = {}
    volunteers = zone.volunteers
    for name in event.removed_volunteers:
        if (old := volunteers.get(name)) is not None:
            touched.setdefault(old.team, set(zone.members.get(old.team, ()))).discard(name)
    for person in event.volunteers:
        old = volunteers.get(person.id)
        if old is not None and old.team != person.team:
            touched.setdefault(old.team, set(zone.members.get(old.team, ()))).discard(person.id)
        if old is None or old.team != person.team:
            touched.setdefault(person.team, set(zone.members.get(person.team, ()))).add(person.id)
    changes["volunteers"] = _without(
        volunteers.update({person.id: person for person in event.volunteers}), event.removed_volunteers
    )
    members = zone.members
    for team in sorted(touched):
        members = members.set(team, tuple(sorted(touched[team])))
    changes["members"] = _without(members, event.removed_teams)
    version = changes["version"]
    seen = zone.volunteer_seen.update({person.id: version for person in event.volunteers})
    changes["volunteer_seen"] = seen
    if gone:
        for name in ("calendars", "asked", "volunteer_seen"):
            changes[name] = _without(changes.get(name, getattr(zone, name)), event.removed_volunteers)


def all_timers(zone: Zone) -> Timers:
    """Every timer of the zone, computed anew from the rest of its state."""
    due: dict[TimerKey, datetime] = {}
    for offer in zone.offers.values():
        due[TimerKind.OFFER_EXPIRY, offer.offer_id] = offer.expires_at
    for records in (zone.requests, zone.done):
        for record in records.values():
            for kind, moment in deadlines(zone, record).items():
                due[kind, record.request_id] = moment
    return Timers.of(Map(due))


def _without(entries: Any, names: Any) -> Any:
    for name in names:
        if name in entries:
            entries = entries.delete(name)
    return entries
