"""From a call to the door, and from the door to a verdict."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID

import structlog
from starlette.responses import JSONResponse, Response

from engine.ports import CommitUnknown, Enqueued, NewCommand, Unavailable
from ningju.console.callers import Caller
from ningju.console.problems import Problem
from ningju.console.services import Site
from schemas.base import Frozen
from schemas.commands import Command
from schemas.envelope import CommandEnvelope, Outcome
from schemas.person import Person

API = "/api/v1"

log = structlog.get_logger(__name__)

Build = Callable[[UUID], Awaitable[NewCommand]]


async def send(site: Site, caller: Caller, body: Frozen, build: Build) -> Enqueued:
    """Put one command through the door.

    A key that is known already is answered from the inbox alone: what the command would be *today* (a window may have
    passed meanwhile) does not matter.

    Parameters
    ----------
    build
        Makes the command under its id, or raises a ``Problem``.

    Raises
    ------
    Problem
        409 when the key stands for another body.
    """
    command_id, fingerprint = caller.command_id(), caller.fingerprint(body)
    known = await site.store.command(command_id) if caller.key is not None else None
    if known is not None:
        command = NewCommand(CommandEnvelope.read(known.data), fingerprint)
    else:
        command = replace(await build(command_id), fingerprint=fingerprint, bounded=True)
    enqueued = await enqueue(site, command)
    if enqueued.status == "conflict":
        raise Problem(409, "key-reused", "use a new Idempotency-Key for another body", code="key_reused")
    envelope = command.envelope
    log.info(
        "command enqueued",
        action="command.enqueue",
        command_id=str(command_id),
        zone=envelope.zone,
        kind=envelope.command.kind,
        status=enqueued.status,
    )
    return enqueued


async def enqueue(site: Site, command: NewCommand) -> Enqueued:
    """Write one command to the inbox; where nobody knows whether it was written, look."""
    try:
        return (await site.store.enqueue([command]))[0]
    except CommitUnknown:
        kept = await site.store.command(command.envelope.command_id)
        if kept is None:
            raise
        return Enqueued(kept.command_id, "known", kept.received_at, kept.zone)


def command(
    site: Site,
    caller: Caller,
    command_id: UUID,
    zone: str,
    asked: Command,
    *,
    correlation_id: UUID | None = None,
    persons: tuple[Person, ...] = (),
    reason: str = "",
) -> NewCommand:
    """Wrap what a zone is asked to do in its envelope; every event tells the envelope's reason, so it has the command's."""
    envelope = CommandEnvelope(
        command_id=command_id,
        zone=zone,
        actor=caller.actor,
        reason=reason or getattr(asked, "reason", ""),
        correlation_id=correlation_id or command_id,
        received_at=site.clock.now(),
        command=asked,
    )
    return NewCommand(envelope, persons=persons)


async def verdict(site: Site, caller: Caller, enqueued: Enqueued) -> Outcome | None:
    """Wait for a command's outcome as long as the caller will; ``None`` is no answer yet, never a guess."""
    wait_s = site.services.wait_s if caller.wait_s is None else caller.wait_s
    try:
        if wait_s <= 0:  # the outcome of a repeated command may be there already
            outcomes = await site.store.outcomes([enqueued.command_id]) if enqueued.status == "known" else {}
            return outcomes.get(enqueued.command_id)
        return await site.store.wait(enqueued.command_id, wait_s)
    except Unavailable:
        return None  # the command itself is safe


def told(outcome: Outcome) -> dict[str, object]:
    """Write an outcome for the caller."""
    answer = outcome.model_dump(mode="json", exclude={"before", "after", "refused", "code", "detail"})
    return answer | {"version": outcome.after}


def answer(caller: Caller, enqueued: Enqueued, outcome: Outcome | None) -> Response:
    """Write the verdict: 200, 409 with the reason, or 202 while there is none."""
    if outcome is None:
        href = f"{API}/commands/{enqueued.command_id}"
        pending = {"status": "pending", "command_id": str(enqueued.command_id), "zone": enqueued.zone, "href": href}
        return JSONResponse(pending, 202, caller.headers | {"Location": href})
    if outcome.status == "accepted":
        return JSONResponse(told(outcome), 200, caller.headers)
    facts = told(outcome)
    facts["outcome"] = facts.pop("status")  # a problem's own status is the HTTP one
    if outcome.status == "rejected":
        raise Problem(409, "rejected", outcome.detail, headers=caller.headers, code=outcome.code, **facts)
    detail = "the command is kept as a dead letter with its reason; an operator has to look at it"
    raise Problem(500, "failed", detail, headers=caller.headers, code=outcome.code or "failed", **facts)


async def ask(site: Site, caller: Caller, body: Frozen, build: Build) -> Response:
    """Send one command and answer with its verdict."""
    enqueued = await send(site, caller, body, build)
    return answer(caller, enqueued, await verdict(site, caller, enqueued))
