"""Matching as it grows: the scenario's day in one call, and visits of one person beside a bare min-cost flow.

The bare flow is OR-Tools' own, on the very pairs that our rules let through, with travel as its only cost: what the
library takes when everything but the assignment is left away.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

import numpy as np
from ortools.graph.python import min_cost_flow
from rich.console import Console
from rich.table import Table

from benchmarks.town import Town
from engine.matching import Posed, pose
from ningju.simulation.ground import DISTRICT
from ningju.simulation.scenario import Scenario, build
from schemas.commands import ChangeCatalogue, ChangeRoster, ConfigureZone
from schemas.place import Place
from schemas.plan import Plan
from schemas.problem import Demand, HeldSkill, Limits, LoadLimit, Problem, Shift, Span, Team, Visit, Volunteer
from solvers import arrays
from solvers.candidates import find
from solvers.pairs import Pairs, timed
from solvers.routes import search
from solvers.solve import solve

GROWTH = ((1_000, 500), (2_500, 1_000), (5_000, 2_000), (10_000, 4_000), (20_000, 8_000))
QUICK_GROWTH = ((100, 50), (200, 80))
MORE = 1.25
CHUNK = 200
HOUR, DAY = 3_600, 86_400
SKILLS = ("care", "talks", "rights", "garbage", "mentoring", "repair")
LEFT_OUT = 100_000


@dataclass(frozen=True, slots=True)
class Row:
    """One instance. Seconds: posing it from a zone's state, turning it into arrays and pairs, the whole solve.

    ``cost`` is the weight of what is left out, ``bound`` what surely is, ``asked`` the weight of all. ``gap`` is how much
    more weight might be served, ``gap_left_out`` the same as a share of the cost. ``quality`` is the last level, travel
    and all. ``cpu_s`` is the whole solve, ``flow_s`` the bare flow, in CPU time.
    """

    instance: str
    visits: int
    people: int
    pairs: int
    pose_s: float | None
    build_s: float
    solve_s: float
    served: int
    cost: int
    bound: int
    asked: int
    gap: float
    gap_left_out: float
    method: str
    status: str = ""
    quality: int = 0
    quality_bound: int = 0
    cpu_s: float = 0.0
    flow_s: float | None = None
    flow_served: int | None = None


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=400, help="of the solver; 400 is a zone's own default")
    parser.add_argument("--seconds", type=float, help="for each problem, instead of iterations")
    parser.add_argument("--only", choices=("day", "growth"), help="leave the other part out")
    parser.add_argument("--json", action="store_true", help="one JSON object an instance instead of a table")
    parser.add_argument("--quick", action="store_true", help="small instances: for CI")


def run(args: argparse.Namespace) -> int:
    limits = Limits(iterations=args.iterations if args.seconds is None else None, seconds=args.seconds, seed=args.seed)
    rows = []
    for row in instances(args, limits):
        rows.append(row)
        if args.json:
            print(json.dumps({"benchmark": "matching", **asdict(row)}), flush=True)
        else:
            print(f"{row.instance}: {row.build_s + row.solve_s:.1f} s", file=sys.stderr)
    if not args.json:
        show(rows)
    return 0


def instances(args: argparse.Namespace, limits: Limits) -> Iterator[Row]:
    """Measure one instance after the other."""
    if args.only != "growth":
        name, volume = ("tiny", 20) if args.quick else ("changning", 1_000)
        town = waiting(build(name, args.seed, volume=round(volume * MORE)), volume)
        yield day(f"{name}, zone by zone", town, limits)
        if not args.quick:
            whole = as_one_zone(build(name, args.seed, volume=round(volume * MORE)), volume)
            yield day(f"{name}, one call", whole, limits)
    if args.only != "day":
        for visits, people in QUICK_GROWTH if args.quick else GROWTH:
            for chained in (False, True):
                name = f"{visits:,} × {people:,}, " + ("chained" if chained else "once a day")
                yield measured(name, grown(visits, people, args.seed, chained=chained), limits, bare=True)


def waiting(scenario: Scenario, volume: int) -> Town:
    """Let a day's requests wait at eight in the morning, when the first people may be asked."""
    town = Town.settle(scenario, scenario.start + timedelta(hours=8))
    for envelope in evenly(list(town.admitted(scenario.arrivals)), volume):
        town.take(envelope)
    return town


