"""When things are due: the cut-off of a visit, the expiry of an offer, and every timer of a request.

All of it is a function of state and policy, so timers need not be stored and change with the policy.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import lru_cache
from math import ceil

from engine.quiet_hours import after_waking, waking, waking_time
from engine.timers import TimerKind
from engine.zone import RequestRecord, VisitRecord, Zone
from schemas.request import Need, RequestState
from schemas.zone import Policy, ZoneConfig

ASK_AGAIN = timedelta(days=1)
"""How often an origin asks a guest that should have answered long ago."""

PATIENCE = 7
"""How many debounces a request waits for the matcher after its last change before it is referred by rule."""

NOTICE_AGAIN = timedelta(days=1)
"""In a window longer than the notice, more starts come within it as time goes by: the matcher is told once a day."""


@lru_cache(maxsize=1_024)
def seconds(amount: float) -> timedelta:
    """A duration of the wire."""
    return timedelta(seconds=amount)


def wakes(need: Need) -> bool:
    """Whether people may be asked about it at night."""
    return need.priority >= 5 or not need.quiet_hours


def askable(policy: Policy, need: Need, now: datetime) -> datetime:
    """First moment at or after ``now`` when somebody may be asked about this need."""
    return now if wakes(need) else waking(policy, now)


def search_time(policy: Policy, need: Need, since: datetime, until: datetime) -> timedelta:
    """How much of the time between two moments people may be asked in."""
    return max(timedelta(0), until - since) if wakes(need) else waking_time(policy, since, until)


def cut_off(policy: Policy, need: Need, since: datetime, start: datetime) -> datetime:
    """When the crew of a visit that starts at ``start`` must be complete.

    The default is ``policy.cut_off_s`` before the start. A search that began (``since``) when the start was near, or
    that a night lies in, would have no time at all, so then it is ``policy.cut_off_share`` of the time between that
    beginning and the start in which people may be asked.
    """
    return start - min(seconds(policy.cut_off_s), search_time(policy, need, since, start) * policy.cut_off_share)


def last_start(need: Need) -> datetime | None:
    """Latest start that fits a window, or nothing when no window is as long as the visit."""
    length = seconds(need.duration_s)
    return max((window.end - length for window in need.windows if window.length >= length), default=None)


def spare_until(policy: Policy, need: Need) -> datetime | None:
    """Latest start that leaves time to spare: who stays away is missed, and two more are asked after one another."""
    last = last_start(need)
    return None if last is None else last - 2 * (seconds(policy.check_in_grace_s) + seconds(policy.offer_expiry_s))


def earliest_start(policy: Policy, record: RequestRecord, now: datetime) -> datetime:
    """Earliest start, on a whole second, whose crew can still be asked in waking hours and before its cut-off."""
    assert record.need is not None
    by = askable(policy, record.need, now) + seconds(policy.offer_expiry_min_s)
    share = policy.cut_off_share
    stretched = by + search_time(policy, record.need, record.since, by) * (share / (1 - share))
    moment = min(by + seconds(policy.cut_off_s), stretched)
    return moment.replace(microsecond=0) + seconds(1 if moment.microsecond else 0)


def next_start(policy: Policy, record: RequestRecord, now: datetime, after: datetime | None = None) -> datetime | None:
    """Earliest possible start inside a window, not before ``after``; nothing when time has run out."""
    need = record.need
    assert need is not None
    earliest = earliest_start(policy, record, now)
    if after is not None:
        earliest = max(earliest, after)
    length = seconds(need.duration_s)
    starts = (
        max(window.start, earliest) for window in need.windows if max(window.start, earliest) + length <= window.end
    )
    return min(starts, default=None)


def offer_expiry(policy: Policy, need: Need, now: datetime, by: datetime) -> datetime:
    """When an offer made now expires.

    ``policy.offer_expiry_s`` of waking time, a third of the time to the cut-off ``by`` when that is shorter, never less
    than ``policy.offer_expiry_min_s``, and never later than the cut-off.
    """
    third = ceil((by - now).total_seconds() / 3)
    length = seconds(max(policy.offer_expiry_min_s, min(policy.offer_expiry_s, third)))
    return min(by, now + length if wakes(need) else after_waking(policy, now, length))


def elsewhere(zone: Zone, record: RequestRecord) -> bool:
    """Whether the catalogue has zones of another level serve this."""
    item = zone.service_types.get(record.spec.service_type)
    return item is not None and zone.config is not None and not record.guest and _elsewhere(zone.config, item.served_at)


def _elsewhere(config: ZoneConfig, served_at: str | None) -> bool:
    return served_at not in (None, config.level)


def hops(config: ZoneConfig, policy: Policy, tried: Collection[str], *, served_at: str | None) -> tuple[str, ...]:
    """Zones that a request may be referred to: the parent first, then siblings in order, each once, within the policy's hops.

    What another level serves is not asked of the siblings, who are of this level.
    """
    if len(tried) >= policy.referral_hops:
        return ()
    upwards = config.parent is not None and _elsewhere(config, served_at)
    among = (config.parent, *(() if upwards else config.siblings))
    return tuple(hop for hop in among if hop is not None and hop != config.id and hop not in tried)


def open_hops(zone: Zone, record: RequestRecord) -> tuple[str, ...]:
    """Zones that this request may still be referred to; a guest answers its origin instead."""
    item = zone.service_types.get(record.spec.service_type)
    if zone.config is None or record.guest:
        return ()
    return hops(zone.config, zone.policy, record.tried, served_at=None if item is None else item.served_at)


def next_hop(zone: Zone, record: RequestRecord) -> str | None:
    """Zone that the request is referred to by itself, if one is left."""
    return next(iter(open_hops(zone, record)), None)


def guest_overdue(policy: Policy, need: Need) -> datetime:
    """When any guest must have answered: its last visit has ended by rule and its graces are over."""
    slack = policy.last_window_grace_s + 2 * policy.finish_grace_s + 3_600
    return max(window.end for window in need.windows) + seconds(slack)


def deadlines(zone: Zone, record: RequestRecord) -> dict[TimerKind, datetime]:
    """Every timer of a request: when each is due, if it is set at all."""
    policy, need, visit = zone.policy, record.need, record.visit
    if record.state is RequestState.DONE and record.ended_at is not None:
        return {TimerKind.RATING: record.ended_at + seconds(policy.rating_window_s)}
    if need is None or record.state.ended:
        return {}
    if record.referred is not None:
        return {TimerKind.ASK_GUEST: guest_overdue(policy, need) + ASK_AGAIN * record.referred.asks}
    due: dict[TimerKind, datetime] = {}
    if not record.guest and record.first_offer_at is None and "response_overdue" not in record.alarms:
        due[TimerKind.RESPONSE] = need.respond_by
    if visit is None or not visit.complete:
        due[TimerKind.LAST_WINDOW] = max(window.end for window in need.windows) + seconds(policy.last_window_grace_s)
        if record.referral is not None and (visit is None or not visit.occupied):
            due[TimerKind.REFERRAL_EXPIRY] = record.referral.expires_at
    if visit is not None:
        _visit_deadlines(policy, record, need, visit, due)
    elif record.state is RequestState.QUEUED:
        if (notice := _next_notice(record, need)) is not None:
            due[TimerKind.NOTICE] = notice
        if "needs_operator" not in record.alarms and next_hop(zone, record) is not None:
            due[TimerKind.REFER] = _referral_due(policy, record, need)
    return due


def _referral_due(policy: Policy, record: RequestRecord, need: Need) -> datetime:
    """When a request that nobody is asked for is referred.

    ``policy.referral_share`` of the time from when people may be asked until the last start must be over, and the
    matcher must have had ``PATIENCE`` times its debounce of waking time since the request last changed: while there is
    somebody here to ask, the request stays.
    """
    begin = max(record.created_at, min(window.start for window in need.windows) - seconds(need.notice_s))
    last = last_start(need) or begin
    share = begin + max(timedelta(0), (last - begin) * policy.referral_share)
    patience = seconds(PATIENCE * policy.debounce_s)
    if wakes(need):
        return max(share, record.updated_at + patience)
    return max(waking(policy, share), after_waking(policy, record.updated_at, patience))


def _visit_deadlines(
    policy: Policy, record: RequestRecord, need: Need, visit: VisitRecord, due: dict[TimerKind, datetime]
) -> None:
    if not visit.complete:
        if visit.pinned and {"crew_incomplete", "needs_operator"}.issubset(record.alarms):
            return  # it stays, and an operator knows
        due[TimerKind.CUT_OFF] = cut_off(policy, need, record.since, visit.window.start)
    elif not visit.begun:
        stage = 2 if "check_in_overdue" in record.alarms else 1
        due[TimerKind.CHECK_IN] = visit.window.start + stage * seconds(policy.check_in_grace_s)
    else:
        stage = 2 if "finish_overdue" in record.alarms else 1
        due[TimerKind.FINISH] = visit.window.end + stage * seconds(policy.finish_grace_s)


def _next_notice(record: RequestRecord, need: Need) -> datetime | None:
    """When the next possible start comes within the notice horizon."""
    notice, length = seconds(need.notice_s), seconds(need.duration_s)
    last = record.noticed_at or record.created_at
    found: datetime | None = None
    for window in need.windows:
        first, final = window.start - notice, window.end - length - notice
        if first <= last:
            first += NOTICE_AGAIN * ((last - first) // NOTICE_AGAIN + 1)
        if first <= final or first == window.start - notice:
            found = first if found is None else min(found, first)
    return found
