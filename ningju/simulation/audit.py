"""Checks of the promises from the events alone, sharing no code with the engine or the solvers."""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ningju.simulation.chronicle import Chronicle
from ningju.simulation.ground import distance_m
from schemas.envelope import EventEnvelope
from schemas.events import (
    OfferEnded,
    ReferralEnded,
    RequestEnded,
    SeatAccepted,
    SeatOffered,
    SeatVacated,
    VisitFinished,
    VisitReleased,
)
from schemas.place import Place
from schemas.roster import Volunteer
from schemas.zone import TravelSpeeds

ROUNDING_S = 1.0


def travel_s(volunteer: Volunteer, speeds: TravelSpeeds, origin: Place, destination: Place) -> float:
    """Estimate how long a volunteer takes from one place to another, in seconds."""
    speed_kmh = {
        "walk": speeds.walk,
        "bicycle": speeds.bicycle,
        "transit": speeds.transit,
        "car": speeds.car,
    }[volunteer.travel]
    return speeds.detour * distance_m(origin, destination) / (speed_kmh / 3.6)


@dataclass(frozen=True, slots=True)
class Held:
    """A live offer or a commitment."""

    request_id: UUID
    start: datetime
    end: datetime
    place: Place


def double_bookings(
    events: Iterable[EventEnvelope], volunteers: Mapping[str, Volunteer], speeds: TravelSpeeds
) -> list[tuple[str, UUID, UUID]]:
    """Find each time somebody got a live offer or commitment that overlaps another one, travel included.

    Parameters
    ----------
    events
        In ledger order within each zone: a person's calendar belongs to one zone.

    Returns
    -------
    list
        Volunteer and the two requests.
    """
    offers: dict[UUID, tuple[str, int, Held]] = {}
    seats: dict[tuple[str, UUID, int], tuple[str, Held]] = {}
    held: dict[str, dict[object, Held]] = {}
    found = []

    def take(volunteer: str, key: object, new: Held) -> None:
        person = volunteers.get(volunteer)
        for old in held.get(volunteer, {}).values():
            first, second = (old, new) if old.start <= new.start else (new, old)
            way = travel_s(person, speeds, first.place, second.place) if person else 0.0
            gap = (second.start - first.end).total_seconds()
            if gap < math.floor(way) - ROUNDING_S or gap < 0:
                found.append((volunteer, old.request_id, new.request_id))
        held.setdefault(volunteer, {})[key] = new

    def drop(volunteer: str, key: object) -> None:
        held.get(volunteer, {}).pop(key, None)

    def end_all(zone: str, request_id: UUID) -> None:
        for offer_id in [key for key, (_, _, entry) in offers.items() if entry.request_id == request_id]:
            volunteer, _, _ = offers.pop(offer_id)
            drop(volunteer, offer_id)
        for seat in [key for key in seats if key[:2] == (zone, request_id)]:
            volunteer, _ = seats.pop(seat)
            drop(volunteer, seat)

    for envelope in events:
        event, zone = envelope.event, envelope.zone
        match event:
            case SeatOffered():
                entry = Held(event.request_id, event.window.start, event.window.end, event.place)
                take(event.volunteer, event.offer_id, entry)
                offers[event.offer_id] = (event.volunteer, event.seat, entry)
            case OfferEnded():
                if event.offer_id in offers:
                    volunteer, _, _ = offers.pop(event.offer_id)
                    drop(volunteer, event.offer_id)
            case SeatAccepted():
                if event.offer_id in offers:
                    volunteer, _, entry = offers.pop(event.offer_id)
                    drop(volunteer, event.offer_id)
                    seat = (zone, event.request_id, event.seat)
                    take(event.volunteer, seat, entry)
                    seats[seat] = (event.volunteer, entry)
            case SeatVacated():
                seat = (zone, event.request_id, event.seat)
                if seat in seats:
                    volunteer, _ = seats.pop(seat)
                    drop(volunteer, seat)
            case VisitFinished() | VisitReleased() | RequestEnded() | ReferralEnded():
                end_all(zone, event.request_id)
            case _:
                pass
    return found


def lost(chronicle: Chronicle, acknowledged: Collection[UUID]) -> list[UUID]:
    """Find requests that were acknowledged and that the ledger does not know."""
    return sorted(set(acknowledged) - set(chronicle.stories))


def ended_twice(chronicle: Chronicle) -> list[UUID]:
    """Find requests with more than one end."""
    return [request_id for request_id, story in chronicle.stories.items() if len(story.ends) > 1]
