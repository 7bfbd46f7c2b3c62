"""The roles as processes, each started again when it has ended, each on a line of its own to the database."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from tests.chaos.processes import MARK
from tests.storm.postgres import Postgres

MEMBERS = ("api", "intake", "zones-1", "zones-2", "matcher-1", "matcher-2", "dispatcher", "recorder")
AGAIN_S = 0.5


@dataclass
class Member:
    """One process of a role, whichever it is just now."""

    name: str
    folder: Path
    line: int
    process: "subprocess.Popen[bytes] | None" = None
    stopped: bool = False
    began_at: int = 0
    ends: list[int] = field(default_factory=list)

    @property
    def role(self) -> str:
        return self.name.partition("-")[0]

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def living(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def ready(self) -> bool:
        """Whether this very process has said that it is."""
        if not self.living or self.stopped:
            return False
        with self.log.open("rb") as log:
            log.seek(self.began_at)
            return b'"action": "ready"' in log.read(100_000)


class Fleet:
    """All members, and who starts them again.

    Parameters
    ----------
    run
        What every process bears in its environment.
    lines
        Ports on which each of them has the database.
    settings
        ``NINGJU_*`` of all of them.
    """

    def __init__(self, folder: Path, run: str, lines: dict[str, int], settings: dict[str, object], port: int) -> None:
        self._run = run
        self._settings = settings
        self._port = port
        self._keeping: asyncio.Task[None] | None = None
        self.members = {name: Member(name, folder / name, lines[name]) for name in MEMBERS}
        for member in self.members.values():
            member.folder.mkdir()

    def begin(self, *names: str) -> None:
        for name in names:
            self._start(self.members[name])

    def away(self) -> list[str]:
        """Who is not at work just now."""
        return [name for name, member in self.members.items() if not member.ready]

    def keep(self) -> None:
        """From now on, start again whoever ends."""
        self._keeping = asyncio.create_task(self._keep())

    async def kill(self, name: str) -> bool:
        """`kill -9`; whether there was somebody."""
        return self._signal(name, signal.SIGKILL)

    async def freeze(self, name: str, seconds: float) -> bool:
        """`SIGSTOP` for a while; whether it lived through it."""
        member = self.members[name]
        process = member.process
        if member.stopped or not self._signal(name, signal.SIGSTOP):
            return False
        assert process is not None
        member.stopped = True
        try:
            await asyncio.sleep(seconds)
        finally:
            member.stopped = False
            process.send_signal(signal.SIGCONT)
        return process.poll() is None

    async def drain(self, name: str) -> dict[str, Any] | None:
        """`SIGTERM`; how long it took and how it ended."""
        member, began = self.members[name], monotonic()
        process = member.process
        if member.stopped or not self._signal(name, signal.SIGTERM):
            return None
        assert process is not None
        while process.poll() is None and monotonic() - began < 60:
            await asyncio.sleep(0.02)
        return {"took_s": round(monotonic() - began, 2), "code": process.poll()}

    async def end(self) -> dict[str, dict[str, Any] | None]:
        """Have everybody drain, the door first."""
        if self._keeping is not None:
            self._keeping.cancel()
        found = {}
        for name in self.members:
            found[name] = await self.drain(name)
        return found

    def kill_all(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
        for member in self.members.values():
            if member.process is not None:
                member.process.kill()
                member.process.wait()

    def _signal(self, name: str, number: int) -> bool:
        member = self.members[name]
        if not member.living:
            return False
        assert member.process is not None
        member.process.send_signal(number)
        return True

    async def _keep(self) -> None:
        gone: dict[str, float] = {}
        while True:
            await asyncio.sleep(0.1)
            for name, member in self.members.items():
                if member.living:
                    continue
                if monotonic() - gone.setdefault(name, monotonic()) > AGAIN_S:
                    assert member.process is not None
                    member.ends.append(member.process.returncode)
                    del gone[name]
                    self._start(member)

    def _start(self, member: Member) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith("NINGJU_")}
        told = self._settings | {"database": Postgres.address(member.line), "data": member.folder / "data"}
        if member.role != "zones":
            told.pop("roster", None)
        if member.role == "api":
            told["port"] = self._port
        env |= {f"NINGJU_{name.upper()}": str(value) for name, value in told.items()} | {MARK: self._run}
        what = ["-m", "ningju.cli", "worker", member.role]
        if member.role == "recorder":
            what = ["-m", "tests.storm.recorder", str(member.folder / "heard.jsonl")]
        leash = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with member.log.open("ab") as log:
            log.write(b"\n")  # whoever was killed may have left half a line
            log.flush()
            member.began_at = log.tell()
            member.process = subprocess.Popen(
                [*leash, sys.executable, *what], env=env, stdout=log, stderr=log, start_new_session=True
            )
