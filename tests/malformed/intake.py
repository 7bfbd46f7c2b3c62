"""The real intake and the real zones' handler on a ledger in memory, and an account of what went in."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from ningju.bootstrap.admitting import Admission
from ningju.ledger.memory import MemoryStore
from ningju.ledger.settings import StoreSettings
from schemas.envelope import CommandEnvelope
from streams.agents import commands_handler, intake_agent
from streams.backoff import Backoff
from streams.dead_letters import DeadLetters
from streams.engine_logic import EngineLogic
from streams.topics import Record, encode_headers
from streams.zone_states import ZoneStates
from streams.zone_worker import ZoneWorker
from tests.deterministic.town import ZONES, founded, wanted
from tests.engine.builders import MONDAY
from tests.ledger.builders import StandingClock
from tests.malformed.mutating import golden_commands, spoiled

BATCH = 50


@dataclass(frozen=True)
class Message:
    topic: str
    partition: int
    offset: int
    value: Any
    headers: Any = None


@dataclass
class Account:
    """What went in and what became of it."""

    records: int = 0
    accepted: int = 0
    refused: int = 0
    repeated: int = 0
    letters: int = 0
    failed: int = 0

    def add(self, other: "Account") -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    @property
    def balanced(self) -> bool:
        return self.records == self.accepted + self.refused + self.repeated + self.letters and not self.failed


class _Sink:
    async def send(self, topic: str, records: Sequence[Record]) -> None:
        pass


class _Stream:
    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = messages
        self.acknowledged = 0

    async def noack_take(self, size: int, *, within: float) -> AsyncIterator[list[Any]]:
        yield [self._event(message) for message in self._messages]

    def _event(self, message: Message) -> Any:
        stream = self

        class Event:
            def __init__(self) -> None:
                self.message = message

            def ack(self) -> None:
                stream.acknowledged += 1

        return Event()


async def town() -> MemoryStore:
    store = MemoryStore(StandingClock(MONDAY), StoreSettings(inbox_limit=1_000_000))
    commands, appends, _ = founded()
    await store.enqueue(commands)
    await store.commit(appends)
    return store


async def feed_requests(raws: Sequence[bytes]) -> Account:
    """Give records to the intake, each under an id of its own."""
    store = await town()
    before = len(await store.inbox_rows(0, 1_000_000))
    letters = DeadLetters(store, _Sink())
    agent = intake_agent(Admission(store, StandingClock(MONDAY)), store.enqueue, letters, backoff=Backoff())
    messages = [
        Message("ningju.requests", 0, n, raw, encode_headers(id=f"n-{n}", type="request", source="/other"))
        for n, raw in enumerate(raws)
    ]
    for n in range(0, len(messages), BATCH):
        batch = messages[n : n + BATCH]
        stream = _Stream(batch)
        await agent(stream)  # type: ignore[arg-type]
        assert stream.acknowledged == len(batch)
    taken = len(await store.inbox_rows(0, 1_000_000)) - before
    return Account(records=len(raws), accepted=taken, letters=len(await store.dead_letters(1_000_000)))


async def feed_commands(raws: Sequence[bytes]) -> Account:
    """Give records to the zones: each has an outcome afterwards, or is a dead letter."""
    store = await town()
    letters, logic = DeadLetters(store, _Sink()), EngineLogic()
    worker = ZoneWorker(
        ledger=store, door=store, letters=letters, logic=logic, states=ZoneStates(store, logic, alone=True)
    )
    handle = commands_handler(worker, letters, on_commit=lambda records: None, on_outcomes=lambda ids: None)
    messages = [Message("ningju.commands", 0, n, raw) for n, raw in enumerate(raws)]
    for n in range(0, len(messages), BATCH):
        await handle(messages[n : n + BATCH])
    dead = {letter.offset: letter for letter in await store.dead_letters(1_000_000)}
    account, seen = Account(records=len(raws)), set()
    for message in messages:
        letter = dead.get(message.offset)
        if letter is not None and letter.command_id is None:
            account.letters += 1
            continue
        command_id = CommandEnvelope.read(message.value).command_id
        outcome = (await store.outcomes([command_id])).get(command_id)
        if outcome is None:
            continue  # a silent drop: the account does not balance
        if command_id in seen:
            account.repeated += 1
            continue
        seen.add(command_id)
        account.accepted += outcome.status == "accepted"
        account.refused += outcome.status == "rejected"
        account.failed += outcome.status == "failed"
    return account


def bad_requests(rng: Random, count: int) -> list[bytes]:
    good = [json.loads(wanted(rng, MONDAY, n).dump()) for n in range(20)]
    return [spoiled(rng.choice(good), rng) for _ in range(count)]


def bad_commands(rng: Random, count: int) -> list[bytes]:
    good = golden_commands()
    raws = []
    for number in range(count):
        command = rng.choice(good)
        if rng.random() < 0.9:
            command = command | {"zone": rng.choice(ZONES)}
        if rng.random() < 0.9:
            command = command | {"command_id": f"00000000-0000-4000-8000-{number:012}"}
        if rng.random() < 0.8:
            command = command | {"received_at": f"2026-11-{rng.randrange(2, 9):02}T{rng.randrange(24):02}:00:00Z"}
        raws.append(spoiled(command, rng))
    return raws
