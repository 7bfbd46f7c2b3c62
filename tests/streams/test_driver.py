"""Each defect of stock Faust that the driver removes: the same scene with the stock driver, where it shows, and with ours."""

import asyncio
import threading
from contextlib import asynccontextmanager, suppress

import faust
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faust.exceptions import ProducerSendError

from streams import apps as role_apps
from streams import driver
from streams.apps import Connection, RoleApp
from streams.driver import LeavingThread
from streams.watchdog import Stalled

PARTITION = TopicPartition("t", 0)


def stock_app(address: str, tmp_path) -> faust.App:
    return faust.App(
        "stock",
        broker=f"kafka://{address}",
        autodiscover=False,
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        broker_commit_interval=0.2,
        stream_wait_empty=False,
        key_serializer="raw",
        value_serializer="raw",
        datadir=str(tmp_path),
    )


def hardened_app(address: str, **tuning) -> RoleApp:
    return RoleApp("ours", Connection(address, fetch_max_wait_ms=10, commit_s=0.2, **tuning), group="ours")


def bind(app: faust.App, agent) -> None:
    """Bind an agent as each kind of app has it bound."""
    if isinstance(app, RoleApp):
        app.consume("t", agent)
    else:
        app.agent(app.topic("t", key_type=bytes, value_type=bytes), name="agent")(agent)


@asynccontextmanager
async def running(*apps):
    for app in apps:
        if isinstance(app, faust.App):
            app.consumer._thread.Worker = LeavingThread  # stock's may hold up this event loop for ever when it stops
    try:
        await asyncio.gather(*(app.start() for app in apps))
        yield
    finally:
        for app in apps:
            await app.stop()


async def until(condition, timeout=60.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.02)


