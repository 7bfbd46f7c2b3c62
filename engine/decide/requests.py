"""Requests as people bring, change and take them back."""

from engine.deadlines import elsewhere, last_start, seconds
from engine.decide.crews import end, queue_or_end, release
from engine.decide.draft import Draft, Refused
from engine.decide.referrals import ask_guest, refer
from engine.zone import RequestRecord, VisitRecord, Zone
from schemas.catalogue import ServiceType
from schemas.commands import CancelRequest, ChangeRequest, SubmitRequest, TriageRequest
from schemas.events import RequestChanged, RequestEnded, RequestQueued, RequestReceived
from schemas.request import Need, RequestSpec, RequestState

CAREFUL_TIER = 4
"""A beneficiary's tier lifts the priority up to this; 5 is for life and health alone."""


def submit(draft: Draft, command: SubmitRequest) -> None:
    """Take a need in. What cannot be served here for good is refused, and that is its end."""
    spec, zone = command.spec, draft.zone
    if spec.request_id in zone.requests or spec.request_id in zone.done:
        raise Refused("already_known", "a request of this id is here already; ask for its state instead")
    item = zone.service_types.get(spec.service_type)
    reason = _refusal(draft, spec, item)
    if item is None or reason is not None:
        draft.emit(RequestReceived(spec=spec, need=None))
        draft.emit(
            RequestEnded(request_id=spec.request_id, end=RequestState.REFUSED, reason=reason or "unknown_service_type")
        )
        return
    draft.emit(RequestReceived(spec=spec, need=resolve(draft, spec, item)))
    if not item.needs_triage:
        enter(draft, draft.zone.requests[spec.request_id])


def enter(draft: Draft, record: RequestRecord, reason: str = "") -> None:
    """Queue a request, or refer it at once where zones of another level serve it."""
    if not elsewhere(draft.zone, record):
        draft.emit(RequestQueued(request_id=record.request_id, reason=reason))
    elif not refer(draft, record.request_id):
        end(draft, record.request_id, RequestState.UNSERVED, "served_elsewhere")


def _refusal(draft: Draft, spec: RequestSpec, item: ServiceType | None) -> str | None:
    zone = draft.zone
    if zone.config is None:
        return "not_configured"
    if item is None:
        return "unknown_service_type"
    if not _offered(zone, spec, item):
        return "not_offered_here"
    length = seconds(spec.duration_s or item.duration_s)
    if all(window.length < length for window in spec.windows):
        return "window_too_short"
    if all(window.end - length < draft.now for window in spec.windows):
        return "window_past"
    return None


def _offered(zone: Zone, spec: RequestSpec, item: ServiceType) -> bool:
    """Common items are offered everywhere; a featured one by its zone and by sites that list it."""
    if item.featured_by is None or item.featured_by == zone.zone:
        return True
    site = None if spec.site is None else zone.sites.get(spec.site)
    return site is not None and (item.id in site.featured or item.featured_by == site.id)


def resolve(draft: Draft, spec: RequestSpec, item: ServiceType) -> Need:
    """What the request needs by the catalogue of this moment."""
    demands = spec.demands or item.demands
    length = spec.duration_s or item.duration_s
    windows = tuple(sorted(spec.windows, key=lambda window: (window.start, window.end)))
    soonest = min(window.start for window in windows) + seconds(length)
    priority = max(spec.priority or item.priority, min(spec.tier, CAREFUL_TIER))
    return Need(
        service_type=item.id,
        place=spec.place,
        windows=windows,
        demands=demands,
        duration_s=length,
        priority=priority,
        reach_m=item.reach_m,
        notice_s=item.notice_s,
        quiet_hours=item.quiet_hours,
        offered_to=item.offered_to,
        one_team=item.one_team,
        respond_by=draft.now + seconds(item.response_target_s),
        complete_by=max(draft.now + seconds(item.completion_target_s), soonest),
        wishes=spec.wishes,
        load=spec.load,
    )


def triage(draft: Draft, command: TriageRequest) -> None:
    """An operator's word on a request that needs one."""
    record = draft.open(command.request_id, command.seen)
    if record.state is not RequestState.RECEIVED:
        raise Refused("not_in_triage", f"the request is {record.state}; only what is received can be triaged")
    if command.accept:
        enter(draft, record, command.reason)
    else:
        end(draft, command.request_id, RequestState.REFUSED, command.reason or "triage")


def change(draft: Draft, command: ChangeRequest) -> None:
    """Change what is needed; a visit that no longer fits is given up."""
    record = draft.open(command.request_id, command.seen)
    if record.guest:
        raise Refused("not_origin", f"the request belongs to zone {record.referral.origin}; ask there")  # type: ignore[union-attr]
    if record.state is RequestState.REFERRED:
        raise Refused("referred", "another zone has the request; cancel it, or wait for its answer")
    if record.state is RequestState.UNDER_WAY or (record.visit is not None and record.visit.begun):
        raise Refused("under_way", "the visit has begun; finish it")
    before = record.need
    assert before is not None
    fields = {
        name: value
        for name in ("windows", "place", "demands", "priority")
        if (value := getattr(command, name)) is not None
    }
    need = before.changed(**fields)
    if need == before:
        raise Refused("nothing_to_change", "the request is like this already")
    last = last_start(need)
    if last is None or last < draft.now:
        raise Refused("window_past", "no window is long enough and still to come")
    keeps = record.visit is None or still_fits(record.visit, before, need)
    if not keeps:
        release(draft, command.request_id, command.reason or "changed")
    draft.emit(RequestChanged(request_id=command.request_id, need=need))
    draft.clear(command.request_id, "needs_operator")
    if not keeps:
        queue_or_end(draft, command.request_id, command.reason or "changed")


def still_fits(visit: VisitRecord, before: Need, need: Need) -> bool:
    """Whether a visit planned for one need serves the other just as well."""
    return (
        need.place == before.place
        and need.demands == before.demands
        and any(window.start <= visit.window.start and visit.window.end <= window.end for window in need.windows)
    )


def cancel(draft: Draft, command: CancelRequest) -> None:
    """End the request for good; while a guest has it, the guest is asked and its ledger order decides."""
    record = draft.open(command.request_id, command.seen)
    reason = command.reason or "cancelled"
    if record.guest:
        raise Refused("not_origin", f"the request belongs to zone {record.referral.origin}; cancel it there")  # type: ignore[union-attr]
    if record.state is RequestState.REFERRED:
        assert record.referred is not None
        if record.referred.cancel is not None:
            raise Refused("cancel_asked", f"zone {record.referred.to} was asked to stop; wait for its answer")
        ask_guest(draft, record, reason)
        return
    if record.state is RequestState.UNDER_WAY:
        raise Refused("under_way", "the visit has begun; finish it")
    release(draft, command.request_id, reason)
    end(draft, command.request_id, RequestState.CANCELLED, reason)
