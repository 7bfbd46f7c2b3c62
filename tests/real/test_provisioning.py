"""Topics on a broker that makes none by itself."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient

from engine.ports import Unavailable
from streams.producer import BatchProducer
from streams.provisioning import provision
from streams.topics import Record, Topic, decode_headers, encode_headers

pytestmark = pytest.mark.real


def described(address: str) -> dict[str, tuple[int, int]]:
    """Partitions and replicas of every topic."""
    admin = KafkaAdminClient(bootstrap_servers=address)
    try:
        topics = admin.describe_topics([str(topic) for topic in Topic])
    finally:
        admin.close()
    return {
        topic["name"]: (len(topic["partitions"]), len(topic["partitions"][0]["replica_nodes"]))
        for topic in topics
        if topic["partitions"]
    }


def test_every_topic_is_made_once_with_the_partitions_that_were_asked_for(bare) -> None:
    assert set(provision(bare.address, partitions=3, replication=1)) == {str(topic) for topic in Topic}
    assert provision(bare.address, partitions=8, replication=1) == []
    assert described(bare.address) == {str(topic): (3, 1) for topic in Topic}


def test_more_replicas_than_brokers_are_refused(bare) -> None:
    with pytest.raises(Unavailable, match="fewer brokers"):
        provision(bare.address, partitions=1, replication=2)
    assert described(bare.address) == {}


async def test_what_is_published_is_consumed_byte_for_byte_in_order_within_a_zone(broker) -> None:
    records = [
        Record(f"zone-{n % 3}".encode(), b"%d" % n, encode_headers(id=str(n), type="t", source="/s", version=n))
        for n in range(300)
    ]
    producer = BatchProducer(broker.address)
    await producer.start()
    try:
        assert await producer.partitions(Topic.EVENTS) == 4
        await producer.send(Topic.EVENTS, records)
    finally:
        await producer.stop()
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, auto_offset_reset="earliest", group_id=None)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(Topic.EVENTS, n) for n in range(4)])
        seen = []
        while len(seen) < len(records):
            for batch in (await consumer.getmany(timeout_ms=5_000)).values():
                seen += batch
    finally:
        await consumer.stop()
    for zone in (b"zone-0", b"zone-1", b"zone-2"):
        sent = [(r.value, decode_headers(r.headers)) for r in records if r.key == zone]
        assert [(m.value, decode_headers(m.headers)) for m in seen if m.key == zone] == sent
    assert len({m.partition for m in seen if m.key == b"zone-0"}) == 1


async def test_a_topic_that_was_not_provisioned_takes_nothing(bare) -> None:
    producer = BatchProducer(bare.address)
    await producer.start()
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await producer.send("ningju.unheard-of", [Record(b"k", b"v")])
    finally:
        await producer.stop()
    admin = KafkaAdminClient(bootstrap_servers=bare.address)
    try:
        assert "ningju.unheard-of" not in admin.list_topics()
    finally:
        admin.close()
