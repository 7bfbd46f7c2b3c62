"""Visits that can wait for no single answer: somebody else is asked as well, and the first yes takes the seat."""

from datetime import datetime

from engine.deadlines import askable, cut_off, earliest_start, last_start, seconds
from engine.zone import ASKED_KEPT, RequestRecord, Seat, Zone

TOGETHER = 2
"""How many people are asked for one seat at a time, at most."""

KEPT = 2
"""Who may be asked so many times more this week, or fewer, is not asked as well: two of three such questions are in vain."""


def second_ask_at(zone: Zone, record: RequestRecord, seat: Seat) -> datetime | None:
    """When somebody else may be asked for an offered seat as well; nothing where one at a time has to do.

    That is what is urgent, and any offer after which nobody else could be asked. An answer is waited for first, unless
    that would leave no time to ask before the cut-off.
    """
    policy, need, visit = zone.policy, record.need, record.visit
    if need is None or visit is None or visit.pinned or seat.offer_id is None or len(seat.asked) >= TOGETHER:
        return None
    last = last_start(need)
    if last is None:
        return None
    offer = max((zone.offers[offer_id] for _, offer_id in seat.asked), key=lambda offer: offer.offered_at)
    asked_at = offer.offered_at
    if need.priority >= policy.second_ask_priority:
        hurry = last - seconds(policy.second_ask_within_s)
    elif earliest_start(policy, record, offer.expires_at) > last:
        hurry = asked_at
    else:
        return None
    wait = asked_at + seconds(policy.second_ask_after_s)
    if wait + seconds(policy.offer_expiry_min_s) > cut_off(policy, need, record.since, visit.window.start):
        wait = asked_at
    due = max(askable(policy, need, max(wait, hurry)), asked_at)
    return due if due < last else None


def open_again(zone: Zone, record: RequestRecord, now: datetime) -> tuple[int, ...]:
    """Offered seats for which somebody else may be asked as well by now."""
    if record.visit is None:
        return ()
    return tuple(
        index
        for index, seat in enumerate(record.visit.seats)
        if (due := second_ask_at(zone, record, seat)) is not None and due <= now
    )


def kept_back(zone: Zone, now: datetime) -> tuple[str, ...]:
    """People who are not asked as well, for they are needed when nobody else is left to ask."""
    since = now - ASKED_KEPT
    return tuple(
        name
        for name, person in zone.volunteers.items()
        if person.offers_per_week - zone.asked_since(name, since) <= KEPT
    )


def next_second_ask(zone: Zone, now: datetime) -> datetime | None:
    """When the next seat may be offered to somebody else as well."""
    found = (
        second_ask_at(zone, record, seat)
        for record in zone.requests.values()
        if record.visit is not None
        for seat in record.visit.seats
        if seat.offer_id is not None
    )
    return min((due for due in found if due is not None and due > now), default=None)
