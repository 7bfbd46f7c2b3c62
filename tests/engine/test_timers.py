"""Persistent timers: the first due is always known, and an older state keeps its own."""

from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from engine.timers import Timer, TimerKey, TimerKind, Timers
from tests.engine.builders import MONDAY

KEYS = st.tuples(st.sampled_from(list(TimerKind)), st.integers(0, 6).map(lambda n: UUID(int=n)))
DUES = st.none() | st.integers(0, 20).map(lambda n: MONDAY + timedelta(minutes=n))


@given(st.lists(st.dictionaries(KEYS, DUES, max_size=5), max_size=60))
def test_timers_behave_like_a_plain_table(steps: list[dict[TimerKey, object]]) -> None:
    timers, table = Timers(), {}
    for step in steps:
        before, was = timers, timers.first()
        timers = timers.updated(step)  # type: ignore[arg-type]
        table.update(step)
        table = {key: due for key, due in table.items() if due is not None}
        assert dict(timers.due) == table
        assert timers.first() == min((Timer(due, *key) for key, due in table.items()), default=None)  # type: ignore[arg-type]
        assert before.first() == was
        assert Timers.of(timers.due).first() == timers.first()


def test_timers_that_move_often_do_not_pile_up() -> None:
    timers, key = Timers(), (TimerKind.CUT_OFF, UUID(int=1))
    for n in range(2_000):
        timers = timers.updated({key: MONDAY + timedelta(seconds=2_000 - n)})
        assert timers.entries < 100


def test_draining_takes_timers_in_their_order() -> None:
    due = {(kind, UUID(int=n)): MONDAY + timedelta(minutes=n % 3) for n in range(5) for kind in TimerKind}
    timers = Timers().updated(dict(due))
    fired = []
    while (first := timers.first()) is not None:
        fired.append(first)
        timers = timers.updated({first.key: None})
    assert fired == sorted(fired)
    assert len(fired) == len(due)
