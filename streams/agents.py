"""What each role does with a topic: translate, batch, acknowledge. The thinking is done elsewhere."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from faust.types import StreamT
from pydantic import ValidationError

from engine.ports import DeadLetter, NewCommand, QueueFull, Record
from schemas.envelope import CommandEnvelope
from streams.backoff import Backoff
from streams.consuming import EventConsumer, Heard
from streams.dead_letters import Letters
from streams.topics import decode_headers
from streams.zone_worker import Delivered, ZoneWorker

Agent = Callable[[StreamT[Any]], Awaitable[None]]


class Message(Protocol):
    """What is read of a record, whoever brings it."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def value(self) -> Any: ...
    @property
    def headers(self) -> Any: ...


Batch = Sequence[Message]
Handle = Callable[[Batch], Awaitable[None]]

BATCH = 500
"""Records of a batch at most; while little comes, batches are small. A larger one touches fewer pages a record."""

WITHIN_S = 0.01


class Unacceptable(ValueError):
    """A record that can never be taken in; the text says why."""


Admit = Callable[[bytes, Mapping[str, str], str], Awaitable[NewCommand]]
"""Turns the raw bytes of a request, its headers and its position into a command; raises `Unacceptable`."""


def batched(handle: Handle, *, size: int = BATCH, within_s: float = WITHIN_S) -> Agent:
    """Make an agent that hands over batches and acknowledges each when it is dealt with, never before.

    Parameters
    ----------
    size, within_s
        A batch is handed over when it has ``size`` records, and every ``within_s`` seconds if it has any.
    """

    async def agent(stream: StreamT[Any]) -> None:
        async for events in stream.noack_take(size, within=within_s):  # type: ignore[attr-defined]
            await handle([event.message for event in events])
            for event in events:
                event.ack()

    return agent


def raw_of(message: Message) -> bytes:
    """Read a record's value as it came."""
    return message.value if isinstance(message.value, bytes) else b""


def letter_of(message: Message, reason: str) -> DeadLetter:
    """Write a record that cannot be read as a dead letter."""
    return DeadLetter(message.topic, message.partition, message.offset, reason, raw_of(message))


def commands_handler(
    worker: ZoneWorker[Any],
    letters: Letters,
    *,
    on_commit: Callable[[Sequence[Record]], None],
    on_outcomes: Callable[[Sequence[Any]], None],
) -> Handle:
    """Make what the zones' role does with a batch: commands in, records committed.

    Parameters
    ----------
    on_commit
        Told the records that are durable now.
    on_outcomes
        Told the ids of commands that have their outcome.
    """

    async def handle(messages: Batch) -> None:
        batch = []
        for message in messages:
            raw = raw_of(message)
            try:
                envelope = CommandEnvelope.read(raw)
            except ValidationError as error:
                await letters.dead_letter(letter_of(message, f"no command: {_first(error)}"))
            else:
                batch.append(Delivered(envelope, raw, message.topic, message.partition, message.offset))
        if batch:
            on_commit(await worker.work(batch))
            on_outcomes([one.envelope.command_id for one in batch])

    return handle


def events_agent(consumer: EventConsumer, letters: Letters, *, size: int = BATCH, within_s: float = WITHIN_S) -> Agent:
    """Bind a consumer of events. An event that cannot be read here is read from the ledger: only headers must be right."""

    async def handle(messages: Batch) -> None:
        batch = []
        for message in messages:
            headers = decode_headers(message.headers)
            version = headers.get("version", "")
            if not version.isdecimal() or not headers.get("zone"):
                await letters.dead_letter(letter_of(message, "no event: the headers zone and version are missing"))
            else:
                batch.append(Heard(headers["zone"], int(version), raw_of(message)))
        if batch:
            await consumer.hear(batch)

    return batched(handle, size=size, within_s=within_s)


def intake_agent(
    admit: Admit,
    enqueue: Callable[[Sequence[NewCommand]], Awaitable[object]],
    letters: Letters,
    *,
    backoff: Backoff,
    size: int = BATCH,
    within_s: float = WITHIN_S,
) -> Agent:
    """Bind the intake's agent: requests of other systems in, commands at the door.

    Parameters
    ----------
    backoff
        Also waits while the queue is full: requests then stay on the topic.
    """

    async def enqueue_some(commands: Sequence[NewCommand]) -> None:
        tries = 0
        while True:
            try:
                await backoff.insist(lambda: enqueue(commands))
                return
            except QueueFull:
                if len(commands) > 1:  # perhaps the batch alone is too large for what room there is
                    for command in commands:
                        await enqueue_some([command])
                    return
                tries += 1
                await backoff.wait(tries)

    async def admitted(message: Message, position: str) -> NewCommand:
        # Routing asks the database where zones are.
        return await backoff.insist(lambda: admit(raw_of(message), decode_headers(message.headers), position))

    async def handle(messages: Batch) -> None:
        commands = []
        for message in messages:
            position = f"{message.topic}/{message.partition}/{message.offset}"
            try:
                commands.append(await admitted(message, position))
            except ValidationError as error:
                await letters.dead_letter(letter_of(message, f"no request: {_first(error)}"))
            except Unacceptable as error:
                await letters.dead_letter(letter_of(message, str(error)))
        if commands:
            await enqueue_some(commands)

    return batched(handle, size=size, within_s=within_s)


def _first(error: ValidationError) -> str:
    """Tell the first fault of a model, without the input: it may be personal."""
    fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in fault["loc"]) or "the whole"
    return f"{where}: {fault['msg']} ({error.error_count()} in all)"
