"""What events of a request change besides it: offers, calendars, what was asked of whom, referrals that are over."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from engine.lives import Changes, Stamped
from engine.timers import Timer, TimerKind
from engine.zone import ASKED_KEPT, CALENDAR_KEPT, REFERRALS_KEPT, CalendarEntry, ClosedReferral, OfferRecord, Zone
from schemas.events import (
    Event,
    OfferEnded,
    ReferralEnded,
    SeatAccepted,
    SeatOffered,
    SeatVacated,
    VisitPlanned,
)

PRUNE_EVERY = 512
"""How many versions go by between two looks for referrals to forget."""

Fold = Callable[[Zone, Any, Stamped, Changes], None]


def _ask(zone: Zone, event: SeatOffered, stamped: Stamped, changes: Changes) -> None:
    """A live offer, its place in the calendar, and one more time that the person was asked."""
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
    entry = CalendarEntry(event.request_id, window.start, window.end, event.place, event.offer_id)
    _calendars(zone, stamped, changes, event.request_id, {who: entry})


def _take(zone: Zone, event: SeatAccepted, stamped: Stamped, changes: Changes) -> None:
    offer = zone.offers[event.offer_id]
    changes["offers"] = zone.offers.delete(event.offer_id)
    entry = CalendarEntry(event.request_id, offer.window.start, offer.window.end, offer.place)
    people: dict[str, CalendarEntry | None] = {offer.volunteer: None}
    people[event.volunteer] = entry
    _calendars(zone, stamped, changes, event.request_id, people)


def _close_offer(zone: Zone, event: OfferEnded, stamped: Stamped, changes: Changes) -> None:
    changes["offers"] = zone.offers.delete(event.offer_id)
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
        closed = without(closed, [key for key, item in closed.items() if item.at < stamped.now - REFERRALS_KEPT])
    changes["closed_referrals"] = closed


def expiry_of(offer: OfferRecord) -> Timer:
    """The one timer of a live offer."""
    return Timer.at(offer.expires_at, TimerKind.OFFER_EXPIRY, offer.offer_id)


def without(entries: Any, names: Any) -> Any:
    """A map without those of its keys."""
    for name in names:
        if name in entries:
            entries = entries.delete(name)
    return entries


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


BOOKINGS: dict[type[Event], Fold] = {
    SeatOffered: _ask,
    SeatAccepted: _take,
    OfferEnded: _close_offer,
    SeatVacated: _free,
    VisitPlanned: _move,
    ReferralEnded: _remember,
}
"""What events of a request change besides the request: offers, calendars, referrals."""
