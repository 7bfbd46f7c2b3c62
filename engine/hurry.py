"""Visits that can wait for no single answer: somebody else is asked as well, and the first yes takes the seat."""

from datetime import datetime

from engine.deadlines import askable, last_start, seconds
from engine.zone import RequestRecord, Seat, Zone

TOGETHER = 2
"""How many people are asked for one seat at a time, at most."""


def second_ask_at(zone: Zone, record: RequestRecord, seat: Seat) -> datetime | None:
    """When somebody else may be asked for an offered seat as well; nothing where one at a time has to do."""
    policy, need = zone.policy, record.need
    if need is None or seat.offer_id is None or len(seat.asked) >= TOGETHER:
        return None
    last = last_start(need)
    if last is None or need.priority < policy.second_ask_priority:
        return None
    asked_at = max(zone.offers[offer_id].offered_at for _, offer_id in seat.asked)
    hurry = last - seconds(policy.second_ask_within_s)
    due = max(askable(policy, need, max(asked_at + seconds(policy.second_ask_after_s), hurry)), asked_at)
    return due if due < last else None


def open_again(zone: Zone, record: RequestRecord, now: datetime) -> tuple[int, ...]:
    """Offered seats for which somebody else may be asked as well by now."""
    if record.visit is None or record.visit.begun:
        return ()
    return tuple(
        index
        for index, seat in enumerate(record.visit.seats)
        if (due := second_ask_at(zone, record, seat)) is not None and due <= now
    )


def next_second_ask(zone: Zone, now: datetime) -> datetime | None:
    """When the next seat may be offered to somebody else as well."""
    found = (
        second_ask_at(zone, record, seat)
        for record in zone.requests.values()
        if record.visit is not None and not record.visit.begun
        for seat in record.visit.seats
        if seat.offer_id is not None
    )
    return min((due for due in found if due is not None and due > now), default=None)
