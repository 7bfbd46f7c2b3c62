"""One public instance through the entry point that production uses; one JSON line."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.sets.catalogue import SETS, UnknownInstanceError, data_root, located, named
from benchmarks.sets.instance import FormatError, Instance, Score, routes, solution
from schemas.plan import Plan
from schemas.problem import Limits
from solvers.check import check
from solvers.solve import solve

SHOWN = 5
"""Faults that the JSON line tells; it counts them all."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("set", choices=SETS)
    parser.add_argument(
        "files",
        nargs="+",
        metavar="INSTANCE",
        help="files by path, or by name in the set's folder; strsp: TASKS TECHNICIANS",
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--quick", action="store_true", help="a second: for CI")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--solution", type=Path, metavar="F", help="write the solution there, in the set's own form")
    parser.add_argument("--data", type=Path, default=data_root(), help="shared data (NINGJU_SHARED_DATA)")


def run(args: argparse.Namespace) -> int:
    try:
        instance = named(args.set).read(located(args.set, args.files, args.data))
    except (FormatError, UnknownInstanceError, OSError, UnicodeDecodeError) as problem:
        print(problem, file=sys.stderr)
        return 2
    line, text = measured(
        args.set,
        instance,
        Limits(seconds=1.0 if args.quick else args.seconds, seed=args.seed, workers=args.workers, explain="counts"),
    )
    print(json.dumps(line))
    if args.solution is not None:
        args.solution.write_text(text, encoding="utf-8")
    return 0 if line["valid"] else 1


def measured(name: str, instance: Instance, limits: Limits) -> tuple[dict[str, object], str]:
    """Solve, check the plan, write it down, and judge what was written."""
    problem = instance.problem()
    began = time.perf_counter()
    plan: Plan = solve(problem, limits)
    spent = time.perf_counter() - began
    violations = [f"{one.rule} {one.visit} {one.volunteer} {one.detail}".strip() for one in check(problem, plan)]
    text, score = solution(instance, routes(plan))
    line = judged(name, instance, score, spent, also=violations)
    return line | {
        "solver": "ningju",
        "bound": rounded(instance.bound(plan)),
        "bound_by": next((level.bound_by for level in reversed(plan.levels)), "none"),
        "proved": plan.status == "optimal",
        "visits": len(problem.visits),
        "people": len(problem.volunteers),
        "limit_s": limits.seconds,
        "seed": limits.seed,
        "workers": limits.workers,
        "method": " + ".join(dict.fromkeys(step.method for step in plan.steps)),
    }, text


def judged(name: str, instance: Instance, score: Score, spent: float, also: Sequence[str] = ()) -> dict[str, object]:
    """What there is to say of a solution, whoever found it."""
    faults = [*also, *score.faults]
    return {
        "set": name,
        "instance": instance.name,
        "family": instance.family,
        "seconds": round(spent, 2),
        "cost": rounded(score.cost),
        "bound": None,
        "best_known": instance.best_known,
        "gap": gap(score, instance.best_known),
        "valid": not faults,
        "left_out": score.left_out,
        "faults": len(faults),
        "first_faults": faults[:SHOWN],
    }


def gap(score: Score, best_known: float | None) -> float | None:
    """How much worse than the best known cost, as a share of it."""
    if score.cost is None or not best_known:
        return None
    return round(score.cost / best_known - 1, 6)


def rounded(x: float | None) -> float | None:
    return None if x is None else round(x, 6)
