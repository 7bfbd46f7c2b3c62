"""Accepting offers by REST at a steady pace, beside two raw Kafka hops at the same pace in the same run.

The server is the real one, ``ningju up`` in processes of its own, on a ledger that was filled beforehand with offers. A call
is timed from the moment it was due, so a server that falls behind is seen to. An answer is a verdict: inbox, topic,
decision and commit are behind it. The raw hops are aiokafka alone: producer, topic, forwarder, topic, consumer.
"""

import argparse
import asyncio
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from rich.console import Console
from rich.table import Table

from benchmarks.town import StillClock, Town
from engine import snapshots
from engine.ports import Snapshot, ZoneAppend
from ningju.ledger.opening import open_store
from ningju.simulation.scenario import Scenario, build
from schemas.commands import AcceptOffer
from schemas.envelope import CommandEnvelope
from schemas.roster import WeeklySlot
from streams.broker import EmbeddedBroker

HOPS = ("benchmark.first", "benchmark.second")
ALWAYS = tuple(WeeklySlot(weekday=day, start_min=0, end_min=1_440) for day in range(7))
START_S, STOP_S, VERDICT_S = 120.0, 30.0, 30


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=float, default=20.0, help="calls a second")
    parser.add_argument("--seconds", type=float, default=None, help="how long (30; 2 with --quick)")
    parser.add_argument("--broker", help="host:port of a real Kafka with topics made by itself; none: embedded ones")
    parser.add_argument("--folder", type=Path, help="where the ledger lies; choose the disk that counts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--quick", action="store_true", help="short, a small town: for CI")


def run(args: argparse.Namespace) -> int:
    count = round(args.rate * (args.seconds or (2 if args.quick else 30)))
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        offers = asyncio.run(prepare(Path(folder), "tiny" if args.quick else "changning", args.seed, count))
        report = asyncio.run(measure(Path(folder), offers, args.rate, args.broker))
    if args.json:
        print(json.dumps(report))
    else:
        show(report)
    return 0 if report["answers"] == {"200": len(offers)} else 1


async def prepare(folder: Path, name: str, seed: int, count: int) -> list[CommandEnvelope]:
    """Fill a ledger with offers that are open as the wall clock has it now; return how each is accepted."""
    now = datetime.now(UTC)
    scenario = at_hand(build(name, seed, volume=max(60, 2 * count)), now)
    town = Town.settle(scenario, now)
    for envelope in list(town.admitted(scenario.arrivals)):
        town.take(envelope)
    town.match()
    accepts = list(town.answers(decline=0))[:count]
    if len(accepts) < count:
        raise RuntimeError(f"{len(accepts)} offers could be made, {count} are needed: lower --rate or --seconds")
    store = await open_store(f"sqlite:///{folder / 'ningju.db'}", StillClock(now))
    try:
        for zone, state in town.zones.items():
            decided = tuple(one for other, one in town.decided if other == zone)
            snapshot = Snapshot(zone, state.version, snapshots.SCHEMA, snapshots.dump(state))
            await store.commit([ZoneAppend(zone, 0, decided, state.next_due, snapshot)])
    finally:
        await store.close()
    return accepts


def at_hand(scenario: Scenario, now: datetime) -> Scenario:
    """Move the scenario's day to the next one, people always free and never asleep: offers whatever the hour is."""
    zone = ZoneInfo(scenario.policy.timezone)
    midnight = datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time_of_day(), zone)
    shift = midnight - scenario.start
    arrivals = tuple(
        replace(
            arrival,
            request=arrival.request.changed(
                windows=tuple(
                    window.changed(start=window.start + shift, end=window.end + shift)
                    for window in arrival.request.windows
                )
            ),
        )
        for arrival in scenario.arrivals
    )
    people = tuple(
        one.changed(weekly=ALWAYS, exemptions=(), offers_per_week=50, visits_per_week=50) for one in scenario.volunteers
    )
    types = tuple(one.changed(notice_s=3 * 86_400) for one in scenario.service_types)
    policy = scenario.policy.changed(quiet_start_min=0, quiet_end_min=0)
    return replace(scenario, arrivals=arrivals, volunteers=people, service_types=types, policy=policy)


