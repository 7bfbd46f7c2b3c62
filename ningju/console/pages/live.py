"""Live pages: one watcher for all who look, some three pushes a second at most, each written once for everybody it concerns.

What is pushed is either the whole of what a page shows (the board of the page "Now") or the word that something has
changed: nobody's list moves under their finger, and no reader costs a query. A stream that breaks off goes on where it
was, since its ids are cursors over the zones; what a page was made of is its first.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

import structlog
from starlette.responses import Response, StreamingResponse

from engine.ports import PortError
from ningju.console.cursors import read_cursor, write_cursor
from ningju.console.pages import now
from ningju.console.pages.frame import AtFrame, Frame
from ningju.console.pages.routing import pages
from ningju.console.services import Site
from schemas.events import request_of

router = pages()
log = structlog.get_logger(__name__)

EVERY_S = 0.3
HEARTBEAT_S = 15.0
LONGEST_S = 300.0
"""After so long a stream ends and the browser comes again, from where it stands: if whoever looks still may."""
LOOKED_THROUGH = 500
"""Events of a zone that are looked through for the requests they touch; where there were more, all count as touched."""
KEPT = 64
FRESH_S = 15.0
"""So old a board may get where nothing happens: waits grow, targets pass, and dead letters are no events."""

Channel = tuple[str, str, frozenset[str] | None, bool, bool]
"""Which page, language, zones, and whether dead letters are for them: who shares it reads the same bytes."""


@dataclass(slots=True)
class Push:
    """One message to everybody of a channel."""

    number: int
    data: bytes


@dataclass(slots=True)
class Listeners:
    """Those of one channel, with one of their frames to write by."""

    frame: Frame
    count: int = 0
    kept: deque[Push] = field(default_factory=lambda: deque(maxlen=KEPT))
    number: int = 0
    pushed: float = field(default_factory=time.monotonic)
    rung: asyncio.Event = field(default_factory=asyncio.Event)

    def push(self, data: bytes) -> None:
        """Hand a message to all."""
        self.number += 1
        self.pushed = time.monotonic()
        self.kept.append(Push(self.number, data))
        self.rung.set()
        self.rung = asyncio.Event()


class Live:
    """The watcher of one console; it watches while somebody listens."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._channels: dict[Channel, Listeners] = {}
        self._watching: asyncio.Task[None] | None = None
        self._seen: dict[str, int] = {}

    async def listen(self, frame: Frame, page: str, after: dict[str, int]) -> AsyncIterator[bytes]:
        """Stream what happens from a cursor on, until the listener goes or the server drains."""
        site, stopping = frame.site, frame.site.services.stopping
        channel = (
            page,
            frame.language,
            frame.viewer.user.zones,
            frame.may("GET", "/letters"),
            frame.may("POST", "/now/take"),
        )
        mine = self._channels.setdefault(channel, Listeners(frame))
        mine.count += 1
        number = mine.number
        try:
            heads, everywhere = await site.heads(), await self._site.heads()
            if self._watching is None or self._watching.done():  # nothing is awaited from here on: there is one watcher
                self._seen = dict(everywhere)
                self._watching = asyncio.create_task(self._watch(), name="live")
            yield b"retry: 2000\n\n"
            missed = {zone: after.get(zone, 0) for zone in heads if heads[zone] > after.get(zone, 0)}
            if missed and after:
                if page == "now":  # it takes the board alone, and would be told of nothing until the next event
                    body = _board(frame.again(await site.views()), await now.look(site))
                else:
                    body = _changes(frame, await _touched(site, missed, heads))
                yield _written(write_cursor(None, heads), body)
            ends = asyncio.get_running_loop().time() + LONGEST_S
            while not stopping.is_set() and asyncio.get_running_loop().time() < ends:
                rung = mine.rung
                if number < mine.number:
                    waiting = [push for push in mine.kept if push.number > number]
                    late = waiting[0].number > number + 1
                    number = mine.number
                    yield b"".join(push.data for push in waiting) + (_changed(frame, ("all",)) if late else b"")
                    continue
                try:
                    await asyncio.wait_for(rung.wait(), min(HEARTBEAT_S, LONGEST_S))
                except TimeoutError:
                    yield b": still here\n\n"
        except PortError:
            return  # the browser comes again
        finally:
            mine.count -= 1
            if mine.count == 0:
                self._channels.pop(channel, None)

    async def _watch(self) -> None:
        while self._channels and not self._site.services.stopping.is_set():
            await asyncio.sleep(EVERY_S)
            try:
                await self._look()
            except PortError:
                continue  # the store is away; what happens meanwhile is seen afterwards
            except Exception as error:  # noqa: BLE001 - a page that is not live is better than a watcher that is gone
                log.error("live push failed", action="live.fail", error=type(error).__name__)
        for mine in self._channels.values():
            mine.rung.set()

    async def _look(self) -> None:
        heads = await self._site.heads()
        moved = {zone: self._seen.get(zone, 0) for zone in heads if heads[zone] > self._seen.get(zone, 0)}
        touched = await _touched(self._site, moved, heads)
        self._seen = dict(heads)
        boards: dict[Site, now.Board] = {}
        for (page, _, zones, *_), mine in list(self._channels.items()):
            ours = {zone: found for zone, found in touched.items() if zones is None or zone in zones}
            old = page == "now" and time.monotonic() - mine.pushed >= FRESH_S
            if not ours and not old:
                continue
            site = mine.frame.site
            frame = mine.frame.again(await site.views())
            if page == "now" and site not in boards:  # those of other languages and roles read the same
                boards[site] = await now.look(site)
            body = _board(frame, boards[site]) if page == "now" else _changes(frame, ours)
            seen = heads if zones is None else {zone: head for zone, head in heads.items() if zone in zones}
            mine.push(_written(write_cursor(None, seen), body))


