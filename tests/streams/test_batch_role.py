"""What a role straight from aiokafka keeps of the hardened driver's promises."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from engine.ports import Unavailable
from streams.apps import Connection
from streams.batch_role import BatchRole
from streams.watchdog import Stalled

PARTITION = TopicPartition("t", 0)


class Hand:
    """Deals with batches when it may, and remembers what it was given and what it has dealt with."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.may.set()
        self.given: list[bytes] = []
        self.done: list[bytes] = []
        self.fails_on: bytes | None = None

    async def __call__(self, batch) -> None:
        self.given += [message.value for message in batch]
        await self.may.wait()
        for message in batch:
            if message.value == self.fails_on:
                raise LookupError("a defect")
            self.done.append(message.value)


def role(address: str, hand: Hand, *, size: int = 10, **tuning) -> BatchRole:
    connection = Connection(address, fetch_max_wait_ms=10, commit_s=0.1, **tuning)
    return BatchRole("zones", connection, "t", hand, size=size)


@asynccontextmanager
async def running(*roles: BatchRole):
    try:
        for one in roles:
            await one.start()
        yield
    finally:
        for one in roles:
            await one.stop()


async def until(condition, timeout=60.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.02)


async def committed(address: str, partition: TopicPartition = PARTITION) -> int | None:
    consumer = AIOKafkaConsumer(bootstrap_servers=address, group_id="ningju-zones", enable_auto_commit=False)
    await consumer.start()
    try:
        return await consumer.committed(partition)
    finally:
        await consumer.stop()


async def fill(producer: AIOKafkaProducer, *numbers: int, partition: int = 0) -> list[bytes]:
    for n in numbers:
        await producer.send_and_wait("t", b"%d" % n, key=b"k", partition=partition)
    return [b"%d" % n for n in numbers]


async def test_nothing_is_committed_before_it_is_dealt_with_and_all_of_it_after(broker, producer) -> None:
    sent = await fill(producer, 0, 1, 2)
    hand = Hand()
    hand.may.clear()
    async with running(role(broker.address, hand)):
        await until(lambda: hand.given)
        await asyncio.sleep(0.3)  # three times the interval of commits
        assert not await committed(broker.address)
        hand.may.set()
        await until(lambda: hand.done == sent)
        async with asyncio.timeout(20):
            while await committed(broker.address) != 3:
                await asyncio.sleep(0.05)


async def test_batches_are_no_larger_than_told_and_come_in_order(broker, producer) -> None:
    sent = await fill(producer, *range(25))
    hand, sizes = Hand(), []

    async def handle(batch) -> None:
        sizes.append(len(batch))
        await hand(batch)

    async with running(role(broker.address, handle)):
        await until(lambda: len(hand.done) == len(sent))
    assert hand.done == sent
    assert max(sizes) <= 10


async def test_an_error_acknowledges_nothing_of_its_batch_ends_the_role_and_the_next_one_gets_it_again(
    broker, producer, monkeypatch
) -> None:
    monkeypatch.setattr(
        "streams.batch_role.SESSION_S", 6.0
    )  # so long the next one waits for its seat; Kafka allows no less
    await fill(producer, 0, 1, 2)
    hand = Hand()
    hand.fails_on = b"1"
    one = role(broker.address, hand, size=1)
    async with running(one):
        with pytest.raises(LookupError, match="a defect"):
            await asyncio.wait_for(one.until_ended(), 40)
    assert await committed(broker.address) == 1
    monkeypatch.undo()
    again = Hand()
    async with running(role(broker.address, again)):
        await until(lambda: again.done == [b"1", b"2"])


async def test_a_stop_lets_the_batch_in_hand_end_and_commits_it(broker, producer) -> None:
    sent = await fill(producer, 0)
    hand = Hand()
    hand.may.clear()
    one = role(broker.address, hand)
    await one.start()
    ended = asyncio.create_task(one.until_ended())
    await until(lambda: hand.given == sent)
    stopping = asyncio.create_task(one.stop())
    await asyncio.sleep(0.1)
    assert not stopping.done()
    hand.may.set()
    await asyncio.wait_for(stopping, 60)
    await asyncio.wait_for(ended, 60)  # no error: it was stopped
    assert hand.done == sent
    assert await committed(broker.address) == 1


async def test_a_stop_does_not_wait_for_ever_and_what_was_in_hand_comes_again(broker, producer, monkeypatch) -> None:
    monkeypatch.setattr("streams.batch_role.LEAVE_S", 0.2)
    monkeypatch.setattr(
        "streams.batch_role.SESSION_S", 6.0
    )  # so long the next one waits for its seat; Kafka allows no less
    sent = await fill(producer, 0)
    hand = Hand()
    hand.may.clear()
    one = role(broker.address, hand)
    await one.start()
    await until(lambda: hand.given)
    await asyncio.wait_for(one.stop(), 60)
    assert not await committed(broker.address)
    monkeypatch.undo()
    again = Hand()
    async with running(role(broker.address, again)):
        await until(lambda: again.done == sent)


async def test_one_that_gets_nowhere_ends_unless_there_is_a_known_reason(broker, producer) -> None:
    await fill(producer, 0)
    hand = Hand()
    hand.may.clear()
    one = role(broker.address, hand, watchdog_s=0.4)
    excused = True
    one.excuse = lambda: excused
    async with running(one):
        await until(lambda: hand.given)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(one.until_ended(), 1.5)
        excused = False
        with pytest.raises(Stalled) as stall:
            await asyncio.wait_for(one.until_ended(), 40)
        assert stall.value.partition == PARTITION
        hand.may.set()


async def test_a_broker_that_is_gone_ends_the_role(broker, producer) -> None:
    await fill(producer, 0)
    hand = Hand()
    one = role(broker.address, hand, watchdog_s=1.0)
    async with running(one):
        await until(lambda: hand.done)
        broker.stop()
        with pytest.raises(Stalled):
            await asyncio.wait_for(one.until_ended(), 40)


async def test_a_broker_that_was_never_there_is_named(broker) -> None:
    address = broker.address
    broker.stop()
    with pytest.raises(Unavailable, match=address):
        await role(address, Hand()).start()