async def measure(folder: Path, offers: Sequence[CommandEnvelope], rate: float, broker: str | None) -> dict[str, Any]:
    """Accept all offers and send as many records over two hops, at the same pace."""
    answers: Counter[str] = Counter()
    with EmbeddedBroker() as embedded:
        async with (
            serving(folder, broker) as address,
            hopping(broker or embedded.address) as hop,
            httpx2.AsyncClient(base_url=f"{address}/api/v1", timeout=VERDICT_S + 5) as client,
        ):

            async def accept(number: int) -> None:
                envelope = offers[number]
                command = envelope.command
                assert isinstance(command, AcceptOffer)
                actor = f"{envelope.actor.kind}:{envelope.actor.id}"
                headers = {"X-Actor": actor, "Idempotency-Key": f"b{number}", "Prefer": f"wait={VERDICT_S}"}
                reply = await client.post(f"/offers/{command.offer_id}/accept", headers=headers, json={})
                answers[str(reply.status_code)] += 1

            count = len(offers)
            accepts, hops = await asyncio.gather(paced(accept, count, rate), paced(hop, count, rate, late=0.5))
    return {
        "benchmark": "accept",
        "rate": rate,
        "calls": len(offers),
        "broker": "given" if broker else "embedded",
        "answers": dict(answers),
        "accept_ms": percentiles(accepts),
        "two_hops_ms": percentiles(hops),
        "accept_slowest_at_s": [round(number / rate, 1) for number in np.argsort(accepts)[-len(accepts) // 100 :]],
    }


async def paced(call: Callable[[int], Awaitable[None]], count: int, rate: float, late: float = 0.0) -> list[float]:
    """Make calls at their moments, whatever becomes of those before; seconds from each moment to its answer."""
    start = time.perf_counter() + 0.5 + late / rate
    took = [0.0] * count

    async def one(number: int) -> None:
        due = start + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await call(number)
        took[number] = time.perf_counter() - due

    await asyncio.gather(*(one(number) for number in range(count)))
    return took


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and worst, in milliseconds."""
    p50, p99 = np.percentile(seconds, [50, 99])
    return {"p50": 1e3 * float(p50), "p99": 1e3 * float(p99), "max": 1e3 * max(seconds)}


@asynccontextmanager
async def serving(folder: Path, broker: str | None) -> AsyncIterator[str]:
    """Run the real server on the folder; ended by its process id, its tree with it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "ningju.cli", "up", "--data", str(folder), "--port", str(port)]
    command += ["--log-level", "warning", *(["--broker", broker] if broker else [])]
    log = (folder / "server.log").open("wb")
    server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)  # noqa: ASYNC220 - nothing else runs yet
    try:
        await ready(address, server, folder / "server.log")
        yield address
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(server.wait, STOP_S)
        finally:
            server.kill()
            log.close()


async def ready(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until the server says that it is ready.

    Raises
    ------
    RuntimeError
        When it ends instead, or takes too long; with the end of its log.
    """
    deadline = time.monotonic() + START_S
    async with httpx2.AsyncClient(base_url=address, timeout=5) as client:
        while server.poll() is None and time.monotonic() < deadline:
            try:
                if (await client.get("/healthz/ready")).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.1)
    said = await asyncio.to_thread(log.read_text, errors="replace")
    raise RuntimeError(f"the server did not get ready:\n{said[-2_000:]}")


@asynccontextmanager
async def hopping(address: str) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Give a call that sends a record and returns when it has made both hops."""
    arrived: dict[bytes, asyncio.Event] = {}
    producer = AIOKafkaProducer(bootstrap_servers=address, acks="all", enable_idempotence=True)
    await producer.start()
    consumers = []
    for topic in HOPS:
        parts = await producer.partitions_for(topic)
        consumer = AIOKafkaConsumer(bootstrap_servers=address, group_id=None, fetch_max_wait_ms=10)
        await consumer.start()
        consumer.assign([TopicPartition(topic, part) for part in parts])
        await consumer.seek_to_end()
        consumers.append(consumer)

    async def forward() -> None:
        async for message in consumers[0]:
            await producer.send(HOPS[1], message.value, key=message.key)

    async def receive() -> None:
        async for message in consumers[1]:
            arrived[message.value].set()

    async def hop(number: int) -> None:
        value = b"%d" % number
        arrived[value] = asyncio.Event()
        await producer.send(HOPS[0], value, key=value)
        await arrived[value].wait()

    tasks = [asyncio.create_task(forward()), asyncio.create_task(receive())]
    try:
        yield hop
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for client in (*consumers, producer):
            await client.stop()


def show(report: Mapping[str, Any]) -> None:
    """Print the table."""
    table = Table(title=f"{report['calls']:,} at {report['rate']:g} a second, {report['broker']} broker")
    for title in ("", "p50 ms", "p99 ms", "max ms"):
        table.add_column(title, justify="left" if not title else "right")
    for name, what in (("accept_ms", "accept by REST, with its verdict"), ("two_hops_ms", "two raw Kafka hops")):
        table.add_row(what, *(f"{report[name][key]:.0f}" for key in ("p50", "p99", "max")))
    console = Console(width=None if sys.stdout.isatty() else 100)
    console.print(table)
    moments = ", ".join(f"{moment:g}" for moment in sorted(report["accept_slowest_at_s"]))
    console.print(f"the slowest hundredth were due at second {moments}")
    console.print("answers: " + ", ".join(f"{count} × {status}" for status, count in sorted(report["answers"].items())))
