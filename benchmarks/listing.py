"""Which sets there are, and whether their data is in place."""

import argparse
from pathlib import Path

from benchmarks.sets.catalogue import SETS, data_root, folder, named

OTHERS = {
    "roadef2007": "benchmarks/roadef2007",
    "changning": "changning/points.csv",
    "nyc311": "nyc311/requests.csv",
}
"""What ``solve`` does not read; ``day`` reads the last two by its flags."""

SETLESS = ("day", "loop", "matching", "accept", "restore")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=data_root(), help="where to look (NINGJU_SHARED_DATA)")


def run(args: argparse.Namespace) -> int:
    print(f"looking in {args.data}")
    for name in SETS:
        found = named(name).instances(folder(name, args.data))
        state = f"{len(found)} instances" if found else "missing"
        print(f"{name:12} {state:14} {folder(name, args.data).relative_to(args.data)}: {named(name).FILES}")
    for name, path in OTHERS.items():
        print(f"{name:12} {'there' if (args.data / path).exists() else 'missing':14} {path}")
    print(f"without data: {', '.join(SETLESS)}")
    return 0
