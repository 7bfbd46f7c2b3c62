"""``python -m tests.storm --seed N --minutes M --requests R``: everything that a city would run, while it is being broken."""

import argparse
import asyncio
import resource
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic

from tests.chaos.processes import cleared
from tests.storm.checker import Evidence, check
from tests.storm.figures import figures
from tests.storm.run import Plan, blow
from tests.storm.schedule import WEIGHTS, draw, short

SHOWN = 40


def main(arguments: list[str] | None = None) -> int:
    """Run one seed; 0 when every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=5.0, help="of requests and strikes; rest comes after")
    parser.add_argument("--requests", type=int, default=1_500)
    parser.add_argument("--every", type=float, default=6.0, help="mean seconds between two strikes")
    parser.add_argument("--only", nargs="+", default=(), choices=list(WEIGHTS), help="kinds of strikes")
    parser.add_argument("--members", nargs="+", default=None, help="processes that are struck")
    parser.add_argument("--short", action="store_true", help="the strikes of CI: one of each")
    parser.add_argument("--strikes", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--folder", type=Path, help="where the evidence is kept; it must be new")
    told = parser.parse_args(arguments)
    members = {"members": told.members} if told.members else {}
    strikes = (
        short(told.seed) if told.short else draw(told.seed, told.minutes, every_s=told.every, only=told.only, **members)
    )
    if told.strikes:
        print(*strikes, sep="\n")
        return 0
    folder = told.folder or Path(mkdtemp(prefix="ningju-storm-"))
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    began, at = monotonic(), datetime.now(UTC)
    again = f"python -m tests.storm {shlex.join(arguments if arguments is not None else sys.argv[1:])}"
    with cleared(f"storm-{told.seed}"):
        away = {"away": 0, "whole": True} if told.short else {}
        asyncio.run(blow(Plan(told.seed, told.minutes, told.requests, strikes, folder, **away)))
    faults = check(Evidence(folder))
    print(f"{at:%F %H:%M} {again}: {monotonic() - began:.0f} s")
    print(figures(folder))
    for name, complaint in faults[:SHOWN]:
        print(f"{name}: {complaint}")
    if faults:
        print(f"{len(faults)} faults; the evidence is in {folder}; again: {again}")
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{cpu.ru_utime + cpu.ru_stime:.0f} s of CPU")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
