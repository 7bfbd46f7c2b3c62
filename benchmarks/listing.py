"""Which sets there are, and whether their data is in place."""

import argparse
import os
from pathlib import Path

ROOT = Path(__file__).parents[1]
SETS = {
    "changning": "changning/points.csv",
    "nyc311": "nyc311/requests.csv",
    "hhcrsp": "benchmarks/hhcrsp",
    "roadef2007": "benchmarks/roadef2007",
    "strsp": "benchmarks/strsp",
    "pcvrptw": "benchmarks/pcvrptw",
}

SETLESS = ("day", "loop", "matching", "accept")


def data_root() -> Path:
    """Folder of the shared data: NINGJU_SHARED_DATA, else beside the project."""
    return Path(os.environ.get("NINGJU_SHARED_DATA", ROOT.parent / "shared" / "data"))


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=data_root(), help="where to look (NINGJU_SHARED_DATA)")


def run(args: argparse.Namespace) -> int:
    print(f"looking in {args.data}")
    for name, path in SETS.items():
        print(f"{name:12} {'there' if (args.data / path).exists() else 'missing':8} {path}")
    print(f"without data: {', '.join(SETLESS)}")
    return 0
