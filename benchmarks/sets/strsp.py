"""Service technician routing (Kovacs et al. 2012), without team building: two text files, tasks and technicians.

One technician serves a task, who has every skill that it asks for at the level. A demand of ours names one skill, so each
distinct requirement becomes a skill of its own, held by the technicians who cover it. The set knows no loads: its
Solomon columns are left over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import hypot
from pathlib import Path

from benchmarks.sets.instance import NOISE, FormatError, Routes, Score, down, number, read_routes, up, written_routes
from schemas.plan import Plan
from schemas.problem import CostLevel, Demand, HeldSkill, Problem, Shift, Span, Term, Travel, Visit, Volunteer

FILES = "TASKS.txt TECHNICIANS.txt"
SCALE = 1_000
FIXED = 8
"""Columns before the demands: number, x, y, demand, ready, due, service time, cost."""

Requirement = tuple[int, ...]
"""The level asked for in each domain; 0 where none is."""


@dataclass(frozen=True, slots=True)
class Task:
    """A row of the tasks file. ``asked`` is the sum of all its d, which says what outsourcing costs."""

    id: str
    x: float
    y: float
    ready: float
    due: float
    service: float
    levels: Requirement
    asked: int

    @property
    def outsourcing(self) -> float:
        return 200 + self.asked**1.5


@dataclass(frozen=True)
class Technicians:
    """An instance; the first row of the tasks file is the depot, and its window the day."""

    name: str
    family: str
    depot: Task
    tasks: tuple[Task, ...]
    technicians: dict[str, Requirement]
    best_known: float | None = None

    def problem(self) -> Problem:
        rows = (self.depot, *self.tasks)
        ways = [[hypot(a.x - b.x, a.y - b.y) for b in rows] for a in rows]
        wanted = {task.levels: skill_name(task.levels) for task in self.tasks}
        end = down(self.depot.due, SCALE)
        return Problem(
            horizon=Span(start=up(self.depot.ready, SCALE), end=end + 1),
            size=len(rows),
            travel=(
                Travel(
                    time=tuple(tuple(up(way, SCALE) for way in row) for row in ways),
                    distance=tuple(tuple(round(way * SCALE) for way in row) for row in ways),
                ),
            ),
            visits=tuple(
                Visit(
                    id=task.id,
                    location=row,
                    windows=(Span(start=up(task.ready, SCALE), end=down(task.due, SCALE) + 1),),
                    fit="start",
                    duration=up(task.service, SCALE),
                    demands=(Demand(skill=wanted[task.levels]),),
                    left_out_cost=round(task.outsourcing * SCALE),
                    one_team=False,
                )
                for row, task in enumerate(self.tasks, start=1)
            ),
            volunteers=tuple(
                Volunteer(
                    id=name,
                    team="technicians",
                    location=0,
                    skills=tuple(HeldSkill(skill=skill) for asked, skill in wanted.items() if covers(levels, asked)),
                    shifts=(Shift(start=up(self.depot.ready, SCALE), end=end, start_location=0, end_location=0),),
                )
                for name, levels in self.technicians.items()
            ),
            levels=(CostLevel(name="cost", terms=(Term(name="left_out"), Term(name="travel_distance"))),),
        )

    def bound(self, plan: Plan) -> float | None:
        return plan.levels[0].bound / SCALE

    def written(self, routes: Routes, cost: float | None = None) -> str:
        return written_routes(routes, self.technicians, cost)

    def score(self, text: str) -> Score:
        routes, stated, faults = read_routes(text)
        waiting = {task.id: task for task in self.tasks}
        free = dict(self.technicians)
        travel = 0.0
        for who, stops in routes:
            if who not in free:
                faults.append(f"technician {who} does not exist, or goes twice")
                continue
            levels, now, path = free.pop(who), self.depot.ready, [self.depot]
            for name in stops:
                if name not in waiting:
                    faults.append(f"task {name} does not exist, or is served twice")
                    continue
                task = waiting.pop(name)
                now += hypot(task.x - path[-1].x, task.y - path[-1].y)
                if now > task.due + NOISE:
                    faults.append(f"{who} is at task {name} at {now:.3f}, after {task.due}")
                if any(has < asked for has, asked in zip(levels, task.levels, strict=True)):
                    faults.append(f"{who} lacks a skill for task {name}")
                now = max(now, task.ready) + task.service
                path.append(task)
            now += hypot(self.depot.x - path[-1].x, self.depot.y - path[-1].y)
            if now > self.depot.due + NOISE:
                faults.append(f"{who} is back at {now:.3f}, after {self.depot.due}")
            path.append(self.depot)
            travel += sum(hypot(b.x - a.x, b.y - a.y) for a, b in pairwise(path))
        cost = travel + sum(task.outsourcing for task in waiting.values())
        if stated is not None and abs(stated - cost) > NOISE * max(1.0, cost):
            faults.append(f"the cost is {cost:.6f}, not {stated}")
        return Score(cost, len(waiting), tuple(faults))


def covers(levels: Requirement, asked: Requirement) -> bool:
    return all(has >= wanted for has, wanted in zip(levels, asked, strict=True))


def skill_name(asked: Requirement) -> str:
    """Name a requirement: ``2.3+5.1`` is domain 2 at level 3 and domain 5 at level 1."""
    return "+".join(f"{domain}.{level}" for domain, level in enumerate(asked, start=1) if level) or "any"


def read(paths: Sequence[Path]) -> Technicians:
    """Read one instance from its two files.

    Raises
    ------
    FormatError
        When a file is not in the set's form, or a task needs several technicians.
    """
    tasks_path, technicians_path = paths
    technicians, levels = _technicians(technicians_path)
    domains = len(next(iter(technicians.values())))
    tasks = _tasks(tasks_path, domains, levels)
    family = technicians_path.resolve().parent.name  # what sets the variants apart, in this set's folders
    name = technicians_path.stem.removeprefix("technicians_")
    return Technicians(
        tasks_path.stem if name == tasks_path.stem else f"{tasks_path.stem} {technicians_path.stem}",
        family,
        tasks[0],
        tuple(tasks[1:]),
        technicians,
    )


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    text = path.read_text(encoding="utf-8")
    return [(line, words.split()) for line, words in enumerate(text.splitlines(), start=1) if words.strip()]


def _technicians(path: Path) -> tuple[dict[str, Requirement], int]:
    found: dict[str, Requirement] = {}
    stated: dict[str, int] = {}
    rows = False
    for line, words in _lines(path):
        key, colon, value = " ".join(words).partition(":")
        if colon:
            stated[key.lower()] = int(number(path, line, value.strip()))
        elif words[0] == "ID":
            missing = {"number of technicians", "domains", "proficiency level"} - stated.keys()
            if missing:
                raise FormatError(path, line, f"must say before the technicians: {', '.join(sorted(missing))}")
            rows = True
        elif rows and len(found) < stated["number of technicians"]:  # reduced files list more than count
            if len(words) != stated["domains"] + 1 or words[0] in found:
                raise FormatError(path, line, f"must be a new number and {stated['domains']} levels")
            found[words[0]] = tuple(int(number(path, line, word)) for word in words[1:])
    if not found or len(found) < stated["number of technicians"]:
        raise FormatError(path, None, f"has {len(found)} technicians, not as many as it says")
    return found, stated["proficiency level"]


def _tasks(path: Path, domains: int, levels: int) -> list[Task]:
    found: list[Task] = []
    stated: int | None = None
    rows = False
    for line, words in _lines(path):
        if words[0] == "Customer:":
            stated = int(number(path, line, words[-1]))
        elif words[0] == "CUST":
            rows = True
        elif rows:
            if len(words) != FIXED + domains * levels:  # the heads of columns are misspelt here and there: count
                raise FormatError(
                    path, line, f"must have {FIXED} + {domains} x {levels} columns, as its technicians do"
                )
            _, x, y, _, ready, due, service, _ = (number(path, line, word) for word in words[:FIXED])
            asked = [int(number(path, line, word)) for word in words[FIXED : FIXED + domains * levels]]
            if max(asked) > 1:
                raise FormatError(path, line, f"task {words[0]} needs several technicians; use the files without teams")
            wanted = tuple(
                max((k + 1 for k in range(levels) if asked[domain * levels + k]), default=0)
                for domain in range(domains)
            )
            found.append(Task(words[0], x, y, ready, due, service, wanted, sum(asked)))
    if not found or stated not in (None, len(found)):
        raise FormatError(path, None, f"has {len(found)} rows of tasks, the depot among them, not {stated}")
    return found


def instances(folder: Path) -> list[tuple[Path, ...]]:
    """List the files of each instance: every tasks file with each technicians file of its name, reduced ones first."""
    found = []
    for tasks in sorted(folder.glob("tasks_noTeam/*_noTeam.txt")):
        for kind in ("techniciansReduced_noTeam", "technicians_noTeam"):
            technicians = folder / kind / f"technicians_{tasks.name}"
            if technicians.exists():
                found.append((tasks, technicians))
    return found
