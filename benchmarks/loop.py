"""Commands through the durable path, beside raw aiokafka and a bare Faust agent that move as many records.

Each way is a process of its own on one core; the broker, embedded, runs on another one where there is one. All three take
the same commands from the same topic and publish the same events. Only ours validates, decides and writes durably
(SQLite, ``synchronous=FULL``).
"""

import argparse
import asyncio
import json
import os
import pickle
import pstats
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from rich.console import Console
from rich.table import Table

from benchmarks.movers import LEDGER, PROFILE, WORK, Task, Work
from benchmarks.town import StillClock, Town, interleaved
from engine import snapshots
from engine.ports import NewCommand, OpenCommand, Snapshot, ZoneAppend
from ningju.ledger.opening import open_store
from ningju.ledger.settings import StoreSettings
from ningju.simulation.scenario import build
from streams.broker import EmbeddedBroker
from streams.pipeline import CONSUMERS
from streams.publishing import command_record, event_record
from streams.topics import Topic

RAW_GOAL, FAUST_GOAL = 0.10, 0.5
NAMES = {"raw": "raw aiokafka", "faust": "bare Faust, noack", "ningju": "Ningju, durable"}


@dataclass(frozen=True, slots=True)
class Measured:
    """One way's rounds: commands a second by the wall and by its own CPU time; the stages where they were watched."""

    rate: float
    cpu_us: float
    rounds: int
    stages: Mapping[str, float]

    @classmethod
    def median(cls, runs: Sequence["Measured"]) -> "Measured":
        """What several runs come to."""
        rate, cpu = (statistics.median(getattr(run, name) for run in runs) for name in ("rate", "cpu_us"))
        return cls(rate, cpu, sum(run.rounds for run in runs), {})


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--requests", type=int, default=None, help="half of them beforehand (3,000; 120 with --quick)")
    parser.add_argument("--rounds", type=int, default=None, help="rounds of the other two, which are short (10)")
    parser.add_argument("--repeats", type=int, default=None, help="how often the three run, one after the other (3)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the ledger lies; choose the disk that counts")
    parser.add_argument("--profile", action="store_true", help="one more run under cProfile: where the time goes")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--quick", action="store_true", help="small and without any verdict on speed: for CI")


def run(args: argparse.Namespace) -> int:
    requests = args.requests or (120 if args.quick else 3_000)
    rounds = args.rounds or (2 if args.quick else 10)
    repeats = args.repeats or (1 if args.quick else 3)
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        work = prepare(folder, "tiny" if args.quick else "changning", requests, args.seed)
        runs = [
            {way: measure(way, folder, work, 1 if way == "ningju" else rounds) for way in NAMES} for _ in range(repeats)
        ]
        measured = {way: Measured.median([run[way] for run in runs]) for way in NAMES}
        watched = measure("ningju", folder, work, 1, how="stages")  # the watch itself takes time: a run of its own
        profile = profiled(folder, work) if args.profile else None
    report = summary(work, measured, watched)
    if args.json:
        print(json.dumps(report))
    else:
        show(report, profile)
    return 0


