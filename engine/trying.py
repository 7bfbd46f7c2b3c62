"""What orders would do: tried on a zone's state, which is a value, so nothing has to be taken back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from engine.handling import handle
from engine.zone import Zone
from schemas.base import derive_id
from schemas.commands import Command
from schemas.envelope import Actor, CommandEnvelope, EventEnvelope
from schemas.events import ItemRefused, OfferEnded, SeatVacated
from schemas.place import TimeWindow

TRIAL = Actor(kind="operator", id="trial")


@dataclass(frozen=True, slots=True)
class Loss:
    """A seat that somebody would have to give back, or an offer that they need not answer any more."""

    request_id: UUID
    volunteer: str
    accepted: bool
    window: TimeWindow | None
    reason: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What some orders would do to a zone, one after the other.

    ``code`` and ``detail`` are of the first that would be rejected as a whole; those after it were not tried.
    """

    state: Zone
    losses: tuple[Loss, ...] = ()
    refused: tuple[ItemRefused, ...] = ()
    code: str = ""
    detail: str = ""


def attempt(zone: Zone, commands: Sequence[Command], now: datetime, actor: Actor = TRIAL) -> Trial:
    """Give a zone orders that are not given.

    Parameters
    ----------
    now
        When they would arrive; what timers do by then is theirs and not the orders'.
    """
    state, losses, refused = zone, list[Loss](), list[ItemRefused]()
    for number, command in enumerate(commands):
        command_id = derive_id("trial", zone.zone, zone.version, number)
        envelope = CommandEnvelope(
            command_id=command_id,
            zone=zone.zone,
            actor=actor,
            correlation_id=command_id,
            received_at=now,
            command=command,
        )
        before, handled = state, handle(state, envelope)
        outcome, state = handled.decided.outcome, handled.state
        if outcome.status != "accepted":
            return Trial(state, tuple(losses), tuple(refused), outcome.code, outcome.detail)
        refused += outcome.refused
        for record in handled.decided.records:
            if record.envelope.causation_id == command_id and (loss := _loss(before, record.envelope)) is not None:
                losses.append(loss)
    return Trial(state, tuple(losses), tuple(refused))


def _loss(before: Zone, envelope: EventEnvelope) -> Loss | None:
    event = envelope.event
    if not isinstance(event, SeatVacated | OfferEnded):
        return None
    record = before.requests.get(event.request_id)
    window = record.visit.window if record is not None and record.visit is not None else None
    return Loss(event.request_id, event.volunteer, isinstance(event, SeatVacated), window, event.reason)
