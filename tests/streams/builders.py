"""A zone so small that its state is a number, and commands for it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from engine.ports import Decided, Loaded, NewCommand, Record, Snapshot
from schemas.base import derive_id
from schemas.commands import CancelRequest, Tick
from schemas.envelope import Actor, CommandEnvelope, EventEnvelope, Outcome, event_id
from schemas.events import RequestQueued

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TESTER = Actor(kind="operator", id="tester")


class StillClock:
    def __init__(self, now: datetime = NOON) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now


def command(number: int, zone: str = "a", *, reason: str = "") -> CommandEnvelope:
    """A command that makes one event; with the reason ``boom`` the engine raises, with ``no`` it refuses."""
    command_id = derive_id("test", zone, number)
    return CommandEnvelope(
        command_id=command_id,
        zone=zone,
        actor=TESTER,
        reason=reason,
        correlation_id=command_id,
        received_at=NOON,
        command=CancelRequest(request_id=command_id),
    )


def new(number: int, zone: str = "a", *, reason: str = "") -> NewCommand:
    return NewCommand(command(number, zone, reason=reason))


@dataclass(frozen=True)
class Counted:
    zone: str
    version: int = 0
    clock: datetime = NOON
    next_due: datetime | None = None
    caused_by: tuple[UUID, ...] = field(default=())


class Counting:
    """Each command is one event; the state knows in which order they came."""

    def load(self, zone: str, loaded: Loaded) -> Counted:
        version = loaded.snapshot.version if loaded.snapshot else 0
        return self.extend(Counted(zone, version), loaded.records)

    def extend(self, state: Counted, records: Sequence[Record]) -> Counted:
        for record in records:
            assert record.version == state.version + 1
            caused_by = (*state.caused_by, record.envelope.causation_id)
            state = replace(state, version=record.version, caused_by=caused_by)
        return state

    def handle(self, state: Counted, envelope: CommandEnvelope) -> tuple[Counted, Decided]:
        if envelope.reason == "boom":
            raise ZeroDivisionError("a defect of the engine")
        if envelope.reason == "no" or isinstance(envelope.command, Tick):
            return state, Decided(self._outcome(state, envelope, "rejected", state.version))
        version = state.version + 1
        event = EventEnvelope(
            event_id=event_id(state.zone, version),
            zone=state.zone,
            version=version,
            now=envelope.received_at,
            actor=envelope.actor,
            correlation_id=envelope.correlation_id,
            causation_id=envelope.command_id,
            prev_hash="0" * 64,
            event=RequestQueued(request_id=envelope.command_id),
        )
        record = Record(state.zone, version, event.dump(), event)
        return self.extend(state, [record]), Decided(self._outcome(state, envelope, "accepted", version), (record,))

    def failed(self, state: Counted, envelope: CommandEnvelope, error: Exception) -> Decided:
        return Decided(self._outcome(state, envelope, "failed", state.version))

    def snapshot(self, state: Counted) -> Snapshot:
        return Snapshot(state.zone, state.version, 1, b"")

    def _outcome(self, state: Counted, envelope: CommandEnvelope, status, after: int) -> Outcome:
        return Outcome(
            command_id=envelope.command_id,
            zone=state.zone,
            status=status,
            now=envelope.received_at,
            before=state.version,
            after=after,
        )


class Recorder:
    """A sender that keeps what it is given, and can be told to lose or refuse it."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, object]] = []
        self.refusals: list[Exception] = []

    async def send(self, topic, records) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.sent += [(str(topic), record) for record in records]

    def bodies(self, topic: str) -> list[bytes]:
        return [record.value for name, record in self.sent if name == topic]
