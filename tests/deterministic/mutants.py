"""Negative controls: the parts with one thing wrong each. Every one has to be caught, or the simulation proves little.

What only real parts can show (Faust's offsets, its producer, aiokafka's consumers) is shown on them:
``tests/streams/test_driver.py`` and ``tests/streams/test_batch_role.py``.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import Any
from unittest.mock import patch

import engine.consequences
import engine.decide.crews
import engine.decide.plans
import engine.evolve
import engine.handling
import ningju.ledger.memory
import streams.agents
import streams.handlers
from engine.consequences import Consequences
from engine.ports import ZoneAppend
from engine.timers import TimerKind
from ningju.ledger.memory import MemoryStore
from schemas.base import derive_id
from schemas.envelope import EventEnvelope
from schemas.events import OfferEnded, RequestEnded, SeatOffered
from streams.consuming import EventConsumer, Heard
from streams.dead_letters import DeadLetters
from streams.delivering import Postman
from streams.engine_logic import EngineLogic
from streams.pipeline import Pipeline
from streams.publishing import CommandPublisher, EventPublisher
from streams.zone_states import ZoneStates
from streams.zone_worker import ZoneWorker
from tests.deterministic import world
from tests.deterministic.faults import Faults
from tests.deterministic.world import simulate

Apply = Callable[[], Any]


@dataclass(frozen=True)
class Mutant:
    """One thing that is done wrong.

    Attributes
    ----------
    part
        Where.
    wrong
        What.
    by
        The check that is there for this.
    apply
        Makes the context in which it is so.
    faults
        What it takes for it to matter.
    """

    part: str
    wrong: str
    by: str
    apply: Apply
    faults: Faults = field(default_factory=Faults)


@dataclass(frozen=True)
class Caught:
    """Which checks objected, at which seed."""

    seed: int
    checks: tuple[str, ...]


STORMY = Faults(slow=0.2, lost=0.2, twice=0.3, late=0.2, unknown=0.15, killed=0.005, kills=2, freezes=2)
UNKNOWN = Faults(slow=0.2, twice=0.3, unknown=0.3, freezes=3)
KILLED = Faults(slow=0.3, away=0.2, killed=0.02, kills=4, outages=2)
AWAY = Faults(slow=0.2, away=0.6, killed=0.02, kills=4, outages=3)
OFTEN = replace(world.CONNECTION, commit_s=0.5)
LOSSY = Faults(slow=0.1, lost=0.4, late=0.3)
SKEWED = Faults(skewed=True)

MUTANTS: dict[str, Mutant] = {}


def mutant(part: str, wrong: str, by: str, faults: Faults = STORMY) -> Callable[[Apply], Apply]:
    def register(apply: Apply) -> Apply:
        MUTANTS[apply.__name__] = Mutant(part, wrong, by, apply, faults)
        return apply

    return register


def hunt(name: str, seeds: range) -> Caught | None:
    """Live through seeds with a mutant until the check that is there for it objects.

    No run is as long as one that keeps every promise: one that never rests is given up early.
    """
    chosen = MUTANTS[name]
    with patch.object(world, "MOST_STEPS", 30_000), patch.object(world, "REST_S", 3_600.0):
        for seed in seeds:
            with chosen.apply():
                run = simulate(seed, chosen.faults)
            checks = tuple(dict.fromkeys(check for check, _ in run.faulty()))
            if chosen.by in checks:
                return Caught(seed, checks)
    return None


def table(seeds: range) -> Iterator[str]:
    """Rows for the docs: what was wrong, what caught it, and how many seeds that took."""
    yield "| part | what is wrong | caught by | seeds |"
    yield "|---|---|---|---|"
    for name, one in MUTANTS.items():
        caught = hunt(name, seeds)
        found = f"{', '.join(caught.checks)} | {caught.seed - seeds.start + 1}" if caught else "**nothing** | –"
        yield f"| {one.part} | {one.wrong} | {found} |"


# --------------------------------------------------------------------------------------------------------------- intake


@mutant("intake", "acknowledges before the durable write, as stock Faust does", "records", AWAY)
@contextmanager
def stock_acknowledgement() -> Iterator[None]:
    def batched(handle: Any, *, size: int = 500, within_s: float = 0.01) -> Any:
        async def agent(stream: Any) -> None:
            async for events in stream.noack_take(size, within=within_s):
                for event in events:
                    event.ack()
                await handle([event.message for event in events])

        return agent

    with patch.object(streams.agents, "batched", batched), patch.object(world, "CONNECTION", OFTEN):
        yield


@mutant("intake", "drops what it cannot read", "records")
def no_dead_letters() -> Any:
    async def dead_letter(self: Any, letter: Any) -> None:
        pass

    return patch.object(DeadLetters, "dead_letter", dead_letter)


# --------------------------------------------------------------------------------------------------------------- worker


class _Forgetful:
    def __init__(self, door: Any) -> None:
        self._door = door

    async def outcomes(self, command_ids: Any) -> dict[Any, Any]:
        return {}


@contextmanager
def _worker(change: Callable[[Any], None]) -> Iterator[None]:
    make = ZoneWorker.__init__

    def made(self: Any, **parts: Any) -> None:
        make(self, **parts)
        change(self)

    with patch.object(ZoneWorker, "__init__", made):
        yield


@mutant("zone worker", "does not ask which commands have an outcome", "rest")
def no_look_up() -> Any:
    def change(worker: Any) -> None:
        worker._door = _Forgetful(worker._door)

    return _worker(change)


@mutant("zone worker, ledger", "no dedupe: a command that comes again is decided and written again", "outcomes")
@contextmanager
def no_dedupe() -> Iterator[None]:
    commit = MemoryStore.commit

    async def careless(self: Any, appends: Sequence[ZoneAppend]) -> None:
        for append in appends:
            for decided in append.decided:
                self._outcomes.pop(decided.outcome.command_id, None)
        await commit(self, appends)

    with no_look_up(), patch.object(MemoryStore, "commit", careless):
        yield


@mutant("zone worker", "keeps its states after a conflict", "rest", Faults(slow=0.1, unknown=0.05))
def stale_states() -> Any:
    return patch.object(ZoneStates, "drop", lambda self, zones: None)


@mutant("zone worker", "offers events to the publisher before they are committed", "consumers", KILLED)
@contextmanager
def publish_before_commit() -> Iterator[None]:
    bind = Pipeline._bind_zones

    def bound(self: Any, letters: Any) -> None:
        bind(self, letters)
        ledger, events = self.worker._ledger, self.events

        class Eager:
            async def commit(self, appends: Sequence[ZoneAppend]) -> None:
                events.offer([record for append in appends for one in append.decided for record in one.records])
                await asyncio.sleep(2.0)
                await ledger.commit(appends)

        self.worker._ledger = Eager()

    with patch.object(Pipeline, "_bind_zones", bound):
        yield


@mutant("zone worker", "decides by the host's clock, not by the time at which the command came in", "clock")
def wall_clock() -> Any:
    handle = EngineLogic.handle

    def by_the_wall(self: Any, state: Any, envelope: Any) -> Any:
        now = asyncio.get_running_loop().time() + 0.001
        return handle(self, state, envelope.changed(received_at=_monday() + timedelta(seconds=now)))

    return patch.object(EngineLogic, "handle", by_the_wall)


def _monday() -> Any:
    from tests.engine.builders import MONDAY

    return MONDAY


@mutant("zone worker", "leaves out the first record after a snapshot", "rest", KILLED)
def hole_after_snapshot() -> Any:
    load = EngineLogic.load

    def forgetful(self: Any, zone: str, found: Any) -> Any:
        return load(self, zone, found if found.snapshot is None else replace(found, records=found.records[1:]))

    return patch.object(EngineLogic, "load", forgetful)


# --------------------------------------------------------------------------------------------------------------- ledger


@mutant("ledger", "no compare-and-set: whoever comes last has written", "chain", UNKNOWN)
def no_compare_and_set() -> Any:
    async def commit(self: Any, appends: Sequence[ZoneAppend]) -> None:
        for append in appends:
            if append.zone in self._zones:
                del self._zones[append.zone].records[append.expected_version :]
            self._append(append)

    return patch.object(MemoryStore, "commit", commit)


@mutant("ledger", "writes outcomes in one transaction and events in the next", "outcomes", KILLED)
def outcome_without_events() -> Any:
    append = MemoryStore._append
    turns = count(1)

    def half(self: Any, one: ZoneAppend) -> None:
        torn = next(turns) % 20 == 0
        append(self, replace(one, decided=tuple(replace(d, records=()) for d in one.decided)) if torn else one)

    return patch.object(MemoryStore, "_append", half)


@mutant("ledger", "takes a command whose id it has for a new one", "verdicts", UNKNOWN)
def door_without_dedupe() -> Any:
    enqueue = MemoryStore._enqueue

    def anew(self: Any, commands: Any) -> Any:
        for command in commands:
            kept = self._inbox.get(command.envelope.command_id)
            if kept is not None and command.envelope.command_id in self._outcomes:
                self._outcomes.pop(command.envelope.command_id)
                self._inbox.pop(command.envelope.command_id)
        return enqueue(self, commands)

    return patch.object(MemoryStore, "_enqueue", anew)


@mutant("ledger", "believes the time that the sender has put on a command", "stamps")
def no_stamp() -> Any:
    return patch.object(ningju.ledger.memory, "stamped", lambda envelope, now: envelope.dump())


@mutant("ledger", "says what is due by a clock that is ahead of its stamps", "rest", SKEWED)
def early_ticks() -> Any:
    async def due_zones(self: Any) -> Any:
        clock, self._clock = self._clock, _Ahead(self._clock)
        try:
            return await due(self)
        finally:
            self._clock = clock

    due = MemoryStore.due_zones
    return patch.object(MemoryStore, "due_zones", due_zones)


@dataclass
class _Ahead:
    clock: Any

    def now(self) -> Any:
        return self.clock.now() + timedelta(minutes=10)


@mutant(
    "ledger",
    "moves a cursor in one transaction and writes what follows from the events in the next",
    "messages",
    KILLED,
)
def cursor_first() -> Any:
    async def settle(self: Any, events: Any, cursors: Any) -> None:
        if cursors:
            effects = self._handler(events)
            await self._backoff.insist(lambda: self._consumers.settle(self.name, cursors))
            self._cursors.update(cursors)
            await self._backoff.insist(
                lambda: self._consumers.settle(self.name, {}, effects.commands, effects.notifications)
            )

    return patch.object(EventConsumer, "_settle", settle)


# ----------------------------------------------------------------------------------------------------------- publishing


@mutant("publishing", "sends no open command again", "outcomes", LOSSY)
def no_sweep() -> Any:
    async def sweep(self: Any) -> None:
        self._swept = asyncio.get_running_loop().time()

    return patch.object(CommandPublisher, "sweep", sweep)


@mutant("publishing", "sends no event again that nobody has consumed", "consumers", LOSSY)
def no_events_again() -> Any:
    async def sweep(self: Any) -> None:
        self._swept = asyncio.get_running_loop().time()

    return patch.object(EventPublisher, "sweep", sweep)


@mutant("consuming", "no gap repair: goes on behind a gap", "consumers", LOSSY)
def no_gap_repair() -> Any:
    async def hear(self: Any, batch: Sequence[Heard]) -> None:
        async with self._lock:
            for heard in batch:
                if heard.version > self._cursors.get(heard.zone, 0):
                    await self._settle([EventEnvelope.read(heard.data)], {heard.zone: heard.version})

    return patch.object(EventConsumer, "hear", hear)


@mutant("consuming", "begins at the first event whatever its cursor says", "consumers", Faults(kills=4, killed=0.005))
def no_cursor() -> Any:
    async def refresh(self: Any) -> None:
        pass

    return patch.object(EventConsumer, "_refresh", refresh)


@mutant("consuming", "gives what follows from an event another id each time", "referrals", STORMY)
def ids_by_chance() -> Any:
    number = count()
    return patch.object(engine.consequences, "derive_id", lambda *parts: derive_id(*parts, next(number)))


@mutant("delivering", "counts a message as delivered whatever the gateway says", "messages", Faults(undelivered=0.5))
def delivered_anyway() -> Any:
    deliver = Postman._deliver

    async def anyway(self: Any, rows: Any) -> Any:
        await deliver(self, rows)
        return [row.notification.key for row in rows]

    return patch.object(Postman, "_deliver", anyway)


# --------------------------------------------------------------------------------------------------------------- decide


def _without(rule: str, *modules: Any) -> Any:
    judge = engine.decide.plans.judge

    def lenient(*arguments: Any, **options: Any) -> Any:
        return {who: None if why == rule else why for who, why in judge(*arguments, **options).items()}

    return patch.object(engine.decide.plans, "judge", lenient)


@mutant("decide", "asks people who are busy then", "bookings", Faults())
def overlap_allowed() -> Any:
    return _without("overlap")


@mutant("decide", "asks somebody for a second seat of the same visit", "bookings", Faults())
def two_seats() -> Any:
    offer = engine.decide.plans.offer

    def twice(draft: Any, request_id: Any, need: Any, seat: int, volunteer: str, leader: Any, **more: Any) -> Any:
        made = offer(draft, request_id, need, seat, volunteer, leader, **more)
        seats = draft.zone.requests[request_id].visit.seats
        if seat + 1 < len(seats) and seats[seat + 1].state == "empty":
            offer(draft, request_id, need, seat + 1, volunteer, leader, **more)
        return made

    return patch.object(engine.decide.plans, "offer", twice)


@mutant("decide", "fires no timer before a command", "offers", Faults())
def command_before_timers() -> Any:
    fire = engine.handling._Recorder.fire_due
    turns: set[int] = set()

    def late(self: Any, now: Any) -> None:
        if id(self) in turns:
            turns.discard(id(self))
            fire(self, now)
        else:
            turns.add(id(self))

    return patch.object(engine.handling._Recorder, "fire_due", late)


@mutant("decide", "fires a timer after its moment, not in it", "rest", Faults(slow=0.0))
def expiry_off_by_one() -> Any:
    fire = engine.handling._Recorder.fire_due
    return patch.object(
        engine.handling._Recorder, "fire_due", lambda self, now: fire(self, now - timedelta(microseconds=1))
    )


@mutant("decide", "lets a zone's time go back", "clock", LOSSY)
def time_goes_back() -> Any:
    return patch.object(engine.handling, "max", lambda first, second: second, create=True)


@mutant("decide", "ends a guest's request for its origin, too", "rest", Faults())
def ended_by_the_guest() -> Any:
    end = engine.decide.crews.end

    def both(draft: Any, request_id: Any, how: Any, reason: str, served_by: Any = None) -> None:
        if draft.zone.requests[request_id].referral is not None:
            draft.emit(RequestEnded(request_id=request_id, end=how, reason=reason))
        else:
            end(draft, request_id, how, reason, served_by)

    return patch.object(engine.decide.crews, "end", both)


@mutant("decide", "has no end for what nobody serves in its last window", "requests", Faults())
def no_last_window() -> Any:
    deadlines = engine.evolve.deadlines

    def without(zone: Any, record: Any) -> Any:
        return {kind: due for kind, due in deadlines(zone, record).items() if kind is not TimerKind.LAST_WINDOW}

    return patch.object(engine.evolve, "deadlines", without)


@mutant("decide", "chains each record to nothing", "chain", Faults())
def no_chain() -> Any:
    return patch.object(engine.handling, "record_hash", lambda data: "0" * 64)


# --------------------------------------------------------------------------------------------------------- consequences


def _silent(*kinds: type) -> Any:
    tell = streams.handlers.consequences

    def deaf(envelope: EventEnvelope) -> Consequences:
        event = envelope.event
        quiet = isinstance(event, kinds) and getattr(event, "how", "rescinded") == "rescinded"
        return Consequences() if quiet else tell(envelope)

    return patch.object(streams.handlers, "consequences", deaf)


@mutant("dispatcher", "does not say that an offer was taken back", "messages", Faults())
def rescinded_in_silence() -> Any:
    return _silent(OfferEnded)


@mutant("dispatcher", "tells nobody of an offer", "messages", Faults())
def offered_in_silence() -> Any:
    return _silent(SeatOffered)


@mutant("dispatcher", "asks another zone only once in two times", "referrals", Faults())
def referrals_forgotten() -> Any:
    tell = streams.handlers.consequences

    def forgetful(envelope: EventEnvelope) -> Consequences:
        told = tell(envelope)
        return Consequences(told.notifications) if told.commands and envelope.version % 2 else told

    return patch.object(streams.handlers, "consequences", forgetful)
