"""Several commands of one call: sent together, answered together."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.responses import JSONResponse, Response

from engine.ports import NewCommand, Unavailable
from ningju.console.callers import Caller
from ningju.console.items import Sieve
from ningju.console.problems import TITLES, Problem
from ningju.console.sending import API, command
from ningju.console.services import Site
from schemas.base import derive_id
from schemas.commands import Command
from schemas.envelope import Outcome
from schemas.person import Person

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """One command of a batch, and the items that stand or fall with it, as ``(list, index, id)``."""

    zone: str
    asked: Command
    items: tuple[tuple[str, int | None, str], ...]
    persons: tuple[Person, ...] = ()


async def ask_all(site: Site, caller: Caller, parts: Sequence[Part], sieve: Sieve, **facts: Any) -> Response:
    """Send all parts in one transaction, wait for their verdicts, and say what stands and what does not.

    A ``PUT`` is repeatable by nature, so its command ids come from its content and the zones' versions and no
    ``Idempotency-Key`` is needed.
    """
    if not parts:
        if sieve.refused and not facts.get("unchanged"):
            raise Problem(422, "invalid", "no item could be taken; see refused", refused=_refused(sieve))
        return JSONResponse({"status": "accepted", "taken": 0, "refused": _refused(sieve), "commands": []} | facts)
    heads = await site.store.heads()
    new = [_command(site, caller, part, heads.get(part.zone, 0)) for part in parts]
    enqueued = await site.store.enqueue(new)
    log.info(
        "commands enqueued", action="command.enqueue_all", count=len(new), zones=sorted({part.zone for part in parts})
    )
    wait_s = site.services.wait_s if caller.wait_s is None else caller.wait_s
    outcomes = await asyncio.gather(*(_outcome(site, one.command_id, wait_s) for one in enqueued))
    taken, commands, last = 0, [], None
    for part, one, outcome in zip(parts, enqueued, outcomes, strict=True):
        status = outcome.status if outcome else "pending"
        commands.append(
            {
                "command_id": str(one.command_id),
                "zone": part.zone,
                "status": status,
                "href": f"{API}/commands/{one.command_id}",
            }
            | ({"version": outcome.after} if outcome else {})
        )
        if outcome is not None and outcome.status != "accepted":
            last = outcome
            code = outcome.code or "failed"
            for where, index, name in part.items:
                sieve.refuse(where, index, name, "item", code, outcome.detail or TITLES["failed"])
        else:
            taken += len(part.items)
    statuses = {item["status"] for item in commands}
    answer = {"taken": taken, "refused": _refused(sieve), "commands": commands} | facts
    if "pending" in statuses:
        return JSONResponse({"status": "pending"} | answer, 202, caller.headers)
    if "accepted" in statuses or last is None:
        return JSONResponse({"status": "accepted"} | answer, 200, caller.headers)
    if last.status == "failed":
        raise Problem(500, "failed", "the commands are kept as dead letters", headers=caller.headers, **answer)
    raise Problem(409, "rejected", last.detail, headers=caller.headers, code=last.code, **answer)


def _command(site: Site, caller: Caller, part: Part, head: int) -> NewCommand:
    command_id = derive_id("command", caller.path, part.zone, head, part.asked.dump().decode())
    return command(site, caller, command_id, part.zone, part.asked, persons=part.persons)


async def _outcome(site: Site, command_id: Any, wait_s: float) -> Outcome | None:
    try:
        if wait_s <= 0:
            return None
        return await site.store.wait(command_id, wait_s)
    except Unavailable:
        return None


def _refused(sieve: Sieve) -> list[dict[str, Any]]:
    return [item.model_dump(mode="json") for item in sieve.refused]
