"""The operators' pages: a page of the queue as the queue grows, beside a bare answer of the same bytes; and live streams.

Pages are asked in turns (100 open, 10,000 open, bare), in this process and by CPU time, so that neither a neighbour nor
a warm cache decides. Streams: listeners of the one watcher while events are committed at a steady pace.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from starlette.requests import Request
from starlette.responses import HTMLResponse

from engine.ports import Decided, Record, RowChange, Store, ZoneAppend
from ningju.console.app import create_app
from ningju.console.cursors import write_cursor
from ningju.console.pages.frame import Frame
from ningju.console.pages.live import Live
from ningju.console.services import Services, Site
from ningju.ledger.opening import open_store
from schemas.base import Label, derive_id
from schemas.envelope import Actor, EventEnvelope, Outcome
from schemas.events import RequestQueued
from schemas.place import Place, TimeWindow
from schemas.request import RequestState
from schemas.views import RequestView, ZoneView
from schemas.zone import Policy, ZoneConfig

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
ZONES = 11
CHUNK = 1_000
GOALS = {"of_100_open": 1.5, "of_bare": 15.0, "pushes_per_s": 4.0, "lag_p99_s": 1.0}


@dataclass
class Wall:
    """The wall's time, for stamps that nobody reads."""

    def now(self) -> datetime:
        return NOW


@dataclass
class Town:
    """A ledger with zones and open requests, and the next version of each zone."""

    store: Store
    heads: dict[str, int] = field(default_factory=dict)

    async def commit(self, zone: str, rows: tuple[RowChange, ...] = (), events: int = 0) -> None:
        head = self.heads.get(zone, 0)
        outcome = Outcome(
            command_id=derive_id("bench", zone, head, len(self.heads), time.perf_counter_ns()),
            zone=zone,
            status="accepted",
            now=NOW,
            before=head,
            after=head + events,
        )
        records = tuple(_record(zone, head + 1 + n) for n in range(events))
        await self.store.commit([ZoneAppend(zone, head, (Decided(outcome, records, rows),), None)])
        self.heads[zone] = head + events


def _record(zone: str, version: int) -> Record:
    envelope = EventEnvelope(
        event_id=derive_id("event", zone, version),
        zone=zone,
        version=version,
        now=NOW,
        actor=Actor(kind="system", id="bench"),
        correlation_id=derive_id("c"),
        causation_id=derive_id("c"),
        prev_hash="0" * 64,
        event=RequestQueued(request_id=derive_id("request", zone, version % 50)),
    )
    return Record(zone, version, envelope.dump(), envelope)


def _row(number: int) -> RequestView:
    start = NOW + timedelta(minutes=number % 3_000)
    return RequestView(
        zone=f"z{number % ZONES}",
        request_id=derive_id("request", number),
        version=1,
        state=RequestState.QUEUED,
        service_type="elder-visit",
        priority=1 + number % 5,
        crew=1,
        place=Place(lon=121.4, lat=31.2),
        site=None,
        beneficiary=f"b-{number}",
        source="api",
        windows=(TimeWindow(start=start, end=start + timedelta(hours=2)),),
        respond_by=start,
        complete_by=None,
        created_at=NOW - timedelta(minutes=number % 4_000),
        updated_at=NOW,
        alarms=("needs_operator",) if number % 97 == 0 else (),
    )


async def town(folder: Path, count: int) -> Town:
    """A ledger on SQLite with so many open requests."""
    made = Town(await open_store(f"sqlite:///{folder / f'{count}.db'}", Wall()))
    for n in range(ZONES):
        name = f"z{n}"
        label = Label(zh=name, en=name)
        config = ZoneConfig(id=name, name=label, level="subdistrict")
        view = ZoneView(zone=name, version=1, name=label, level="subdistrict", config=config, policy=Policy())
        await made.commit(name, (RowChange("zone", name, view),))
    rows = [_row(number) for number in range(count)]
    for n in range(ZONES):
        mine = [row for row in rows if row.zone == f"z{n}"]
        for start in range(0, len(mine), CHUNK):
            part = mine[start : start + CHUNK]
            await made.commit(f"z{n}", tuple(RowChange("request", str(row.request_id), row) for row in part))
    return made


