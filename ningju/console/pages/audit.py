"""Audit: who did what, when and why, dead letters too, and who looked at whom; both can be taken along as JSON lines."""

import json
from collections.abc import AsyncIterator
from typing import Any

from pydantic import ValidationError
from starlette.responses import Response, StreamingResponse

from engine.ports import Deed
from ningju.console.pages.dead import cause
from ningju.console.pages.deeds import KINDS, LETTERS, Place, Which, acts, at
from ningju.console.pages.frame import HEADERS, AtFrame, Frame
from ningju.console.pages.orders import number
from ningju.console.pages.routing import pages
from ningju.console.persons import staff
from ningju.console.services import ClosedLetter, Site
from schemas.envelope import Actor, CommandEnvelope

router = pages()

ROWS = 50
EXPORT = 500


@router.get("/audit")
async def show(frame: AtFrame) -> Response:
    """What operators asked of zones, and the dead letters that they dealt with, newest first."""
    which = Which(frame)
    found, following = await acts(frame.site, which, which.place, ROWS, frame.viewer.user.zones)
    rows = [_order(frame, act) if isinstance(act, Deed) else await _letter(frame, act) for act in found]
    kinds = {kind: text for kind, text in KINDS.items() if kind not in LETTERS or frame.site.services.letters}
    return frame.page(
        "audit.html",
        title="Audit",
        rows=rows,
        names=await staff(frame.site, (row["who"].id for row in rows if row["who"] is not None)),
        which=which,
        kinds=sorted(((kind, frame.say(text)) for kind, text in kinds.items()), key=lambda pair: pair[1]),
        next=None if following is None else following.write(),
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
    """What the audit shows as JSON lines, newest first: all of it, or what the address asks for."""
    return _file("audit", _acts(frame.site, Which(frame), frame.viewer.user.zones))


@router.get("/audit/looks/export")
async def export_looks(frame: AtFrame) -> Response:
    """Everybody who looked at somebody as a JSON line, newest first."""
    return _file("looks", _looks(frame.site))


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


async def _acts(site: Site, which: Which, within: frozenset[str] | None) -> AsyncIterator[bytes]:
    place: Place | None = Place()
    while place is not None:
        found, place = await acts(site, which, place, EXPORT, within)
        for act in found:
            line = _order_line(act) if isinstance(act, Deed) else _letter_line(act)
            yield json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _order_line(deed: Deed) -> dict[str, Any]:
    outcome = None if deed.outcome is None else deed.outcome.model_dump(mode="json")
    return {"command": json.loads(deed.command.data), "outcome": outcome}


def _letter_line(kept: ClosedLetter) -> dict[str, Any]:
    """A letter without its bytes: whoever it is about may stand in them by name."""
    letter, closing = kept.letter, kept.closing
    assert closing is not None
    return {
        "letter": {
            "number": kept.number,
            "source": letter.source,
            "partition": letter.partition,
            "offset": letter.offset,
            "zone": letter.zone,
            "cause": cause(kept),
        },
        "closing": {
            "how": closing.how,
            "by": closing.by,
            "at": at(kept).isoformat(),
            "reason": closing.reason,
            "replayed_as": None if closing.replayed_as is None else str(closing.replayed_as),
        },
    }


async def _letter(frame: Frame, kept: ClosedLetter) -> dict[str, Any]:
    closing, letter = kept.closing, kept.letter
    assert closing is not None
    row = await frame.site.store.command(closing.replayed_as) if closing.replayed_as is not None else None
    return {
        "at": at(kept),
        "who": _actor(closing.by),
        "by": closing.by,
        "what": frame.say(LETTERS[f"letter_{closing.how}"]),
        "zone": letter.zone,
        "request": None if row is None else CommandEnvelope.read(row.data).about,
        "why": closing.reason,
        "status": "accepted",
        "text": "",
        "versions": None,
        "letter": kept.number,
        "cause": cause(kept),
    }


def _actor(key: str) -> Actor | None:
    """Who dealt with a letter; nobody that can be told by kind where the command line said something else."""
    kind, _, name = key.partition(":")
    try:
        return Actor.model_validate({"kind": kind, "id": name})
    except ValidationError:
        return None


def _order(frame: Frame, deed: Deed) -> dict[str, Any]:
    envelope = CommandEnvelope.read(deed.command.data)
    command, outcome = envelope.command, deed.outcome
    return {
        "at": at(deed),
        "who": envelope.actor,
        "by": envelope.actor.key,
        "what": frame.speech.order(command),
        "zone": deed.command.zone,
        "request": envelope.about,
        "why": getattr(command, "reason", "") or envelope.reason,
        "status": "pending" if outcome is None else outcome.status,
        "text": frame.speech.code(outcome) if outcome is not None and outcome.status == "rejected" else "",
        "versions": (outcome.before + 1, outcome.after)
        if outcome is not None and outcome.after > outcome.before
        else None,
        "letter": None,
    }
