"""State + event → state. It believes every event: what is allowed was decided before."""

from collections.abc import Iterable
from uuid import UUID

from immutables import Map

from engine.bookings import BOOKINGS, Fold, expiry_of, without
from engine.deadlines import deadlines
from engine.lives import Changes, RequestEvent, Stamped, advance, received
from engine.timers import NONE, Timer, Timers
from engine.zone import LastChange, RequestRecord, Zone
from schemas.events import (
    CatalogueChanged,
    Event,
    OfferEnded,
    PlanAdopted,
    RatingClosed,
    ReferralEnded,
    RequestReceived,
    RosterChanged,
    SeatAccepted,
    SeatOffered,
    ZoneConfigured,
)
from schemas.request import RequestState


def evolve(zone: Zone, stamped: Stamped) -> Zone:
    """Fold one event into the state (all but the hash of the record that carries it)."""
    after = fold_untimed(zone, stamped)
    return after.changed(timers=reset_timers(after, owners(stamped.event)))


def fold_untimed(zone: Zone, stamped: Stamped) -> Zone:
    """Fold one event into the state, and leave the timers of its :func:`owners` to be set: nothing here reads them."""
    event = stamped.event
    changes: Changes = {"version": stamped.version, "clock": stamped.now}
    whole = WHOLE.get(type(event))
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
    changes["service_types"] = without(types, event.removed_service_types)
    changes["sites"] = without(sites, event.removed_sites)
    changes["catalogue_change"] = LastChange(stamped.version, stamped.correlation_id)
    changes["timers"] = all_timers(zone.changed(**changes))


def _adopted(zone: Zone, event: PlanAdopted, stamped: Stamped, changes: Changes) -> None:
    """Change nothing: what a plan comes to stands in the events around it."""


def _received(zone: Zone, event: RequestReceived, stamped: Stamped, changes: Changes) -> None:
    _place(zone, received(event, stamped), changes)


def _request(zone: Zone, event: RequestEvent, stamped: Stamped, changes: Changes) -> None:
    people = BOOKINGS.get(type(event))
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


def owners(event: Event) -> tuple[UUID, ...]:
    """The request and the offer whose timers an event may move."""
    if type(event) is RequestReceived:
        return (event.spec.request_id,)
    if type(event) in WHOLE:
        return ()
    request_id: UUID = event.request_id  # type: ignore[union-attr]
    return (request_id, event.offer_id) if type(event) in _OF_OFFERS else (request_id,)  # type: ignore[union-attr]


def reset_timers(zone: Zone, touched: Iterable[UUID]) -> Timers:
    """The timers of a zone in which those of some requests and offers are not set yet."""
    timers = zone.timers
    for key in touched:
        if (record := zone.record(key)) is not None:
            wanted = timers_of(zone, record)
        else:
            wanted = NONE if (offer := zone.offers.get(key)) is None else (expiry_of(offer),)
        timers = timers.updated(key, wanted)
    return timers


def timers_of(zone: Zone, record: RequestRecord) -> tuple[Timer, ...]:
    """Every timer of a request."""
    key = record.request_id
    return tuple([Timer.at(due, kind, key) for kind, due in deadlines(zone, record).items()])


def _roster(zone: Zone, event: RosterChanged, stamped: Stamped, changes: Changes) -> None:
    changes["roster_change"] = LastChange(stamped.version, stamped.correlation_id)
    changes["teams"] = without(zone.teams.update({team.id: team for team in event.teams}), event.removed_teams)
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
    changes["volunteers"] = without(
        volunteers.update({person.id: person for person in event.volunteers}), event.removed_volunteers
    )
    members = zone.members
    for team in sorted(touched):
        members = members.set(team, tuple(sorted(touched[team])))
    changes["members"] = without(members, event.removed_teams)
    version = changes["version"]
    seen = zone.volunteer_seen.update({person.id: version for person in event.volunteers})
    changes["volunteer_seen"] = seen
    if gone:
        for name in ("calendars", "asked", "volunteer_seen"):
            changes[name] = without(changes.get(name, getattr(zone, name)), event.removed_volunteers)


def all_timers(zone: Zone) -> Timers:
    """Every timer of the zone, computed anew from the rest of its state."""
    of: dict[UUID, tuple[Timer, ...]] = {offer.offer_id: (expiry_of(offer),) for offer in zone.offers.values()}
    for records in (zone.requests, zone.done):
        of |= {record.request_id: timers for record in records.values() if (timers := timers_of(zone, record))}
    return Timers.build(Map(of))


WHOLE: dict[type[Event], Fold] = {
    ZoneConfigured: _configured,
    CatalogueChanged: _catalogue,
    RosterChanged: _roster,
    PlanAdopted: _adopted,
    RequestReceived: _received,
}
"""Events of the whole zone, and those that begin a request."""

_OF_OFFERS = frozenset({SeatOffered, SeatAccepted, OfferEnded})
