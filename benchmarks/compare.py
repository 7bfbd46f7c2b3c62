"""Ningju beside its peers and the best known costs, in one run and under the same conditions.

One solver after the other has the machine: each gets the same seconds and the same number of cores. Ningju and VROOM use
the cores themselves; of a peer that has one thread only, as many runs as there are cores go side by side, with different
seeds, and the best counts.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from benchmarks import page
from benchmarks.peers.run import PACKAGES, missing
from benchmarks.peers.single import BeyondPeersError, Single
from benchmarks.sets.catalogue import ROOT, SETS, data_root, folder, named
from benchmarks.sets.instance import FormatError

THREADED = ("vroom",)
GRACE = 60
"""Seconds after which a peer that does not end is ended, once it has had its time twice over."""
QUICK = {"seconds": 1.0, "instances": 1}

Row = dict[str, object]


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("set", nargs="?", choices=SETS)
    parser.add_argument("--all", action="store_true", help="every set")
    parser.add_argument("--peers", default=",".join(PACKAGES), help="some of pyvrp,vroom,ortools; empty for none")
    parser.add_argument("--seconds", type=float, default=None, help="for each solver and instance; 60")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="cores that each solver may use")
    parser.add_argument("--instances", default="*", metavar="GLOB", help="only those whose name or family fits")
    parser.add_argument("--rows", type=Path, metavar="F", help="keep each run there; what is there is not run again")
    parser.add_argument(
        "--write", type=Path, metavar="DOCS", help="rewrite the sections and plots of DOCS/benchmarks.md"
    )
    parser.add_argument("--json", action="store_true", help="one JSON line a run instead of tables")
    parser.add_argument("--quick", action="store_true", help="one instance of each family, a second each: for CI")
    parser.add_argument("--data", type=Path, default=data_root(), help="shared data (NINGJU_SHARED_DATA)")


def run(args: argparse.Namespace) -> int:
    peers = [peer for peer in args.peers.split(",") if peer]
    unknown = sorted(set(peers) - PACKAGES.keys())
    if unknown or (args.set is None) == (not args.all):
        print(f"no such peer: {', '.join(unknown)}" if unknown else "name one set, or --all", file=sys.stderr)
        return 2
    if args.seconds is None:
        args.seconds = QUICK["seconds"] if args.quick else 60.0
    for name in SETS if args.all else (args.set,):
        rows = []
        try:
            for row in compared(name, peers, args):
                rows.append(row)
                if args.json:
                    print(json.dumps(row), flush=True)
                else:
                    print(page.progress(row), file=sys.stderr, flush=True)
        except FormatError as problem:
            print(problem, file=sys.stderr)
            return 2
        except ModuleNotFoundError as problem:
            print(f"{problem}: make peers brings it, --peers does without", file=sys.stderr)
            return 3
        if not rows:
            where = folder(name, args.data)
            print(f"no instance of {name} in {where} is called {args.instances} (NINGJU_SHARED_DATA)", file=sys.stderr)
            return 2
        if not args.json:
            print(page.section(name, rows, command(name, args)))
        if args.write is not None:
            page.write(args.write, name, rows, command(name, args))
    return 0


def command(name: str, args: argparse.Namespace) -> str:
    """The command that makes this section again, without flags that say the usual."""
    usual = {"seconds": 60.0, "seed": 1, "workers": 2, "peers": ",".join(PACKAGES), "instances": "*"}
    flags = [f" --{flag} {getattr(args, flag)}" for flag, value in usual.items() if getattr(args, flag) != value]
    return f"python -m benchmarks compare {name}{''.join(flags)}{' --quick' if args.quick else ''} --write docs"


def compared(name: str, peers: Sequence[str], args: argparse.Namespace) -> Iterator[Row]:
    """Run every solver on every instance, one after the other."""
    kept = kept_rows(args.rows)
    families: dict[str, int] = {}
    for files in named(name).instances(folder(name, args.data)):
        instance = named(name).read(files)
        if not (fnmatch(instance.name, args.instances) or fnmatch(instance.family, args.instances)):
            continue
        families[instance.family] = families.get(instance.family, 0) + 1
        if args.quick and families[instance.family] > QUICK["instances"]:
            continue
        able = peers
        try:
            Single(instance.problem())
        except BeyondPeersError:
            able = ()
        for peer in missing(able):
            raise ModuleNotFoundError(f"{peer} is not installed")
        for solver in ("ningju", *able):
            budget = (args.seconds, args.seed, args.workers)
            key = (name, instance.family, instance.name, solver, *budget)
            if key not in kept:
                row = best_of(raced(solver, name, files, args), solver, *budget)
                row |= {"set": name, "instance": instance.name, "family": instance.family}
                kept[key] = row | {"best_known": instance.best_known}
                if args.rows is not None:
                    with args.rows.open("a", encoding="utf-8") as out:
                        out.write(json.dumps(kept[key]) + "\n")
            yield kept[key]


def kept_rows(path: Path | None) -> dict[tuple[object, ...], Row]:
    """Read what earlier runs kept."""
    if path is None or not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    names = ("set", "family", "instance", "solver", "limit_s", "seed", "workers")
    return {tuple(row[name] for name in names): row for row in rows}


def commands(solver: str, name: str, files: Sequence[Path], args: argparse.Namespace) -> list[list[str]]:
    """The processes of one solver on one instance: together they have ``--workers`` cores."""
    limits = ["--seconds", str(args.seconds)]
    paths = [str(path.resolve()) for path in files]
    python = [sys.executable, "-m"]
    if solver == "ningju":
        seeded = ["--seed", str(args.seed), "--workers", str(args.workers)]
        return [[*python, "benchmarks", "solve", name, *paths, *limits, *seeded]]
    one = [*python, "benchmarks.peers.run", solver, name, *paths, *limits]
    if solver in THREADED:
        return [[*one, "--threads", str(args.workers)]]
    return [[*one, "--seed", str(args.seed + number)] for number in range(args.workers)]


def raced(solver: str, name: str, files: Sequence[Path], args: argparse.Namespace) -> list[Row]:
    """Run a solver's processes side by side; one that fails or does not end says so instead of a result."""
    started = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for command in commands(solver, name, files, args)
    ]
    rows: list[Row] = []
    try:
        for process in started:
            try:
                out, err = process.communicate(timeout=2 * args.seconds + GRACE)
                rows.append(json.loads(out) if out.strip() else {"error": err.strip()[-500:]})
            except subprocess.TimeoutExpired:
                rows.append({"error": f"did not end within {2 * args.seconds + GRACE:g} s"})
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.communicate()
    return rows


def best_of(rows: Sequence[Row], solver: str, seconds: float, seed: int, workers: int) -> Row:
    """The best valid run; where there is none, the first, which says why."""
    good = [row for row in rows if row.get("valid")]
    best = min(good, key=lambda row: float(str(row["cost"])), default=rows[0])
    costs = [row.get("cost") for row in rows]
    return best | {"solver": solver, "limit_s": seconds, "seed": seed, "workers": workers, "costs": costs}
