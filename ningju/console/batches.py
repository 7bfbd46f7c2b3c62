"""Several commands of one call: sent together, answered together."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import structlog
from starlette.responses import JSONResponse, Response

from engine.ports import Unavailable
from ningju.console.callers import Caller
from ningju.console.items import Sieve
from ningju.console.problems import TITLES, Problem
from ningju.console.sending import API, command
from ningju.console.services import Site
from schemas.base import Frozen, derive_id
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


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one item of a list: new where there was none, gone where none comes after."""

    list: str
    id: str
    before: Frozen | None
    after: Frozen | None


@dataclass(frozen=True, slots=True)
class Intent:
    """What a list that was sent comes to in one zone.

    ``persons`` are names and phones of those of whom nothing else has changed.
    """

    zone: str
    parts: tuple[Part, ...]
    changes: tuple[Change, ...]
    unchanged: int = 0
    persons: tuple[Person, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a part: its command's id, and the outcome if there is one already."""

    part: Part
    command_id: UUID
    outcome: Outcome | None


async def send_all(
    site: Site, caller: Caller, parts: Sequence[Part], sieve: Sieve, *, reason: str = ""
) -> tuple[int, list[Sent]]:
    """Send all parts in one transaction and wait for their verdicts; what does not stand goes to the sieve.

    What is sent twice has the same ids, by its content and the zones' versions, so no ``Idempotency-Key`` is needed.

    Returns
    -------
    tuple
        How many items were taken (those without a verdict yet among them), and what became of each part.
    """
    heads = await site.store.heads()
    ids = [_id(caller, part, heads.get(part.zone, 0)) for part in parts]
    call = derive_id("call", *ids)
    new = [
        command(site, caller, one, part.zone, part.asked, correlation_id=call, persons=part.persons, reason=reason)
        for one, part in zip(ids, parts, strict=True)
    ]
    enqueued = await site.store.enqueue(new)
    log.info(
        "commands enqueued", action="command.enqueue_all", count=len(new), zones=sorted({part.zone for part in parts})
    )
    wait_s = site.services.wait_s if caller.wait_s is None else caller.wait_s
    outcomes = await asyncio.gather(*(_outcome(site, one.command_id, wait_s) for one in enqueued))
    taken = 0
    for part, outcome in zip(parts, outcomes, strict=True):
        if outcome is not None and outcome.status != "accepted":
            code, detail = outcome.code or "failed", outcome.detail or TITLES["failed"]
            for where, index, name in part.items:
                sieve.refuse(where, index, name, "item", code, detail)
            continue
        refused = {one.item: one.reason for one in outcome.refused} if outcome is not None else {}
        for where, index, name in part.items:
            if name in refused:
                code, _, _ = refused[name].partition(":")
                sieve.refuse(where, index, name, "item", code, refused[name])
        taken += sum(name not in refused for _, _, name in part.items)
    return taken, [
        Sent(part, one.command_id, outcome) for part, one, outcome in zip(parts, enqueued, outcomes, strict=True)
    ]


async def ask_all(site: Site, caller: Caller, parts: Sequence[Part], sieve: Sieve, **facts: Any) -> Response:
    """Send all parts and say what stands and what does not."""
    if not parts:
        if sieve.refused and not facts.get("unchanged"):
            raise Problem(422, "invalid", "no item could be taken; see refused", refused=_refused(sieve))
        return JSONResponse({"status": "accepted", "taken": 0, "refused": _refused(sieve), "commands": []} | facts)
    taken, sent = await send_all(site, caller, parts, sieve)
    commands = [
        {
            "command_id": str(one.command_id),
            "zone": one.part.zone,
            "status": one.outcome.status if one.outcome else "pending",
            "href": f"{API}/commands/{one.command_id}",
        }
        | ({"version": one.outcome.after} if one.outcome else {})
        for one in sent
    ]
    last = next((one.outcome for one in reversed(sent) if one.outcome and one.outcome.status != "accepted"), None)
    statuses = {item["status"] for item in commands}
    answer = {"taken": taken, "refused": _refused(sieve), "commands": commands} | facts
    if "pending" in statuses:
        return JSONResponse({"status": "pending"} | answer, 202, caller.headers)
    if "accepted" in statuses or last is None:
        return JSONResponse({"status": "accepted"} | answer, 200, caller.headers)
    if last.status == "failed":
        raise Problem(500, "failed", "the commands are kept as dead letters", headers=caller.headers, **answer)
    raise Problem(409, "rejected", last.detail, headers=caller.headers, code=last.code, **answer)


def as_seen(parts: Iterable[Part], seen: Mapping[str, int]) -> list[Part]:
    """The same parts, saying of which version of its zone each was made: what has changed since is not overwritten."""
    return [
        replace(part, asked=part.asked.changed(seen=seen[part.zone])) if part.zone in seen else part for part in parts
    ]


def _id(caller: Caller, part: Part, head: int) -> UUID:
    return derive_id("command", caller.path, part.zone, head, part.asked.dump().decode())


async def _outcome(site: Site, command_id: Any, wait_s: float) -> Outcome | None:
    try:
        if wait_s <= 0:
            return None
        return await site.store.wait(command_id, wait_s)
    except Unavailable:
        return None


def _refused(sieve: Sieve) -> list[dict[str, Any]]:
    return [item.model_dump(mode="json") for item in sieve.refused]
