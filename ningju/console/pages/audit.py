"""Audit: who did what, when and why, and who looked at whom; both can be taken along as JSON lines."""

import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response, StreamingResponse

from engine.ports import Deed
from ningju.console.pages.frame import HEADERS, AtFrame, Frame
from ningju.console.pages.orders import number
from ningju.console.pages.routing import pages
from ningju.console.persons import staff
from ningju.console.services import Site
from schemas.envelope import CommandEnvelope

router = pages()

ROWS = 50
EXPORT = 500


@router.get("/audit")
async def show(frame: AtFrame) -> Response:
    """What operators asked of zones, newest first."""
    actor = _actor(frame)
    before = number(frame.request.query_params.get("before", ""))
    deeds = await frame.site.store.deeds(actor=actor, before=before, limit=ROWS + 1)
    rows = [_row(frame, deed) for deed in deeds[:ROWS]]
    return frame.page(
        "audit.html",
        title="Audit",
        rows=rows,
        names=await staff(frame.site, (row["who"].id for row in rows)),
        actor=actor or "",
        next=deeds[ROWS - 1].command.seq if len(deeds) > ROWS else None,
    )


@router.get("/audit/looks")
async def show_looks(frame: AtFrame) -> Response:
    """Who saw whose name and phone, newest first."""
    before = number(frame.request.query_params.get("before", ""))
    looks = await frame.site.store.looks(before=before, limit=ROWS + 1)
    return frame.page(
        "looks.html",
        title="Who looked at whom",
        rows=looks[:ROWS],
        names=await staff(frame.site, (look.actor.partition(":")[2] for look in looks[:ROWS])),
        next=looks[ROWS - 1].seq if len(looks) > ROWS else None,
    )


@router.get("/audit/export")
async def export(frame: AtFrame) -> Response:
    """Every deed as a JSON line, newest first; those of one person where it is asked for."""
    return _file("audit", _deeds(frame.site, _actor(frame)))


@router.get("/audit/looks/export")
async def export_looks(frame: AtFrame) -> Response:
    """Everybody who looked at somebody as a JSON line, newest first."""
    return _file("looks", _looks(frame.site))


def _actor(frame: Frame) -> str | None:
    return frame.request.query_params.get("actor", "")[:80] or None


def _file(name: str, lines: AsyncIterator[bytes]) -> Response:
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="{name}.jsonl"'}
    return StreamingResponse(lines, media_type="application/x-ndjson", headers=headers)


async def _looks(site: Site) -> AsyncIterator[bytes]:
    before: int | None = None
    while looks := await site.store.looks(before=before, limit=EXPORT):
        for look in looks:
            request_id = None if look.request_id is None else str(look.request_id)
            line = {"at": look.at.isoformat(), "actor": look.actor, "person": look.person, "request_id": request_id}
            yield json.dumps(line, ensure_ascii=False).encode() + b"\n"
        before = looks[-1].seq


async def _deeds(site: Site, actor: str | None) -> AsyncIterator[bytes]:
    before: int | None = None
    while deeds := await site.store.deeds(actor=actor, before=before, limit=EXPORT):
        for deed in deeds:
            outcome = None if deed.outcome is None else deed.outcome.model_dump(mode="json")
            line = {"command": json.loads(deed.command.data), "outcome": outcome}
            yield json.dumps(line, ensure_ascii=False).encode() + b"\n"
        before = deeds[-1].command.seq


def _row(frame: Frame, deed: Deed) -> dict[str, Any]:
    envelope = CommandEnvelope.read(deed.command.data)
    command, outcome = envelope.command, deed.outcome
    request_id = getattr(command, "request_id", None)
    if request_id is None and hasattr(command, "spec"):
        request_id = command.spec.request_id
    if request_id is None and command.kind in ("accept_offer", "decline_offer"):
        request_id = envelope.correlation_id  # the pages put the request's id here
    return {
        "at": deed.command.received_at,
        "who": envelope.actor,
        "what": frame.speech.order(command),
        "zone": deed.command.zone,
        "request": request_id,
        "why": getattr(command, "reason", "") or envelope.reason,
        "status": "pending" if outcome is None else outcome.status,
        "text": frame.speech.code(outcome) if outcome is not None and outcome.status == "rejected" else "",
        "versions": (outcome.before + 1, outcome.after)
        if outcome is not None and outcome.after > outcome.before
        else None,
    }
