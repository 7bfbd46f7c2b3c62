"""Calls the API as its document says, and as it does not: ``python -m tests.api --requests 100000``. No answer may be 5xx."""

import argparse
import gc
import sys
from collections import Counter
from time import perf_counter

from tests.api.machine import SCENARIOS, Calls, run
from tests.deterministic.world import quiet


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.api", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=1, help="seed of the first round")
    asked = parser.parse_args()
    quiet()
    totals: Counter[tuple[str, int]] = Counter()
    began, faults, seed = perf_counter(), 0, asked.first
    while totals.total() < asked.requests:
        calls = Calls(seed)
        run(calls, SCENARIOS, seed)
        calls.close()
        totals += calls.answers
        for fault in calls.faults:
            print(f"seed {seed}: {fault}", flush=True)
        faults += len(calls.faults)
        print(f"seed {seed}: {totals.total()} requests so far", file=sys.stderr, flush=True)
        seed += 1
        gc.collect()
    for (operation, status), count in sorted(totals.items()):
        print(f"{count:7} {status} {operation}")
    print(f"{totals.total()} requests, seeds {asked.first} to {seed - 1}, {perf_counter() - began:.0f} s")
    by_class = Counter({f"{status // 100}xx": 0 for _, status in totals})
    for (_, status), count in totals.items():
        by_class[f"{status // 100}xx"] += count
    print(", ".join(f"{name}: {count}" for name, count in sorted(by_class.items())), f"faults: {faults}")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
