"""``python -m benchmarks.peers.run PEER SET FILES``: one run of a peer in a process of its own; the JSON line of ``solve``."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from importlib import import_module, metadata, util
from pathlib import Path

from benchmarks.peers.single import BeyondPeersError, Budget, Peer, Single
from benchmarks.sets.catalogue import SETS, named
from benchmarks.sets.instance import Instance, solution
from benchmarks.solve import judged

PACKAGES = {"pyvrp": "pyvrp", "vroom": "pyvroom", "ortools": "ortools"}
"""Peer, which is also what is imported, to the package that brings it."""


def missing(peers: Sequence[str]) -> list[str]:
    """Which of them are not installed."""
    return [peer for peer in peers if util.find_spec(peer) is None]


def version(peer: str) -> str:
    return metadata.version(PACKAGES[peer])


def measured(name: str, peer: str, instance: Instance, budget: Budget) -> dict[str, object]:
    """Run a peer on what the solver gets, and judge what it writes by the same evaluator."""
    problem = instance.problem()
    solve: Peer = import_module(f"benchmarks.peers.{peer}").solve
    single = Single(problem)
    began = time.perf_counter()
    taken = solve(single, budget)
    spent = time.perf_counter() - began
    _, score = solution(instance, taken)
    line = judged(name, instance, score, spent)
    return line | {"solver": peer, "limit_s": budget.seconds, "seed": budget.seed, "workers": budget.threads}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.run")
    parser.add_argument("peer", choices=PACKAGES)
    parser.add_argument("set", choices=SETS)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    instance = named(args.set).read(args.files)
    try:
        line = measured(args.set, args.peer, instance, Budget(args.seconds, args.seed, args.threads))
    except BeyondPeersError as beyond:
        print(beyond, file=sys.stderr)
        return 2
    print(json.dumps(line))
    return 0


if __name__ == "__main__":
    sys.exit(main())
