"""What surrounds every command and event: who, why, in whose wake, and the chain that shows tampering."""

from hashlib import sha256
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, SerializeAsAny

from schemas.base import Frozen, Identifier, Moment, Reason, derive_id
from schemas.commands import AcceptOffer, AdmitReferral, Command, DeclineOffer, SubmitRequest
from schemas.events import Event, ItemRefused

Version = Annotated[int, Field(ge=0)]

GENESIS = "0" * 64


class Actor(Frozen):
    """Who acts, by role and id."""

    kind: Literal["volunteer", "leader", "operator", "beneficiary", "system", "external"]
    id: Identifier

    @property
    def key(self) -> str:
        """``kind:id``, as questions, audits and the header ``X-Actor`` name them."""
        return f"{self.kind}:{self.id}"


class CommandEnvelope(Frozen):
    """A command as the door stamped it. ``correlation_id`` stays the same along a request's whole life."""

    command_id: UUID
    zone: Identifier
    actor: Actor
    reason: Reason = ""
    correlation_id: UUID
    causation_id: UUID | None = None
    received_at: Moment
    command: SerializeAsAny[Command]  # written by its own class: the union takes twice as long, for the same bytes

    @property
    def about(self) -> UUID | None:
        """The request that the command is about, if it is about one."""
        command = self.command
        match command:
            case SubmitRequest() | AdmitReferral():
                return command.spec.request_id
            case AcceptOffer() | DeclineOffer():
                return self.correlation_id  # whoever answers an offer names its request here
        found = getattr(command, "request_id", None)
        return found if isinstance(found, UUID) else None


class EventEnvelope(Frozen):
    """An event at its place in a zone's ledger. ``prev_hash`` is the hash of the record before it."""

    event_id: UUID
    zone: Identifier
    version: Annotated[int, Field(ge=1)]
    now: Moment
    actor: Actor
    reason: Reason = ""
    correlation_id: UUID
    causation_id: UUID
    prev_hash: str
    event: SerializeAsAny[Event]


def record_hash(record: bytes) -> str:
    """Hash one stored event record: the ``prev_hash`` of the next."""
    return sha256(record).hexdigest()


def event_id(zone: str, version: int) -> UUID:
    """Derive the id of the event at ``version`` of ``zone``."""
    return derive_id("event", zone, version)


class Outcome(Frozen):
    """What became of a command, stored with its events in one transaction.

    ``rejected``: a rule said no (``code`` is stable, ``detail`` says what to do). ``failed``: the engine raised; the
    command is a dead letter. ``versions`` are the zone's versions before and after.
    """

    command_id: UUID
    zone: Identifier
    status: Literal["accepted", "rejected", "failed"]
    code: str = ""
    detail: str = ""
    now: Moment
    before: Version
    after: Version
    refused: tuple[ItemRefused, ...] = ()
