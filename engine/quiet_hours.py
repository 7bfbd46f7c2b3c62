"""Quiet hours and the local day: when nobody is asked, and when expiries stand still."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.zone import Policy

DAY_MIN = 1_440


class Hours(NamedTuple):
    """What of a policy says when people sleep."""

    timezone: str
    quiet_start_min: int
    quiet_end_min: int


@lru_cache(maxsize=64)
def local_zone(name: str) -> ZoneInfo:
    """Time zone by its IANA name.

    Raises
    ------
    zoneinfo.ZoneInfoNotFoundError
        When there is none of that name.
    """
    return ZoneInfo(name)


def local(policy: Policy | Hours, moment: datetime) -> datetime:
    """The moment on the zone's wall clock."""
    return moment.astimezone(local_zone(policy.timezone))


def local_day(policy: Policy, moment: datetime) -> datetime:
    """Start of the local day that holds ``moment``, in UTC."""
    return local(policy, moment).replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)


def at_minute(policy: Policy | Hours, day: datetime, minute: int, days: int = 0) -> datetime:
    """The moment at a minute of the local day that holds ``day`` or comes ``days`` after it, in UTC."""
    midnight = local(policy, day).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return (midnight + timedelta(days=days, minutes=minute)).astimezone(UTC)


def quiet_until(policy: Policy | Hours, moment: datetime) -> datetime | None:
    """When the quiet hours that hold ``moment`` end, or nothing when it is not in any."""
    start, end = policy.quiet_start_min, policy.quiet_end_min
    if start == end:
        return None
    wall = local(policy, moment)
    minute = wall.hour * 60 + wall.minute
    if start < end:
        return at_minute(policy, moment, end) if start <= minute < end else None
    if minute >= start:
        return at_minute(policy, moment, end, days=1)
    return at_minute(policy, moment, end) if minute < end else None


def waking(policy: Policy | Hours, moment: datetime) -> datetime:
    """First moment at or after ``moment`` when people may be asked."""
    return quiet_until(policy, moment) or moment


def next_quiet(policy: Policy | Hours, moment: datetime) -> datetime | None:
    """When the next quiet hours after a waking ``moment`` begin, or nothing when there are none."""
    if policy.quiet_start_min == policy.quiet_end_min:
        return None
    today = at_minute(policy, moment, policy.quiet_start_min)
    return today if today > moment else at_minute(policy, moment, policy.quiet_start_min, days=1)


def after_waking(policy: Policy, moment: datetime, length: timedelta) -> datetime:
    """When ``length`` of waking time has gone by since ``moment``: time stands still in quiet hours."""
    moment = waking(policy, moment)
    while (quiet := next_quiet(policy, moment)) is not None and moment + length > quiet:
        length -= quiet - moment
        moment = waking(policy, quiet)
    return moment + length


def waking_time(policy: Policy, begin: datetime, end: datetime) -> timedelta:
    """How much waking time lies between two moments; none when the second is the earlier one."""
    return _waking_time(Hours(policy.timezone, policy.quiet_start_min, policy.quiet_end_min), begin, end)


@lru_cache(maxsize=8_192)
def _waking_time(hours: Hours, begin: datetime, end: datetime) -> timedelta:
    """Remembered, for every event of a request asks the same again."""
    total = timedelta(0)
    moment = waking(hours, begin)
    while moment < end:
        quiet = next_quiet(hours, moment)
        if quiet is None or quiet >= end:
            return total + (end - moment)
        total += quiet - moment
        moment = waking(hours, quiet)
    return total
