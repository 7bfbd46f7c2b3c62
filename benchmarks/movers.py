"""One process on one core that takes commands from the broker and publishes what they come to, in one of three ways.

``python -m benchmarks.movers WAY ADDRESS FOLDER CORE HOW`` is started by ``benchmarks.loop``; the two talk in JSON lines. It says
when it is ready, then after each round how long that took, from the first record seen to the last one published. HOW is
``plain``, or ``stages`` or ``profile`` for what is watched closer and takes longer.
"""

import asyncio
import cProfile
import json
import os
import pickle
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import faust
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.town import StillClock
from engine import handling, snapshots
from engine.ports import Stats
from ningju.ledger import sqlite as ledger_sqlite
from ningju.ledger.opening import open_store
from ningju.ledger.settings import StoreSettings
from schemas.envelope import CommandEnvelope
from streams.agents import BATCH, WITHIN_S, Batch, Handle, commands_handler
from streams.apps import Connection
from streams.batch_role import BatchRole
from streams.dead_letters import DeadLetters
from streams.engine_logic import EngineLogic
from streams.garbage import spare_states
from streams.pipeline import CONSUMERS
from streams.producer import BatchProducer
from streams.publishing import EventPublisher
from streams.topics import Headers, Record, Topic
from streams.zone_states import ZoneStates
from streams.zone_worker import SNAPSHOT_EVERY, ZoneWorker

LEDGER = "ledger.sqlite3"
WORK = "work.pickle"
PROFILE = "profile.pstats"


class Task(NamedTuple):
    """A command as it lies on the topic, and the records that it comes to."""

    zone: str
    data: bytes
    headers: Headers
    events: tuple[Record, ...]


class Work(NamedTuple):
    """What is to be moved in one round, and the moment at which all of it happens."""

    now: datetime
    tasks: Sequence[Task]


@dataclass
class Round:
    """One round's watch: it starts with the first record and stops by itself with the last."""

    commands: int
    done: asyncio.Event = field(default_factory=asyncio.Event)
    profiler: cProfile.Profile | None = None
    seen: int = 0
    wall: float = 0.0
    cpu: float = 0.0

    def begin(self) -> bool:
        """Note that records have come; whether they are the first."""
        if self.wall:
            return False
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        if self.profiler is not None:
            self.profiler.enable()
        return True

    def count(self, commands: int) -> None:
        """Note that commands are dealt with; the last one stops the watch."""
        self.seen += commands
        if self.seen >= self.commands:
            self.stop()

    def stop(self) -> None:
        """Stop the watch."""
        if self.profiler is not None:
            self.profiler.disable()
        self.wall, self.cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        self.done.set()


@dataclass
class Stopwatch:
    """CPU seconds that named stages take; all are synchronous, so nothing else runs meanwhile in their thread."""

    seconds: dict[str, float] = field(default_factory=dict)
    _running: int = 0
    _lock: Lock = field(default_factory=Lock)

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function."""

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                self._running += 1
            began = time.thread_time()
            try:
                return call(*args, **kwargs)
            finally:
                spent = time.thread_time() - began
                with self._lock:
                    self.seconds[name] = self.seconds.get(name, 0.0) + spent
                    self._running -= 1

        return wrapped

    async def taken(self) -> dict[str, float]:
        """Hand the seconds over and begin anew; a thread that has answered and not yet left its stage is waited for."""
        while self._running:  # noqa: ASYNC110 - a thread tells nobody when it leaves
            await asyncio.sleep(0.001)
        seconds, self.seconds = self.seconds, {}
        return seconds


class Mover:
    """What every way has: the work, the rounds, and the parent at the other end of the pipe."""

    def __init__(self, address: str, folder: Path, how: str) -> None:
        self.address = address
        self.how = how
        self.folder = folder
        self.work: Work = pickle.loads((folder / WORK).read_bytes())
        self.by_data = {task.data: task for task in self.work.tasks}
        self.round = Round(len(self.work.tasks))
        self.watch = Stopwatch()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Consume, until left."""
        yield

    async def rounds(self) -> None:
        """Tell that it is ready, then watch round after round until the parent has had enough."""
        async with self.running():
            say(ready=True)
            while True:
                await self.round.done.wait()
                wall, cpu = self.round.wall, self.round.cpu
                self.round = Round(len(self.work.tasks))
                say(seconds=wall, cpu=cpu, stages=await self.watch.taken())
                if not await asyncio.to_thread(sys.stdin.readline):
                    return


