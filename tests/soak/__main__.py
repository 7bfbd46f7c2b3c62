"""Lets the embedded system run under a steady load: ``python -m tests.soak --hours 1``; memory and lag are what it is for."""

import argparse
import asyncio
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic

import httpx2

from tests.chaos.processes import Ningju, cleared, free_port, nobody_left
from tests.soak.meter import Reading, metrics_of, read, slopes
from tests.soak.people import People, busy_town

REST_S = 60.0
"""Seconds in which everything must have its outcome, once nobody sends any more."""


async def soak(ningju: Ningju, seconds: float, pace: float, every_s: float, seed: int) -> tuple[People, list[Reading]]:
    """Send the load, and read off at intervals; then wait until nothing is behind."""
    readings: list[Reading] = []
    began = monotonic()
    async with httpx2.AsyncClient(base_url=ningju.url, timeout=60) as client:

        async def look() -> Reading:
            parts = {"supervisor": ningju.tree()[:1], "serving": ningju.serving(), "solver": ningju.solvers()}
            reading = read(monotonic() - began, parts, await metrics_of(client))
            told(reading)
            readings.append(reading)
            return reading

        async def watch() -> None:
            while True:
                await look()
                await asyncio.sleep(every_s)

        people = People(client, busy_town().sites[0].id, pace, seed)
        watching = asyncio.create_task(watch())
        await people.live(seconds)
        watching.cancel()
        end = monotonic() + REST_S
        while (last := await look()).inbox or any(last.lag.values()):
            if monotonic() > end:
                people.faults.append(f"not at rest after {REST_S:.0f} s: {last}")
                break
            await asyncio.sleep(1)
    return people, readings


def told(reading: Reading) -> None:
    memory = ", ".join(f"{name} {amount:.1f}" for name, amount in reading.memory_mb.items())
    lag = ", ".join(f"{name} {amount:.0f}" for name, amount in reading.lag.items())
    print(
        f"{reading.at_s:6.0f} s  MB: {memory}  lag: {lag}  open commands {reading.inbox:.0f}, requests {reading.unended:.0f}",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--pace", type=float, default=1.0, help="requests a second; each is some seven calls")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two looks")
    parser.add_argument("--warm", type=float, default=0.25, help="share of the time that the slope leaves out")
    parser.add_argument("--most", type=float, default=20.0, help="MB an hour from which on growth is a fault")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended then, too
    with tempfile.TemporaryDirectory() as name, cleared(f"soak-{free_port()}") as run:
        folder = Path(name)
        roster = folder / "town.json"
        roster.write_text(busy_town().model_dump_json(exclude={"persons"}), encoding="utf-8")
        ningju = Ningju(["up"], folder=folder, run=run, port=free_port(), roster=roster, log_level="warning")
        ningju.until_ready()
        seconds = 3_600 * asked.hours
        people, readings = asyncio.run(soak(ningju, seconds, asked.pace, asked.every, asked.seed))
        code = ningju.terminate()
        nobody_left(run)
        verify = [sys.executable, "-m", "ningju.cli", "verify", "--data", str(folder / "data")]
        verified = subprocess.run(verify, capture_output=True, text=True, check=False)
        size = (folder / "data" / "ningju.db").stat().st_size / 1e6
    print("answers:", ", ".join(f"{what}: {number}" for what, number in sorted(people.answers.items())))
    growth = slopes(readings, asked.warm * seconds)
    for process, slope in growth.items():
        print(f"{process}: {slope:+.1f} MB/h")
    lag = max((amount for reading in readings for amount in reading.lag.values()), default=0)
    print(f"largest lag at a look: {lag:.0f} events, at the end {max(readings[-1].lag.values(), default=0):.0f}")
    print(f"ledger: {size:.0f} MB; drained with {code}; verify: {verified.stdout.strip() or verified.stderr.strip()}")
    faults = people.faults + [
        f"{name} grows by {slope:.1f} MB/h" for name, slope in growth.items() if slope > asked.most
    ]
    faults += ["it did not drain"] * bool(code) + ["verify says no"] * bool(verified.returncode)
    for fault in faults[:20]:
        print(f"FAULT {fault}")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
