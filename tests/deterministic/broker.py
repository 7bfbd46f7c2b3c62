"""A broker in memory with consumer groups, and the clients that the roles speak to it with.

It does what Kafka may do to us and worse: it loses, repeats and mixes records, forgets everything, gives a partition to
the next member while the last one is still at work on it, and keeps offsets or not.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any
from zlib import crc32

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError

from engine.ports import Unavailable
from streams.offsets import InFlight
from streams.topics import Record, Topic
from tests.deterministic.faults import Chance
from tests.deterministic.loop import Process, VirtualLoop, here

PARTITIONS = 2
SESSION_S = 10.0
DURABLE = frozenset({Topic.REQUESTS})
"""Topics whose records have no other home: the broker keeps its word about them, unless it is wiped."""


@dataclass(frozen=True)
class Kept:
    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: Any


@dataclass
class Group:
    members: list["Member"] = field(default_factory=list)
    committed: dict[TopicPartition, int] = field(default_factory=dict)
    generation: int = 0
    owners: dict[TopicPartition, "Member"] = field(default_factory=dict)


class Broker:
    def __init__(self, loop: VirtualLoop, chance: Chance) -> None:
        self.loop = loop
        self.chance = chance
        self.rng: Random = chance.rng
        self.logs: dict[TopicPartition, list[Kept]] = {
            TopicPartition(str(topic), n): [] for topic in Topic for n in range(PARTITIONS)
        }
        self.groups: dict[str, Group] = {}
        self.wipes = 0

    # ------------------------------------------------------------------------------------------------------ records

    def place(self, topic: str, key: bytes) -> TopicPartition:
        return TopicPartition(str(topic), crc32(key) % PARTITIONS)

    async def take(self, topic: str, records: Sequence[Record]) -> None:
        """Take a batch as a producer sends it."""
        chance = self.chance
        await chance.pause()
        refused = chance.of("refused")
        some = self.rng.randrange(len(records) + 1) if refused else len(records)
        for record in records[:some]:
            place = self.place(topic, record.key)
            if topic in DURABLE or not chance.of("lost"):
                if chance.of("late"):
                    self._later(self.rng.choice((0.0, 0.5, 8.0)), self._append, place, record)
                else:
                    self._append(place, record)
                if chance.of("twice"):
                    self._later(self.rng.choice((0.0, 1.0, 20.0)), self._append, place, record)
        if refused:
            raise Unavailable(f"the broker took {some} of {len(records)} records")
        await chance.pause()

    def _append(self, place: TopicPartition, record: Record) -> None:
        log = self.logs[place]
        log.append(Kept(place.topic, place.partition, len(log), record.key, record.value, record.headers))
        for group in self.groups.values():
            owner = group.owners.get(place)
            for member in group.members:
                if member is owner or place in member.position:
                    member.wake.set()

    def wipe(self) -> None:
        """Forget every record and every offset, as the embedded broker does when it starts anew."""
        self.wipes += 1
        for log in self.logs.values():
            log.clear()
        for group in self.groups.values():
            group.committed.clear()
            for member in group.members:
                member.position = dict.fromkeys(member.position, 0)

    # ------------------------------------------------------------------------------------------------------- groups

    def join(self, member: "Member") -> None:
        group = self.groups.setdefault(member.group_id, Group())
        if member not in group.members:
            group.members.append(member)
            self._rebalance(group)

    def leave(self, member: "Member") -> None:
        group = self.groups[member.group_id]
        if member in group.members:
            group.members.remove(member)
            self._rebalance(group)
        member.changed.set()

    def _rebalance(self, group: Group) -> None:
        group.generation += 1
        group.owners = {}
        for member in group.members:
            member.changed.set()
        for n in range(PARTITIONS):
            for topic in sorted({member.topic for member in group.members}):
                able = [member for member in group.members if member.topic == topic]
                group.owners[TopicPartition(topic, n)] = able[n % len(able)]

    def miss(self, process: Process) -> None:
        """Notice, a session later, that a process no longer says anything."""

        def look() -> None:
            if not process.alive or process.frozen:
                for group in self.groups.values():
                    for member in [member for member in group.members if member.process is process]:
                        self.leave(member)

        self._later(SESSION_S, look)

    def _later(self, delay_s: float, what: Callable[..., None], *arguments: Any) -> None:
        """Do something later on behalf of nobody: it happens although the process that caused it has died."""
        self.loop.call_later(delay_s, what, *arguments, context=Context())


class Member:
    """`aiokafka.AIOKafkaConsumer`, as far as the roles use it."""

    def __init__(self, broker: Broker, *, group_id: str, **_: Any) -> None:
        self._broker = broker
        self.group_id = group_id
        self.process = here()
        self.topic = ""
        self.position: dict[TopicPartition, int] = {}
        self.wake = asyncio.Event()
        self.changed = asyncio.Event()
        self._generation = -1
        self._listener: Any = None
        self._coordinator_task: asyncio.Task[None] | None = None
        self._subscription = SimpleNamespace(subscription=self)
        self._coordinator = SimpleNamespace(need_rejoin=lambda _: not self.joined)
        self._client = SimpleNamespace(close=self._nothing)

    @property
    def joined(self) -> bool:
        group = self._broker.groups.get(self.group_id)
        return group is not None and self in group.members and group.generation == self._generation

    def subscribe(self, topics: Sequence[str], listener: Any = None) -> None:
        [self.topic] = map(str, topics)
        self._listener = listener

    async def start(self) -> None:
        await self._broker.chance.pause()
        self._broker.join(self)
        self._coordinator_task = asyncio.get_running_loop().create_task(self._coordinate())

    async def stop(self) -> None:
        if self._coordinator_task is not None:
            self._coordinator_task.cancel()
        self._broker.leave(self)

    async def _coordinate(self) -> None:
        broker = self._broker
        while True:
            await self.changed.wait()
            self.changed.clear()
            await broker.chance.pause()
            if self.joined:
                continue
            if self.position and self._listener is not None:
                await self._listener.on_partitions_revoked(set(self.position))
            broker.join(self)
            group = broker.groups[self.group_id]
            self._generation = group.generation
            mine = [place for place, owner in group.owners.items() if owner is self]
            ends = {place: len(broker.logs[place]) for place in mine}
            found = {place: group.committed.get(place, 0) for place in mine}
            self.position = {place: at if at <= ends[place] else 0 for place, at in found.items()}
            if self._listener is not None:
                await self._listener.on_partitions_assigned(set(mine))
            self.wake.set()

    async def getmany(self, *, timeout_ms: int = 0, max_records: int) -> dict[TopicPartition, list[Kept]]:
        broker = self._broker
        while True:
            found: dict[TopicPartition, list[Kept]] = {}
            for place, at in self.position.items():
                most = broker.rng.choice((1, 3, max_records))
                records = broker.logs[place][at : at + most]
                if records:
                    found[place] = records
                    self.position[place] = at + len(records)
            if found:
                await broker.chance.pause()
                return found
            self.wake.clear()
            await self.wake.wait()

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(self.position)

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        broker = self._broker
        await broker.chance.pause()
        if not self.joined:
            raise CommitFailedError
        if broker.chance.of("uncommitted"):
            raise KafkaError("the offsets were not committed")
        broker.groups[self.group_id].committed.update(offsets)

    async def end_offsets(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return {place: len(self._broker.logs[place]) for place in places}

    async def beginning_offsets(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 0)

    async def committed(self, place: TopicPartition) -> int | None:
        return self._broker.groups[self.group_id].committed.get(place)

    async def _nothing(self) -> None:
        pass


class Producer:
    """`streams.producer.BatchProducer` without a line."""

    def __init__(self, broker: Broker, *_: Any, **__: Any) -> None:
        self._broker = broker

    async def start(self) -> None:
        await self._broker.chance.pause()

    async def stop(self) -> None:
        pass

    async def found(self, topic: str) -> int:
        return PARTITIONS

    async def send(self, topic: str, records: Sequence[Record]) -> None:
        await self._broker.take(topic, records)


@dataclass(frozen=True)
class _Event:
    message: Kept
    ack: Callable[[], None]


class App:
    """`streams.apps.RoleApp` without Faust: the same agents, on a stream that is acknowledged event by event."""

    def __init__(self, broker: Broker, role: str, connection: Any) -> None:
        self._broker = broker
        self._role = role
        self._commit_s = connection.commit_s
        self.excuse: Callable[[], bool] | None = None
        self._in_flight: dict[TopicPartition, InFlight] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def consume(self, topic: str, agent: Callable[[Any], Awaitable[None]]) -> None:
        self._topic, self._agent = topic, agent

    @property
    def joined(self) -> bool:
        return self._member.joined

    async def start(self) -> None:
        self._member = Member(self._broker, group_id=f"ningju-{self._role}")
        self._member.subscribe([self._topic], listener=self)
        await self._member.start()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._agent(self)), loop.create_task(self._commit_now_and_then())]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
            await self._member.stop()

    async def until_ended(self) -> None:
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if not task.cancelled():
                task.result()

    def noack(self) -> "App":
        return self

    async def noack_take(self, size: int, *, within: float) -> AsyncIterator[list[_Event]]:
        while True:
            found = await self._member.getmany(max_records=size)
            events = []
            for place, records in found.items():
                partition = self._in_flight.setdefault(place, InFlight())
                for record in records:
                    partition.deliver(record.offset)
                    events.append(_Event(record, lambda p=partition, o=record.offset: p.acknowledge(o)))
            yield events

    async def on_partitions_revoked(self, places: Iterable[TopicPartition]) -> None:
        for place in places:
            self._in_flight.pop(place, None)

    async def on_partitions_assigned(self, places: Iterable[TopicPartition]) -> None:
        pass

    async def _commit_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self._commit_s)
            offsets = {
                place: upto
                for place, partition in self._in_flight.items()
                if place in self._member.position and (upto := partition.committable) is not None
            }
            if offsets:
                try:
                    await self._member.commit(offsets)
                except KafkaError:
                    continue
