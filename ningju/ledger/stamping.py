"""What the door does to a command before it is stored: stamp it, and note the request that it brings."""

from datetime import datetime
from uuid import UUID

from engine.ports import Enqueued, NewCommand
from schemas.commands import SubmitRequest
from schemas.envelope import CommandEnvelope


def stamped(envelope: CommandEnvelope, received_at: datetime) -> bytes:
    """Write the envelope with the door's own time."""
    return envelope.changed(received_at=received_at).dump()


def submitted_request(envelope: CommandEnvelope) -> UUID | None:
    """Id of the request that the command brings, if it brings one."""
    command = envelope.command
    return command.spec.request_id if isinstance(command, SubmitRequest) else None


def known(command: NewCommand, fingerprint: str, received_at: datetime, zone: str) -> Enqueued:
    """Answer for an id that the inbox has already: the same body, or another."""
    same = command.fingerprint == fingerprint
    return Enqueued(command.envelope.command_id, "known" if same else "conflict", received_at, zone)
