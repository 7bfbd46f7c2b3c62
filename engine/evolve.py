"""State + event → state. It believes every event: what is allowed was decided before."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from immutables import Map

from engine.deadlines import deadlines
from engine.timers import NONE, Timer, TimerKind, Timers
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
from schemas.events import (
    AlarmCleared,
    AlarmRaised,
    CatalogueChanged,
    CheckedIn,
    CrewCompleted,
    Event,
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


def evolve(zone: Zone, stamped: Stamped) -> Zone:
    """Fold one event into the state (all but the hash of the record that carries it)."""
    event = stamped.event
    changes: Changes = {"version": stamped.version, "clock": stamped.now}
    whole = _WHOLE.get(type(event))
    if whole is None:
        _request(zone, event, stamped, changes)  # type: ignore[arg-type]
    else:
        whole(zone, event, stamped, changes)
    return zone.changed(**changes)


def _configured(zone: Zone, event: ZoneConfigured, stamped: Stamped, changes: Changes) -> None:
    changes.update(config=event.config, policy=event.policy)
    changes["timers"] = all_timers(zone.changed(**changes))


def _catalogue(zone: Zone, event: CatalogueChanged, stamped: Stamped, changes: Changes) -> None:
    types = zone.service_types.update({item.id: item for item in event.service_types})
    sites = zone.sites.update({item.id: item for item in event.sites})
    changes["service_types"] = _without(types, event.removed_service_types)
    changes["sites"] = _without(sites, event.removed_sites)
    changes["timers"] = all_timers(zone.changed(**changes))


def _adopted(zone: Zone, event: PlanAdopted, stamped: Stamped, changes: Changes) -> None:
    """Change nothing: what a plan comes to stands in the events around it."""


def _received(zone: Zone, event: RequestReceived, stamped: Stamped, changes: Changes) -> None:
    _place(zone, received(event, stamped), changes)


def _request(zone: Zone, event: RequestEvent, stamped: Stamped, changes: Changes) -> None:
    people = _PEOPLE.get(type(event))
    if people is not None:
        people(zone, event, stamped, changes)
    before = concerned(zone, event)
    if before is not None:
        _place(zone, advance(before, event, stamped), changes, gone=type(event) is RatingClosed)


def concerned(zone: Zone, event: RequestEvent) -> RequestRecord | None:
    """The request that an event changes; a guest's answer changes only the request of that very referral."""
    record = zone.record(event.request_id)
    if isinstance(event, ReferralEnded) and record is not None:
        referral = record.referral
        return record if referral is not None and referral.referral_id == event.referral_id else None
    return record


def _place(zone: Zone, record: RequestRecord, changes: Changes, *, gone: bool = False) -> None:
    """Put a request where its state belongs, and set its timers."""
    key, ended = record.request_id, record.state.ended
    done = ended and record.state is RequestState.DONE and record.referral is None and not gone
    if not ended:
        changes["requests"] = zone.requests.set(key, record)
    elif key in zone.requests:
        changes["requests"] = zone.requests.delete(key)
    if done:
        changes["done"] = zone.done.set(key, record)
    elif ended and key in zone.done:
        changes["done"] = zone.done.delete(key)
    wanted = timers_of(zone, record) if done or not ended else NONE
    changes["timers"] = changes.get("timers", zone.timers).updated(key, wanted)


def timers_of(zone: Zone, record: RequestRecord) -> tuple[Timer, ...]:
    """Every timer of a request."""
    key = record.request_id
    return tuple([Timer.at(due, kind, key) for kind, due in deadlines(zone, record).items()])


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
        return {"visit": VisitRecord(event.visit_id, event.team, event.window, visit.seats)}
    seats = tuple([Seat(demand) for demand in event.seats])
    return {"visit": VisitRecord(event.visit_id, event.team, event.window, seats), "visits": record.visits + 1}


def _offered(record: RequestRecord, event: SeatOffered, now: datetime) -> Changes:
    visit = _seated(record, event.seat, "offered", event.volunteer, event.offer_id)
    return {"visit": visit, "offers": record.offers + 1, "first_offer_at": record.first_offer_at or now}


def _accepted(record: RequestRecord, event: SeatAccepted, now: datetime) -> Changes:
    return {"visit": _seated(record, event.seat, "accepted", event.volunteer)}


def _emptied(record: RequestRecord, event: OfferEnded | SeatVacated, now: datetime) -> Changes:
    fields: Changes = {"visit": _seated(record, event.seat, "empty", None)}
    rule = BARRED_BY.get(event.how)
    if rule is not None and record.barred(event.volunteer) is None:
        fields["excluded"] = (*record.excluded, (event.volunteer, rule))
    if event.how in LOST:
        fields["since"] = now
    return fields


def _completed(record: RequestRecord, event: CrewCompleted, now: datetime) -> Changes:
    return {"accepted_at": now}


def _released(record: RequestRecord, event: VisitReleased, now: datetime) -> Changes:
    return {"visit": None}


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
    return {"alarms": tuple(alarm for alarm in record.alarms if alarm != event.alarm)}


def _seated(
    record: RequestRecord, seat: int, state: SeatState, volunteer: str | None, offer_id: UUID | None = None
) -> VisitRecord:
    visit = record.visit
    assert visit is not None
    seats = list(visit.seats)
    seats[seat] = Seat(seats[seat].demand, state, volunteer, offer_id)
    return VisitRecord(visit.visit_id, visit.team, visit.window, tuple(seats))


