"""Persistent timers: the first due is always known, and an older state keeps its own."""

from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from engine.timers import NONE, Timer, TimerKind, Timers
from tests.engine.builders import MONDAY

OWNERS = st.integers(0, 6).map(lambda n: UUID(int=n))
DUES = st.dictionaries(st.sampled_from(list(TimerKind)), st.integers(0, 20), max_size=3)


def timer(owner: UUID, kind: TimerKind, minute: int) -> Timer:
    return Timer.at(MONDAY + timedelta(minutes=minute), kind, owner)


@given(st.lists(st.tuples(OWNERS, DUES), max_size=60))
def test_timers_behave_like_a_plain_table(steps: list[tuple[UUID, dict[TimerKind, int]]]) -> None:
    timers, table = Timers(), {}
    for owner, dues in steps:
        before, was = timers, timers.first()
        table[owner] = tuple(timer(owner, kind, minute) for kind, minute in dues.items())
        timers = timers.updated(owner, table[owner])
        there = sorted(one for mine in table.values() for one in mine)
        assert sorted(one for mine in timers.of.values() for one in mine) == there
        assert timers.first() == (there[0] if there else None)
        assert all(timers.is_set(one) for one in there)
        assert before.first() == was
        assert Timers.build(timers.of).first() == timers.first()


def test_timers_that_move_often_do_not_pile_up() -> None:
    timers, owner = Timers(), UUID(int=1)
    for n in range(2_000):
        timers = timers.updated(owner, (timer(owner, TimerKind.CUT_OFF, 2_000 - n),))
        assert timers.entries < 100


def test_draining_takes_timers_in_their_order() -> None:
    timers = Timers()
    for owner in [UUID(int=n) for n in range(5)]:
        timers = timers.updated(owner, tuple(timer(owner, kind, owner.int % 3) for kind in TimerKind))
    fired = []
    while (first := timers.first()) is not None:
        fired.append(first)
        timers = timers.updated(first.id, tuple(one for one in timers.of.get(first.id, NONE) if one != first))
    assert fired == sorted(fired)
    assert len(fired) == 5 * len(TimerKind)
