"""One real Kafka for all tests here, empty again before each, and a secured one. Where they cannot be had, tests fail."""

import shutil
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from kafka.admin import KafkaAdminClient
from playwright.sync_api import Browser, sync_playwright

from deploy.kafka.cluster import Cluster
from deploy.kafka.security import SENDER
from ningju.cli.app import run as cli
from streams.provisioning import Wanted, ensure, provision, renew
from tests.real.town import Town, town

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


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("town")) as running:
        yield running


@pytest.fixture(scope="module")
def needs(place: Town) -> dict[str, str]:
    """Requests in several states."""
    sites = [site["id"] for site in place.call("/api/v1/catalogue")["sites"]]
    made = {
        "oldest": place.need("elder-visit", sites[0], place.ahead(20, 9), 2),  # too far ahead to be matched yet
        "waiting": place.need("committee-help", sites[0], 1, 3),
        "tomorrow": place.need("elder-visit", sites[1], 26, 6),
        "second": place.need(
            "elder-visit", sites[0], 30, 6, beneficiary={"id": "b-17", "name": "陈奶奶", "phone": "021-5555"}
        ),
        "twin": place.need("elder-visit", sites[0], 32, 6, beneficiary={"id": "b-17"}),
        "urgent": place.need("elder-visit", sites[0], 2, 5, priority=5),
    }
    for name in made.values():
        place.until(name, "queued", "offered", "accepted", "unserved")
    return made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    binary = shutil.which("chromium")
    assert binary is not None, "there is no chromium; on Debian: apt install chromium"
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=binary, args=options)
        yield browser
        browser.close()