def _ask(zone: Zone, event: SeatOffered, stamped: Stamped, changes: Changes) -> None:
    """A live offer, its timer, its place in the calendar, and one more time that the person was asked."""
    window, who, now = event.window, event.volunteer, stamped.now
    offer = OfferRecord(
        offer_id=event.offer_id,
        request_id=event.request_id,
        visit_id=event.visit_id,
        seat=event.seat,
        volunteer=who,
        asked=event.asked,
        window=window,
        place=event.place,
        offered_at=now,
        expires_at=event.expires_at,
    )
    changes["offers"] = zone.offers.set(event.offer_id, offer)
    recent = tuple(when for when in zone.asked.get(who, ()) if when > now - ASKED_KEPT)
    changes["asked"] = zone.asked.set(who, (*recent, now))
    changes["timers"] = zone.timers.updated(event.offer_id, (_expiry(offer),))
    entry = CalendarEntry(event.request_id, window.start, window.end, event.place, event.offer_id)
    _calendars(zone, stamped, changes, event.request_id, {who: entry})


def _take(zone: Zone, event: SeatAccepted, stamped: Stamped, changes: Changes) -> None:
    offer = zone.offers[event.offer_id]
    _close(zone, event.offer_id, changes)
    entry = CalendarEntry(event.request_id, offer.window.start, offer.window.end, offer.place)
    people: dict[str, CalendarEntry | None] = {offer.volunteer: None}
    people[event.volunteer] = entry
    _calendars(zone, stamped, changes, event.request_id, people)


def _close_offer(zone: Zone, event: OfferEnded, stamped: Stamped, changes: Changes) -> None:
    _close(zone, event.offer_id, changes)
    _calendars(zone, stamped, changes, event.request_id, {event.volunteer: None})


def _free(zone: Zone, event: SeatVacated, stamped: Stamped, changes: Changes) -> None:
    _calendars(zone, stamped, changes, event.request_id, {event.volunteer: None})


def _move(zone: Zone, event: VisitPlanned, stamped: Stamped, changes: Changes) -> None:
    """Move the entries of those who hold seats of a visit that is put off."""
    record = zone.requests.get(event.request_id)
    if record is None or record.visit is None or record.need is None or not record.visit.occupied:
        return
    place = record.need.place
    moved = {
        seat.volunteer: CalendarEntry(event.request_id, event.window.start, event.window.end, place, seat.offer_id)
        for seat in record.visit.seats
        if seat.volunteer is not None
    }
    _calendars(zone, stamped, changes, event.request_id, moved)


def _remember(zone: Zone, event: ReferralEnded, stamped: Stamped, changes: Changes) -> None:
    """Keep the answer, for an admission or a question that comes late."""
    closed = zone.closed_referrals.set(event.referral_id, ClosedReferral(stamped.now, event.result))
    if stamped.version % PRUNE_EVERY == 0:
        closed = _without(closed, [key for key, item in closed.items() if item.at < stamped.now - REFERRALS_KEPT])
    changes["closed_referrals"] = closed


def _expiry(offer: OfferRecord) -> Timer:
    return Timer.at(offer.expires_at, TimerKind.OFFER_EXPIRY, offer.offer_id)


def _close(zone: Zone, offer_id: UUID, changes: Changes) -> None:
    changes["offers"] = zone.offers.delete(offer_id)
    changes["timers"] = zone.timers.updated(offer_id, NONE)


def _calendars(
    zone: Zone, stamped: Stamped, changes: Changes, request_id: UUID, people: Mapping[str, CalendarEntry | None]
) -> None:
    """Replace each person's entry for a request (or remove it), and drop what no limit counts any more."""
    calendars, seen = zone.calendars, zone.volunteer_seen
    old = stamped.now - CALENDAR_KEPT
    for volunteer, entry in people.items():
        if volunteer not in zone.volunteers:
            continue
        entries = [e for e in calendars.get(volunteer, ()) if e.request_id != request_id and e.end > old]
        if entry is not None:
            entries.append(entry)
            if len(entries) > 1:
                entries.sort(key=lambda e: (e.start, e.end, e.request_id))
        calendars = calendars.set(volunteer, tuple(entries))
        seen = seen.set(volunteer, stamped.version)
    changes["calendars"], changes["volunteer_seen"] = calendars, seen


def _roster(zone: Zone, event: RosterChanged, stamped: Stamped, changes: Changes) -> None:
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
    of: dict[UUID, tuple[Timer, ...]] = {offer.offer_id: (_expiry(offer),) for offer in zone.offers.values()}
    for records in (zone.requests, zone.done):
        of |= {record.request_id: timers for record in records.values() if (timers := timers_of(zone, record))}
    return Timers.build(Map(of))


def _without(entries: Any, names: Any) -> Any:
    for name in names:
        if name in entries:
            entries = entries.delete(name)
    return entries


Fold = Callable[[Zone, Any, Stamped, Changes], None]

_WHOLE: dict[type[Event], Fold] = {
    ZoneConfigured: _configured,
    CatalogueChanged: _catalogue,
    RosterChanged: _roster,
    PlanAdopted: _adopted,
    RequestReceived: _received,
}
"""Events of the whole zone, and those that begin a request."""

_PEOPLE: dict[type[Event], Fold] = {
    SeatOffered: _ask,
    SeatAccepted: _take,
    OfferEnded: _close_offer,
    SeatVacated: _free,
    VisitPlanned: _move,
    ReferralEnded: _remember,
}
"""What events of a request change besides the request: offers, calendars, referrals."""

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
    CheckedIn: _arrived,
    VisitFinished: _nothing,
    RequestReferred: _referred,
    ReferralCancelAsked: _asked,
    ReferralReturned: _returned,
    ReferralEnded: _answered,
    AlarmRaised: _alarmed,
    AlarmCleared: _calmed,
    RatingClosed: _nothing,
}
"""What events of a request change of it. Tables, not matching: asking a model for its class is slow."""
