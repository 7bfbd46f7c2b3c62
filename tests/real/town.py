"""A small town behind the pages, as `ningju up` serves it, with requests in several states."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

READY_S = 180  # it only ends a test that would never end: the machine may be busy
SHANGHAI = ZoneInfo("Asia/Shanghai")


class Town:
    """A running server."""

    def __init__(self, address: str) -> None:
        self.address = address

    def call(self, path: str, body: object = None, method: str | None = None, **headers: str) -> Any:
        """Call the API; with a body by POST, where no other method is said."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.address + path, data, {"Content-Type": "application/json", **headers}, method=method
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def need(self, service: str, site: str, start_h: float, length_h: float = 4, **fields: Any) -> str:
        """Send a request in; its id."""
        start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=start_h)
        window = {"start": start.isoformat(), "end": (start + timedelta(hours=length_h)).isoformat()}
        body = {"service_type": service, "site": site, "windows": [window], **fields}
        return str(self.call("/api/v1/requests", body)["id"])

    def ahead(self, days: int, hour: int) -> float:
        """Hours from the last full one to an hour of the local day, some days ahead."""
        now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        there = now.astimezone(SHANGHAI).replace(hour=hour) + timedelta(days=days)
        return (there - now) / timedelta(hours=1)

    def until(self, request_id: str, *states: str) -> str:
        """Wait for a state."""
        deadline = time.monotonic() + 30
        while True:
            state = str(self.call(f"/api/v1/requests/{request_id}")["state"])
            if state in states:
                return state
            assert time.monotonic() < deadline, f"{request_id} is {state}, not {states}"
            time.sleep(0.1)


@contextmanager
def town(folder: Path) -> Iterator[Town]:
    """Start a server on a free port and end it."""
    log = folder / "log"
    command = [
        sys.executable,
        "-m",
        "ningju.cli",
        "up",
        "--scenario",
        "tiny",
        "--data",
        str(folder / "data"),
        "--port",
        "0",
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, "NINGJU_LOG_FORMAT": "json"})
        try:
            yield Town(_address(log, process))
        finally:
            process.terminate()
            process.wait(30)


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        for line in log.read_text().splitlines():
            if '"address": "http' not in line:
                continue
            address = str(json.loads(line)["address"])
            try:
                urllib.request.urlopen(f"{address}/healthz/ready", timeout=5).close()
            except (urllib.error.URLError, TimeoutError):
                break
            return address
        time.sleep(0.1)
    raise AssertionError(log.read_text()[-3_000:])
