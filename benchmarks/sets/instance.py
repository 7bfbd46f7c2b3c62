"""What every set has in common: an instance that can be posed, written down and judged."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Protocol

from schemas.plan import Plan
from schemas.problem import Problem


class FormatError(ValueError):
    """A file that is not in the set's form: which, where, and what is wrong with it."""

    def __init__(self, path: Path, line: int | None, what: str) -> None:
        self.path, self.line, self.what = path, line, what
        super().__init__(f"{path}{f', line {line}' if line else ''}: {what}")


@dataclass(frozen=True, slots=True)
class Stop:
    """A seat of a visit on somebody's route; peers that tell no times leave ``start`` empty."""

    visit: str
    demand: int = 0
    start: int | None = None


Routes = Mapping[str, Sequence[Stop]]
"""Who goes where, in order: person to stops."""


@dataclass(frozen=True, slots=True)
class Score:
    """What a written solution is worth in the set's own units (none where it cannot be said), and what is wrong with it."""

    cost: float | None
    left_out: int
    faults: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        return not self.faults


class Instance(Protocol):
    """One instance of a set; tables sum up by ``family``. ``score`` reads raw data and the written solution only; it shares nothing with the solver."""

    name: str
    family: str
    best_known: float | None

    def problem(self) -> Problem:
        """Translate, and nothing more."""
        ...

    def written(self, routes: Routes, cost: float | None = None) -> str:
        """Write a solution in the set's own form."""
        ...

    def score(self, text: str) -> Score:
        """Judge a written solution."""
        ...

    def bound(self, plan: Plan) -> float | None:
        """Give the plan's bound in the set's own units, if it says anything about the cost."""
        ...


def routes(plan: Plan) -> Routes:
    """Sort a plan's seats by person and start."""
    found: dict[str, list[Stop]] = defaultdict(list)
    for item in sorted(plan.assignments, key=lambda item: (item.start, item.end)):
        for seat in item.crew:
            found[seat.volunteer].append(Stop(item.visit, seat.demand, item.start))
    return found


def solution(instance: Instance, taken: Routes) -> tuple[str, Score]:
    """Write routes down with the cost that the evaluator finds, and judge what was written."""
    cost = instance.score(instance.written(taken)).cost
    text = instance.written(taken, cost)
    return text, instance.score(text)


def written_routes(taken: Routes, order: Iterable[str], cost: float | None) -> str:
    """Lines ``Route <id>: t1 t2 …`` of all who go anywhere, the last line ``Cost <x>``."""
    lines = [f"Route {name}: {' '.join(stop.visit for stop in taken[name])}" for name in order if taken.get(name)]
    if cost is not None:
        lines.append(f"Cost {cost:.15g}")
    return "\n".join(lines) + "\n"


def read_routes(text: str) -> tuple[list[tuple[str, list[str]]], float | None, list[str]]:
    """Read such lines back: routes, the stated cost, and lines that are neither."""
    found, cost, faults = [], None, []
    for number, line in enumerate(text.splitlines(), start=1):
        head, colon, tail = line.partition(":")
        words = head.split()
        if len(words) == 2 and words[0] == "Route" and colon:
            found.append((words[1].removeprefix("#"), tail.split()))
        elif len(words) == 2 and words[0] == "Cost" and not colon:
            try:
                cost = float(words[1])
            except ValueError:
                faults.append(f"line {number}: {words[1]} is no cost")
        elif words:
            faults.append(f"line {number}: neither a route nor a cost")
    return found, cost, faults


def number(path: Path, line: int, word: str) -> float:
    """Read a number of a text file."""
    try:
        return float(word)
    except ValueError:
        raise FormatError(path, line, f"{word!r} is no number") from None


NOISE = 1e-6


def up(x: float, scale: int) -> int:
    """Scale to a whole number that is not smaller, but for the noise of floats."""
    return ceil(x * scale - NOISE)


def down(x: float, scale: int) -> int:
    """Scale to a whole number that is not larger."""
    return -up(-x, scale)


def published(path: Path, column: str) -> float | None:
    """Look the best known cost up in ``best_known.csv`` beside the instance."""
    table = path.with_name("best_known.csv")
    if not table.exists():
        return None
    with table.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if Path(row["instance"]).stem == path.stem:
                return float(row[column])
    return None
