"""A subdistrict's day of disruptions: re-planning what people were told, beside planning anew and beside leaving it.

The day is posed from the scenario's own requests and roster. Some requests are held back and come in during the day, people
drop out, visits run late. At each disruption three plans for the same problem are compared: one that begins with what people
were told, one from scratch with more and more iterations until it costs as little, and what is left of the old plan.
"""

import argparse
import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.table import Table

from benchmarks.matching import waiting
from engine.matching import pose
from ningju.simulation.scenario import build as scenario
from schemas.plan import Assignment, LeftOut, LevelCost, Plan
from schemas.problem import Commitment, Limits, Problem, Span, StandingVisit, Visit, Volunteer
from solvers import arrays
from solvers.around import Spent, less
from solvers.check import check
from solvers.costs import by_level, terms
from solvers.diff import chosen_of, diff
from solvers.solve import solve

MINUTE, HOUR = 60, 3_600
FIRST, LAST, EVERY = 8 * HOUR, 18 * HOUR, 30 * MINUTE
LEAD = 30 * MINUTE
"""What starts sooner than this after a disruption stays as it is: its people are on their way."""

HELD_BACK, DROP_OUTS, LATE = 0.3, 0.02, 0.2
"""Requests that come in during the day; at each disruption people who fall out, and visits under way that run late."""

FIRST_PLAN = 200_000
LADDER = (0, 50, 200, 800, 3_200, 12_800, 51_200)
GOALS = {"time": 1 / 20, "changes": 1 / 3, "quality": 1.01}


@dataclass(frozen=True, slots=True)
class Priced:
    """A plan and what it costs: what is left out, and the levels below what people were told, one by one."""

    plan: Plan
    cpu_s: float
    left_out: int
    told: int
    quality: tuple[int, ...]

    @property
    def rank(self) -> tuple[int, ...]:
        """To compare by, with what people were told left aside."""
        return (self.left_out, *self.quality)


@dataclass(frozen=True, slots=True)
class Row:
    """One disruption. ``changed``: told visits that go, move or get other people; times are CPU seconds.

    ``scratch_s`` is the time of the first budget with which scratch costs as little (``reached``), or of the last one
    tried. ``best_*`` are those of the best plan from scratch, whatever its time; ``left_*`` of what is left untouched.
    """

    at: str
    visits: int
    people: int
    told: int
    replan_s: float
    scratch_s: float
    reached: bool
    changed: int
    scratch_changed: int
    left_out: int
    best_left_out: int
    left_alone: int
    quality: int
    best_quality: int
    valid: bool