def as_one_zone(scenario: Scenario, volume: int) -> Town:
    """Do the same with the whole district as a single zone."""
    parts = Town.settle(scenario, scenario.start + timedelta(hours=8))
    town = Town(parts.now)
    config = next(zone for zone in scenario.zones if zone.id == DISTRICT).changed(siblings=())
    town.send(DISTRICT, ConfigureZone(config=config, policy=scenario.policy))
    types = tuple(item.changed(served_at=None, featured_by=None) for item in scenario.service_types)
    sites = tuple(site.changed(zone=DISTRICT) for site in scenario.sites)
    town.send(DISTRICT, ChangeCatalogue(service_types=types, sites=sites))
    town.send(DISTRICT, ChangeRoster(teams=tuple(team.changed(zone=DISTRICT) for team in scenario.teams)))
    for first in range(0, len(scenario.volunteers), CHUNK):
        town.send(DISTRICT, ChangeRoster(volunteers=scenario.volunteers[first : first + CHUNK]))
    for envelope in evenly(list(parts.admitted(scenario.arrivals)), volume):
        town.take(envelope.changed(zone=DISTRICT))
    return town


def evenly(items: Sequence, count: int) -> list:
    """Take so many of them, evenly, or all there are."""
    return [items[n * len(items) // count] for n in range(count)] if len(items) > count else list(items)


def day(instance: str, town: Town, limits: Limits) -> Row:
    """Pose and solve every zone; sums over the zones."""
    rows = []
    for name in sorted(town.zones):
        began = time.perf_counter()
        posed: Posed = pose(town.zones[name], town.now)
        spent = time.perf_counter() - began
        if posed.problem is not None:
            rows.append(measured(name, posed.problem, limits, pose_s=spent))
    cost, bound, asked = (sum(getattr(row, name) for row in rows) for name in ("cost", "bound", "asked"))
    return Row(
        instance=instance,
        visits=sum(row.visits for row in rows),
        people=sum(row.people for row in rows),
        pairs=sum(row.pairs for row in rows),
        pose_s=sum(row.pose_s or 0.0 for row in rows),
        build_s=sum(row.build_s for row in rows),
        solve_s=sum(row.solve_s for row in rows),
        served=sum(row.served for row in rows),
        cost=cost,
        bound=bound,
        asked=asked,
        gap=share(cost - bound, asked - bound),
        gap_left_out=share(cost - bound, cost),
        quality=sum(row.quality for row in rows),
        quality_bound=sum(row.quality_bound for row in rows),
        cpu_s=sum(row.cpu_s for row in rows),
        method=" + ".join(sorted({method for row in rows for method in row.method.split(" + ")})),
    )


def measured(
    instance: str, problem: Problem, limits: Limits, *, pose_s: float | None = None, bare: bool = False
) -> Row:
    """Build once for its own time (the solve builds again, and that is in its time), solve, and flow if asked to."""
    began = time.perf_counter()
    a = arrays.build(problem)
    pairs = timed(a, find(a))
    built = time.perf_counter() - began
    search.warm()
    spent = time.process_time()
    plan: Plan = solve(problem, limits)
    spent = time.process_time() - spent
    flow_s, flow_served = bare_flow(a, pairs) if bare else (None, None)
    first = plan.levels[0]
    weight = next(term.weight for term in problem.levels[0].terms if term.name == "left_out")
    asked = weight * sum(visit.left_out_cost for visit in problem.visits)
    return Row(
        instance=instance,
        visits=len(problem.visits),
        people=len(problem.volunteers),
        pairs=len(pairs.row),
        pose_s=pose_s,
        build_s=built,
        solve_s=plan.seconds,
        served=len(plan.assignments),
        cost=first.cost,
        bound=first.bound,
        asked=asked,
        gap=share(first.cost - first.bound, asked - first.bound),
        gap_left_out=share(first.cost - first.bound, first.cost),
        method=" + ".join(dict.fromkeys(step.method for step in plan.steps)),
        status=plan.status,
        quality=plan.levels[-1].cost,
        quality_bound=plan.levels[-1].bound,
        cpu_s=spent,
        flow_s=flow_s,
        flow_served=flow_served,
    )


def share(part: int, whole: int) -> float:
    """Divide, and nothing of nothing is nothing."""
    return part / whole if whole else 0.0


def bare_flow(a: arrays.Arrays, pairs: Pairs) -> tuple[float, int]:
    """Assign by OR-Tools alone: as often as the limits say, travel as cost, left out as last resort. CPU time, and whom it serves."""
    visits = len(a.row_visit)
    once = a.limit_visits.max(initial=0) == 1  # a visit in each shift; else so many over all days
    seats, seat = np.unique(pairs.who * a.shift_start.shape[1] + pairs.shift * once, return_inverse=True)
    cap = np.ones(len(seats), np.int64) if once else a.limit_visits[seats // a.shift_start.shape[1], 0]
    began = time.process_time()
    sink = visits + len(seats)
    rows, who = np.arange(visits), np.arange(len(seats))
    tails = np.concatenate([pairs.row, rows, visits + who]).astype(np.int32)
    heads = np.concatenate([visits + seat, np.full(visits, sink), np.full(len(seats), sink)]).astype(np.int32)
    caps = np.concatenate([np.ones(len(pairs.row) + visits, np.int64), cap])
    costs = np.concatenate([pairs.legs, np.full(visits, LEFT_OUT), np.zeros(len(seats), np.int64)])
    flow = min_cost_flow.SimpleMinCostFlow()
    arcs = flow.add_arcs_with_capacity_and_unit_cost(tails, heads, caps, costs)
    supply = np.zeros(sink + 1, dtype=np.int64)
    supply[:visits], supply[sink] = 1, -visits
    flow.set_nodes_supplies(np.arange(sink + 1, dtype=np.int32), supply)
    if flow.solve() != flow.OPTIMAL:
        raise RuntimeError("the bare flow found no optimum")
    served = int(flow.flows(arcs)[: len(pairs.row)].sum())
    return time.process_time() - began, served


def grown(visits: int, people: int, seed: int, *, chained: bool = True) -> Problem:
    """Generate visits of one person in a town that grows with its people, so that each visit has some twenty candidates.

    Parameters
    ----------
    chained
        Whether people go from visit to visit, a few times over all days. If not, each goes once on each day.
    """
    rng = random.Random(f"{seed}:{visits}:{people}" if chained else f"{seed}:{visits}:{people}:once")
    side = 0.11 * (people / 1_000) ** 0.5
    days = 3 if chained else 5

    def somewhere() -> Place:
        return Place(lon=round(121.4 + rng.uniform(0, side), 6), lat=round(31.2 + rng.uniform(0, side), 6))

    volunteers = []
    for number in range(people):
        if chained:
            halves = rng.sample([(d, h) for d in range(days) for h in (8, 13)], k=rng.randint(1, 3))
            offers = rng.randint(1, 4)
            limits = (LoadLimit(period=Span(start=0, end=days * DAY), visits=offers, rule="offers_limit"),)
        else:
            halves = [(d, rng.choice((8, 13))) for d in rng.sample(range(days), k=rng.randint(2, 4))]
            limits = tuple(LoadLimit(period=Span(start=d * DAY, end=(d + 1) * DAY), visits=1) for d in range(days))
        volunteers.append(
            Volunteer(
                id=f"p{number}",
                team=f"t{number % 24}",
                location=number,
                skills=tuple(HeldSkill(skill=s, level=rng.randint(2, 5)) for s in rng.sample(SKILLS, k=2)),
                shifts=tuple(Shift(start=d * DAY + h * HOUR, end=d * DAY + (h + 4) * HOUR) for d, h in sorted(halves)),
                limits=limits,
                reach=rng.choice((1_500, 3_000)),
                load=rng.randint(0, 3),
            )
        )
    asked = []
    for number in range(visits):
        start = rng.randrange(days) * DAY + rng.randint(8, 14) * HOUR
        asked.append(
            Visit(
                id=f"v{number}",
                location=people + number,
                windows=(Span(start=start, end=start + rng.choice((2, 4, 26)) * HOUR),),
                duration=rng.choice((1_800, 3_600)),
                demands=(Demand(skill=rng.choice(SKILLS), level=rng.choice((1, 2, 3))),),
                left_out_cost=2 ** rng.randint(0, 4),
            )
        )
    return Problem(
        horizon=Span(start=0, end=days * DAY),
        locations=tuple(somewhere() for _ in range(people + visits)),
        visits=tuple(asked),
        teams=tuple(Team(id=f"t{number}") for number in range(24)),
        volunteers=tuple(volunteers),
    )


def show(rows: Sequence[Row]) -> None:
    """Print the table."""
    table = Table(title="Matching: seconds to pose, to build, to solve, and the gap to the bound at the first level")
    left, right = ("instance", "method"), ("pairs", "pose", "build", "solve", "CPU", "bare flow", "times")
    for title in (left[0], *right, "served", "it serves", "gap", "quality", "its bound", left[1]):
        table.add_column(title, justify="left" if title in left else "right")
    for row in rows:
        table.add_row(
            row.instance,
            f"{row.pairs:,}",
            "" if row.pose_s is None else f"{row.pose_s:.2f}",
            f"{row.build_s:.2f}",
            f"{row.solve_s:.2f}",
            f"{row.cpu_s:.2f}",
            "" if row.flow_s is None else f"{row.flow_s:.2f}",
            "" if not row.flow_s else f"{row.cpu_s / row.flow_s:.1f}",
            f"{row.served:,}",
            "" if row.flow_served is None else f"{row.flow_served:,}",
            f"{row.gap:.1%}",
            f"{row.quality:,}",
            f"{row.quality_bound:,}",
            row.method,
        )
    Console(width=None if sys.stdout.isatty() else 150).print(table)
