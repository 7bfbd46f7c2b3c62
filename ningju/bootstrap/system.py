"""All roles of one process, wired: the only place that knows what stands behind each port."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from uuid import UUID

import structlog
from fastapi import FastAPI

from engine.explaining import explain
from engine.moving import Move, move
from engine.ports import Clock, Notifier, Planner, Stats
from engine.trying import Trial, attempt
from engine.zone import Zone
from ningju.bootstrap import broker, webhooks
from ningju.bootstrap.admitting import Admission
from ningju.bootstrap.entrance import entrance
from ningju.bootstrap.letters import expire
from ningju.bootstrap.lock import sole_writer
from ningju.bootstrap.operating import Letters, check, imagine
from ningju.bootstrap.server import WebServer
from ningju.bootstrap.store import RingingStore, open_store
from ningju.bootstrap.supposing import WhatIf
from ningju.console.app import create_app
from ningju.console.guard import LOCAL
from ningju.console.services import Services, Worker
from ningju.dispatch.notifiers import LogNotifier
from ningju.ledger.inspection import InspectableStore
from ningju.settings import Settings
from schemas.commands import AssignCrew, Command
from schemas.explanation import Explanation
from schemas.plan import Plan, Rule
from schemas.problem import Limits, Problem
from streams.apps import Connection
from streams.broker import EmbeddedBroker
from streams.engine_logic import EngineLogic
from streams.handlers import dispatch, marking
from streams.match_loop import MatchLoop
from streams.pipeline import CONSUMERS, Pipeline, Role
from streams.release import SteppedRelease
from streams.solver_pool import SolverPool, solve_here
from streams.zone_states import ZoneStates

log = structlog.get_logger(__name__)


class SolverHere:
    """Solves in this very process: for tests and the smallest machines, since it holds everything else up."""

    async def solve(self, problem: Problem, limits: Limits) -> Plan:
        """Solve at once."""
        return solve_here(problem, limits)

    def close(self) -> None:
        """Do nothing."""


class System:
    """One process of Ningju: some roles or all, from the first loop to the last.

    Parameters
    ----------
    stepped
        Whether ``clock`` is simulated: commands, ticks, solves and notifications then move only by ``stepping``.
    notifier
        Where messages go; the log by default.

    Attributes
    ----------
    prepared
        To be set when the zones are as the settings want them: ready means that, too.
    """

    def __init__(
        self, settings: Settings, clock: Clock, *, stepped: bool = False, notifier: Notifier | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.stepped = stepped
        self.stats = Stats()
        self.roles = frozenset(Role(role) for role in settings.roles)
        self._notifier = notifier or LogNotifier()
        self._broker: EmbeddedBroker | None = None
        self._planner: SolverPool | SolverHere = SolverHere()
        self._services = Services(
            ready=self.unready,
            explain=self.explain,
            imagine=self.imagine,
            check=self.check,
            move=self.move,
            attempt=self.attempt,
            what_if=WhatIf(self._state, lambda: self._planner, clock, seed=settings.seed),
            letters=Letters(lambda: self.store, clock),
            workers=self.workers,
            stats=self.stats,
            consumers=CONSUMERS,
            wait_s=settings.wait_s,
            tiles=settings.map_tiles,
            credit=settings.map_credit,
        )
        self.prepared = asyncio.Event()
        self._main: asyncio.Task[None] | None = None
        self._held = ExitStack()
        self.store: InspectableStore
        self.pipeline: Pipeline
        self.matcher: MatchLoop
        self.server: WebServer | None = None

    @property
    def address(self) -> str:
        """Where the console answers; empty where this process serves none."""
        return self.server.address if self.server is not None else ""

    async def start(self) -> None:
        """Open, wire and start everything; return when it is ready.

        Raises
        ------
        Exception
            Whatever keeps a part from starting; what had started is stopped.
        """
        settings = self.settings
        with ExitStack() as held:
            held.enter_context(sole_writer(settings.database_url))
            self.store = await open_store(settings, self.clock, stepped=self.stepped)
            self._held = held.pop_all()
        try:
            if Role.API in self.roles:
                self.server = WebServer(self._console_app(), settings.host, settings.port)
            self._wire()
            self._main = asyncio.create_task(self._run(), name="system")
            ready = asyncio.create_task(self.pipeline.ready.wait())
            done, _ = await asyncio.wait({ready, self._main}, return_when=asyncio.FIRST_COMPLETED)
            if self._main in done:
                ready.cancel()
                self._main.result()
                raise RuntimeError("the system ended before it was ready")
            self.matcher.mark_all(await self.store.heads(), self.clock.now())
        except BaseException:
            await self.stop()
            raise
        log.info("ready", action="ready", roles=sorted(self.roles), address=self.address)

    def _console_app(self) -> FastAPI:
        # The bell is the pipeline's, which needs what the console serves beside: so it is looked up when it rings.
        store = RingingStore.of(self.store, lambda commands: self.pipeline.door.enqueue(commands))  # noqa: PLW0108
        names = (*LOCAL, *self.settings.names)
        return create_app(store, self.clock, self._services, names, entrance(self.settings))

    def _wire(self) -> None:
        settings, store = self.settings, self.store
        if settings.broker is None:
            self._broker = EmbeddedBroker()
            connection = Connection.embedded(self._broker.start())
        else:
            connection = broker.connection(settings)
        if settings.solver_processes:
            self._planner = SolverPool(settings.solver_processes)
        self.pipeline = Pipeline(
            store,
            connection,
            logic=EngineLogic(),
            roles=self.roles,
            on_events={Role.MATCHER: marking(self._mark), Role.DISPATCHER: dispatch},
            admit=Admission(store, self.clock),
            notifier=self._notifier,
            release=SteppedRelease() if self.stepped else None,
            alone=settings.database is None,
            stats=self.stats,
            loops=() if self.stepped else self._loops(),
        )
        states: ZoneStates[Zone] = self.pipeline.states
        planner: Planner = self._planner
        self.matcher = MatchLoop(
            states=states,
            planner=planner,
            door=self.pipeline.door,
            archive=store,
            clock=self.clock,
            stats=self.stats,
            seed=settings.seed,
            at_once=settings.solver_processes + 1,  # one is posed while the others are solved
        )

    def _mark(self, zone: str, at: datetime) -> None:
        self.matcher.mark(zone, at)

    def _loops(self) -> list[Callable[[], Awaitable[None]]]:
        loops: list[Callable[[], Awaitable[None]]] = []
        if Role.MATCHER in self.roles:
            loops.append(self._match)
        if Role.ZONES in self.roles:
            loops.append(self._expire)
        if (
            Role.DISPATCHER in self.roles
            and (hooks := webhooks.loop(self.settings, self.store, self.clock)) is not None
        ):
            loops.append(hooks.run)
        return loops

    async def _expire(self) -> None:
        await expire(self.store)

    async def _match(self) -> None:
        await self.matcher.run()

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                running = group.create_task(self.pipeline.run(), name="pipeline")
                if self.server is not None:
                    serving = group.create_task(self.server.run_until_told(), name="console")
                    serving.add_done_callback(lambda _: running.cancel())
        except BaseExceptionGroup as faults:
            raise sole(faults) from faults

    async def wait(self) -> None:
        """Wait until the system ends.

        Raises
        ------
        BaseException
            Whatever ended it, when it was not :meth:`stop`.
        """
        if self._main is not None:
            await asyncio.shield(self._main)

    async def stop(self) -> None:
        """Stop taking in, finish what is under way, let go of everything."""
        self._services.stopping.set()
        if self.server is not None:
            self.server.should_exit = True
        if self._main is not None and not self._main.done():
            if self.server is None or not self.server.started:
                self._main.cancel()
            _, late = await asyncio.wait({self._main}, timeout=self.settings.drain_s)
            if late:
                self._main.cancel()
                await asyncio.wait(late, timeout=self.settings.drain_s)
        self._planner.close()
        if self._broker is not None:
            self._broker.stop()
        await self.store.close()
        self._held.close()

    async def unready(self) -> Mapping[str, str]:
        """Parts that are not ready, with what they wait for."""
        waiting = {}
        if not self.pipeline.ready.is_set():
            waiting["roles"] = "starting: joining their consumer groups"
        if not self.prepared.is_set():
            waiting["zones"] = "being set up"
        if self.pipeline.worker.waiting:
            waiting["database"] = "away: commits are put off"
        return waiting

    def workers(self) -> Sequence[Worker]:
        """Who works in this process: its roles, and its solver processes."""
        members = self.pipeline.members
        roles = [Worker(role, role not in members or bool(members[role].joined)) for role in Role if role in self.roles]
        pool = self._planner.pids() if isinstance(self._planner, SolverPool) else ()
        return [*roles, *(Worker("solver") for _ in pool)]

    async def _state(self, zone: str) -> Zone:
        state: Zone = await self.pipeline.states.state(zone)
        return state

    async def explain(self, zone: str, request_id: UUID) -> Explanation | None:
        """Explain a request from the state of a zone, which does not change, beside the event loop: that takes a solve."""
        from solvers.why import why  # with it comes the compiled search: not at the start

        state = await self._state(zone)
        return await asyncio.to_thread(explain, state, request_id, self.clock.now(), why)

    async def imagine(self, zone: str, command: Command, request_id: UUID) -> Explanation | None:
        """Explain a request as it would be after a command, beside the event loop."""
        from solvers.why import why

        state = await self._state(zone)
        return await asyncio.to_thread(imagine, state, command, request_id, self.clock.now(), why)

    async def move(
        self, zone: str, request_id: UUID, team: str, start: datetime, want: str, instead: str
    ) -> Move | None:
        """Say what moving a visit would be, beside the event loop: a team's people are judged."""
        state: Zone = await self.pipeline.states.state(zone)
        now = self.clock.now()
        return await asyncio.to_thread(move, state, request_id, now, team=team, start=start, want=want, instead=instead)

    async def check(self, zone: str, command: AssignCrew) -> Mapping[str, Sequence[Rule]]:
        """Name the rules that an assignment would break, by person."""
        state = await self._state(zone)
        return check(state, command, self.clock.now())

    async def attempt(self, zone: str, commands: Sequence[Command]) -> Trial:
        """Try orders on a zone's state, beside the event loop."""
        state = await self._state(zone)
        return await asyncio.to_thread(attempt, state, commands, self.clock.now())


def sole(faults: BaseException) -> BaseException:
    """Tell one fault as itself, however deep it lies: its kind decides the exit code. Several stay a group."""
    while isinstance(faults, BaseExceptionGroup) and len(faults.exceptions) == 1:
        faults = faults.exceptions[0]
    return faults
