"""A start on a long history: `ningju up` until every zone has answered a command, with snapshots and without any.

The ledger is SQLite, or the one of ``--database``. Each zone's last snapshot lies 999 events before its end, as far as it ever
does. "Ready" is what ``/healthz/ready`` says; a zone has answered when its verdict on an empty change of its roster is there.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import psutil

from benchmarks.history import Day, fill, whole_day
from engine.snapshots import SCHEMA, extend
from engine.zone import Zone
from ningju.bootstrap.clock import SystemClock
from ningju.ledger.inspection import InspectableStore
from ningju.ledger.opening import open_store
from ningju.ledger.settings import StoreSettings

GOALS = {"with_snapshots_s": 60, "without_s": 300}
PAGE = 1_000


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--events", type=int, default=None, help="of history, over all zones (1,000,000; 4,000 with --quick)"
    )
    parser.add_argument(
        "--requests", type=int, default=None, help="of the day that is repeated (1,000; 60 with --quick)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the ledger lies; choose the disk that counts")
    parser.add_argument("--database", help="an empty PostgreSQL instead: postgresql://user@host/name")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument("--quick", action="store_true", help="small and without any verdict on speed: for CI")


def run(args: argparse.Namespace) -> int:
    events = args.events or (4_000 if args.quick else 1_000_000)
    day = whole_day("tiny" if args.quick else "changning", args.requests or (60 if args.quick else 1_000), args.seed)
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        url = args.database or f"sqlite:///{folder / 'ningju.db'}"
        report: dict[str, Any] = {"benchmark": "restore", "goals": GOALS}
        report |= asyncio.run(_filled(url, day, events))
        report["with_snapshots"] = started(folder, args.database, report["zones"])
        report |= asyncio.run(_without(url))
        report["without"] = started(folder, args.database, report["zones"])
    if args.json:
        print(json.dumps(report))
    else:
        for key, value in report.items():
            print(f"{key}: {value}")
    return 0


async def _opened(url: str) -> InspectableStore:
    return await open_store(url, SystemClock(), StoreSettings(snapshot_schema=SCHEMA, inbox_limit=10**9))


async def _filled(url: str, day: Day, events: int) -> dict[str, Any]:
    store = await _opened(url)
    try:
        began = time.perf_counter()
        total = await fill(store, day, events)
        facts = {
            "events": total,
            "zones": sorted(await store.heads()),
            "filled_s": round(time.perf_counter() - began, 1),
        }
        for consumer in ("matcher", "dispatcher"):
            await store.settle(consumer, await store.heads())
        return facts
    finally:
        await store.close()


async def _without(url: str) -> dict[str, Any]:
    """Drop every snapshot; and how quickly one core reads and folds, with nothing beside it."""
    store = await _opened(url)
    try:
        await store.drop_snapshots()
        read = folded = 0.0
        events = 0
        for zone in await store.heads():
            state = Zone.empty(zone)
            while True:
                began = time.process_time()
                page = await store.events(zone, state.version, PAGE)
                read += time.process_time() - began
                if not page:
                    break
                began = time.process_time()
                state = extend(state, page)
                folded += time.process_time() - began
                events += len(page)
        return {"cpu_us_an_event": {"read": round(1e6 * read / events, 1), "fold": round(1e6 * folded / events, 1)}}
    finally:
        await store.close()


def started(folder: Path, database: str | None, zones: list[str]) -> Mapping[str, float]:
    """Start the system, ask every zone for a verdict, end it; seconds from the start, and what it took."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {key: value for key, value in os.environ.items() if not key.startswith("NINGJU_")}
    env |= {"NINGJU_PORT": str(port), "NINGJU_DATA": str(folder), "NINGJU_LOG_LEVEL": "warning"}
    env |= {"NINGJU_DATABASE": database} if database else {}
    began = time.monotonic()
    with subprocess.Popen([sys.executable, "-m", "ningju.cli", "up"], env=env) as up:
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=600) as client:
                _until_ready(up, client)
                ready = time.monotonic() - began
                asyncio.run(_ask(port, zones))
                answered = time.monotonic() - began
            tree = [psutil.Process(up.pid), *psutil.Process(up.pid).children(recursive=True)]
            largest = max(process.memory_info().rss for process in tree) / 1e6
            cpu = sum(sum(process.cpu_times()[:2]) for process in tree)
            up.send_signal(signal.SIGTERM)
            if up.wait(60):
                raise RuntimeError(f"ningju up ended with {up.returncode}")
        finally:
            up.kill()
    return {
        "ready_s": round(ready, 1),
        "all_zones_answered_s": round(answered, 1),
        "cpu_s": round(cpu, 1),
        "largest_process_mb": round(largest),
    }


def _until_ready(up: "subprocess.Popen[bytes]", client: httpx2.Client) -> None:
    while True:
        if up.poll() is not None:
            raise RuntimeError(f"ningju up ended with {up.returncode}")
        try:
            if client.get("/healthz/ready").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.05)


async def _ask(port: int, zones: list[str]) -> None:
    """Send every zone a command at once, and wait for all verdicts."""

    async def ask(client: httpx2.AsyncClient, zone: str) -> None:
        path = f"/api/v1/zones/{zone}/roster"
        answer = await client.put(path, params={"mode": "patch"}, json={}, headers={"Prefer": "wait=60"})
        while answer.status_code == 202:
            answer = await client.get(answer.json()["href"], headers={"Prefer": "wait=60"})
        if answer.status_code not in {200, 409}:
            raise RuntimeError(f"{zone} answered {answer.status_code}: {answer.text[:300]}")

    async with (
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=600) as client,
        asyncio.TaskGroup() as group,
    ):
        for zone in zones:
            group.create_task(ask(client, zone))
