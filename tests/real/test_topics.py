"""Topics are made, compared and mended; what would break a zone's order is refused at the start."""

import asyncio
import json

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

import streams.producer
from engine.ports import Unavailable
from ningju.cli.app import run
from ningju.ledger.memory import MemoryStore
from streams.apps import Connection
from streams.pipeline import Pipeline, Role
from streams.provisioning import RETENTION, Wanted, check, ensure, provision, renew
from streams.topics import Disordered, Topic
from tests.streams.builders import Counting, StillClock

pytestmark = pytest.mark.real

ONE = Wanted(replication=1)


def settings_of(address: str, topic: str) -> dict[str, str]:
    admin = KafkaAdminClient(bootstrap_servers=address)
    try:
        asked = ConfigResource(ConfigResourceType.TOPIC, topic)
        found = admin.describe_configs([asked], config_filter="all")["topic"][topic]
    finally:
        admin.close()
    return {key: value["value"] for key, value in found.items()}


def change(address: str, topic: str, **configs: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=address)
    try:
        named = {key.replace("_", "."): value for key, value in configs.items()}
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, named)])
    finally:
        admin.close()


def test_what_is_made_is_as_it_should_be_and_making_it_again_changes_nothing(bare) -> None:
    assert {fault.what for fault in check(bare.address, ONE)} == {"is missing"}
    done, faults = ensure(bare.address, ONE)
    assert len(done) == len(Topic)
    assert faults == []
    assert ensure(bare.address, ONE) == ([], [])
    assert check(bare.address, ONE) == []
    for topic in Topic:
        found = settings_of(bare.address, topic)
        assert found["retention.ms"] == str(int(RETENTION[topic].total_seconds() * 1_000))
        assert found["unclean.leader.election.enable"] == "false"
        assert found["cleanup.policy"] == "delete"


def test_settings_that_differ_are_named_and_set_and_others_left_alone(bare) -> None:
    ensure(bare.address, ONE)
    change(bare.address, Topic.REQUESTS, retention_ms="1000", compression_type="lz4")
    (fault,) = check(bare.address, ONE)
    assert (fault.topic, fault.what) == (Topic.REQUESTS, "has retention.ms=1000")
    done, faults = ensure(bare.address, ONE)
    assert (len(done), faults) == (1, [])
    assert settings_of(bare.address, Topic.REQUESTS)["compression.type"] == "lz4"


def test_too_few_copies_and_another_number_of_partitions_are_faults_that_nobody_mends_silently(bare) -> None:
    ensure(bare.address, Wanted(partitions=3, replication=1))
    assert check(bare.address, ONE) == []
    assert [fault.what for fault in check(bare.address, Wanted(6, 1))] == ["have 3 partitions instead of 6"]
    copies = [fault for fault in check(bare.address, Wanted(replication=3)) if "copies" in fault.what]
    assert [fault.what for fault in copies] == ["has 1 copies instead of 3"] * len(Topic)
    with pytest.raises(Unavailable, match="fewer brokers than copies"):
        renew(bare.address, Wanted(replication=3))


def test_topics_of_different_partitions_are_refused_by_the_command_and_say_what_to_do(bare, capsys) -> None:
    provision(bare.address, partitions=3, replication=1, names=[Topic.EVENTS])
    provision(bare.address, partitions=4, replication=1)
    assert run(["topics", "ensure", "--broker", bare.address, "--replication", "1", "--json"]) == 3
    (fault,) = json.loads(capsys.readouterr().out)["faults"]
    assert "different numbers of partitions" in fault["what"]
    assert "stop all roles" in fault["cure"]
    assert run(["topics", "check", "--broker", bare.address, "--replication", "1"]) == 3


def pipeline(address: str) -> Pipeline:
    store = MemoryStore(StillClock())
    return Pipeline(store, Connection(address), logic=Counting(), roles=[Role.ZONES])


async def test_no_role_starts_on_topics_that_break_the_order_of_a_zone(bare) -> None:
    provision(bare.address, partitions=3, replication=1, names=[Topic.EVENTS])
    provision(bare.address, partitions=4, replication=1)
    with pytest.raises(Disordered, match="ningju topics check"):
        await pipeline(bare.address).run()


async def test_no_role_starts_without_topics_and_it_says_how_to_make_them(bare, monkeypatch) -> None:
    monkeypatch.setattr(streams.producer, "FOUND_S", 1.0)
    with pytest.raises(Unavailable, match="ningju topics ensure"):
        await pipeline(bare.address).run()


async def test_commands_and_events_are_emptied_and_requests_kept(broker, producer) -> None:
    for topic in (Topic.REQUESTS, Topic.COMMANDS, Topic.EVENTS):
        await producer.send_and_wait(topic, b"something", partition=0)
    assert set(await asyncio.to_thread(renew, broker.address, ONE)) == {Topic.COMMANDS, Topic.EVENTS}
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.address)
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(topic, 0) for topic in Topic])
    finally:
        await consumer.stop()
    assert {tp.topic for tp, end in ends.items() if end} == {Topic.REQUESTS}
    assert check(broker.address, ONE) == []
