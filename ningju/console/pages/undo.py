"""Undo: the last own order is taken back, by a command as any other."""

from uuid import UUID

from starlette.responses import Response

from ningju.console.pages.frame import AtFrame
from ningju.console.pages.inverse import UNDONE, inverse
from ningju.console.pages.orders import form_of, ordered
from ningju.console.pages.routing import pages
from ningju.console.problems import Problem, not_found
from schemas.envelope import CommandEnvelope

router = pages()


@router.post("/undo/{command_id}")
async def undo(frame: AtFrame, command_id: UUID) -> Response:
    """Take back what the one who asks has done, and nobody else."""
    form, kept = await form_of(frame), await frame.site.store.command(command_id)
    if kept is None:
        raise not_found("command", command_id)
    envelope = CommandEnvelope.read(kept.data)
    outcome = (await frame.site.store.outcomes([command_id])).get(command_id)
    mine = envelope.actor == frame.viewer.actor
    asked = await inverse(frame.site.store, envelope, outcome) if outcome is not None and mine else None
    if asked is None:
        raise Problem(409, "rejected", frame.say("This cannot be undone any more."), code="not_undoable")
    request_id = envelope.correlation_id
    back = f"/request/{request_id}"
    return await ordered(frame, form, kept.zone, asked, back, correlation_id=request_id, reason=UNDONE)
