"""What happens when a timer is due. Every firing changes what set the timer: none fires twice for the same cause."""

from datetime import datetime

from engine.decide.crews import end, finish, give_up, postpone, release, settle, vacate, visit_of
from engine.decide.draft import Draft, Fact
from engine.decide.referrals import ask_guest, refer
from engine.timers import Timer, TimerKind
from engine.zone import RequestRecord, Zone
from schemas.base import derive_id
from schemas.events import AlarmRaised, NoticeReached, OfferEnded, RatingClosed
from schemas.request import RequestState


def fire(zone: Zone, timer: Timer, now: datetime) -> tuple[Fact, ...]:
    """Decide what a due timer means.

    Parameters
    ----------
    now
        The later of the zone's clock and the timer's due time.
    """
    draft = Draft(zone, now, derive_id("timer", timer.kind.name, timer.id, timer.due))
    if timer.kind is TimerKind.OFFER_EXPIRY:
        _offer_expired(draft, timer)
    else:
        record = zone.record(timer.id)
        assert record is not None
        _request_due(draft, timer.kind, record)
    return tuple(draft.facts)


def _offer_expired(draft: Draft, timer: Timer) -> None:
    offer = draft.zone.offers[timer.id]
    draft.emit(
        OfferEnded(
            request_id=offer.request_id,
            offer_id=offer.offer_id,
            seat=offer.seat,
            volunteer=offer.volunteer,
            how="expired",
            reason="no answer",
        )
    )
    settle(draft, offer.request_id, "expired")


def _request_due(draft: Draft, kind: TimerKind, record: RequestRecord) -> None:
    request_id = record.request_id
    match kind:
        case TimerKind.RESPONSE:
            draft.emit(AlarmRaised(request_id=request_id, alarm="response_overdue"))
        case TimerKind.NOTICE:
            draft.emit(NoticeReached(request_id=request_id))
        case TimerKind.CUT_OFF:
            if "crew_incomplete" not in record.alarms:
                draft.emit(AlarmRaised(request_id=request_id, alarm="crew_incomplete"))
            if record.visit is not None and record.visit.pinned:
                if "needs_operator" not in record.alarms:
                    draft.emit(AlarmRaised(request_id=request_id, alarm="needs_operator"))
            elif not postpone(draft, record):
                give_up(draft, request_id, "crew_incomplete")
        case TimerKind.CHECK_IN:
            _nobody_came(draft, record)
        case TimerKind.FINISH:
            if "finish_overdue" not in record.alarms:
                draft.emit(AlarmRaised(request_id=request_id, alarm="finish_overdue"))
            else:
                finish(draft, request_id, confirmed=False)
        case TimerKind.REFERRAL_EXPIRY:
            release(draft, request_id, "referral_expired")
            end(draft, request_id, RequestState.UNSERVED, "referral_expired")
        case TimerKind.REFER:
            if not refer(draft, request_id):
                draft.emit(AlarmRaised(request_id=request_id, alarm="needs_operator"))
        case TimerKind.LAST_WINDOW:
            release(draft, request_id, "last_window")
            end(draft, request_id, RequestState.UNSERVED, _why_unserved(record))
        case TimerKind.ASK_GUEST:
            assert record.referred is not None
            if "needs_operator" not in record.alarms:
                draft.emit(AlarmRaised(request_id=request_id, alarm="needs_operator"))
            ask_guest(draft, record, record.referred.cancel or "")
        case TimerKind.RATING:
            draft.emit(RatingClosed(request_id=request_id))
        case TimerKind.OFFER_EXPIRY:  # pragma: no cover
            raise AssertionError("offers expire above")


def _nobody_came(draft: Draft, record: RequestRecord) -> None:
    """First an alarm; if nobody answers it, the whole crew counts as not having come."""
    request_id = record.request_id
    if "check_in_overdue" not in record.alarms:
        draft.emit(AlarmRaised(request_id=request_id, alarm="check_in_overdue"))
        return
    for seat in range(len(visit_of(draft, request_id).seats)):
        vacate(draft, request_id, seat, "no_show", "nobody checked in")
    settle(draft, request_id, "no_show")


def _why_unserved(record: RequestRecord) -> str:
    if record.state is RequestState.RECEIVED:
        return "not_triaged"
    return "nobody_accepted" if record.offers else "nobody_asked"
