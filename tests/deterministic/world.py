"""One run: a town, its roles in processes of their own, people, accidents; then rest, and what is left to look at."""

import asyncio
import hashlib
import json
import sys
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from random import Random
from time import monotonic, perf_counter
from typing import Any, TypeVar
from unittest.mock import patch

import structlog

import streams.batch_role
import streams.match_loop
import streams.pipeline
from engine.snapshots import SCHEMA
from ningju.bootstrap.admitting import Admission
from ningju.ledger import waiting
from ningju.ledger.memory import MemoryStore
from ningju.ledger.settings import StoreSettings
from schemas.envelope import EventEnvelope
from streams.apps import Connection
from streams.consuming import Effects, Handler
from streams.engine_logic import EngineLogic
from streams.handlers import dispatch, marking
from streams.match_loop import MatchLoop
from streams.pipeline import Pipeline, Role, Tuning
from streams.zone_worker import ZoneWorker
from tests.deterministic.broker import App, Broker, Member, Producer
from tests.deterministic.checker import Evidence, Fault, check
from tests.deterministic.faults import Chance, Faults, drawn
from tests.deterministic.loop import Asleep, Process, Restless, VirtualLoop
from tests.deterministic.people import People
from tests.deterministic.planner import FirstComer
from tests.deterministic.store import RemoteStore
from tests.deterministic.town import founded
from tests.engine.builders import MONDAY

T = TypeVar("T")

MOST_STEPS = 150_000
REST_S = 4 * 3_600.0
SNAPSHOT_EVERY = 8
TUNING = Tuning(batch=20, within_s=0.01, sweep_s=7.0, tick_s=5.0, bound=12)
CONNECTION = Connection("simulated:9092", commit_s=9.0, watchdog_s=60.0, join_s=40.0)
APART: tuple[tuple[str, tuple[Role, ...]], ...] = (
    ("api", (Role.API,)),
    ("intake", (Role.INTAKE,)),
    ("zones-a", (Role.ZONES,)),
    ("zones-b", (Role.ZONES,)),
    ("matcher-a", (Role.MATCHER,)),
    ("matcher-b", (Role.MATCHER,)),
    ("dispatcher-a", (Role.DISPATCHER,)),
    ("dispatcher-b", (Role.DISPATCHER,)),
)


