"""``python -m deploy.kafka up|down|status``: a real Kafka on this machine, for trials; one at a time."""

import argparse
import json
import shutil
import sys
from pathlib import Path

import psutil

from deploy.kafka.cluster import STOP_S, Cluster, KafkaFailed, answering
from deploy.kafka.java import JavaMissing
from deploy.kafka.libraries import HOME, LibrariesMissing

RUN = HOME / "run"
STATE = RUN / "cluster.json"


def up(brokers: int) -> int:
    """Start brokers that outlive this command."""
    if running():
        print("Kafka is up already; see `python -m deploy.kafka status`", file=sys.stderr)
        return 1
    shutil.rmtree(RUN, ignore_errors=True)
    cluster = Cluster(RUN, brokers, detached=True)
    try:
        address = cluster.start()
    except (JavaMissing, LibrariesMissing, KafkaFailed) as fault:
        print(fault, file=sys.stderr)
        return 3
    # An id may be given to another process later; with its start it is ours for sure.
    processes = [[one.pid, psutil.Process(one.pid).create_time()] for one in cluster.processes]
    STATE.write_text(json.dumps({"address": address, "processes": processes}))
    print(address)
    return 0


def down() -> int:
    """End them and drop their data."""
    processes = running()
    for process in processes:
        process.terminate()
    for process in psutil.wait_procs(processes, STOP_S)[1]:
        process.kill()
    shutil.rmtree(RUN, ignore_errors=True)
    return 0


def status() -> int:
    """Say where they answer; 1 when they do not."""
    processes = running()
    if not processes:
        print("down")
        return 1
    address = json.loads(STATE.read_text())["address"]
    print(f"{address}  {answering(address)} of {len(processes)} brokers answer")
    return 0


def running() -> list[psutil.Process]:
    """Find the processes that ``up`` started and that still run."""
    if not STATE.exists():
        return []
    found = []
    for pid, started in json.loads(STATE.read_text())["processes"]:
        try:
            process = psutil.Process(pid)
            if process.create_time() == started and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0 done, 1 the answer is no, 2 wrong use, 3 what it needs is missing."""
    parser = argparse.ArgumentParser(prog="python -m deploy.kafka", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="start brokers on free ports; prints the bootstrap address")
    start.add_argument("--brokers", type=int, default=1, choices=range(1, 10), metavar="N")
    commands.add_parser("down", help="end them and drop their data")
    commands.add_parser("status", help="say where they answer")
    chosen = parser.parse_args(arguments)
    if chosen.command == "up":
        return up(chosen.brokers)
    return down() if chosen.command == "down" else status()


if __name__ == "__main__":
    sys.exit(main())
