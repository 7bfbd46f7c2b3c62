"""Requests that another zone serves. The origin owns a request for life; a guest owes exactly one answer."""

from uuid import UUID

from engine.deadlines import askable, elsewhere, last_start, next_hop, next_start
from engine.decide.crews import end, queue_or_end, release
from engine.decide.draft import Draft, Refused
from engine.eligibility import serves
from engine.zone import RequestRecord
from schemas.base import derive_id
from schemas.commands import AdmitReferral, CancelReferral, EndReferral
from schemas.events import (
    ReferralCancelAsked,
    ReferralEnded,
    ReferralReturned,
    RequestQueued,
    RequestReceived,
    RequestReferred,
)
from schemas.request import Referral, RequestState


def refer(draft: Draft, request_id: UUID, to: str | None = None) -> bool:
    """Send the request to a zone, or the next one, if there is one and time is left for it.

    A guest has until ``expires_at`` to get a crew together: half of the time that is left while another zone can be
    asked after it, all of it otherwise.
    """
    zone, now = draft.zone, draft.now
    record = zone.requests[request_id]
    to = to or next_hop(zone, record)
    assert record.need is not None
    last = last_start(record.need)
    if to is None or last is None or next_start(zone.policy, record.changed(since=now), now) is None:
        return False
    after = next_hop(zone, record.changed(tried=(*record.tried, to)))
    hop = len(record.tried) + 1
    begin = min(askable(zone.policy, record.need, now), last)
    referral = Referral(
        referral_id=derive_id("referral", request_id, hop),
        origin=zone.zone,
        hop=hop,
        expires_at=last if after is None else begin + (last - begin) / 2,
    )
    release(draft, request_id, "referred")
    draft.emit(RequestReferred(request_id=request_id, referral=referral, to=to, spec=record.spec, need=record.need))
    return True


def onward(draft: Draft, request_id: UUID, reason: str) -> None:
    """Where a request goes that a guest could not serve: to the next zone, back into the queue, or to its end."""
    if refer(draft, request_id):
        return
    if elsewhere(draft.zone, draft.zone.requests[request_id]):
        end(draft, request_id, RequestState.UNSERVED, reason)
    else:
        queue_or_end(draft, request_id, reason)


def admit(draft: Draft, command: AdmitReferral) -> None:
    """Take a request in as a guest, or answer at once that it cannot be served here."""
    referral, request_id = command.referral, command.spec.request_id
    closed = draft.zone.closed_referrals.get(referral.referral_id)
    if closed is not None:
        raise Refused("referral_over", f"this referral has ended here already: {closed.result}")
    known = draft.zone.requests.get(request_id)
    if known is not None and known.referral is not None and known.referral.referral_id == referral.referral_id:
        raise Refused("already_known", "the referral was admitted before; wait for its end")
    reason = _unable(draft, command)
    if reason is not None:
        draft.emit(
            ReferralEnded(
                request_id=request_id,
                referral_id=referral.referral_id,
                origin=referral.origin,
                result="failed",
                reason=reason,
            )
        )
        return
    draft.emit(RequestReceived(spec=command.spec, need=command.need, referral=referral, excluded=command.excluded))
    draft.emit(RequestQueued(request_id=request_id))


def _unable(draft: Draft, command: AdmitReferral) -> str | None:
    zone, request_id = draft.zone, command.spec.request_id
    last = last_start(command.need)
    if zone.config is None:
        return "not_configured"
    if request_id in zone.requests or request_id in zone.done:
        return "already_here"
    if last is None or min(last, command.referral.expires_at) <= draft.now:
        return "no_time_left"
    if not any(serves(team, command.referral.origin) for team in zone.teams.values()):
        return "zone"
    return None


def answered(draft: Draft, command: EndReferral) -> None:
    """Take the guest's answer: it counts whenever it comes, for nothing else ends a request that is referred."""
    record = draft.zone.requests.get(command.request_id)
    referred = None if record is None else record.referred
    if referred is None or referred.referral.referral_id != command.referral_id:
        raise Refused("unknown_referral", "this answer was taken before, or the request was never referred there")
    request_id, result = command.request_id, command.result
    draft.emit(
        ReferralReturned(
            request_id=request_id,
            referral_id=command.referral_id,
            result=result,
            guest=referred.to,
            reason=command.reason,
        )
    )
    draft.clear(request_id, "needs_operator")
    if result == "served":
        end(draft, request_id, RequestState.DONE, command.reason, served_by=referred.to)
    elif referred.cancel is not None:
        end(draft, request_id, RequestState.CANCELLED, referred.cancel)
    else:
        onward(draft, request_id, command.reason or "referral_failed")


def ask_guest(draft: Draft, record: RequestRecord, reason: str) -> None:
    """Ask the guest to stop (``reason``), or for the answer that should have come long ago (no reason)."""
    referred = record.referred
    assert referred is not None
    draft.emit(
        ReferralCancelAsked(
            request_id=record.request_id,
            referral_id=referred.referral.referral_id,
            to=referred.to,
            reason=reason,
        )
    )


def asked_to_stop(draft: Draft, command: CancelReferral) -> None:
    """As a guest: stop and answer; a visit under way is finished all the same, and what is over is answered again."""
    request_id, referral_id = command.request_id, command.referral_id
    record = draft.zone.requests.get(request_id)
    if record is not None and record.referral is not None and record.referral.referral_id == referral_id:
        if record.state is RequestState.UNDER_WAY:
            raise Refused("under_way", "the visit has begun; it is finished and then answered")
        release(draft, request_id, command.reason or "cancelled")
        end(draft, request_id, RequestState.CANCELLED, command.reason or "cancelled")
        return
    closed = draft.zone.closed_referrals.get(referral_id)
    if command.origin is None:
        raise Refused("unknown_referral", "this zone never had that referral, or answered it before")
    draft.emit(
        ReferralEnded(
            request_id=request_id,
            referral_id=referral_id,
            origin=command.origin,
            result="cancelled" if closed is None else closed.result,
            reason=command.reason,
        )
    )