@dataclass
class Run:
    """What a run leaves: what people were told, what stands in the ledger, and who consumed what."""

    seed: int
    faults: str = ""
    unrest: str = ""
    requests: int = 0
    kills: int = 0
    steps: int = 0
    seconds: float = 0.0
    client: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    consumed: list[dict[str, Any]] = field(default_factory=list)
    events: dict[str, list[bytes]] = field(default_factory=dict)
    inbox: list[dict[str, Any]] = field(default_factory=list)
    cursors: dict[str, dict[str, int]] = field(default_factory=dict)
    letters: list[dict[str, Any]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def faulty(self) -> list[Fault]:
        """What the checker objects to."""
        return check(
            Evidence(
                events=self.events,
                inbox=self.inbox,
                client=self.client,
                messages=self.messages,
                consumed=self.consumed,
                cursors=self.cursors,
                letters=self.letters,
                unrest=self.unrest,
            )
        )

    def digest(self) -> str:
        """Stands for everything that happened: two runs of one seed have the same."""
        told = json.dumps(
            [self.client, self.messages, self.consumed, self.inbox, self.steps, self.ended], sort_keys=True
        )
        data = b"\n".join(line for zone in sorted(self.events) for line in self.events[zone])
        return hashlib.sha256(told.encode() + data).hexdigest()


class WorldClock:
    """A host's clock: the loop's time, and how far this host is off."""

    def __init__(self, loop: VirtualLoop, off: timedelta = timedelta(0)) -> None:
        self._loop = loop
        self._begin = MONDAY + off

    def now(self) -> datetime:
        return self._begin + timedelta(seconds=self._loop.time())


class World:
    def __init__(self, seed: int, faults: Faults | None = None) -> None:
        self.rng = Random(seed)
        self.loop = VirtualLoop(self.rng, MOST_STEPS)
        self.chance = Chance(self.rng, faults or drawn(self.rng))
        self.clock = WorldClock(self.loop)
        self.store = MemoryStore(self.clock, StoreSettings(inbox_limit=30, snapshot_schema=SCHEMA))
        self.broker = Broker(self.loop, self.chance)
        self.apart = self.rng.random() < 0.75
        self.processes: dict[str, Process] = {}
        self.people = People(self.chance, self.broker, self.doors, self.outside, self.clock.now)
        self.run = Run(seed, self.chance.describe())

    def outside(self, coro: Any) -> asyncio.Task:
        """Run something that belongs to no process of ours."""
        return self.loop.create_task(coro, context=Context())

    def doors(self) -> list[Process]:
        """Processes that answer callers just now."""
        return [one for one in self.processes.values() if one.alive and one.serves and one.pipeline is not None]

    # ---------------------------------------------------------------------------------------------------- processes

    def start(self, name: str, roles: Sequence[Role]) -> None:
        """Start a process, and see to it that it is started again whenever it ends."""
        before = self.processes.get(name)
        process = Process(self.loop, name, before.incarnation + 1 if before else 0)
        process.serves = Role.API in roles
        self.processes[name] = process
        self.run.consumed.append({"begins": str(process)})

        def again() -> None:
            self.run.kills += 1
            self.broker.miss(process)
            if not self.apart:
                self.broker.wipe()  # the embedded broker has died with us
            self.loop.call_later(self.rng.choice((0.5, 3.0, 15.0)), self.start, name, roles, context=Context())

        process.on_death.append(again)

        async def main() -> None:
            try:
                await self._serve(process, roles)
            except (Exception, asyncio.CancelledError) as error:
                self.run.ended.append(f"{self.loop.time():.1f} {process}: {_why(error)}")
            self.outside(self._reap(process))

        process.spawn(main())

    async def _reap(self, process: Process) -> None:
        process.kill()

    async def _serve(self, process: Process, roles: Sequence[Role]) -> None:
        """What `ningju.bootstrap.system.System` wires, on parts without a disk and without a line."""
        off = timedelta(seconds=self.rng.choice((-600, 600, 0)) if self.chance.faults.skewed else 0)
        clock = WorldClock(self.loop, off)
        store = RemoteStore(
            self.store,
            self.chance,
            outside=self.outside,
            settled=partial(self._settled, process),
            doubted=partial(self._doubted, process),
        )
        matchers: list[MatchLoop] = []
        handlers: dict[Role, Handler] = {
            Role.MATCHER: marking(lambda zone, at: matchers[0].mark(zone, at)),  # noqa: PLW0108 - made below
            Role.DISPATCHER: dispatch,
        }
        pipeline = Pipeline(
            store,  # type: ignore[arg-type]
            CONNECTION,
            logic=EngineLogic(),
            roles=roles,
            on_events={role: self._heard(process, role, handler) for role, handler in handlers.items()},
            admit=Admission(store, clock),  # type: ignore[arg-type]
            notifier=self.people,
            alone=not self.apart,
            tuning=TUNING,
            loops=[lambda: matchers[0].run()] if Role.MATCHER in roles else [],  # noqa: PLW0108
        )
        matchers.append(
            MatchLoop(
                states=pipeline.states,
                planner=FirstComer(self.chance),
                door=pipeline.door,
                archive=store,  # type: ignore[arg-type]
                clock=clock,
            )
        )
        process.store, process.pipeline = store, pipeline

        async def mark_when_ready() -> None:
            await pipeline.ready.wait()
            matchers[0].mark_all(await store.heads(), clock.now())

        async with asyncio.TaskGroup() as group:
            group.create_task(pipeline.run())
            group.create_task(mark_when_ready())

    def _heard(self, process: Process, role: Role, handler: Handler) -> Handler:
        def hear(events: Sequence[EventEnvelope]) -> Effects:
            heads = _at_once(self.store.heads())
            for envelope in events:
                self.run.consumed.append(
                    {
                        "heard": str(role),
                        "by": str(process),
                        "zone": envelope.zone,
                        "version": envelope.version,
                        "head": heads.get(envelope.zone, 0),
                    }
                )
            return handler(events)

        return hear

    def _settled(self, process: Process, consumer: str, cursors: dict[str, int]) -> None:
        self.run.consumed.append({"settled": str(consumer), "by": str(process), "cursors": cursors})

    def _doubted(self, process: Process) -> None:
        self.run.consumed.append({"ends": str(process)})

    # ---------------------------------------------------------------------------------------------------- accidents

    async def _trouble(self) -> None:
        faults, rng = self.chance.faults, self.rng
        kinds = ["kill"] * faults.kills + ["freeze"] * faults.freezes + ["wipe"] * faults.wipes
        kinds += ["outage"] * faults.outages
        for kind in rng.sample(kinds, len(kinds)):
            await asyncio.sleep(rng.uniform(2, 60))
            alive = [process for process in self.processes.values() if process.alive and not process.frozen]
            if kind == "wipe":
                self.broker.wipe()
            elif kind == "outage":
                self.outside(self._outage())
            elif alive and kind == "kill":
                rng.choice(alive).kill()
            elif alive:
                self.outside(self._freeze(rng.choice(alive)))

    async def _outage(self) -> None:
        self.chance.store_away = not self.chance.healed
        await asyncio.sleep(self.rng.choice((1, 10, 30)))
        self.chance.store_away = False

    async def _freeze(self, process: Process) -> None:
        process.freeze()
        self.broker.miss(process)
        await asyncio.sleep(self.rng.choice((3, 20, 45)))
        process.thaw()

    # ----------------------------------------------------------------------------------------------------- the whole

    async def live(self) -> None:
        """Found the town, let everything happen, heal, and wait until nothing is left to do."""
        commands, appends, _ = founded()
        await self.store.enqueue(commands)
        await self.store.commit(appends)
        for name, roles in APART if self.apart else (("all", tuple(Role)),):
            if not name.endswith("-b") or self.rng.random() < 0.4:
                self.start(name, roles)
        self.outside(self._trouble())
        promised = self.apart and not self.chance.faults.wipes
        self.run.requests = self.rng.randint(4, 9)
        for number in range(self.run.requests):
            await asyncio.sleep(self.rng.expovariate(0.15))
            if self.rng.random() < 0.25:
                self.people.start(self.people.send_by_topic(number, promised=promised))
            else:
                self.people.start(self.people.submit(number))
            if self.rng.random() < 0.08:
                self.people.start(self.people.disturb())
        await asyncio.sleep(self.rng.choice((10, 100, 200)))
        self.chance.heal()
        for process in self.processes.values():
            process.thaw()
        while not await self._at_rest():
            await asyncio.sleep(15)
            if self.loop.time() > REST_S:
                raise Restless(f"no rest after {self.loop.time():.0f} s")

    async def _at_rest(self) -> bool:
        if self.people.busy or await self.store.open_count() or await self.store.next_due() is not None:
            return False
        if await self.store.pending_notifications() or len(self.broker.groups) < 4:
            return False
        heads = await self.store.heads()
        for consumer in ("matcher", "dispatcher"):
            if await self.store.cursors(consumer) != heads:
                return False
        requests = self.broker.groups.get("ningju-intake")
        return requests is not None and all(
            requests.committed.get(place, 0) >= len(log)
            for place, log in self.broker.logs.items()
            if place.topic == "ningju.requests"
        )

    async def report(self) -> Run:
        """Write down what is left, as JSON: the checker gets nothing else."""
        run = self.run
        run.client, run.messages = self.people.log, self.people.messages
        for zone in await self.store.heads():
            run.events[zone] = [record.data for record in await self.store.events(zone, 0, 1_000_000)]
        for row in await self.store.inbox_rows(0, 1_000_000):
            outcome = None if row.outcome is None else json.loads(row.outcome.dump())
            run.inbox.append({"command": json.loads(row.command.data), "open": row.open, "outcome": outcome})
        for consumer in ("matcher", "dispatcher"):
            run.cursors[consumer] = await self.store.cursors(consumer)
        for letter in await self.store.dead_letters(10_000):
            run.letters.append({"source": letter.source, "raw": letter.raw.decode(errors="replace")})
        run.steps, run.seconds = self.loop.steps, self.loop.time()
        return run


def _why(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


@contextmanager
def in_place(world: World) -> Iterator[None]:
    """Put the simulated broker's clients, and virtual time, where the roles look for them."""
    broker = world.broker
    with ExitStack() as stack:
        put = stack.enter_context
        put(patch.object(streams.batch_role, "AIOKafkaConsumer", partial(Member, broker)))
        put(patch.object(streams.pipeline, "BatchProducer", partial(Producer, broker)))
        put(patch.object(streams.pipeline, "RoleApp", partial(App, broker)))
        put(patch.object(streams.pipeline, "spare_states", lambda: None))
        put(patch.object(streams.match_loop, "LONGEST_NAP_S", 8.0))
        put(patch.object(waiting, "POLL_S", 4.0))
        put(patch.object(streams.pipeline, "ZoneWorker", partial(ZoneWorker, snapshot_every=SNAPSHOT_EVERY)))
        for module, name in clocks():
            put(patch.object(module, name, world.loop.time))
        yield


@cache
def clocks() -> list[tuple[Any, str]]:
    """Wherever our modules have taken one of the machine's clocks by name."""
    ours = ("streams.", "engine.", "ningju.ledger.", "ningju.bootstrap.admitting")
    return [
        (module, name)
        for key, module in list(sys.modules.items())
        if key.startswith(ours)
        for name, value in list(vars(module).items())
        if value is monotonic or value is perf_counter
    ]


def quiet() -> None:
    """Nothing is logged: faults by the thousand are what is wanted here."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False)


def simulate(seed: int, faults: Faults | None = None) -> Run:
    """Live through one seed.

    Returns
    -------
    Run
        With ``unrest`` set when it never came to rest.
    """
    world = World(seed, faults)
    with in_place(world):
        try:
            world.loop.run_until_complete(world.live())
        except (Asleep, Restless) as unrest:
            world.run.unrest = str(unrest)
        run = _at_once(world.report())
        world.loop.close()
    return run


def _at_once(answer: Coroutine[Any, Any, T]) -> T:
    """What the store in memory answers, for it waits for nothing: it can be had without a step of the loop."""
    try:
        answer.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("the store in memory waits for something")
