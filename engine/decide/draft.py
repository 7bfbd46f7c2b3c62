"""What a decision is made of: facts that are gathered one by one, each seen by the next."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from engine.evolve import WHOLE, fold_untimed
from engine.zone import RequestRecord, Zone
from schemas.events import AlarmCleared, Event, ItemRefused
from schemas.request import AlarmKind


class Refused(Exception):
    """A rule says no to a whole command.

    Attributes
    ----------
    code
        Stable name of the rule.
    detail
        What to do about it.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Fact(NamedTuple):
    """One event to be recorded, and the request's life that it belongs to.

    ``after`` is the state with it folded in; only the record's hash is missing there, and the timers that it moves.
    """

    event: Event
    correlation_id: UUID
    after: Zone


class _Stamp(NamedTuple):
    """What the fold asks of an event that is not recorded yet."""

    event: Event
    version: int
    now: datetime
    correlation_id: UUID


@dataclass(frozen=True, slots=True)
class Accepted:
    """The command stands: these facts, and the items of it that did not stand."""

    facts: tuple[Fact, ...]
    refused: tuple[ItemRefused, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """A rule said no: ``code`` is stable, ``detail`` says what to do."""

    code: str
    detail: str


class Draft:
    """A decision in the making: ``zone`` is the state as if the facts so far had been recorded, but for its timers.

    Those are set once, when all is decided: half of what folding takes goes into them.
    """

    def __init__(self, zone: Zone, now: datetime, correlation_id: UUID) -> None:
        self.zone = zone
        self.now = now
        self.correlation_id = correlation_id
        self.facts: list[Fact] = []

    def emit(self, event: Event) -> None:
        """Add a fact and fold it into the state that the next one sees."""
        zone = self.zone
        record = None if type(event) in WHOLE else zone.record(event.request_id)  # type: ignore[union-attr]
        correlation_id = self.correlation_id if record is None else record.correlation_id
        self.zone = fold_untimed(zone, _Stamp(event, zone.version + 1, self.now, correlation_id))
        self.facts.append(Fact(event, correlation_id, self.zone))

    def open(self, request_id: UUID, seen: int | None = None) -> RequestRecord:
        """The open request, or a refusal that says what is the matter with it.

        Parameters
        ----------
        seen
            Version of the request that was looked at: what has changed since is not overwritten.
        """
        record = self.zone.requests.get(request_id)
        if record is not None and seen is not None and record.seen > seen:
            raise Refused(
                "request_changed", "somebody else, or the engine, has changed the request meanwhile; look again"
            )
        if record is not None:
            return record
        if request_id in self.zone.done:
            raise Refused("already_ended", "the request is done; only its rating may still come")
        raise Refused("unknown_request", f"zone {self.zone.zone} has no open request {request_id}; it may have ended")

    def clear(self, request_id: UUID, *alarms: AlarmKind) -> None:
        """Take back the alarms whose cause is gone."""
        record = self.zone.record(request_id)
        for alarm in alarms:
            if record is not None and alarm in record.alarms:
                self.emit(AlarmCleared(request_id=request_id, alarm=alarm))
