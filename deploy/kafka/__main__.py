"""``python -m deploy.kafka up|down|status``: a real Kafka on this machine, for trials; one a folder."""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import psutil

from deploy.kafka.cluster import STOP_S, Cluster, KafkaFailed, known_to
from deploy.kafka.java import JavaMissing
from deploy.kafka.libraries import HOME, LibrariesMissing
from deploy.kafka.security import ADMIN
from streams.security import OPEN, Security


def up(folder: Path, brokers: int, *, secure: bool = False) -> int:
    """Start brokers that outlive this command."""
    if running(folder):
        print("Kafka is up already; see `python -m deploy.kafka status`", file=sys.stderr)
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    cluster = Cluster(folder, brokers, detached=True, secure=secure)
    try:
        address = cluster.start()
    except (JavaMissing, LibrariesMissing, KafkaFailed) as fault:
        print(fault, file=sys.stderr)
        return 3
    # An id may be given to another process later; with its start it is ours for sure.
    processes = [[one.pid, psutil.Process(one.pid).create_time()] for one in cluster.processes]
    state_of(folder).write_text(json.dumps({"address": address, "processes": processes, "secure": secure}))
    print(address)
    if secure:
        print(f"settings to sign in: {folder / 'access'}/USER.env", file=sys.stderr)
    return 0


def down(folder: Path) -> int:
    """End them and drop their data."""
    processes = running(folder)
    for process in processes:
        process.terminate()
    for process in psutil.wait_procs(processes, STOP_S)[1]:
        process.kill()
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def status(folder: Path) -> int:
    """Say where they answer; 1 when they do not."""
    if not running(folder):
        print("down")
        return 1
    state = json.loads(state_of(folder).read_text())
    address = state["address"]
    answering = sum(known_to(one, administrator(folder, state)) > 0 for one in address.split(","))
    print(f"{address}  {answering} of {address.count(',') + 1} brokers answer")
    return 0 if answering else 1


def running(folder: Path) -> list[psutil.Process]:
    """Find the processes that ``up`` started and that still run."""
    if not state_of(folder).exists():
        return []
    found = []
    for pid, started in json.loads(state_of(folder).read_text())["processes"]:
        try:
            process = psutil.Process(pid)
            if process.create_time() == started and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def administrator(folder: Path, state: dict[str, Any]) -> Security:
    """Tell how the administrator of a cluster that runs signs in."""
    if not state.get("secure"):
        return OPEN
    told = dict(line.split("=", 1) for line in (folder / "access" / f"{ADMIN}.env").read_text().splitlines())
    return Security(tls=True, ca=Path(told["NINGJU_BROKER_CA"]), user=ADMIN, password=told["NINGJU_BROKER_PASSWORD"])


def state_of(folder: Path) -> Path:
    """Name the file that says what was started."""
    return folder / "cluster.json"


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0 done, 1 the answer is no, 2 wrong use, 3 what it needs is missing."""
    parser = argparse.ArgumentParser(prog="python -m deploy.kafka", description=__doc__)
    parser.add_argument("--folder", type=Path, default=HOME / "run", help="where settings, logs and data lie")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="start brokers on free ports; prints the bootstrap address")
    start.add_argument("--brokers", type=int, default=1, choices=range(1, 10), metavar="N")
    start.add_argument(
        "--secure", action="store_true", help="TLS, a user for each role, and nothing allowed by default"
    )
    commands.add_parser("down", help="end them and drop their data")
    commands.add_parser("status", help="say where they answer")
    chosen = parser.parse_args(arguments)
    if chosen.command == "up":
        return up(chosen.folder, chosen.brokers, secure=chosen.secure)
    return down(chosen.folder) if chosen.command == "down" else status(chosen.folder)


if __name__ == "__main__":
    sys.exit(main())
