"""Home health care routing and scheduling (Mankowska et al. 2014): JSON, one or two caregivers a patient.

Lateness counts for each service: a double visit that is late counts twice, which the published costs confirm. A visit
of ours counts once, so each service is a visit of its own, and a link holds the two together.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from benchmarks.sets.instance import FormatError, Routes, Score, down, published, up
from schemas.base import Frozen
from schemas.plan import Plan
from schemas.problem import CostLevel, Demand, HeldSkill, Link, Problem, Shift, Span, Term, Travel, Visit, Volunteer

FILES = "INSTANCE.json"
SCALE = 1_000
CLOSE = 1.5e-3
"""Published times are rounded to three decimals, each on its own."""


class Service(Frozen):
    id: str
    default_duration: float | None = None


class Wanted(Frozen):
    service: str
    duration: float | None = None


class Synchronization(Frozen):
    type: Literal["simultaneous", "sequential"]
    distance: tuple[float, float] = (0.0, 0.0)


class Patient(Frozen):
    id: str
    time_window: tuple[float, float]
    required_caregivers: Annotated[tuple[Wanted, ...], Field(min_length=1, max_length=2)]
    synchronization: Synchronization | None = None


class Caregiver(Frozen):
    id: str
    abilities: tuple[str, ...]


class Raw(Frozen):
    """The file as it is; row 0 of the distances is the office, row i patient i."""

    patients: tuple[Patient, ...]
    services: tuple[Service, ...] = ()
    caregivers: tuple[Caregiver, ...]
    central_offices: Annotated[tuple[dict[str, object], ...], Field(max_length=1)] = ()
    distances: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class HomeCare:
    """An instance; costs in the file's own units."""

    name: str
    raw: Raw
    best_known: float | None = None

    @cached_property
    def default(self) -> dict[str, float | None]:
        return {service.id: service.default_duration for service in self.raw.services}

    def duration(self, wanted: Wanted) -> float:
        length = self.default.get(wanted.service) if wanted.duration is None else wanted.duration
        assert length is not None, "read() refuses a service without duration"
        return length

    @property
    def family(self) -> str:
        return f"{len(self.raw.patients)} patients"

    def problem(self) -> Problem:
        raw = self.raw
        matrix = tuple(tuple(up(x, SCALE) for x in row) for row in raw.distances)
        visits, links = [], []
        for place, patient in enumerate(raw.patients, start=1):
            earliest, latest = patient.time_window
            for index, wanted in enumerate(patient.required_caregivers):
                visits.append(
                    Visit(
                        id=f"{patient.id}:{index}",
                        location=place,
                        windows=(Span(start=up(earliest, SCALE), end=self.end),),
                        fit="start",
                        duration=up(self.duration(wanted), SCALE),
                        demands=(Demand(skill=wanted.service),),
                        due=down(latest, SCALE),
                        one_team=False,
                    )
                )
            if patient.synchronization is not None:
                least, most = patient.synchronization.distance
                if patient.synchronization.type == "simultaneous":
                    least = most = 0
                links.append(
                    Link(
                        earlier=f"{patient.id}:0",
                        later=f"{patient.id}:1",
                        at_least=up(least, SCALE),
                        at_most=down(most, SCALE),
                        crew="different",
                    )
                )
        return Problem(
            horizon=Span(start=0, end=self.end),
            size=len(matrix),
            travel=(Travel(time=matrix),),
            visits=tuple(visits),
            links=tuple(links),
            volunteers=tuple(
                Volunteer(
                    id=one.id,
                    team="caregivers",
                    location=0,
                    skills=tuple(HeldSkill(skill=skill) for skill in dict.fromkeys(one.abilities)),
                    shifts=(Shift(start=0, end=self.end, start_location=0, end_location=0),),
                )
                for one in raw.caregivers
            ),
            levels=(
                CostLevel(name="everybody", terms=(Term(name="left_out"),)),
                CostLevel(
                    name="cost",
                    terms=(Term(name="travel_distance"), Term(name="lateness_total"), Term(name="lateness_max")),
                ),
            ),
        )

    @cached_property
    def end(self) -> int:
        """An end of the day that binds nobody: everything one after the other still fits."""
        longest = max(max(row) for row in self.raw.distances)
        end = max((patient.time_window[1] for patient in self.raw.patients), default=0.0)
        for patient in self.raw.patients:
            end += sum(self.duration(wanted) + 2 * longest for wanted in patient.required_caregivers)
            end += 0.0 if patient.synchronization is None else patient.synchronization.distance[1]
        return up(end, SCALE) + 1

    def bound(self, plan: Plan) -> float | None:
        everybody, cost = plan.levels
        return cost.bound / (3 * SCALE) if everybody.cost == 0 else None

    def written(self, routes: Routes, cost: float | None = None) -> str:
        patients = {patient.id: patient for patient in self.raw.patients}
        starts: dict[str, float] = {}
        written = []
        for caregiver in self.raw.caregivers:
            stops = []
            for stop in routes.get(caregiver.id, ()):
                patient, _, index = stop.visit.rpartition(":")
                wanted = patients[patient].required_caregivers[int(index)]
                assert stop.start is not None, "this set's solutions tell times"
                start = stop.start / SCALE
                starts[patient] = min(start, starts.get(patient, start))
                stops.append(
                    {
                        "arrival_time": start,
                        "departure_time": round(start + self.duration(wanted), 6),
                        "patient": patient,
                        "service": wanted.service,
                    }
                )
            written.append({"caregiver_id": caregiver.id, "locations": stops})
        top: dict[str, object] = {} if cost is None else {"cost": cost}
        top |= {"global_ordering": sorted(starts, key=starts.__getitem__), "routes": written}
        return json.dumps(top, indent=2) + "\n"

    def score(self, text: str) -> Score:
        raw, said = self.raw, json.loads(text)
        faults: list[str] = []
        places = {patient.id: row for row, patient in enumerate(raw.patients, start=1)}
        abilities = {caregiver.id: caregiver.abilities for caregiver in raw.caregivers}
        given: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
        distance = 0.0
        for route in said["routes"]:
            who, at, free = route["caregiver_id"], 0, 0.0
            if who not in abilities:
                faults.append(f"caregiver {who} does not exist, or goes twice")
                continue
            able = abilities.pop(who)
            for stop in route.get("locations") or ():
                patient, service, start = stop["patient"], stop["service"], stop["arrival_time"]
                if patient not in places:
                    faults.append(f"patient {patient} does not exist")
                    continue
                if service not in able:
                    faults.append(f"{who} cannot give {service} to {patient}")
                way = raw.distances[at][places[patient]]
                if free + way > start + CLOSE:
                    faults.append(f"{who} cannot be with {patient} at {start}, but at {free + way:.3f}")
                given[patient, service].append((start, who))
                distance += way
                at, free = places[patient], stop["departure_time"]
                lengths = [self.duration(w) for w in raw.patients[at - 1].required_caregivers if w.service == service]
                if not lengths or abs(free - start - lengths[0]) > CLOSE:
                    faults.append(f"{who} stays {free - start:.3f} with {patient} for {service}")
            distance += raw.distances[at][0]
        late: list[float] = []
        left_out = 0
        for patient in raw.patients:
            earliest, latest = patient.time_window
            seats = []
            for wanted in patient.required_caregivers:
                queue = given[patient.id, wanted.service]
                if queue:
                    seats.append(queue.pop(0))
            if len(seats) < len(patient.required_caregivers):
                left_out += 1
                faults.append(f"{patient.id} does not get everything")
                continue
            late += [max(0.0, start - latest) for start, _ in seats]
            if min(start for start, _ in seats) < earliest - CLOSE:
                faults.append(f"{patient.id} is served before {earliest}")
            if patient.synchronization is not None:
                (first, one), (second, two) = seats
                least, most = patient.synchronization.distance
                if patient.synchronization.type == "simultaneous":
                    least = most = 0.0
                if one == two:
                    faults.append(f"{patient.id} gets both services from {one}")
                if not least - CLOSE <= second - first <= most + CLOSE:
                    faults.append(f"{patient.id}: {second - first:.3f} between the starts, not {least} to {most}")
        faults += [f"{patient} gets {service} too often" for (patient, service), more in given.items() if more]
        cost = None if left_out else (distance + sum(late) + max(late, default=0.0)) / 3
        stated = said.get("cost")
        if stated is not None and cost is not None and abs(stated - cost) > CLOSE:
            faults.append(f"the cost is {cost:.3f}, not {stated}")
        return Score(cost, left_out, tuple(faults))


