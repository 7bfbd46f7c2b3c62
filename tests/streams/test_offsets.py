from hypothesis import given
from hypothesis import strategies as st

from streams.offsets import InFlight


def test_nothing_is_committable_before_anything_was_delivered() -> None:
    assert InFlight().committable is None


def test_the_lowest_open_message_holds_the_commit_back() -> None:
    partition = InFlight()
    for offset in (10, 11, 12):
        partition.deliver(offset)
    partition.acknowledge(11)
    partition.acknowledge(12)
    assert partition.committable == 10  # stock Faust says 13
    partition.acknowledge(10)
    assert partition.committable == 13


def test_a_hole_in_the_offsets_needs_no_acknowledgement() -> None:
    partition = InFlight()
    for offset in (3, 7, 20):
        partition.deliver(offset)
    for offset in (3, 7):
        partition.acknowledge(offset)
    assert partition.committable == 20


def test_a_message_that_is_delivered_again_counts_again() -> None:
    partition = InFlight()
    for offset in (0, 1, 2):
        partition.deliver(offset)
        partition.acknowledge(offset)
    partition.deliver(1)
    assert partition.committable == 1


@given(st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=50), st.randoms(use_true_random=False))
def test_no_open_message_is_ever_below_what_may_be_committed(steps, order) -> None:
    offsets, at = [], 0
    for hole, acknowledged in steps:
        at += hole
        offsets.append((at, acknowledged))
    partition = InFlight()
    for offset, _ in offsets:
        partition.deliver(offset)
    acknowledged = [offset for offset, yes in offsets if yes]
    order.shuffle(acknowledged)
    for offset in acknowledged:
        partition.acknowledge(offset)
    still_open = [offset for offset, yes in offsets if not yes]
    assert partition.committable == (min(still_open) if still_open else at + 1 if offsets else None)
    assert len(partition) == len(still_open)
