"""The roles of one process, put together: apps, workers, publishers and their loops."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from engine.ports import Notifier, Stats, Store, Unavailable
from streams.agents import BATCH, WITHIN_S, Admit, commands_handler, events_agent, intake_agent
from streams.apps import Connection, RoleApp
from streams.backoff import Backoff
from streams.batch_role import BatchRole
from streams.consuming import EventConsumer, Handler
from streams.dead_letters import DeadLetters
from streams.delivering import Postman
from streams.door import PublishingDoor
from streams.garbage import spare_states
from streams.producer import BatchProducer
from streams.publishing import CommandPublisher, EventPublisher
from streams.release import ImmediateRelease, Release, SteppedRelease
from streams.ticking import Ticker
from streams.topics import Disordered, Topic
from streams.zone_states import ZoneLogic, ZoneStates
from streams.zone_worker import ZoneWorker

log = structlog.get_logger(__name__)


class Role(StrEnum):
    """Roles that consume topics, and ``api``, which only publishes what it takes in."""

    API = "api"
    INTAKE = "intake"
    ZONES = "zones"
    MATCHER = "matcher"
    DISPATCHER = "dispatcher"


CONSUMERS = (Role.MATCHER, Role.DISPATCHER)
"""Who consumes events and keeps cursors."""


JOINED_S = 0.02
"""Seconds between looks whether all roles are in their groups; at start only."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """Sizes and times that tests and operators may set.

    Attributes
    ----------
    batch, within_s
        Largest batch of an agent, and how long it may wait to fill.
    sweep_s
        Seconds between sweeps over open inbox rows and unconsumed events.
    tick_s
        Seconds between looks at due timers.
    bound
        Commands without outcome, and events not consumed, that may be on the broker.
    """

    batch: int = BATCH
    within_s: float = WITHIN_S
    sweep_s: float = 5.0
    tick_s: float = 0.5
    bound: int = 2_000


class Pipeline:
    """Some or all roles in one event loop.

    Parameters
    ----------
    store
        The ledger with all its ports.
    roles
        Which roles run here.
    logic
        The engine's functions on a zone's state.
    on_events
        What each consumer of events does with them, by role; a role without an entry has no handler and must not run here.
    admit
        Turns a record of ``ningju.requests`` into a command; needed by the intake.
    notifier
        Where notifications go; without one, rows stay pending.
    release
        `SteppedRelease` under a stepped clock: then commands, ticks and notifications move only by `release_round`,
        `tick` and `deliver`.
    alone
        Whether this is the only process that appends to zones.
    loops
        Further loops to run, such as the matcher's.
    """

    def __init__(
        self,
        store: Store,
        connection: Connection,
        *,
        logic: ZoneLogic[Any],
        roles: Collection[Role] = tuple(Role),
        on_events: Mapping[Role, Handler] | None = None,
        admit: Admit | None = None,
        notifier: Notifier | None = None,
        release: Release | None = None,
        alone: bool = True,
        stats: Stats | None = None,
        tuning: Tuning = Tuning(),
        loops: Collection[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        self._connection = connection
        self._tuning = tuning
        self._stepped = isinstance(release, SteppedRelease)
        self._release = release or ImmediateRelease()
        self.roles = frozenset(roles)
        self.stats = stats or Stats()
        self._producer = BatchProducer(connection.bootstrap, security=connection.security)
        letters = DeadLetters(store, self._producer)
        self.commands = CommandPublisher(
            store,
            self._producer,
            release=self._release,
            bound=tuning.bound,
            sweep_s=tuning.sweep_s,
            sweeps=Role.ZONES in self.roles,
        )
        self.door = PublishingDoor(store, self.commands.note)
        self.events = EventPublisher(
            store, store, self._producer, names=CONSUMERS, bound=tuning.bound, sweep_s=tuning.sweep_s
        )
        self.states: ZoneStates[Any] = ZoneStates(store, logic, alone=alone)
        self.worker: ZoneWorker[Any] = ZoneWorker(
            ledger=store,
            door=store,
            letters=letters,
            logic=logic,
            states=self.states,
            stats=self.stats,
            on_doubt=self.events.doubt,
        )
        self.ticker = Ticker(store, self.door, every_s=tuning.tick_s)
        self.postman = None if notifier is None else Postman(store, notifier)
        self.consumers: dict[Role, EventConsumer] = {}
        self.members: dict[Role, RoleApp | BatchRole] = {}
        self._loops = list(loops)
        self.ready = asyncio.Event()
        if Role.ZONES in self.roles:
            self._bind_zones(letters)
        for role in CONSUMERS:
            if role in self.roles:
                self._bind_consumer(role, (on_events or {})[role], store, letters)
        if Role.INTAKE in self.roles:
            if admit is None:
                raise ValueError("the intake needs to know how requests are admitted")
            self._bind_intake(admit, letters)

    def _app(self, role: Role) -> RoleApp:
        app = self.members[role] = RoleApp(role, self._connection)
        return app

    def _bind_zones(self, letters: DeadLetters) -> None:
        handle = commands_handler(self.worker, letters, on_commit=self.events.offer, on_outcomes=self.commands.settle)
        role = BatchRole(Role.ZONES, self._connection, Topic.COMMANDS, handle, size=self._tuning.batch)
        role.excuse = lambda: self.worker.waiting
        self.members[Role.ZONES] = role

    def _bind_consumer(self, role: Role, handler: Handler, store: Store, letters: DeadLetters) -> None:
        consumer = self.consumers[role] = EventConsumer(
            role,
            handler,
            ledger=store,
            consumers=store,
            on_advance=self._advanced,
            on_commands=self.commands.note,
        )
        app = self._app(role)
        app.excuse = lambda: consumer.waiting
        app.consume(
            Topic.EVENTS,
            events_agent(consumer, letters, size=self._tuning.batch, within_s=self._tuning.within_s),
        )

    def _bind_intake(self, admit: Admit, letters: DeadLetters) -> None:
        backoff = Backoff()
        app = self._app(Role.INTAKE)
        app.excuse = lambda: backoff.waiting
        app.consume(
            Topic.REQUESTS,
            intake_agent(
                admit,
                self.door.enqueue,
                letters,
                backoff=backoff,
                size=self._tuning.batch,
                within_s=self._tuning.within_s,
            ),
        )

    def _advanced(self, consumer: str, cursors: Mapping[str, int]) -> None:
        self.events.advance(consumer, cursors)
        if consumer == Role.DISPATCHER and self.postman is not None and not self._stepped:
            self.postman.stir()

    async def run(self) -> None:
        """Run until cancelled, or until one part fails: then the rest is stopped and its error raised.

        `ready` is set when every role consumes.
        """
        spare_states()
        await self._producer.start()
        try:
            await self._touch_topics()
            await self._join()
            async with asyncio.TaskGroup() as group:
                for role, member in self.members.items():
                    group.create_task(member.until_ended(), name=f"role:{role}")
                for loop in self._running():
                    group.create_task(_forever(loop), name="loop")
                for consumer in self.consumers.values():
                    await consumer.catch_up()
                self.ready.set()
        finally:
            self.ready.clear()
            await asyncio.gather(*(member.stop() for member in self.members.values()), return_exceptions=True)
            await self._producer.stop()

    async def _join(self) -> None:
        """Start every role, and wait until its group has let it in.

        Raises
        ------
        engine.ports.Unavailable
            When the broker goes away meanwhile, or keeps a role out.
        """
        members = self.members.values()
        try:
            async with asyncio.timeout(self._connection.join_s):
                await asyncio.gather(*(member.start() for member in members))
                while self._connection.join_first and not all(member.joined for member in members):  # noqa: ASYNC110 - the clients tell nobody
                    await asyncio.sleep(JOINED_S)
        except (KafkaError, TimeoutError) as away:
            out = ", ".join(str(role) for role, member in self.members.items() if not member.joined)
            raise Unavailable(
                f"Kafka at {self._connection.bootstrap} does not let {out} into their groups ({away!r}); "
                "see that it runs, and `ningju doctor`"
            ) from away

    def _running(self) -> list[Callable[[], Awaitable[None]]]:
        loops = [*self._loops, self.commands.run]
        if Role.ZONES in self.roles:
            loops.append(self.events.run)
            if not self._stepped:
                loops.append(self.ticker.run)
        if Role.DISPATCHER in self.roles and self.postman is not None and not self._stepped:
            loops.append(self.postman.run)
        return loops

    async def _touch_topics(self) -> None:
        """Name the topics, so that the embedded broker has them before a role subscribes; refuse such as break order."""
        counts = {topic: await self._producer.found(topic) for topic in Topic}
        if len(set(counts.values())) > 1:
            raise Disordered(counts)

    # ---------------------------------------------------------------------------------------------- under a stepped clock

    async def release_round(self) -> int:
        """Publish everything that is open, by zone and command id; return how many commands that were."""
        if isinstance(self._release, SteppedRelease):
            self._release.open()
        return await self.commands.publish()

    def at_rest(self) -> bool:
        """Tell whether everything released has its outcome and every consumer of this process is at the zones' heads."""
        if self.commands.unsettled or self.worker.busy or self.events.unpublished:
            return False
        heads = self.events.heads
        return all(
            not consumer.busy and all(consumer.cursors.get(zone, 0) >= head for zone, head in heads.items())
            for consumer in self.consumers.values()
        )

    async def rest(self) -> None:
        """Wait until it is at rest."""
        while not self.at_rest():  # noqa: ASYNC110 - several counters of several parts, none worth an event
            await asyncio.sleep(0.001)


async def _forever(loop: Callable[[], Awaitable[None]]) -> None:
    await loop()