async def pages(folder: Path, many: int, rounds: int) -> dict[str, object]:
    """CPU milliseconds of one page in each of three ways, interleaved."""
    towns = {100: await town(folder, 100), many: await town(folder, many)}
    clients = {
        count: AsyncClient(transport=ASGITransport(create_app(one.store, Wall())), base_url="http://localhost")
        for count, one in towns.items()
    }
    body = (await clients[many].get("/queue?lang=en")).text
    bare = FastAPI()

    @bare.get("/queue")
    async def answer() -> HTMLResponse:
        return HTMLResponse(body)

    ways = {f"{count} open": client for count, client in clients.items()}
    ways["bare"] = AsyncClient(transport=ASGITransport(bare), base_url="http://localhost")
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 3):
        for name, client in ways.items():
            began = time.process_time()
            response = await client.get("/queue?lang=en")
            if turn >= 3:
                spent[name].append(1_000 * (time.process_time() - began))
            assert response.status_code == 200
    for client in ways.values():
        await client.aclose()
    for one in towns.values():
        await one.store.close()
    medians = {name: round(statistics.median(found), 3) for name, found in spent.items()}
    few, grown, plain = medians["100 open"], medians[f"{many} open"], medians["bare"]
    return {
        "part": "page",
        "bytes": len(body.encode()),
        "cpu_ms": medians,
        "of_100_open": round(grown / few, 2),
        "of_bare": round(grown / plain, 2),
    }


async def streams(folder: Path, listeners: int, rate: int, events: int) -> dict[str, object]:
    """Pushes, lag and memory of many listeners of one watcher."""
    place = await town(folder, 101)
    site = Site(place.store, Wall(), Services())
    watcher = Live(site)
    first: list[float] = []  # when the first event of each push was committed
    pushes, lags = [0] * listeners, []

    async def listen(number: int) -> None:
        scope = {"type": "http", "method": "GET", "path": "/live", "query_string": b"lang=en", "headers": []}
        frame = Frame(Request(scope), site, await site.directory(), await site.views())
        frame.cursor = write_cursor(None, await site.heads())
        stream: AsyncIterator[bytes] = watcher.listen(frame, "other", {})
        async for part in stream:
            if b"event: queue" in part:
                lags.append(time.perf_counter() - first[min(pushes[number], len(first) - 1)])
                pushes[number] += 1

    tasks = [asyncio.create_task(listen(number)) for number in range(listeners)]
    await asyncio.sleep(1.0)
    tracemalloc.start()
    began, sizes = time.perf_counter(), []
    for done in range(0, events, 10):
        await place.commit(f"z{done // 10 % ZONES}", events=10)
        if len(first) <= max(pushes):
            first.append(time.perf_counter())
        if done % (events // 4 // 10 * 10 or 10) == 0:
            sizes.append(tracemalloc.get_traced_memory()[0])
        await asyncio.sleep(max(0.0, began + (done + 10) / rate - time.perf_counter()))
    seconds = time.perf_counter() - began
    await asyncio.sleep(1.0)
    sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await place.store.close()
    lags.sort()
    return {
        "part": "streams",
        "listeners": listeners,
        "events": events,
        "events_per_s": round(events / seconds),
        "pushes_per_s": round(max(pushes) / seconds, 2),
        "fewest_pushes": min(pushes),
        "lag_p99_s": round(lags[int(len(lags) * 0.99)], 3) if lags else None,
        "memory_mb": [round(size / 1e6, 2) for size in sizes],
    }


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--events", type=int, default=None, help="events of the streams' part (50,000; 200 with --quick)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON line a part")
    parser.add_argument("--quick", action="store_true", help="few requests, few listeners: for CI")


def run(args: argparse.Namespace) -> int:
    many, rounds = (1_000, 5) if args.quick else (10_000, 60)
    listeners, events = (10, args.events or 200) if args.quick else (200, args.events or 50_000)
    with tempfile.TemporaryDirectory() as folder:
        for report in (
            asyncio.run(pages(Path(folder), many, rounds)),
            asyncio.run(streams(Path(folder), listeners, 100, events)),
        ):
            print(json.dumps(report | {"goals": GOALS}) if args.json else _told(report), flush=True)
    return 0


def _told(report: dict[str, object]) -> str:
    return "  ".join(f"{name}: {value}" for name, value in report.items())