def prepare(folder: Path, scenario: str, requests: int, seed: int) -> Work:
    """Fill a ledger up to ten in the morning and write down what comes next: new requests among answers to offers."""
    day = build(scenario, seed, volume=requests)
    town = Town.settle(day, day.start + timedelta(hours=10))
    submissions = list(town.admitted(day.arrivals))
    before, fresh = submissions[: len(submissions) // 2], submissions[len(submissions) // 2 :]
    for envelope in before:
        town.take(envelope)
    town.match()
    ready, envelopes = len(town.decided), interleaved(list(town.answers()), fresh)
    asyncio.run(fill(folder / LEDGER, town, envelopes))
    tasks = []
    for envelope in envelopes:
        decided = town.take(envelope)
        row = OpenCommand(0, envelope.command_id, envelope.zone, town.now, envelope.dump())
        events = tuple(event_record(record) for record in decided.records)
        tasks.append(Task(envelope.zone, row.data, command_record(row).headers, events))
    assert len(town.decided) == ready + len(tasks)
    work = Work(town.now, tasks)
    (folder / WORK).write_bytes(pickle.dumps(work))
    return work


async def fill(path: Path, town: Town, envelopes: Sequence[Any]) -> None:
    """Write what the town has decided into a ledger, and the commands to come into its inbox."""
    store = await open_store(f"sqlite:///{path}", StillClock(town.now), StoreSettings(inbox_limit=10**9))
    try:
        for zone, state in town.zones.items():
            decided = tuple(one for name, one in town.decided if name == zone)
            snapshot = Snapshot(zone, state.version, snapshots.SCHEMA, snapshots.dump(state))
            await store.commit([ZoneAppend(zone, 0, decided, state.next_due, snapshot)])
        for consumer in CONSUMERS:
            await store.settle(consumer, {zone: state.version for zone, state in town.zones.items()})
        await store.enqueue([NewCommand(envelope) for envelope in envelopes])
    finally:
        await store.close()


def measure(way: str, folder: Path, work: Work, rounds: int, *, how: str = "plain") -> Measured:
    """Run one way in a process of its own and feed it round by round."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    results = []
    with EmbeddedBroker() as broker:
        feeder = Producer(
            {"bootstrap.servers": broker.address, "log_level": 2, "linger.ms": 5, "partitioner": "murmur2_random"}
        )
        for topic in Topic:
            feeder.list_topics(str(topic), timeout=10)
        command = [sys.executable, "-m", "benchmarks.movers", way, broker.address, str(folder)]
        command += [str(cores[-1]), how]
        root = Path(__file__).parents[1]
        with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as mover:
            assert mover.stdin is not None
            try:
                told(mover)
                for number in range(rounds):
                    if number:
                        mover.stdin.write("\n")
                        mover.stdin.flush()
                    for task in work.tasks:
                        feeder.produce(str(Topic.COMMANDS), task.data, key=task.zone.encode(), headers=task.headers)
                        feeder.poll(0)
                    feeder.flush()
                    results.append(told(mover))
                mover.stdin.close()
                if mover.wait(60):
                    raise RuntimeError(f"{way} ended with {mover.returncode}")
            finally:
                mover.kill()
    seconds, cpu = (statistics.median(result[key] for result in results) for key in ("seconds", "cpu"))
    count = len(work.tasks)
    stages = {name: 1e6 * spent / count for name, spent in results[0]["stages"].items()}
    return Measured(count / seconds, 1e6 * cpu / count, rounds, stages)


def told(mover: "subprocess.Popen[str]") -> dict[str, Any]:
    """Read the mover's next line.

    Raises
    ------
    RuntimeError
        When it has ended instead; what was wrong is on its standard error.
    """
    assert mover.stdout is not None
    line = mover.stdout.readline()
    if not line:
        raise RuntimeError("a mover ended early")
    facts: dict[str, Any] = json.loads(line)
    return facts


def profiled(folder: Path, work: Work) -> str:
    """Run ours once more under cProfile: its main thread's time by package, then the functions that take longest."""
    measure("ningju", folder, work, 1, how="profile")
    with (folder / "profile.txt").open("w") as text:
        stats: Any = pstats.Stats(str(folder / PROFILE), stream=text)
        packages: Counter[str] = Counter()
        for (path, _, name), (_, _, own, _, _) in stats.stats.items():
            if "poll" not in name:  # that is waiting
                packages[package_of(path, name)] += own
        for package, seconds in packages.most_common(12):
            text.write(f"{1e6 * seconds / len(work.tasks):6.0f} µs  {package}\n")
        stats.sort_stats("tottime").print_stats(40)
    return (folder / "profile.txt").read_text()


def package_of(path: str, name: str) -> str:
    """Name the package that a profiled function belongs to; built-in ones go by their own names."""
    if path == "~":
        return name.split(" object", maxsplit=1)[0].strip("{<>")
    parts = Path(path).parts
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1]
    inside = Path(path).is_relative_to(Path(__file__).parents[1])
    return str(Path(path).relative_to(Path(__file__).parents[1]).parent) if inside else "the standard library"


def summary(work: Work, measured: Mapping[str, Measured], watched: Measured) -> dict[str, Any]:
    """Everything as plain data."""
    ours = measured["ningju"]
    rest = watched.cpu_us - sum(watched.stages.values())
    return {
        "benchmark": "loop",
        "commands": len(work.tasks),
        "events": sum(len(task.events) for task in work.tasks),
        "ways": {
            way: {"commands_per_s": one.rate, "cpu_us_per_command": one.cpu_us, "rounds": one.rounds}
            for way, one in measured.items()
        },
        "of_raw": ours.rate / measured["raw"].rate,
        "of_faust": ours.rate / measured["faust"].rate,
        "of_raw_by_cpu": measured["raw"].cpu_us / ours.cpu_us,
        "of_faust_by_cpu": measured["faust"].cpu_us / ours.cpu_us,
        "goals": {"of_raw": RAW_GOAL, "of_faust": FAUST_GOAL},
        "stages_cpu_us": {**watched.stages, "aiokafka, asyncio, publishing": rest},
    }


def show(report: Mapping[str, Any], profile: str | None) -> None:
    """Print the tables."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    table = Table(title=f"{report['commands']:,} commands come to {report['events']:,} events; each way on one core")
    for title in ("", "commands/s", "CPU µs a command", "rounds"):
        table.add_column(title, justify="left" if not title else "right")
    for way, one in report["ways"].items():
        table.add_row(
            NAMES[way], f"{one['commands_per_s']:,.0f}", f"{one['cpu_us_per_command']:.0f}", str(one["rounds"])
        )
    console.print(table)
    for name, what in (("of_raw", "of raw aiokafka"), ("of_faust", "of bare Faust")):
        console.print(
            f"{report[name]:.2f} {what} by the clock, {report[name + '_by_cpu']:.2f} by CPU time"
            f" (goal {report['goals'][name]:.2f})"
        )
    stages = Table(title="Where a command's CPU time goes")
    stages.add_column("")
    stages.add_column("µs", justify="right")
    for name, spent in sorted(report["stages_cpu_us"].items(), key=lambda item: -item[1]):
        stages.add_row(name, f"{spent:.0f}")
    console.print(stages)
    if profile:
        console.print(profile, highlight=False, markup=False)
