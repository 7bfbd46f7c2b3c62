import pytest
from faust.types import TP

from streams.watchdog import Mark, Stalled, Watchdog

PARTITION = TP("t", 0)


def test_lag_without_a_commit_ends_in_an_error_that_names_the_partition() -> None:
    watchdog = Watchdog(10)
    watchdog.observe(0, {PARTITION: Mark(5, 9)})
    watchdog.observe(9, {PARTITION: Mark(5, 30)})
    with pytest.raises(Stalled) as stall:
        watchdog.observe(11, {PARTITION: Mark(5, 30)})
    assert stall.value.partition == PARTITION


def test_progress_however_slow_is_no_stall() -> None:
    watchdog = Watchdog(10)
    for second in range(0, 100, 5):
        watchdog.observe(second, {PARTITION: Mark(second, 1_000)})


def test_a_partition_that_is_consumed_to_its_end_may_stay_so() -> None:
    watchdog = Watchdog(10)
    for second in range(0, 100, 5):
        watchdog.observe(second, {PARTITION: Mark(7, 7)})


def test_a_broker_that_does_not_answer_is_a_stall_too() -> None:
    watchdog = Watchdog(10)
    watchdog.observe(0, None)
    watchdog.observe(5, {})
    watchdog.observe(6, None)
    watchdog.observe(16, None)
    with pytest.raises(Stalled) as stall:
        watchdog.observe(17, None)
    assert stall.value.partition is None


def test_what_is_forgiven_counts_anew() -> None:
    watchdog = Watchdog(10)
    watchdog.observe(0, {PARTITION: Mark(5, 9)})
    watchdog.forgive()
    watchdog.observe(11, {PARTITION: Mark(5, 9)})
    watchdog.observe(20, {PARTITION: Mark(5, 9)})
    with pytest.raises(Stalled):
        watchdog.observe(22, {PARTITION: Mark(5, 9)})
