"""Ningju as the shell starts it: real processes, ended by their ids, and whatever they leave behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import psutil

T = TypeVar("T")

MARK = "CHAOS_TEST_RUN"
_started: list[subprocess.Popen[bytes]] = []

READY_S = 120.0
"""Long enough for a machine that has other things to do."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(look: Callable[[], T], what: str, timeout_s: float = READY_S, every_s: float = 0.05) -> T:
    """Look again and again until there is something to see."""
    end = time.monotonic() + timeout_s
    while not (seen := look()):
        assert time.monotonic() < end, f"{what}: not within {timeout_s:.0f} s"
        time.sleep(every_s)
    return seen


class Ningju:
    """One start of the command line, its log in a file, and all processes that stem from it.

    Parameters
    ----------
    run
        Name that every process of a test carries in its environment: so an orphan is found, whoever its parent is now.
    """

    def __init__(self, arguments: list[str], *, folder: Path, run: str, port: int = 0, **settings: object) -> None:
        self.port = port
        self.run = run
        self.log = folder / "ningju.log"
        env = {name: value for name, value in os.environ.items() if not name.startswith("NINGJU_")}
        env |= {f"NINGJU_{name.upper()}": str(value) for name, value in settings.items() if value is not None}
        env |= {"NINGJU_PORT": str(port), "NINGJU_DATA": str(folder / "data"), MARK: run}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ningju.cli", *arguments],
                env=env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

        _started.append(self.process)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def tree(self) -> list[psutil.Process]:
        """The process that was started, then everything below it."""
        try:
            top = psutil.Process(self.process.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def serving(self) -> list[psutil.Process]:
        """The process that does the work, as long as there is one."""
        return [one for one in self.tree()[1:] if "ningju.bootstrap.serving" in " ".join(command_of(one))]

    def solvers(self) -> list[psutil.Process]:
        return [one for one in self.tree()[1:] if "--multiprocessing-fork" in command_of(one)]

    def ready(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/healthz/ready", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False

    def until_ready(self) -> None:
        def look() -> bool:
            assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.text()[-3000:]}"
            return self.ready()

        until(look, "ready")

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def actions(self, name: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.text().splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("action") == name]

    def terminate(self, timeout_s: float = 60.0) -> int:
        """Ask it to drain, and wait for its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=timeout_s)


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def left_behind(run: str) -> list[psutil.Process]:
    """Every living process of a test's run, wherever it hangs now."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == run and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.pid != os.getpid()]


def nobody_left(run: str, timeout_s: float = 20.0) -> None:
    """Insist that no process of the run outlives its end by more than the time to drain and a few seconds."""
    until(lambda: not left_behind(run), f"processes of {run} end", timeout_s)


def kill(*processes: psutil.Process) -> None:
    """`kill -9`; who has gone already is no fault."""
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


@contextmanager
def cleared(run: str) -> Iterator[str]:
    """Kill whatever a failed test leaves of its own run."""
    try:
        yield run
    finally:
        kill(*left_behind(run))
        while _started:
            _started.pop().wait(timeout=30)
