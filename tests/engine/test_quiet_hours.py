"""Quiet hours and waking time on the zone's own wall clock."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.quiet_hours import after_waking, local_day, quiet_until, waking, waking_time
from schemas.zone import Policy
from tests.engine.builders import MONDAY, hours, minutes

POLICY = Policy()  # 21:00-08:00 in Shanghai, which is 13:00-00:00 UTC
MIDDAY_REST = Policy(quiet_start_min=12 * 60, quiet_end_min=14 * 60)
NEVER = Policy(quiet_start_min=0, quiet_end_min=0)
BERLIN = Policy(timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("policy", "moment", "until"),
    [
        (POLICY, MONDAY, None),
        (POLICY, MONDAY - timedelta(microseconds=1), MONDAY),
        (POLICY, MONDAY + hours(13), MONDAY + hours(24)),
        (POLICY, MONDAY + hours(13) - timedelta(microseconds=1), None),
        (MIDDAY_REST, MONDAY + hours(4), MONDAY + hours(6)),
        (MIDDAY_REST, MONDAY + hours(6), None),
        (NEVER, MONDAY + hours(15), None),
        # the night in which Berlin's clocks go back: quiet from 20:00 UTC to 07:00 UTC, an hour later than the day before
        (BERLIN, datetime(2026, 10, 24, 20, 0, tzinfo=UTC), datetime(2026, 10, 25, 7, 0, tzinfo=UTC)),
        (BERLIN, datetime(2026, 10, 23, 20, 0, tzinfo=UTC), datetime(2026, 10, 24, 6, 0, tzinfo=UTC)),
    ],
)
def test_quiet_hours_end_when_the_wall_clock_says(policy: Policy, moment: datetime, until: datetime | None) -> None:
    assert quiet_until(policy, moment) == until
    assert waking(policy, moment) == (until or moment)


def test_waking_time_stands_still_at_night() -> None:
    assert after_waking(POLICY, MONDAY + hours(12), hours(2)) == MONDAY + hours(25)
    assert after_waking(POLICY, MONDAY + hours(20), minutes(30)) == MONDAY + hours(24) + minutes(30)
    assert after_waking(POLICY, MONDAY, hours(13)) == MONDAY + hours(13)  # to the very end of the day
    assert after_waking(POLICY, MONDAY, hours(40)) == MONDAY + 3 * hours(24) + hours(1)  # 13 hours a day
    assert after_waking(NEVER, MONDAY, hours(40)) == MONDAY + hours(40)


@given(st.integers(0, 10_000), st.integers(1, 5_000), st.sampled_from([POLICY, MIDDAY_REST, BERLIN]))
def test_waking_time_adds_up_minute_by_minute(start: int, length: int, policy: Policy) -> None:
    moment = MONDAY + minutes(start)
    whole = after_waking(policy, moment, minutes(length))
    half = after_waking(policy, moment, minutes(length // 2))
    assert after_waking(policy, half, minutes(length - length // 2)) == whole
    assert quiet_until(policy, whole - timedelta(microseconds=1)) is None


@given(st.integers(0, 10_000), st.integers(0, 5_000), st.sampled_from([POLICY, MIDDAY_REST, BERLIN, NEVER]))
def test_waking_time_between_two_moments_is_what_stands_still_at_night(start: int, length: int, policy: Policy) -> None:
    moment = MONDAY + minutes(start)
    assert waking_time(policy, moment, after_waking(policy, moment, minutes(length))) == minutes(length)
    assert waking_time(policy, moment, moment - minutes(length)) == minutes(0)


def test_a_night_has_no_waking_time() -> None:
    assert waking_time(POLICY, MONDAY + hours(12), MONDAY + hours(25)) == hours(2)
    assert waking_time(POLICY, MONDAY + hours(13), MONDAY + hours(24)) == hours(0)
    assert waking_time(NEVER, MONDAY + hours(13), MONDAY + hours(24)) == hours(11)


def test_the_local_day_begins_at_local_midnight() -> None:
    assert local_day(POLICY, MONDAY) == MONDAY - hours(8)
    assert local_day(BERLIN, datetime(2026, 10, 25, 12, tzinfo=UTC)) == datetime(2026, 10, 24, 22, tzinfo=UTC)