class Raw(Mover):
    """aiokafka and nothing else: consume, produce, wait for the broker's word."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.address, group_id=None, fetch_max_wait_ms=10, auto_offset_reset="earliest"
        )
        producer = AIOKafkaProducer(
            bootstrap_servers=self.address, acks="all", enable_idempotence=True, max_batch_size=1 << 18
        )
        await consumer.start()
        await producer.start()
        parts = await producer.partitions_for(Topic.COMMANDS)
        await producer.partitions_for(Topic.EVENTS)
        consumer.assign([TopicPartition(Topic.COMMANDS, part) for part in parts])
        await consumer.seek_to_end()
        mover = asyncio.create_task(self._move(consumer, producer))
        try:
            yield
        finally:
            mover.cancel()
            await asyncio.wait({mover})
            await consumer.stop()
            await producer.stop()

    async def _move(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer) -> None:
        while True:
            for batch in (await consumer.getmany(timeout_ms=1_000)).values():
                self.round.begin()
                sent = [
                    await producer.send(Topic.EVENTS, event.value, key=event.key, headers=event.headers)
                    for message in batch
                    for event in self.by_data[message.value].events
                ]
                await asyncio.gather(*sent)
                self.round.count(len(batch))


class BareFaust(Mover):
    """A stock Faust app with one ``noack`` agent on raw bytes, which acknowledges what it has sent on."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        app = faust.App(
            "bare",
            broker=f"kafka://{self.address}",
            autodiscover=False,
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            key_serializer="raw",
            value_serializer="raw",
            consumer_auto_offset_reset="latest",
            stream_wait_empty=False,
            datadir=str(self.folder / "faust"),
        )
        commands = app.topic(Topic.COMMANDS, key_type=bytes, value_type=bytes)
        events = app.topic(Topic.EVENTS, key_type=bytes, value_type=bytes)

        async def agent(stream: Any) -> None:
            async for batch in stream.noack_take(BATCH, within=WITHIN_S):
                self.round.begin()
                sent = []
                for event in batch:
                    message = event.message
                    for one in self.by_data[message.value].events:
                        sent.append(await events.send(key=one.key, value=one.value, headers=one.headers))
                await asyncio.gather(*sent)
                for event in batch:
                    event.ack()
                self.round.count(len(batch))

        app.agent(commands, name="bare")(agent)
        await app.start()
        await assigned(lambda: bool(app.consumer.assignment()) and not app.rebalancing)
        try:
            yield
        finally:
            await app.stop()


class Ningju(Mover):
    """The zones' role: consume, validate, decide, append durably, publish."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        path = self.folder / "run.sqlite3"
        copied(self.folder / LEDGER, path)
        if self.how == "stages":
            self._watch_stages()
        spare_states()
        store = await open_store(
            f"sqlite:///{path}", StillClock(self.work.now), StoreSettings(snapshot_schema=snapshots.SCHEMA)
        )
        producer = BatchProducer(self.address)
        await producer.start()
        states: ZoneStates[Any] = ZoneStates(store, EngineLogic(), alone=True)
        for zone in await store.heads():
            await states.state(zone)
        letters = DeadLetters(store, producer)
        stats = Stats()
        worker: ZoneWorker[Any] = ZoneWorker(
            ledger=store, door=store, letters=letters, logic=EngineLogic(), states=states, stats=stats
        )
        # As in a long run, each zone is somewhere on its way to the next snapshot; a short run from the last would see none.
        heads = await store.heads()
        worker._snapshots.update(
            (zone, heads[zone] - number * SNAPSHOT_EVERY // len(heads)) for number, zone in enumerate(sorted(heads))
        )
        # Nobody consumes here, so nothing holds the publisher up either.
        publisher = EventPublisher(store, store, producer, names=CONSUMERS, bound=10**9, sweep_s=10**6)
        handle = self._begin(commands_handler(worker, letters, on_commit=publisher.offer, on_outcomes=self._count))
        role = BatchRole("zones", Connection.embedded(self.address), Topic.COMMANDS, handle, size=BATCH)
        await publisher.start()
        await role.start()
        await assigned(lambda: bool(role.assignment))
        publishing = asyncio.create_task(publisher.run())
        self._publisher = publisher
        waiting: asyncio.Task[None] | None = None
        try:
            waiting = asyncio.create_task(self._until_published())
            yield
        finally:
            for task in (publishing, waiting):
                if task is not None:
                    task.cancel()
                    await asyncio.wait({task})
            await role.stop()
            await producer.stop()
            await store.close()

    def _begin(self, handle: Handle) -> Handle:
        async def begun(batch: Batch) -> None:
            if self.round.begin():
                self.watch.seconds.clear()  # what starting took is not what commands take
            await handle(batch)

        return begun

    def _count(self, command_ids: Sequence[Any]) -> None:
        self.round.seen += len(command_ids)

    async def _until_published(self) -> None:
        # The last record counts when the broker has it, which is after its command has its outcome.
        while True:
            if (
                self.round.seen >= self.round.commands
                and not self._publisher.unpublished
                and not self.round.done.is_set()
            ):
                self.round.stop()
            await asyncio.sleep(0.002)

    def _watch_stages(self) -> None:
        watch = self.watch
        CommandEnvelope.read = watch.timed("validate", CommandEnvelope.read)  # type: ignore[method-assign]
        handling.handle = watch.timed("decide, evolve, write events and rows", handling.handle)
        snapshots.dump = watch.timed("snapshots", snapshots.dump)
        database: Any = ledger_sqlite.SqliteDatabase
        database._commit = watch.timed("SQL: writing thread", database._commit)
        database._look = watch.timed("SQL: reading threads", database._look)


def copied(source: Path, path: Path) -> None:
    """Copy a file and wait until the disk has it: else the first commit would have to bring it there."""
    shutil.copy(source, path)
    with path.open("rb+") as file:
        os.fsync(file.fileno())


async def assigned(ready: Callable[[], bool]) -> None:
    """Wait until a group's member has its partitions."""
    async with asyncio.timeout(60):
        while not ready():  # noqa: ASYNC110 - neither way tells anybody
            await asyncio.sleep(0.05)
        await asyncio.sleep(2.0)  # its first fetch


def say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


WAYS: dict[str, type[Mover]] = {"raw": Raw, "faust": BareFaust, "ningju": Ningju}


def main() -> None:
    way, address, folder, core, how = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core)})
    mover = WAYS[way](address, Path(folder), how)
    if how == "profile":
        mover.round.profiler = cProfile.Profile()
    profiler = mover.round.profiler
    asyncio.run(mover.rounds())
    if profiler is not None:
        profiler.dump_stats(str(Path(folder) / PROFILE))


if __name__ == "__main__":
    main()
