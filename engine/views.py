"""Rows of the read model: what one event changes of them, from the state before and after it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from engine.evolve import concerned
from engine.lives import advance
from engine.ports import RowChange
from engine.zone import OfferRecord, RequestRecord, Seat, Zone
from schemas.envelope import EventEnvelope
from schemas.events import (
    CatalogueChanged,
    Event,
    OfferEnded,
    PlanAdopted,
    RequestReceived,
    RosterChanged,
    SeatAccepted,
    SeatOffered,
    ZoneConfigured,
)
from schemas.request import Need
from schemas.views import OfferState, OfferView, RequestView, SeatView, TeamView, VisitView, VolunteerView, ZoneView


def project(
    before: Zone, envelope: EventEnvelope, after: Zone, written: set[UUID] | None = None
) -> tuple[RowChange, ...]:
    """Tell which rows an event changes, and to what.

    Parameters
    ----------
    written
        Requests whose row a later event has written already: theirs is left out. This one's request is added.

    Returns
    -------
    tuple
        Rows are whole: a later one with the same table and key replaces an earlier one.
    """
    event = envelope.event
    whole = _WHOLE.get(type(event))
    if whole is not None:
        return whole(before, event, after)
    if isinstance(event, RequestReceived):
        request_id, known = event.spec.request_id, None
    else:
        request_id = event.request_id  # type: ignore[union-attr]
        known = concerned(before, event)  # type: ignore[arg-type]
        if known is None:
            return ()
    rows: list[RowChange] = []
    if written is None or request_id not in written:
        record = after.record(request_id)
        if record is None and known is not None:
            record = advance(known, event, envelope)  # type: ignore[arg-type]
        if record is not None:
            rows.append(_request_row(after, record))
        if written is not None:
            written.add(request_id)
    if type(event) is SeatOffered:
        rows.append(_offer_row(envelope, after.offers[event.offer_id], "open"))
    elif type(event) is SeatAccepted:
        rows.append(_offer_row(envelope, before.offers[event.offer_id], "accepted", volunteer=event.volunteer))
    elif type(event) is OfferEnded:
        rows.append(_offer_row(envelope, before.offers[event.offer_id], event.how, reason=event.reason))
    return tuple(rows)


def _zone_row(before: Zone, event: Event, zone: Zone) -> tuple[RowChange, ...]:
    if zone.config is None:
        return ()
    view = ZoneView(
        zone=zone.zone,
        version=zone.version,
        name=zone.config.name,
        level=zone.config.level,
        config=zone.config,
        policy=zone.policy,
        service_types=tuple(zone.service_types[key] for key in sorted(zone.service_types)),
        sites=tuple(zone.sites[key] for key in sorted(zone.sites)),
    )
    return (RowChange("zone", zone.zone, view),)


def _roster_rows(before: Zone, event: RosterChanged, after: Zone) -> tuple[RowChange, ...]:
    zone, version = after.zone, after.version
    rows = [RowChange("team", team.id, TeamView.built(zone=zone, version=version, team=team)) for team in event.teams]
    rows += [
        RowChange("volunteer", person.id, VolunteerView.built(zone=zone, version=version, volunteer=person))
        for person in event.volunteers
    ]
    rows += [RowChange("team", name, None) for name in event.removed_teams if name in before.teams]
    rows += [RowChange("volunteer", name, None) for name in event.removed_volunteers if name in before.volunteers]
    return tuple(rows)


def _request_row(zone: Zone, record: RequestRecord) -> RowChange:
    spec, need, referred = record.spec, record.need, record.referred
    view = RequestView.built(
        zone=zone.zone,
        request_id=record.request_id,
        version=record.seen,
        state=record.state,
        service_type=spec.service_type,
        priority=need.priority if need is not None else spec.priority or 2,
        crew=need.crew if need is not None else sum(demand.heads for demand in spec.demands),
        place=need.place if need is not None else spec.place,
        site=spec.site,
        beneficiary=spec.beneficiary,
        source=spec.source,
        windows=need.windows if need is not None else spec.windows,
        respond_by=None if need is None else need.respond_by,
        complete_by=None if need is None else need.complete_by,
        created_at=record.created_at,
        updated_at=record.updated_at,
        first_offer_at=record.first_offer_at,
        accepted_at=record.accepted_at,
        started_at=record.started_at,
        ended_at=record.ended_at,
        reason=record.reason,
        visit=_visit_view(zone, record, need),
        offers=record.offers,
        alarms=record.alarms,
        taken=record.taken,
        referral=record.referral,
        referred_to=None if referred is None else referred.to,
        served_by=record.served_by,
        stars=record.stars,
    )
    return RowChange("request", str(record.request_id), view)


def _visit_view(zone: Zone, record: RequestRecord, need: Need | None) -> VisitView | None:
    visit = record.visit
    if visit is None or need is None:
        return None
    return VisitView.built(
        visit_id=visit.visit_id,
        team=visit.team,
        window=visit.window,
        pinned=visit.pinned,
        seats=tuple(_seat_view(zone, number, seat, need) for number, seat in enumerate(visit.seats)),
    )


def _seat_view(zone: Zone, number: int, seat: Seat, need: Need) -> SeatView:
    offer = None if seat.offer_id is None else zone.offers.get(seat.offer_id)
    demand = need.demands[min(seat.demand, len(need.demands) - 1)]
    return SeatView.built(
        seat=number,
        skill=demand.skill,
        level=demand.level,
        state=seat.state,
        volunteer=seat.volunteer,
        offer_id=seat.offer_id,
        expires_at=None if offer is None else offer.expires_at,
    )


def _offer_row(
    envelope: EventEnvelope,
    offer: OfferRecord,
    state: OfferState,
    *,
    volunteer: str | None = None,
    reason: str = "",
) -> RowChange:
    view = OfferView.built(
        offer_id=offer.offer_id,
        zone=envelope.zone,
        version=envelope.version,
        request_id=offer.request_id,
        visit_id=offer.visit_id,
        seat=offer.seat,
        volunteer=volunteer or offer.volunteer,
        asked=offer.asked,
        state=state,
        window=offer.window,
        offered_at=offer.offered_at,
        expires_at=offer.expires_at,
        ended_at=None if state == "open" else envelope.now,
        reason=reason,
    )
    return RowChange("offer", str(offer.offer_id), view)


def _no_rows(before: Zone, event: Event, after: Zone) -> tuple[RowChange, ...]:
    return ()


_WHOLE: dict[type[Event], Callable[[Zone, Any, Zone], tuple[RowChange, ...]]] = {
    ZoneConfigured: _zone_row,
    CatalogueChanged: _zone_row,
    RosterChanged: _roster_rows,
    PlanAdopted: _no_rows,
}