@dataclass
class Day:
    """What has happened so far."""

    problem: Problem
    rng: random.Random
    arrives: Mapping[str, int]
    gone: set[str] = field(default_factory=set)
    past: dict[str, Assignment] = field(default_factory=dict)
    over: dict[str, int] = field(default_factory=dict)

    def at(self, now: int, plan: Plan) -> Problem:
        """The problem at a disruption: what has begun is past, what people were told stands."""
        self._disturb(now, plan)
        past = {item.visit: item for item in plan.assignments if item.start < now + LEAD} | self.past
        self.past = past
        length = {visit.id: visit for visit in self.problem.visits}
        spent: dict[str, Spent] = defaultdict(list)
        busy = []
        for item in past.values():
            for seat in item.crew:
                end = item.end + self.over.get(item.visit, 0)
                place = length[item.visit].location
                busy.append(Commitment(volunteer=seat.volunteer, location=place, start=item.start, end=end))
                spent[seat.volunteer].append((item.start, item.end - item.start))
        visits = tuple(
            visit for visit in self.problem.visits if visit.id not in past and self.arrives.get(visit.id, 0) <= now
        )
        open_ids = {visit.id for visit in visits}
        return self.problem.changed(
            horizon=Span(start=now + LEAD, end=self.problem.horizon.end),
            visits=visits,
            volunteers=tuple(self._person(one, spent.get(one.id)) for one in self.problem.volunteers),
            commitments=(*self.problem.commitments, *busy),
            standing=tuple(
                StandingVisit(visit=item.visit, team=item.team, start=item.start, crew=item.crew, told=True)
                for item in plan.assignments
                if item.visit in open_ids
            ),
        )

    def _disturb(self, now: int, plan: Plan) -> None:
        ahead = sorted({seat.volunteer for item in plan.assignments if item.start > now for seat in item.crew})
        self.gone.update(name for name in ahead if self.rng.random() < DROP_OUTS)
        for item in plan.assignments:
            if item.start <= now < item.end and item.visit not in self.over and self.rng.random() < LATE:
                self.over[item.visit] = self.rng.randrange(15, 75, 15) * MINUTE

    def _person(self, person: Volunteer, spent: Spent | None) -> Volunteer:
        if person.id in self.gone:
            person = person.changed(shifts=())
        return less(person, spent) if spent else person


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--zone", help="a subdistrict; the one with the most requests if none is named")
    parser.add_argument(
        "--iterations",
        type=int,
        default=0,
        help="of re-planning, beyond putting back what holds; scratch gets up to 51,200",
    )
    parser.add_argument(
        "--follow",
        choices=("scratch", "replanned"),
        default="scratch",
        help="whose plan people are told of after each disruption: the best from scratch, or the re-planned one",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a disruption, and one of the sums")
    parser.add_argument("--quick", action="store_true", help="a tiny day with two disruptions: for CI")


def run(args: argparse.Namespace) -> int:
    rows = []
    for row in played(args):
        rows.append(row)
        if args.json:
            print(json.dumps({"benchmark": "replan", **asdict(row)}), flush=True)
        else:
            print(f"{row.at}: {row.replan_s:.2f} s, from scratch {row.scratch_s:.2f} s", file=sys.stderr)
    sums = total(rows)
    if args.json:
        print(json.dumps({"benchmark": "replan", "at": "all", **sums, "goals": GOALS}), flush=True)
    else:
        show(rows, sums)
    return 0 if all(row.valid for row in rows) else 1


def posed(seed: int, zone: str | None, *, quick: bool) -> Problem:
    """The day's requests of a subdistrict, all of them known, at eight in the morning."""
    name, volume = ("tiny", 20) if quick else ("changning", 1_000)
    town = waiting(scenario(name, seed, volume=round(volume * 1.25)), volume)
    problems = {
        name: found.problem
        for name in sorted(town.zones)
        if (found := pose(town.zones[name], town.now)).problem is not None
    }
    if zone is not None and zone not in problems:
        raise SystemExit(f"no requests wait in {zone!r}; choose one of {', '.join(problems)}")
    chosen = max(problems, key=lambda one: len(problems[one].visits)) if zone is None else zone  # type: ignore[union-attr]
    return problems[chosen]  # type: ignore[return-value]


def played(args: argparse.Namespace) -> Iterator[Row]:
    """Play the day, and compare at each disruption."""
    rng = random.Random(f"{args.seed}:disruptions")
    problem = posed(args.seed, args.zone, quick=args.quick)
    times = list(range(FIRST, LAST, EVERY))[:: 7 if args.quick else 1]
    arrives = {visit.id: _arrival(visit, times, rng) for visit in problem.visits if rng.random() < HELD_BACK}
    day = Day(problem, rng, arrives)
    known = problem.changed(visits=tuple(visit for visit in problem.visits if visit.id not in arrives))
    plan = solve(known, Limits(iterations=FIRST_PLAN, seed=args.seed, explain="counts"))
    solve(known, Limits(iterations=1))  # whatever is loaded with the first solve is loaded
    for now in times[1:]:
        asked = day.at(now, plan)
        row, replanned, best = compared(asked, plan, now, args)
        plan = replanned if args.follow == "replanned" else best
        yield row


def _arrival(visit: Visit, times: Sequence[int], rng: random.Random) -> int:
    """When a request comes in: an hour or more before it must have begun."""
    last = max(window.end for window in visit.windows) - visit.duration - HOUR
    fitting = [time for time in times[1:] if time + LEAD <= last]
    return rng.choice(fitting) if fitting else 0


def compared(asked: Problem, plan: Plan, now: int, args: argparse.Namespace) -> tuple[Row, Plan, Plan]:
    """Re-plan, plan anew, leave alone; the row, and the best plan of the first two."""
    a = arrays.build(asked)
    told = Plan(status="feasible", assignments=_open(asked, plan.assignments))
    replanned = timed(a, asked, Limits(iterations=args.iterations, seed=args.seed, explain="counts"))
    bare = asked.changed(standing=())
    best: Priced | None = None
    found: Priced | None = None
    for iterations in LADDER[: 4 if args.quick else None]:
        one = timed(a, bare, Limits(iterations=iterations, seed=args.seed, explain="counts"))
        best = one if best is None or one.rank < best.rank else best
        if found is None and one.rank <= replanned.rank:
            found = one
    assert best is not None
    row = Row(
        at=f"{now // HOUR:02}:{now % HOUR // MINUTE:02}",
        visits=a.visits,
        people=a.volunteers,
        told=len(told.assignments),
        replan_s=replanned.cpu_s,
        scratch_s=(found or one).cpu_s,
        reached=found is not None,
        changed=changes(told, replanned.plan, a),
        scratch_changed=changes(told, (found or best).plan, a),
        left_out=replanned.left_out,
        best_left_out=best.left_out,
        left_alone=priced(a, kept(asked, told), 0.0).left_out,
        quality=replanned.quality[0],
        best_quality=best.quality[0],
        valid=not check(asked, replanned.plan) and not check(bare, best.plan),
    )
    return row, replanned.plan, best.plan


def timed(a: arrays.Arrays, problem: Problem, limits: Limits) -> Priced:
    """Solve, and price the plan by the whole problem."""
    began = time.process_time()
    plan = solve(problem, limits)
    return priced(a, plan, time.process_time() - began)


def priced(a: arrays.Arrays, plan: Plan, cpu_s: float) -> Priced:
    first, promises, *rest = (cost for cost, _ in by_level(a.problem, terms(a, chosen_of(a, plan.assignments))))
    return Priced(plan, cpu_s, first, promises, tuple(rest))


def changes(told: Plan, plan: Plan, a: arrays.Arrays) -> int:
    """Visits that people were told of and that go, move or get other people."""
    return sum(change.kind != "added" for change in diff(told, plan, a).changes)


def _open(asked: Problem, items: Iterable[Assignment]) -> tuple[Assignment, ...]:
    names = {visit.id for visit in asked.visits}
    return tuple(item for item in items if item.visit in names)


def kept(asked: Problem, plan: Plan) -> Plan:
    """What can still be done of a plan without touching it: whatever breaks a rule by now is not served."""
    a = arrays.build(asked)
    items = {item.visit: item for item in _open(asked, plan.assignments)}
    while True:
        found = _whole(a, tuple(items.values()))
        broken = {fault.visit for fault in check(asked, found) if fault.visit in items}
        if not broken:
            return found
        for name in broken:
            del items[name]


def _whole(a: arrays.Arrays, items: tuple[Assignment, ...]) -> Plan:
    """A plan of assignments, with its costs and everything else left out."""
    served = {item.visit for item in items}
    costs = by_level(a.problem, terms(a, chosen_of(a, items)))
    return Plan(
        status="feasible",
        assignments=items,
        left_out=tuple(
            LeftOut(visit=visit.id, candidates=a.volunteers, reasons=())
            for visit in a.problem.visits
            if visit.id not in served
        ),
        levels=tuple(
            LevelCost(name=level.name, cost=cost, bound=0, bound_by="none", terms=rows)
            for level, (cost, rows) in zip(a.problem.levels, costs, strict=True)
        ),
    )


def total(rows: Sequence[Row]) -> dict[str, float | int | bool]:
    """Sums over the day, and the three ratios that the goals are about."""
    sums = {
        name: sum(getattr(row, name) for row in rows)
        for name in (
            "told",
            "replan_s",
            "scratch_s",
            "changed",
            "scratch_changed",
            "left_out",
            "best_left_out",
            "left_alone",
            "quality",
            "best_quality",
        )
    }
    alike = [row for row in rows if row.left_out == row.best_left_out]  # whoever serves more pays more in other terms
    return sums | {
        "reached": sum(row.reached for row in rows),
        "disruptions": len(rows),
        "time": sums["replan_s"] / max(1e-9, sums["scratch_s"]),
        "changes": sums["changed"] / max(1, sums["scratch_changed"]),
        "more_left_out": sum(row.left_out > row.best_left_out for row in rows),
        "quality_ratio": sum(row.quality for row in alike) / max(1, sum(row.best_quality for row in alike)),
    }


def show(rows: Sequence[Row], sums: Mapping[str, float | int | bool]) -> None:
    """Print the table and the ratios."""
    table = Table("", "open", "told", "CPU s", "changed", "left out", "other terms", box=None, pad_edge=False)
    for row in rows:
        table.add_row(
            row.at,
            str(row.visits),
            str(row.told),
            f"{row.replan_s:.3f} / {'' if row.reached else '> '}{row.scratch_s:.3f}",
            f"{row.changed} / {row.scratch_changed}",
            f"{row.left_out} / {row.best_left_out} / {row.left_alone}",
            f"{row.quality} / {row.best_quality}",
        )
    console = Console()
    console.print(table)
    console.print("re-planned / from scratch; left out: / untouched, too")
    console.print(
        f"{sums['disruptions']} disruptions. Of the time that scratch needs for the same cost {sums['time']:.3f} (goal"
        f" {GOALS['time']:.3f}; it got there in {sums['reached']}); of its changes {sums['changes']:.3f} (goal"
        f" {GOALS['changes']:.3f}). Left out {sums['left_out']} / {sums['best_left_out']} / {sums['left_alone']}, more than"
        f" from scratch in {sums['more_left_out']} (goal 0). Other terms {sums['quality_ratio']:.4f} where as much is left"
        f" out (goal {GOALS['quality']:.2f})"
    )
