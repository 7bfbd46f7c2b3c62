"""Prize-collecting vehicle routing with time windows, VRPLIB form, by the DIMACS convention: everything in tenths, distances truncated."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import hypot, isqrt
from pathlib import Path

from benchmarks.sets.instance import FormatError, Routes, Score, down, number, published, read_routes, written_routes
from schemas.plan import Plan
from schemas.problem import CostLevel, Demand, HeldSkill, Problem, Shift, Span, Term, Travel, Visit, Volunteer

FILES = "INSTANCE.vrp"
TENTHS = 10
SKILL = "delivery"
SECTIONS = {"NODE_COORD": 2, "DEMAND": 1, "TIME_WINDOW": 2, "PRIZE": 1}
"""Values of a node in each section that is read."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node, in the file's own units."""

    x: float
    y: float
    demand: float
    ready: float
    due: float
    prize: float


@dataclass(frozen=True)
class PrizeCollecting:
    """An instance; node 0 is the depot, customer t is node t here and node t + 1 in the file."""

    name: str
    nodes: tuple[Node, ...]
    vehicles: int
    capacity: float
    service: float
    best_known: float | None = None

    @property
    def family(self) -> str:
        return f"{len(self.nodes) - 1:,} customers"

    def problem(self) -> Problem:
        way = tuple(tuple(down(hypot(a.x - b.x, a.y - b.y), TENTHS) for b in self.nodes) for a in self.nodes)
        depot, *customers = self.nodes
        begin, end = down(depot.ready, TENTHS), down(depot.due, TENTHS)
        return Problem(
            horizon=Span(start=begin, end=end + 1),
            size=len(way),
            travel=(Travel(time=way),),
            visits=tuple(
                Visit(
                    id=str(number),
                    location=number,
                    windows=(Span(start=down(node.ready, TENTHS), end=down(node.due, TENTHS) + 1),),
                    fit="start",
                    duration=down(self.service, TENTHS),
                    demands=(Demand(skill=SKILL),),
                    left_out_cost=down(node.prize, TENTHS),
                    load=int(node.demand),
                    one_team=False,
                )
                for number, node in enumerate(customers, start=1)
            ),
            volunteers=tuple(
                Volunteer(
                    id=str(vehicle),
                    team="vehicles",
                    location=0,
                    skills=(HeldSkill(skill=SKILL),),
                    shifts=(Shift(start=begin, end=end, start_location=0, end_location=0),),
                    capacity=int(self.capacity),
                )
                for vehicle in range(1, self.vehicles + 1)
            ),
            levels=(CostLevel(name="cost", terms=(Term(name="left_out"), Term(name="travel_distance"))),),
        )

    def bound(self, plan: Plan) -> float | None:
        return plan.levels[0].bound

    def written(self, routes: Routes, cost: float | None = None) -> str:
        return written_routes(routes, map(str, range(1, self.vehicles + 1)), cost)

    def score(self, text: str) -> Score:
        routes, stated, faults = read_routes(text)
        waiting = {str(number): number for number in range(1, len(self.nodes))}
        vehicles = {str(number) for number in range(1, self.vehicles + 1)}
        distance = 0
        for vehicle, stops in routes:
            if vehicle not in vehicles:
                faults.append(f"vehicle {vehicle} does not exist, or goes twice")
                continue
            vehicles.remove(vehicle)
            path = [0]
            for name in stops:
                if name in waiting:
                    path.append(waiting.pop(name))
                else:
                    faults.append(f"customer {name} does not exist, or is served twice")
            path.append(0)
            load = sum(self.nodes[at].demand for at in path)
            if load > self.capacity:
                faults.append(f"vehicle {vehicle} carries {load:g}, more than {self.capacity:g}")
            now = self.nodes[0].ready * TENTHS
            for here, there in pairwise(path):
                now += self.truncated(here, there) + (self.service * TENTHS if here else 0)
                if now > self.nodes[there].due * TENTHS:
                    faults.append(f"vehicle {vehicle} is at {there} at {now:g}, too late")
                now = max(now, self.nodes[there].ready * TENTHS)
                distance += self.truncated(here, there)
        cost = float(distance + sum(down(self.nodes[at].prize, TENTHS) for at in waiting.values()))
        if stated is not None and stated != cost:
            faults.append(f"the cost is {cost:g}, not {stated:g}")
        return Score(cost, len(waiting), tuple(faults))

    def truncated(self, here: int, there: int) -> int:
        """Tenths of the distance, by whole numbers alone where the coordinates are whole."""
        a, b = self.nodes[here], self.nodes[there]
        square = ((a.x - b.x) ** 2 + (a.y - b.y) ** 2) * TENTHS**2
        return isqrt(int(square)) if square == int(square) else int(square**0.5)


def read(paths: Sequence[Path]) -> PrizeCollecting:
    """Read one instance.

    Raises
    ------
    FormatError
        When the file is not in the set's form.
    """
    (path,) = paths
    stated: dict[str, tuple[int, str]] = {}
    sections: dict[str, dict[int, list[float]]] = {name: {} for name in SECTIONS}
    section: str | None = None
    for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        words = text.split()
        if not words:
            continue
        if words[0].endswith("_SECTION") or words[0] == "EOF":
            section = words[0].removesuffix("_SECTION")
        elif ":" in text:
            key, _, value = text.partition(":")
            stated[key.strip()] = (line, value.strip())
        elif section in SECTIONS:
            if len(words) != SECTIONS[section] + 1:
                raise FormatError(path, line, f"{section}_SECTION has {SECTIONS[section]} values after each node")
            node, *values = (number(path, line, word) for word in words)
            sections[section][int(node)] = values
        elif section == "DEPOT":
            if words[0] not in ("1", "-1"):
                raise FormatError(path, line, "the depot must be node 1, and alone")
        elif section is None:
            raise FormatError(path, line, "neither 'KEY : value' nor a section")

    def value(key: str, default: float | None = None) -> float:
        if key not in stated and default is None:
            raise FormatError(path, None, f"says no {key}")
        return number(path, *stated[key]) if key in stated else float(default or 0)

    size = int(value("DIMENSION"))
    if "EDGE_WEIGHT_TYPE" in stated and stated["EDGE_WEIGHT_TYPE"][1] != "EUC_2D":
        raise FormatError(path, stated["EDGE_WEIGHT_TYPE"][0], "only EUC_2D distances are read")
    for name, rows in sections.items():
        if sorted(rows) != list(range(1, size + 1)):
            raise FormatError(path, None, f"{name}_SECTION must have each of the {size} nodes")
    nodes = tuple(Node(*(x for rows in sections.values() for x in rows[node])) for node in range(1, size + 1))
    return PrizeCollecting(
        path.stem,
        nodes,
        vehicles=int(value("VEHICLES", size - 1)),
        capacity=value("CAPACITY"),
        service=value("SERVICE_TIME", 0),
        best_known=published(path, "cost"),
    )


def instances(folder: Path) -> list[tuple[Path, ...]]:
    """List the files of each instance."""
    return [(path,) for path in sorted(folder.glob("*.vrp"))]