def _board(frame: Frame, board: now.Board) -> bytes:
    return _event("now", frame.render("now_board.html", title="Now", **now.content(frame, board)))


async def _touched(site: Site, after: dict[str, int], heads: dict[str, int]) -> dict[str, set[str]]:
    """Requests that events have touched, by zone."""
    found: dict[str, set[str]] = {}
    for zone, version in after.items():
        names = found.setdefault(zone, set())
        if heads[zone] - version > LOOKED_THROUGH:
            names.add("all")
            continue
        for record in await site.store.events(zone, version, heads[zone] - version):
            if (request_id := request_of(record.envelope.event)) is not None:
                names.add(str(request_id))
    return found


def _changes(frame: Frame, touched: dict[str, set[str]]) -> bytes:
    names = sorted(set().union(*touched.values()))
    return _changed(frame, ("queue", *names)) if names else b""


def _changed(frame: Frame, names: Iterable[str]) -> bytes:
    told = frame.render("changed.html")
    return b"".join(_event("queue" if name == "queue" else f"request-{name}", told) for name in names)


def _event(name: str, text: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in text.splitlines() if line.strip())
    return f"event: {name}\n{lines}\n".encode()


def _written(cursor: str, body: bytes) -> bytes:
    """End with an id, which counts for all before it."""
    return body + f"id: {cursor}\nevent: seen\ndata:\n\n".encode() if body else b""


@router.get("/live")
async def stream(frame: AtFrame) -> Response:
    """What changes while somebody looks, as server-sent events."""
    asked = frame.request.query_params
    page = "now" if asked.get("page") == "now" else "other"
    try:
        after = read_cursor(frame.request.headers.get("last-event-id") or asked.get("after", ""), None)
    except ValueError:
        after = {}
    live = frame.request.app.state.live
    assert isinstance(live, Live)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(live.listen(frame, page, after), media_type="text/event-stream", headers=headers)
