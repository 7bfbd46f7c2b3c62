"""The events of all zones, as lines or as a stream that goes on where it broke off."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response, StreamingResponse

from engine.intake import Fault
from engine.ports import PortError, Record
from ningju.console.cursors import read_cursor, write_cursor
from ningju.console.problems import invalid, not_found
from ningju.console.sending import API
from ningju.console.services import AtSite, Site
from schemas.base import Identifier

router = APIRouter(prefix=API, tags=["events"])

PAGE = 500
HEARTBEAT_S = 15.0
LONGEST_S = 300.0
"""After so long a stream ends and its reader comes again, from where it stands: if it still may."""


class EventFilter(BaseModel):
    """Which events."""

    model_config = ConfigDict(extra="forbid")

    zone: Identifier | None = None
    after: str = Field(
        "", max_length=200_000, description="a zone's version, a cursor, or `now`; empty: from the first"
    )
    limit: int | None = Field(None, ge=1, description="at most so many lines; only without a stream")


@router.get("/events")
async def events(
    site: AtSite,
    request: Request,
    which: Annotated[EventFilter, Query()],
    last_event_id: Annotated[str | None, Header(description="where a stream broke off; wins over `after`")] = None,
) -> Response:
    """Events by zone in version order: NDJSON up to now, or server-sent events (`Accept: text/event-stream`) from then on.

    ``Ningju-Cursor`` is where to go on after the lines. In a stream over all zones not every event has an id; going on
    may repeat some events, and skips none.
    """
    heads = await site.store.heads()
    if which.zone is not None and which.zone not in heads:
        raise not_found("zone", which.zone)
    streamed = "text/event-stream" in request.headers.get("accept", "")
    after = last_event_id if streamed and last_event_id else which.after
    start = _start(after, which.zone, heads)
    if streamed:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(_stream(site, which.zone, start), media_type="text/event-stream", headers=headers)
    end = _end(start, {which.zone: heads[which.zone]} if which.zone else heads, which.limit)
    headers = {"Ningju-Cursor": write_cursor(which.zone, end)}
    return StreamingResponse(_lines(site, start, end), media_type="application/x-ndjson", headers=headers)


def _start(after: str, zone: str | None, heads: Mapping[str, int]) -> dict[str, int]:
    if after == "now":
        return {zone: heads[zone]} if zone else dict(heads)
    try:
        return read_cursor(after, zone)
    except ValueError as error:
        raise invalid([Fault("after", "cursor", str(error))]) from None


def _end(start: Mapping[str, int], heads: Mapping[str, int], limit: int | None) -> dict[str, int]:
    """Versions up to which this answer goes; versions have no gaps, so they count the lines."""
    end, left = dict(start), limit
    for zone in sorted(heads):
        more = max(0, heads[zone] - start.get(zone, 0))
        more = more if left is None else min(more, left)
        left = None if left is None else left - more
        end[zone] = start.get(zone, 0) + more
    return end


async def _records(site: Site, zone: str, after: int, end: int) -> AsyncIterator[list[Record]]:
    while after < end:
        records = await site.store.events(zone, after, min(PAGE, end - after))
        if not records:
            return
        yield records
        after = records[-1].version


async def _lines(site: Site, start: Mapping[str, int], end: Mapping[str, int]) -> AsyncIterator[bytes]:
    for zone in sorted(end):
        async for records in _records(site, zone, start.get(zone, 0), end[zone]):
            yield b"".join(record.data + b"\n" for record in records)


async def _stream(site: Site, zone: str | None, start: dict[str, int]) -> AsyncIterator[bytes]:
    """Follow the heads; every page of events ends with an id."""
    done = dict(start)
    yield b"retry: 2000\n\n"
    began = quiet_since = time.monotonic()
    while not site.services.stopping.is_set() and time.monotonic() - began < LONGEST_S:
        try:
            heads = await site.heads()
            for name in [zone] if zone else sorted(heads):
                async for records in _records(site, name, done.get(name, 0), heads.get(name, 0)):
                    done[name] = records[-1].version
                    yield _page(records, zone, done)
                    quiet_since = time.monotonic()
        except PortError:
            yield b": the store is away\n\n"
            await asyncio.sleep(1.0)
        if time.monotonic() - quiet_since > HEARTBEAT_S:
            yield b": still here\n\n"
            quiet_since = time.monotonic()
        with suppress(TimeoutError):
            await asyncio.wait_for(site.services.stopping.wait(), site.services.poll_s)


def _page(records: list[Record], zone: str | None, done: Mapping[str, int]) -> bytes:
    parts = []
    for record in records:
        if zone is not None:
            parts.append(b"id: %d\n" % record.version)
        elif record is records[-1]:
            parts.append(b"id: " + write_cursor(None, done).encode() + b"\n")
        kind = record.envelope.event.kind.encode()
        parts.append(b"event: " + kind + b"\ndata: " + record.data + b"\n\n")
    return b"".join(parts)
