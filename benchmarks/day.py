"""The same day under three policies and the bound of hindsight, side by side.

Every policy goes the whole path: ``ningju demo`` in a process of its own, with the same scenario, seed and people.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.hindsight import Bound, hindsight
from ningju.simulation.scenario import NAMES
from ningju.simulation.sources import load
from schemas.report import Report

POLICIES = ("ningju", "nearest-first", "alert-next")
NINGJU = (sys.executable, "-m", "ningju.cli")
GOAL = 0.9

ROWS: tuple[tuple[str, Callable[[Report], str]], ...] = (
    ("served", lambda r: f"{r.ended.done:,} of {r.requests:,}"),
    ("in time", lambda r: f"{r.served_in_time:,}"),
    ("offers for each served visit", lambda r: f"{r.offers_per_served:.2f}"),
    ("seats offered", lambda r: f"{r.seats_offered:,}"),
    ("accepted / declined / expired", lambda r: f"{r.accepted:,} / {r.declined:,} / {r.expired:,}"),
    ("withdrawn / did not come", lambda r: f"{r.withdrawn:,} / {r.no_show:,}"),
    ("wait for a crew, p50 / p90 (min)", lambda r: f"{r.wait_s.p50 / 60:.0f} / {r.wait_s.p90 / 60:.0f}"),
    ("travel a visit (min)", lambda r: f"{r.travel_s_per_visit / 60:.0f}"),
    ("Gini of visits", lambda r: f"{r.load_gini:.3f}"),
    ("referrals", lambda r: f"{r.referrals:,}"),
    ("solves, mean gap", lambda r: f"{r.solver.solves:,}, {r.solver.gap_mean:.1%}"),
    ("open / lost / double booked", lambda r: f"{r.open} / {r.lost} / {r.double_booked}"),
    ("verify", lambda r: r.verify),
    ("wall (s)", lambda r: f"{r.wall_s:.0f}"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scenario", choices=NAMES, default=None, help="changning; tiny with --quick")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=None, help="days of arrivals; the scenario's own number")
    parser.add_argument("--places", type=Path, help="real places (CSV, GCJ-02)")
    parser.add_argument("--boundaries", type=Path, help="subdistricts (GeoJSON)")
    parser.add_argument("--arrivals", type=Path, help="real times of requests (CSV)")
    parser.add_argument("--policies", nargs="+", choices=POLICIES, default=list(POLICIES))
    parser.add_argument("--keep", type=Path, help="keep the reports in this folder")
    parser.add_argument("--exact-seconds", type=float, default=0.0, help="branch and bound on top of the bound's LP")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--quick", action="store_true", help="tiny, and only the promises count: for CI")


def run(args: argparse.Namespace) -> int:
    scenario = args.scenario or ("tiny" if args.quick else "changning")
    try:
        bound = hindsight(
            load(
                scenario,
                args.seed,
                days=args.days,
                places=args.places,
                boundaries=args.boundaries,
                arrivals=args.arrivals,
            ),
            args.exact_seconds,
        )
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    reports = {}
    with tempfile.TemporaryDirectory(prefix="ningju-day-") as scratch:
        folder = args.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for policy in args.policies:
            report = demo(args, scenario, policy, folder / f"{policy}.json", Path(scratch) / policy)
            if report is None:
                return 3
            reports[policy] = report
    faults = broken(reports, bound)
    missed = [] if args.quick else short_of(reports, bound)
    if args.json:
        content = {name: report.model_dump(mode="json") for name, report in reports.items()}
        print(json.dumps({"bound": bound.weight, "asked": bound.asked, "reports": content, "faults": faults + missed}))
    else:
        console = Console(width=None if sys.stdout.isatty() else 140)
        console.print(table(scenario, args.seed, reports, bound))
        for line in faults + missed:
            console.print(f"✗ {line}", style="red", highlight=False)
    return 1 if faults or missed else 0


def demo(args: argparse.Namespace, scenario: str, policy: str, path: Path, data: Path) -> Report | None:
    """Run one policy through the whole path; None when that failed."""
    command = [*NINGJU, "demo", "--scenario", scenario, "--seed", str(args.seed), "--policy", policy]
    command += ["--report", str(path), "--no-keep-running"]
    for flag in ("days", "places", "boundaries", "arrivals"):
        if (value := getattr(args, flag)) is not None:
            command += [f"--{flag}", str(value)]
    path.unlink(missing_ok=True)
    done = subprocess.run(command, env={**os.environ, "NINGJU_DATA": str(data)}, stdout=sys.stderr, check=False)
    if not path.exists():
        print(f"ningju demo under {policy} ended with {done.returncode} and without a report", file=sys.stderr)
        return None
    return Report.read(path.read_bytes())


def broken(reports: dict[str, Report], bound: Bound) -> list[str]:
    """Say which promises were broken; serving more than the bound would be a fault of the bound."""
    faults = []
    for name, report in reports.items():
        if report.open or report.lost or report.double_booked or report.verify != "ok":
            figures = f"{report.open} open, {report.lost} lost, {report.double_booked} double booked"
            faults.append(f"{name}: {figures}, verify: {report.verify}")
        if report.served_weight > bound.weight + 1e-6:
            faults.append(f"{name} served {report.served_weight}, more than the bound of {bound.weight:.1f}")
        if report.asked_weight != bound.asked:
            faults.append(f"{name} was asked for {report.asked_weight}, the bound for {bound.asked}")
    return faults


def short_of(reports: dict[str, Report], bound: Bound) -> list[str]:
    """Say which aims were missed."""
    ours = reports.get("ningju")
    if ours is None:
        return []
    missed = [
        f"ningju served {ours.served_weight} by priority, {name} {other.served_weight}"
        for name, other in reports.items()
        if name != "ningju" and ours.served_weight <= other.served_weight
    ]
    asking = reports.get("alert-next")
    if asking is not None and ours.offers_per_served >= asking.offers_per_served:
        missed.append(
            f"ningju made {ours.offers_per_served:.2f} offers a served visit, alert-next {asking.offers_per_served:.2f}"
        )
    if ours.served_weight < GOAL * bound.weight:
        missed.append(f"ningju reached {ours.served_weight / bound.weight:.1%} of the bound, the aim is {GOAL:.0%}")
    return missed


def table(scenario: str, seed: int, reports: dict[str, Report], bound: Bound) -> Table:
    columns: Sequence[str] = list(reports)
    result = Table(title=f"{scenario}, seed {seed}")
    result.add_column("")
    for name in (*columns, "hindsight bound"):
        result.add_column(name, justify="right")
    shares = [_share(reports[name].served_weight, reports[name].asked_weight) for name in columns]
    result.add_row("served, by priority", *shares, _share(bound.weight, bound.asked), style="bold")
    parts = [_share(reports[name].served_weight, bound.weight) for name in columns]
    result.add_row("of the bound", *parts, "100.0%", style="bold")
    for title, cell in ROWS:
        last = {"served": f"{bound.requests:,.0f} (relaxed)", "wall (s)": f"{bound.seconds:.0f}"}.get(title, "")
        result.add_row(title, *(cell(reports[name]) for name in columns), last)
    return result


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "–"
