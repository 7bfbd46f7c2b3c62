"""One real Kafka for all tests here, empty again before each, and a secured one. Where they cannot be had, tests fail."""

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from kafka.admin import KafkaAdminClient

from deploy.kafka.cluster import Cluster
from deploy.kafka.security import SENDER
from ningju.cli.app import run as cli
from streams.provisioning import Wanted, ensure, provision, renew

PARTITIONS = 4


@dataclass(frozen=True)
class Broker:
    """What tests ask of a broker, the embedded one or this."""

    address: str


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster


def empty(address: str) -> None:
    """Drop every topic, and with them every group's offsets."""
    admin = KafkaAdminClient(bootstrap_servers=address)
    try:
        if mine := [name for name in admin.list_topics() if not name.startswith("__")]:
            admin.delete_topics(mine)
        deadline = time.monotonic() + 20
        while set(admin.list_topics()) & set(mine):
            assert time.monotonic() < deadline, "the topics do not go away"
            time.sleep(0.05)
    finally:
        admin.close()


@pytest.fixture(scope="session")
def secured(tmp_path_factory) -> Iterator[Cluster]:
    """A real Kafka that denies by default, with our topics and a user for each role."""
    with Cluster(tmp_path_factory.mktemp("secured"), secure=True) as cluster:
        assert cluster.secured is not None
        ensure(cluster.address, Wanted(PARTITIONS, 1), cluster.security())
        renew(cluster.address, Wanted(PARTITIONS, 1), cluster.security())  # a new cluster has no groups to ask about
        with pytest.MonkeyPatch.context() as patch:
            for name, value in cluster.secured.environment("admin", cluster.address).items():
                patch.setenv(name, value)
            assert cli(["topics", "grant", "--sender", SENDER]) == 0
            assert cli(["topics", "grant", "--sender", SENDER, "--dry"]) == 0
        yield cluster


@pytest.fixture
def bare(cluster) -> Broker:
    """The broker without any topic."""
    empty(cluster.address)
    return Broker(cluster.address)


@pytest.fixture
def broker(bare) -> Broker:
    """The broker with our topics, and those that the driver's tests name."""
    provision(bare.address, partitions=PARTITIONS, replication=1)
    provision(bare.address, partitions=PARTITIONS, replication=1, names=("t", "out"))
    return bare


@pytest.fixture
async def producer(broker) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=broker.address)
    await producer.start()
    yield producer
    await producer.stop()


@pytest.fixture
def root() -> Path:
    """The project's folder."""
    return Path(__file__).parents[2]
