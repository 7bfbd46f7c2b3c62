"""A broker that encrypts, wants everybody to sign in and denies by default; each role has a user of its own."""

import json
import signal
import socket
import ssl
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import TopicAuthorizationFailedError
from kafka.admin import ACL, ACLOperation, ACLPermissionType, KafkaAdminClient, ResourcePattern, ResourceType

from deploy.kafka.cluster import Cluster
from deploy.kafka.security import PREFIX, ROLES, SENDER
from engine.ports import Unavailable
from ningju.cli.app import run as cli
from streams import provisioning
from streams.access import READS, WRITES, compare
from streams.producer import BatchProducer
from streams.provisioning import Wanted, check
from streams.security import OPEN, Security
from streams.topics import Record, Topic
from tests.chaos.conftest import database, postgres_server, run  # noqa: F401 - fixtures
from tests.chaos.processes import Ningju, free_port, nobody_left, until
from tests.chaos.test_roles import begun, serve_one
from tests.chaos.town import needs, write_town

pytestmark = pytest.mark.real

USERS = (*(f"{PREFIX}{role}" for role in ROLES), SENDER)
MAY_WRITE = {f"{PREFIX}{role}": set(topics) for role, topics in WRITES.items()} | {SENDER: {Topic.REQUESTS}}
MAY_READ = {f"{PREFIX}{role}": topic for role, topic in READS.items()}


async def stopped(producer: AIOKafkaProducer, topic: str) -> bool:
    """Whether the broker refuses a record because of who sends it."""
    try:
        await producer.send_and_wait(topic, b"x", partition=0)
    except TopicAuthorizationFailedError:
        return True
    return False


@pytest.mark.parametrize("user", USERS)
async def test_each_user_writes_its_own_topics_and_no_other(secured: Cluster, user: str) -> None:
    wrote = set()
    for topic in Topic:  # a client each: one that was refused a topic's metadata stays in doubt of it
        producer = AIOKafkaProducer(bootstrap_servers=secured.address, **secured.security(user).client())
        await producer.start()
        try:
            if not await stopped(producer, topic):
                wrote.add(topic)
        finally:
            await producer.stop()
    assert wrote == MAY_WRITE[user]


@pytest.mark.parametrize("user", USERS[:-1])  # the sender may not even look
async def test_each_user_reads_its_own_topic_and_no_other(secured: Cluster, user: str) -> None:
    read = set()
    for topic in Topic:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=secured.address,
            group_id=None,
            auto_offset_reset="earliest",
            **secured.security(user).client(),
        )
        await consumer.start()
        try:
            consumer.assign([TopicPartition(topic, 0)])
            await consumer.seek_to_beginning()
            await consumer.getmany(timeout_ms=300)
            read.add(topic)
        except TopicAuthorizationFailedError:
            continue
        finally:
            await consumer.stop()
    assert read == ({MAY_READ[user]} if user in MAY_READ else set())


async def test_who_does_not_sign_in_or_not_rightly_or_trusts_somebody_else_gets_nothing(
    secured: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provisioning, "ANSWER_S", 1.0)
    right = secured.security(f"{PREFIX}zones")
    for wrong in (
        OPEN,
        Security(tls=True, ca=right.ca),
        replace(right, password="guessed"),
        replace(right, ca=None),  # the machine's own authorities know nothing of this broker
    ):
        producer = BatchProducer(secured.address, security=wrong)
        with pytest.raises(Unavailable, match="no Kafka broker answers"):
            await producer.start()
    with pytest.raises(Unavailable, match="no Kafka answers"):
        check(secured.address, Wanted(), OPEN)
    producer = BatchProducer(secured.address, security=right)
    await producer.start()
    try:
        await producer.send(Topic.EVENTS, [Record(b"a", b"x")])
        with pytest.raises(Unavailable):
            await producer.send(Topic.REQUESTS, [Record(b"a", b"x")])
    finally:
        await producer.stop()


def test_a_certificate_counts_only_for_the_name_it_was_made_for(secured: Cluster) -> None:
    context = secured.security().context()
    assert context is not None
    host, port = secured.address.split(":")
    for name, counts in ((host, True), ("kafka.example", False)):
        with socket.create_connection((host, int(port)), timeout=10) as line:
            try:
                context.wrap_socket(line, server_hostname=name).close()
            except ssl.SSLCertVerificationError:
                assert not counts
            else:
                assert counts


def test_a_right_that_somebody_else_was_given_is_named_and_taken_away(
    secured: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert secured.secured is not None
    admin = KafkaAdminClient(bootstrap_servers=secured.address, **secured.security().client())
    try:
        where = ResourcePattern(ResourceType.TOPIC, str(Topic.EVENTS))
        stranger = ACL("User:stranger", "*", ACLOperation.WRITE, ACLPermissionType.ALLOW, where)
        assert admin.create_acls([stranger])["failed"] == []
    finally:
        admin.close()
    for name, value in secured.secured.environment("admin", secured.address).items():
        monkeypatch.setenv(name, value)
    assert cli(["topics", "grant", "--sender", SENDER, "--dry", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["taken"] == ["User:stranger: allow write ningju.events"]
    assert cli(["topics", "grant", "--sender", SENDER]) == 0
    assert compare(secured.address, PREFIX, [SENDER], secured.security()).taken == ()


def test_a_role_that_its_group_does_not_let_in_ends_with_code_3_and_says_where_to_look(
    secured: Cluster,
    tmp_path: Path,
    run: str,  # noqa: F811
    database: str,  # noqa: F811
) -> None:
    assert secured.secured is not None
    told = secured.secured.environment(f"{PREFIX}api", secured.address)  # it may look at topics and join no group
    workers = []
    for role in ("zones", "intake"):
        folder = tmp_path / role
        folder.mkdir()
        settings = {name.removeprefix("NINGJU_").lower(): value for name, value in told.items()}
        workers.append(Ningju(["worker", role], folder=folder, run=run, database=database, join_s=5, **settings))
    for worker in workers:
        assert worker.process.wait(60) == 3, worker.text()[-3_000:]
        (missing,) = worker.actions("missing")
        assert "ningju doctor" in missing["reason"] or "GroupAuthorizationFailed" in missing["reason"]


def test_all_roles_in_processes_of_their_own_each_with_its_own_user_serve_a_request(
    secured: Cluster,
    tmp_path: Path,
    run: str,  # noqa: F811
    database: str,  # noqa: F811
) -> None:
    assert secured.secured is not None
    roster, port = write_town(tmp_path), free_port()
    workers: dict[str, Ningju] = {}
    for role in ROLES:
        folder = tmp_path / role
        folder.mkdir()
        told = secured.secured.environment(f"{PREFIX}{role}", secured.address)
        workers[role] = Ningju(
            ["up", "--roles", role],
            folder=folder,
            run=run,
            port=port if role == "api" else 0,
            database=database,
            roster=roster if role == "zones" else None,
            **{name.removeprefix("NINGJU_").lower(): value for name, value in told.items()},
        )
    for worker in workers.values():
        until(lambda worker=worker: begun(worker), "a role")  # type: ignore[misc]
    workers["api"].until_ready()
    until(lambda: workers["zones"].actions("prepared"), "zones")
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=60) as client:
        serve_one(client, next(needs(hours=0.7)))
    for worker in workers.values():
        worker.process.send_signal(signal.SIGTERM)
    for role, worker in workers.items():
        assert worker.process.wait(60) == 0, worker.text()[-3_000:]
        assert secured.secured.passwords[f"{PREFIX}{role}"] not in worker.text()
    nobody_left(run)
