"""Runs seeds: ``python -m tests.deterministic --seeds 1:1001``. Whatever a seed shows, it shows again when run alone."""

import argparse
import gc
import os
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from time import monotonic, process_time

from tests.deterministic.checker import Fault
from tests.deterministic.mutants import table
from tests.deterministic.world import quiet, simulate

CHUNK = 25


@dataclass
class Tally:
    """What some seeds came to."""

    seeds: int = 0
    requests: int = 0
    events: int = 0
    kills: int = 0
    steps: int = 0
    cpu_s: float = 0.0
    faulty: dict[int, list[Fault]] = field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        for name in ("seeds", "requests", "events", "kills", "steps", "cpu_s"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.faulty |= other.faulty


def live(seeds: range) -> Tally:
    """Live through some seeds in this process."""
    quiet()
    gc.set_threshold(50_000, 20, 100)
    tally, began = Tally(), process_time()
    for seed in seeds:
        run = simulate(seed)
        if tally.seeds % 10 == 9:  # loops and their tasks are in cycles, and a run leaves two megabytes of them
            gc.collect()
        tally.seeds += 1
        tally.requests += run.requests
        tally.events += sum(map(len, run.events.values()))
        tally.kills += run.kills
        tally.steps += run.steps
        if faults := run.faulty():
            tally.faulty[seed] = faults
    tally.cpu_s = process_time() - began
    return tally


def _chunks(seeds: range) -> Iterator[range]:
    return (seeds[n : n + CHUNK] for n in range(0, len(seeds), CHUNK))


def _all(seeds: range, workers: int) -> Iterator[Tally]:
    if workers == 1:
        yield from map(live, _chunks(seeds))
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from (done.result() for done in as_completed([pool.submit(live, chunk) for chunk in _chunks(seeds)]))


def _seeds(text: str) -> range:
    first, _, last = text.partition(":")
    return range(int(first), int(last) if last else int(first) + 1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.deterministic", description=__doc__)
    parser.add_argument(
        "--seeds", type=_seeds, default=range(1, 1_001), help="one seed, or FIRST:LAST without the last"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--trace", action="store_true", help="print what people were told, what was decided, and who died"
    )
    parser.add_argument("--mutants", action="store_true", help="print what catches each negative control, as a table")
    asked = parser.parse_args()
    if asked.mutants:
        return _mutants(asked.seeds)
    if asked.trace:
        return _trace(asked.seeds)
    total, began = Tally(), monotonic()
    for part in _all(asked.seeds, asked.workers):
        total.add(part)
        for seed, faults in part.faulty.items():
            _object(seed, faults)
    print(
        f"{total.seeds} seeds, {total.requests} requests, {total.events} events, {total.kills} processes ended, "
        f"{total.steps} steps; {monotonic() - began:.0f} s, {total.cpu_s:.0f} s of CPU; {len(total.faulty)} seeds at fault"
    )
    return 1 if total.faulty else 0


def _object(seed: int, faults: list[Fault]) -> None:
    print(f"seed {seed}: {dict(Counter(name for name, _ in faults))}")
    for name, complaint in faults[:5]:
        print(f"  {name}: {complaint}")
    print(f"  alone: python -m tests.deterministic --seeds {seed} --trace", flush=True)


def _mutants(seeds: range) -> int:
    quiet()
    missed = 0
    for row in table(seeds):
        print(row, flush=True)
        missed += "**nothing**" in row
    return 1 if missed else 0


def _trace(seeds: range) -> int:
    quiet()
    status = 0
    for seed in seeds:
        run = simulate(seed)
        print(f"seed {seed}: {run.faults}; {run.requests} requests, {run.kills} processes ended, {run.seconds:.0f} s")
        for line in run.ended:
            print(f"  ended {line}")
        for told in run.client:
            print(f"  told {told}")
        for zone, lines in run.events.items():
            for line in lines:
                print(f"  {zone} {line.decode()}")
        print(f"  digest {run.digest()}")
        if faults := run.faulty():
            _object(seed, faults)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