async def committed(address: str, group: str) -> int | None:
    consumer = AIOKafkaConsumer(bootstrap_servers=address, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        return await consumer.committed(PARTITION)
    finally:
        await consumer.stop()


async def fill(producer: AIOKafkaProducer, count: int) -> None:
    for n in range(count):
        await producer.send_and_wait("t", b"%d" % n, key=b"k", partition=0)


@pytest.fixture
def apps(broker, tmp_path):
    return stock_app(broker.address, tmp_path), hardened_app(broker.address)


async def test_a_commit_never_passes_a_message_in_flight(broker, producer, apps) -> None:
    await fill(producer, 3)
    seen = {app: [] for app in apps}
    for app in apps:

        async def agent(stream, seen=seen[app]):
            async for events in stream.noack_take(3, within=0.5):
                seen += events

        bind(app, agent)
    async with running(*apps):
        await until(lambda: all(len(events) == 3 for events in seen.values()))
        for app in apps:
            for event in seen[app][1:]:
                event.ack()
            await app.consumer.commit()
        assert await committed(broker.address, "stock") == 3
        assert not await committed(broker.address, "ours")
        ours = apps[1]
        assert ours.consumer.in_flight == 1
        seen[ours][0].ack()
        await ours.consumer.commit()
        assert await committed(broker.address, "ours") == 3


async def test_an_error_in_an_agent_acknowledges_nothing_and_ends_the_role(broker, producer, apps) -> None:
    await fill(producer, 3)
    stock, ours = apps
    handled = []

    async def agent(stream):
        async for value in stream:
            if value == b"1":
                raise LookupError("a defect")
            handled.append(value)

    async def hardened(stream):
        async for events in stream.noack_take(1, within=0.05):
            if events[0].value == b"1":
                raise LookupError("a defect")
            events[0].ack()

    bind(stock, agent)
    bind(ours, hardened)
    async with running(stock, ours):
        with pytest.raises(LookupError, match="a defect"):
            await asyncio.wait_for(ours.until_ended(), 40)
        await until(lambda: b"2" in handled)
        await stock.consumer.commit()
        assert await committed(broker.address, "stock") == 3
    assert await committed(broker.address, "ours") in (None, 1)


class LossyClient:
    """Stands for the Kafka client of a producer: takes records after a while and, when told so, loses them."""

    def __init__(self, client, *, delay: float, lose: bool) -> None:
        self.client, self.delay, self.lose, self.taken = client, delay, lose, 0

    def __getattr__(self, name):
        return getattr(self.client, name)

    async def send(self, *_args, **_kwargs):
        await asyncio.sleep(self.delay)
        self.taken += 1
        future = asyncio.get_running_loop().create_future()
        if self.lose:
            future.set_exception(TimeoutError("the broker did not answer"))
        else:
            future.set_result(None)
        return future


async def test_a_failed_delivery_ends_the_role_and_what_caused_it_is_not_acknowledged(broker, producer, apps) -> None:
    await fill(producer, 1)
    handled = dict.fromkeys(apps, 0)
    for app in apps:
        out = app.topic("out", key_type=bytes, value_type=bytes)

        async def agent(stream, app=app, out=out):
            async for events in stream.noack_take(1, within=0.05):
                app.producer._producer = LossyClient(app.producer._producer, delay=0.0, lose=True)
                out.send_soon(key=b"k", value=b"v")
                events[0].ack()
                handled[app] += 1

        bind(app, agent)
    async with running(*apps):
        stock, ours = apps
        with pytest.raises(TimeoutError, match="did not answer"):
            await asyncio.wait_for(ours.until_ended(), 40)
        await until(lambda: handled[stock])
        await asyncio.sleep(0.2)
        await stock.consumer.commit()
        assert await committed(broker.address, "stock") == 1
        assert stock.crash_reason is None
        with pytest.raises(ProducerSendError):
            await ours.consumer.commit()
        for app in apps:
            app.producer._producer = app.producer._producer.client
            app.producer._failure = None
    assert not await committed(broker.address, "ours")


async def test_a_flush_waits_for_every_record(apps) -> None:
    taken = {}
    async with running(*(app.producer for app in apps)):
        for app in apps:
            client = app.producer._producer = LossyClient(app.producer._producer, delay=0.25, lose=False)
            out = app.topic("out", key_type=bytes, value_type=bytes)
            for _ in range(3):
                out.send_soon(key=b"k", value=b"v")
            await app.producer.flush()
            taken[app] = client.taken
            await until(lambda client=client: client.taken == 3)
            app.producer._producer = client.client
    stock, ours = apps
    assert taken[stock] < 3
    assert taken[ours] == 3


async def test_the_producer_is_idempotent(apps) -> None:
    stock, ours = apps
    async with running(stock.producer, ours.producer):
        assert stock.producer._producer._txn_manager is None
        assert ours.producer._producer._txn_manager is not None
        assert ours.producer._producer._sender._acks == -1


async def test_the_wait_of_a_fetch_can_be_set(apps) -> None:
    waits = []
    for app in apps:
        consumer = app.consumer._thread._create_worker_consumer(app.transport)
        waits.append(consumer._fetch_max_wait_ms)
        consumer._closed = True  # neither was started: nothing to stop
        app.consumer._thread.thread_loop.close()
    assert waits == [1500, 10]


async def test_a_full_buffer_does_not_put_the_consumer_to_sleep(apps) -> None:
    left = []
    for app in apps:
        app.consumer._set_active_tps({PARTITION})
        app.consumer.on_buffer_full(PARTITION)
        left.append(app.consumer._get_active_partitions())  # with none left, the fetch loop sleeps for a second
        app.consumer._thread.thread_loop.close()
    assert left == [set(), {PARTITION}]


@pytest.mark.parametrize("which", ["calls", "end"])
async def test_a_thread_that_no_longer_answers_is_left_behind(broker, producer, monkeypatch, which) -> None:
    monkeypatch.setattr(role_apps, "STOP_S", 0.5)
    monkeypatch.setattr(driver, "LEAVE_S", 0.5)
    app, let_go = hardened_app(broker.address), threading.Event()

    async def agent(stream):
        async for _ in stream.noack_take(1, within=0.05):
            pass

    async def until_let_go():
        await asyncio.to_thread(let_go.wait)

    bind(app, agent)
    await app.start()
    thread = app.consumer._thread
    if which == "calls":
        monkeypatch.setattr(app.consumer, "commit_and_end_transactions", asyncio.Event().wait)
    else:
        monkeypatch.setattr(thread, "_gather_remaining_tasks", until_let_go)
    try:
        async with asyncio.timeout(10):
            await app.stop()
        assert thread._thread.daemon
        assert thread._thread.is_alive()
    finally:
        let_go.set()
        thread._stopped_set()
        await asyncio.to_thread(thread._thread.join, 10)


async def test_a_consumer_that_gets_nowhere_ends(broker, producer, tmp_path) -> None:
    await fill(producer, 1)
    stock, ours = stock_app(broker.address, tmp_path), hardened_app(broker.address, watchdog_s=1.0)

    async def agent(stream):
        async for _ in stream.noack_take(1, within=0.05):
            await asyncio.Event().wait()

    bind(stock, agent)
    bind(ours, agent)
    async with running(stock, ours):
        with pytest.raises(Stalled) as stall:
            await asyncio.wait_for(ours.until_ended(), 40)
        assert stall.value.partition == PARTITION
        assert not stock.should_stop
        assert stock.crash_reason is None


async def test_a_role_that_waits_for_a_known_reason_is_left_alone(broker, producer) -> None:
    await fill(producer, 1)
    app = hardened_app(broker.address, watchdog_s=0.4)
    app.excuse = lambda: excused
    excused, seen = True, []

    async def agent(stream):
        async for events in stream.noack_take(1, within=0.05):
            seen.extend(events)

    bind(app, agent)
    async with running(app):
        await until(lambda: seen)
        with suppress(TimeoutError):
            await asyncio.wait_for(app.until_ended(), 1.5)
        assert app.crash_reason is None
        excused = False
        with pytest.raises(Stalled):
            await asyncio.wait_for(app.until_ended(), 40)


async def test_a_broker_that_is_gone_ends_the_role(broker, producer) -> None:
    await fill(producer, 1)
    app, seen = hardened_app(broker.address, watchdog_s=1.0), []

    async def agent(stream):
        async for events in stream.noack_take(1, within=0.05):
            seen.extend(events)
            events[0].ack()

    bind(app, agent)
    async with running(app):
        await until(lambda: seen)
        broker.stop()
        with pytest.raises(Stalled):
            await asyncio.wait_for(app.until_ended(), 40)


async def test_nothing_listens_nothing_is_declared_and_nothing_is_written(
    broker, producer, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await fill(producer, 1)
    app, seen = hardened_app(broker.address), []

    async def agent(stream):
        async for events in stream.noack_take(1, within=0.05):
            seen.extend(events)
            events[0].ack()

    bind(app, agent)
    async with running(app):
        await until(lambda: seen)
        topics = await producer.client.fetch_all_metadata()
        assert not [topic for topic in topics.topics() if "leader" in topic or "changelog" in topic]
    assert not app.conf.web_enabled
    assert not app.conf.topic_allow_declare
    assert list(tmp_path.iterdir()) == []
