"""One run: parts and roles up, people at work, strikes as drawn, rest, and what it left in a folder."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import httpx2
import psycopg

from deploy.kafka.cluster import Cluster, KafkaFailed, free_ports
from tests.chaos.processes import MARK
from tests.storm.diary import Diary
from tests.storm.people import People
from tests.storm.postgres import Postgres
from tests.storm.proxy import Proxies
from tests.storm.pulse import Pulse
from tests.storm.roles import MEMBERS, Fleet
from tests.storm.schedule import BROKERS, Strike
from tests.storm.town import write_town

PARTITIONS = 8
UP_S = 600.0
"""On a machine that has other things to do, too."""
PATIENCE_S = 90.0
REST_S = 420.0
"""From the last strike on; a request may last four minutes, and whoever was struck last takes one to come back."""


@dataclass
class Plan:
    """What a run is to be."""

    seed: int
    minutes: float
    requests: int
    strikes: Sequence[Strike]
    folder: Path
    away: int = 3
    """With more processes not at work than this, the next strike waits: else a slow machine would do nothing but start."""

    whole: bool = False
    """Whether every strike is dealt, however long that takes."""


@dataclass
class Storm:
    """Everything that is up, and what is done to it."""

    plan: Plan
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        folder = self.plan.folder
        self.run = f"storm-{self.plan.seed}-{os.getpid()}"
        self.postgres = Postgres(folder / "postgres")
        self.lines = Proxies((*BROKERS, *MEMBERS))
        self.cluster: Cluster
        self.fleet: Fleet
        self.people: People
        self.pulse = Pulse(self.postgres)
        self.log = Diary(folder / "strikes.jsonl")
        self._kafka = asyncio.Lock()
        self._database = asyncio.Lock()
        self._held_down = False
        self._tasks: list[asyncio.Task[Any]] = []

    # ------------------------------------------------------------------------------------------------------------ up

    async def up(self) -> None:
        folder = self.plan.folder
        await self.lines.start()
        advertised = [self.lines.ports[name] for name in BROKERS]
        self.cluster = Cluster(folder / "kafka", brokers=len(BROKERS), advertised=advertised)
        self.cluster.prepare()
        for name, node in zip(BROKERS, self.cluster.nodes, strict=True):
            self.lines.aim(name, node.port)
        for name in MEMBERS:
            self.lines.aim(name, self.postgres.port)
        await asyncio.to_thread(self.postgres.start)
        await asyncio.to_thread(self.cluster.start)
        address = ",".join(f"127.0.0.1:{port}" for port in advertised)
        settings: dict[str, object] = {
            "broker": address,
            "roster": write_town(folder),
            "log_format": "json",
            "intake_rate": "1000000/minute",
            "partitions": PARTITIONS,
            "solver_processes": 0,  # a plan of greed alone takes milliseconds
        }
        self._env = {f"NINGJU_{name.upper()}": str(value) for name, value in settings.items()}
        await self._cli("topics", "ensure")
        port = free_ports(1)[0]
        self.fleet = Fleet(folder, self.run, self.lines.ports, settings, port)
        self.people = People(
            f"http://127.0.0.1:{port}",
            address,
            Random(f"{self.plan.seed}:people"),
            Diary(folder / "told.jsonl"),
            Diary(folder / "feed.jsonl"),
        )
        self.fleet.begin("zones-1")
        await self._until(self._prepared, "the zones are set up")
        self.fleet.begin(*(name for name in MEMBERS if name != "zones-1"))
        self.fleet.keep()
        self._begin(self._keep_database())
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            end = monotonic() + UP_S
            while True:
                with suppress(httpx2.TransportError):
                    if (await client.get("/healthz/ready")).status_code == 200:
                        break
                assert monotonic() < end, "the API is not ready"
                await asyncio.sleep(0.2)
        await self._until(lambda: not self.fleet.away(), "every role is ready")
        self.pulse.start()

    def _prepared(self) -> bool:
        return b'"action": "prepared"' in self.fleet.members["zones-1"].log.read_bytes()

    async def _until(self, look: Any, what: str, seconds: float = UP_S) -> None:
        end = monotonic() + seconds
        while not await asyncio.to_thread(look):
            assert monotonic() < end, f"not within {seconds:.0f} s: {what}"
            await asyncio.sleep(0.3)

    def _begin(self, what: Any) -> "asyncio.Task[Any]":
        task = asyncio.create_task(what)
        self._tasks.append(task)
        return task

    # ------------------------------------------------------------------------------------------------------- a run

    async def blow(self) -> None:
        """Let people ask and things break, then wait for rest."""
        following = self._begin(self.people.follow())
        asking = self._begin(self.people.ask(self.plan.requests, self.plan.minutes * 60))
        began, striking = monotonic(), []
        for strike in self.plan.strikes:
            await asyncio.sleep(max(0.0, began + strike.at - monotonic()))
            waited = monotonic()
            while len(self.fleet.away()) > self.plan.away and monotonic() - waited < PATIENCE_S:
                await asyncio.sleep(0.5)
            if monotonic() - began > 2 * self.plan.minutes * 60 and not self.plan.whole:
                self.counts["strikes left out"] += 1
                continue
            striking.append(self._begin(self._strike(strike)))
            await asyncio.sleep(1.0)  # until it can be seen
        await asyncio.gather(*striking)
        self.people.enough = True
        await asking
        self.unrest = await self._rest()
        following.cancel()

    async def _strike(self, strike: Strike) -> None:
        since = monotonic()
        try:
            found = await self._do(strike)
        except (KafkaFailed, subprocess.SubprocessError) as fault:
            found = {"harness": repr(fault)}
        if found is None:
            self.counts[f"{strike.what}: nobody there"] += 1
        else:
            self.counts[strike.what] += 1
        what = {"strike": strike.what, "whom": strike.whom, "planned": strike.at, "seconds": strike.seconds}
        if strike.what == "kill" and strike.whom.startswith("zones") and found is not None:
            await asyncio.sleep(max(0.0, since + 45 - monotonic()))
            found = {"served_again": self.pulse.served_again(since)}
        self.log.write(**what, **({"nobody": True} if found is None else found))

    async def _do(self, strike: Strike) -> dict[str, Any] | None:
        fleet, whom = self.fleet, strike.whom
        match strike.what:
            case "kill":
                return {} if await fleet.kill(whom) else None
            case "freeze":
                return {} if await fleet.freeze(whom, strike.seconds) else {"killed meanwhile": True}
            case "drain":
                return await fleet.drain(whom)
            case "cut" | "stall":
                await (self.lines.cut if strike.what == "cut" else self.lines.stall)(whom, strike.seconds)
                return {}
            case "broker-kill":
                async with self._kafka:
                    node = BROKERS.index(whom)
                    await asyncio.to_thread(self.cluster.kill, node)
                    await asyncio.sleep(strike.seconds)
                    await self._back(node)
                return {}
            case "broker-roll":
                async with self._kafka:
                    for node in range(len(BROKERS)):
                        await asyncio.to_thread(self.cluster.end, node)
                        await self._back(node)
                return {}
            case "database-restart" | "database-kill":
                async with self._database:
                    self._held_down = True
                    try:
                        if strike.what == "database-kill":
                            await asyncio.to_thread(self.postgres.kill)
                        else:
                            await asyncio.to_thread(self.postgres.stop, whom)
                        await asyncio.sleep(strike.seconds)
                    finally:
                        self._held_down = False
                return {}
            case "disk-full":
                if not self.postgres.can_be_full:
                    return None
                async with self._database:
                    await asyncio.to_thread(self.postgres.fill)
                    try:
                        await asyncio.sleep(strike.seconds)
                    finally:
                        await asyncio.to_thread(self.postgres.clear)
                return {"still up": self.postgres.running()}
        raise AssertionError(strike)

    async def _back(self, node: int) -> None:
        self.cluster.restart(node)
        self.counts["brokers restarted"] += 1
        await asyncio.to_thread(self.cluster.wait, UP_S)
        await asyncio.sleep(2.0)

    async def _keep_database(self) -> None:
        """Whatever ended the database, start it again."""
        while True:
            await asyncio.sleep(0.3)
            if not self._held_down and not self.postgres.running():
                try:
                    await asyncio.to_thread(self.postgres.again)
                    self.counts["database started again"] += 1
                except subprocess.SubprocessError:
                    self.counts["database could not start yet"] += 1

    # -------------------------------------------------------------------------------------------------------- rest

    async def _rest(self) -> str:
        """Wait until each acknowledged request has its end and nobody has anything left to do; else say what is left."""
        end, left = monotonic() + REST_S, ""
        while monotonic() < end:
            await asyncio.sleep(1.0)
            try:
                state = await asyncio.to_thread(self._state)
            except psycopg.Error as error:
                left = repr(error)
                continue
            self.people.sources -= set(state["letters"])
            behind = [name for name, cursors in state["cursors"].items() if cursors != state["heads"]]
            left = (
                f"{self.people.waiting} requests without an end, {state['open']} open commands, {state['due']} zones with "
                f"timers, {state['pending']} messages, behind: {behind}"
            )
            if not (self.people.waiting or state["open"] or state["due"] or state["pending"] or behind):
                await asyncio.sleep(2.0)  # for the stream to bring the last
                return ""
        return f"no rest after {REST_S:.0f} s: {left}"

    def _state(self) -> dict[str, Any]:
        with self.postgres.connect() as connection:

            def rows(query: str) -> list[tuple[Any, ...]]:
                return connection.execute(query.encode()).fetchall()

            cursors: dict[str, dict[str, int]] = {}
            for consumer, zone, version in rows("SELECT consumer, zone, version FROM cursor"):
                cursors.setdefault(consumer, {})[zone] = version
            letters, others = [], []
            for source, reason, raw in rows("SELECT source, reason, raw FROM dead_letter"):
                late = "window_past" in reason or "window_too_short" in reason
                if source == "ningju.requests" and late:
                    letters.append(json.loads(bytes(raw))["source"])
                else:
                    others.append(f"{source}: {reason}")
            failed = "SELECT count(*) FROM outcome WHERE convert_from(data, 'UTF8') LIKE '%\"status\":\"failed\"%'"
            return {
                "heads": dict(rows("SELECT zone, version FROM zone")),
                "due": rows("SELECT count(*) FROM zone WHERE next_due IS NOT NULL")[0][0],
                "open": rows("SELECT count(*) FROM inbox WHERE open")[0][0],
                "pending": rows("SELECT count(*) FROM notification WHERE pending")[0][0],
                "failed": rows(failed)[0][0],
                "commands": rows("SELECT count(*) FROM inbox")[0][0],
                "cursors": cursors,
                "letters": letters,
                "other_letters": others,
            }

    async def leave(self) -> None:
        """Drain everybody and write down what there is to see."""
        folder = self.plan.folder
        drained = await self.fleet.end()
        state = await asyncio.to_thread(self._state)
        code, text = await self._cli("verify", check=False)
        await self._cli("export", "events", "--output", str(folder / "events.jsonl"))
        state |= {"unrest": self.unrest, "verify": {"code": code, "text": text}, "drained": drained}
        state["counts"] = dict(self.counts)
        state["requests"], state["calls"] = self.people.requests, self.people.tries
        state["ends"] = {name: dict(Counter(member.ends)) for name, member in self.fleet.members.items()}
        (folder / "state.json").write_text(json.dumps(state))

    async def close(self) -> None:
        """End whatever there is, however far it had come."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.pulse.stop()
        async with AsyncExitStack() as rest:
            rest.push_async_callback(self.lines.stop)
            rest.push_async_callback(asyncio.to_thread, self.postgres.close)
            if hasattr(self, "cluster"):
                rest.push_async_callback(asyncio.to_thread, self.cluster.stop)
            if hasattr(self, "fleet"):
                rest.callback(self.fleet.kill_all)
            if hasattr(self, "people"):
                rest.push_async_callback(self.people.close)

    async def _cli(self, *words: str, check: bool = True) -> tuple[int, str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("NINGJU_")}
        env |= self._env | {"NINGJU_DATABASE": Postgres.address(self.postgres.port), MARK: self.run}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ningju.cli",
            *words,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        text = (await process.communicate())[0].decode(errors="replace")
        assert process.returncode is not None
        assert not check or process.returncode == 0, f"ningju {' '.join(words)}: {text[-2_000:]}"
        return process.returncode, text[-2_000:]


async def blow(plan: Plan) -> dict[str, Any]:
    """Run it all; the folder then holds the evidence."""
    storm, me = Storm(plan), asyncio.current_task()
    assert me is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, me.cancel)  # so that nothing is left behind
    try:
        await storm.up()
        await storm.blow()
        await storm.leave()
    finally:
        await storm.close()
    return json.loads((plan.folder / "state.json").read_text())
