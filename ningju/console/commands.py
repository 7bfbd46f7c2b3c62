"""Commands by id: what became of what was sent."""

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from ningju.console.callers import Calling
from ningju.console.problems import not_found
from ningju.console.sending import API, told
from ningju.console.services import AtSite

router = APIRouter(prefix=API, tags=["commands"])


@router.get("/commands/{command_id}")
async def show_command(site: AtSite, caller: Calling, command_id: UUID) -> Response:
    """A command's outcome; ``pending`` while there is none. ``Prefer: wait=N`` waits for it."""
    row = await site.store.command(command_id)
    if row is None:
        raise not_found("command", command_id)
    if caller.wait_s:
        outcome = await site.store.wait(command_id, caller.wait_s)
    else:
        outcome = (await site.store.outcomes([command_id])).get(command_id)
    if outcome is None:
        return JSONResponse({"status": "pending", "command_id": str(command_id), "zone": row.zone}, 200, caller.headers)
    said = {"code": outcome.code, "detail": outcome.detail} if outcome.status != "accepted" else {}
    return JSONResponse(told(outcome) | said, 200, caller.headers)
