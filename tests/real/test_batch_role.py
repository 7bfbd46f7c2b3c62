"""A role straight from aiokafka on a real Kafka: the same tests as on the embedded broker, and members that share.

The embedded broker refuses a second member now and then, and takes no commits while a group changes.
"""

import pytest
from aiokafka import TopicPartition

from streams.apps import Connection
from streams.batch_role import BatchRole
from tests.streams.test_batch_role import (  # noqa: F401 - collected here once more, with this folder's broker
    Hand,
    committed,
    fill,
    role,
    running,
    test_a_stop_does_not_wait_for_ever_and_what_was_in_hand_comes_again,
    test_a_stop_lets_the_batch_in_hand_end_and_commits_it,
    test_an_error_acknowledges_nothing_of_its_batch_ends_the_role_and_the_next_one_gets_it_again,
    test_batches_are_no_larger_than_told_and_come_in_order,
    test_nothing_is_committed_before_it_is_dealt_with_and_all_of_it_after,
    test_one_that_gets_nowhere_ends_unless_there_is_a_known_reason,
    until,
)

pytestmark = pytest.mark.real


def apart(one: BatchRole, two: BatchRole) -> bool:
    return bool(one.assignment and two.assignment and not one.assignment & two.assignment)


async def test_two_members_share_the_partitions_and_lose_nothing_when_one_joins_and_leaves(broker, producer) -> None:
    parts = sorted(await producer.partitions_for("t"))
    assert len(parts) > 1
    first, second = Hand(), Hand()
    one, two = role(broker.address, first), role(broker.address, second)
    sent: list[bytes] = []

    async def send(start: int) -> None:
        for n in range(start, start + 40):
            sent.extend(await fill(producer, n, partition=parts[n % len(parts)]))

    async with running(one):
        await until(lambda: len(one.assignment) == len(parts))
        await send(0)
        async with running(two):
            await send(40)
            await until(lambda: apart(one, two))
            await send(80)
            await until(lambda: set(first.done) | set(second.done) == set(sent))
            assert second.done
        await send(120)
        await until(lambda: set(first.done) | set(second.done) == set(sent))
    for part in parts:
        mine = [value for value in sent if parts[int(value) % len(parts)] == part]
        assert await committed(broker.address, TopicPartition("t", part)) == len(mine)


async def test_a_member_commits_what_it_has_dealt_with_before_another_takes_over(broker, producer) -> None:
    sent = [value for part in range(4) for value in await fill(producer, part, part + 4, partition=part)]
    first, second = Hand(), Hand()
    connection = Connection(broker.address, fetch_max_wait_ms=10, commit_s=3_600)  # by time it never would
    one, two = (BatchRole("zones", connection, "t", hand, size=10) for hand in (first, second))
    async with running(one):
        await until(lambda: sorted(first.done) == sorted(sent))
        async with running(two):
            await until(lambda: apart(one, two))
            late = await fill(producer, 8, partition=min(two.assignment).partition)
            await until(lambda: second.done)
            assert second.given == late
