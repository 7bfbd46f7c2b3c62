"""One command through a zone: due timers fire, the command is decided, facts become records, rows and an outcome."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from engine.decide.commands import decide
from engine.decide.draft import Accepted, Fact, Rejected
from engine.decide.firing import fire
from engine.evolve import owners, reset_timers
from engine.ports import Decided, Record, RowChange
from engine.views import project
from engine.zone import Zone
from schemas.base import derive_id
from schemas.envelope import Actor, CommandEnvelope, EventEnvelope, Outcome, event_id, record_hash

TIMER = Actor(kind="system", id="timer")

ERROR_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Handled:
    """The zone after a command, and what is to be committed for it."""

    state: Zone
    decided: Decided


class _Recorder:
    """Turns facts into records at the zone's head; collects the rows they change."""

    def __init__(self, state: Zone) -> None:
        self.state = state
        self.records: list[Record] = []
        self.steps: list[tuple[Zone, EventEnvelope, Zone]] = []

    def write(self, facts: tuple[Fact, ...], now: datetime, actor: Actor, reason: str, causation_id: UUID) -> None:
        state, head = self.state, self.state.head_hash
        touched: dict[UUID, None] = {}
        for fact in facts:
            before, version = state, state.version + 1
            envelope = EventEnvelope.built(
                event_id=event_id(before.zone, version),
                zone=before.zone,
                version=version,
                now=now,
                actor=actor,
                reason=reason,
                correlation_id=fact.correlation_id,
                causation_id=causation_id,
                prev_hash=head,
                event=fact.event,
            )
            record = Record(before.zone, version, envelope.dump(), envelope)
            # The draft has folded it already, with all of the envelope that a fold reads; folding twice costs a quarter.
            state, head = fact.after, record_hash(record.data)
            touched.update(dict.fromkeys(owners(fact.event)))
            self.records.append(record)
            self.steps.append((before, envelope, state))
        self.state = state.changed(head_hash=head, timers=reset_timers(state, touched))

    def rows(self) -> tuple[RowChange, ...]:
        """What the read model is told: of each row the last state only."""
        rows: dict[tuple[str, str], RowChange] = {}
        written: set[UUID] = set()
        for before, envelope, after in reversed(self.steps):
            for row in project(before, envelope, after, written):
                rows.setdefault((row.table, row.key), row)
        return tuple(rows.values())

    def fire_due(self, now: datetime) -> None:
        """Fire every timer that is due by ``now``, in order; a firing may make others due."""
        while (timer := self.state.timers.first()) is not None and timer.due <= now:
            moment = max(self.state.clock, timer.due)
            cause = derive_id("timer", timer.kind.name, timer.id, timer.due)
            self.write(fire(self.state, timer, moment), moment, TIMER, "", cause)
            if self.state.timers.is_set(timer):  # it would be due again at once: an error of this engine
                raise RuntimeError(f"timer {timer.kind.name} of {timer.id} changed nothing at {moment}")


def handle(state: Zone, command: CommandEnvelope) -> Handled:
    """Handle one command at the time the door stamped on it, or at the zone's clock if that is later.

    Timers fire before the command is decided, so that what comes late is late in every replay too. A command that no
    rule lets through is answered with a rejected outcome; the timers that it fired stand.

    Raises
    ------
    Exception
        Whatever is wrong with this engine. Then nothing has changed: call :func:`failed` and keep the command as a
        dead letter.
    """
    now = max(state.clock, command.received_at)
    recorder = _Recorder(state)
    recorder.fire_due(now)
    decision = decide(recorder.state, command, now)
    if isinstance(decision, Accepted):
        recorder.write(decision.facts, now, command.actor, command.reason, command.command_id)
        recorder.fire_due(now)
    rejected = decision if isinstance(decision, Rejected) else None
    outcome = Outcome.built(
        command_id=command.command_id,
        zone=state.zone,
        status="accepted" if rejected is None else "rejected",
        code="" if rejected is None else rejected.code,
        detail="" if rejected is None else rejected.detail,
        now=now,
        before=state.version,
        after=recorder.state.version,
        refused=decision.refused if isinstance(decision, Accepted) else (),
    )
    return Handled(recorder.state, Decided(outcome, tuple(recorder.records), recorder.rows()))


def failed(state: Zone, command: CommandEnvelope, error: str) -> Handled:
    """Answer a command on which the engine raised: no events, outcome ``failed``."""
    outcome = Outcome(
        command_id=command.command_id,
        zone=state.zone,
        status="failed",
        code="engine_error",
        detail=error[:ERROR_LENGTH],
        now=max(state.clock, command.received_at),
        before=state.version,
        after=state.version,
    )
    return Handled(state, Decided(outcome))