def read(paths: Sequence[Path]) -> HomeCare:
    """Read one instance.

    Raises
    ------
    FormatError
        When the file is not in the set's form.
    """
    (path,) = paths
    text = path.read_text(encoding="utf-8")
    try:
        raw = Raw.read(text)
    except ValidationError as problem:
        raise _located(path, text, problem) from None
    fault = _contradiction(raw)
    if fault is not None:
        raise FormatError(path, _line(text, fault[0]), fault[1])
    return HomeCare(path.stem, raw, published(path, "total_cost"))


def _contradiction(raw: Raw) -> tuple[str, str] | None:
    """Find what is well-formed and makes no sense: the name to look for, and what is wrong."""
    size = len(raw.patients) + 1
    if len(raw.distances) != size or any(len(row) != size for row in raw.distances):
        return "distances", f"the distances must be {size} x {size}: the office and each patient"
    default = {service.id: service.default_duration for service in raw.services}
    for patient in raw.patients:
        if (len(patient.required_caregivers) == 2) != (patient.synchronization is not None):
            return patient.id, f"patient {patient.id}: two caregivers need a synchronization, and one needs none"
        for wanted in patient.required_caregivers:
            if wanted.duration is None and default.get(wanted.service) is None:
                return patient.id, f"patient {patient.id}: service {wanted.service} has no duration"
    return None


def _line(text: str, name: str) -> int | None:
    position = text.find(f'"{name}"')
    return text.count("\n", 0, position) + 1 if position >= 0 else None


def _located(path: Path, text: str, problem: ValidationError) -> FormatError:
    """Say where in the file the first fault is: pydantic knows the field, JSON the line."""
    try:
        item = json.loads(text)
    except json.JSONDecodeError as broken:
        return FormatError(path, broken.lineno, broken.msg)
    first = problem.errors()[0]
    name: str | None = None
    for key in first["loc"]:
        try:
            item = item[key]
        except (KeyError, IndexError, TypeError):
            break
        if isinstance(item, dict) and isinstance(item.get("id"), str):
            name = item["id"]
        elif isinstance(key, str) and name is None:
            name = key
    line = None if name is None else _line(text, name)
    return FormatError(path, line, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")


def instances(folder: Path) -> list[tuple[Path, ...]]:
    """List the files of each instance."""
    return [(path,) for path in sorted(folder.glob("*.json"))]
