"""A bound that nobody can beat: what could be served by one who knew every request and every answer beforehand.

It shares no code with the engine or the solvers. It relaxes: travel between visits, when offers may be sent beyond
quiet hours, who hears of what through which zone, and it may serve a fraction of a request. It keeps: skills and levels,
reach, availability, windows, crews from one team, daily and weekly limits, the time a person takes to answer, and of
course the answers. So the priority-weighted number of requests served on a day is never above it.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from ningju.simulation.arrivals import Arrival
from ningju.simulation.scenario import Scenario
from schemas.catalogue import ServiceType
from schemas.place import Place
from schemas.roster import SkillHeld, Volunteer

RADIUS_M = 6_371_008.8
SLACK_M = 1.0
GRID = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Bound:
    """``weight`` of ``asked`` at most; ``requests`` is how many whole requests the relaxed solution serves."""

    weight: float
    asked: int
    requests: float
    candidates: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Chance:
    """Somebody who would serve a demand of a request, within ``[earliest, latest)``."""

    volunteer: int
    request: int
    demand: int
    earliest: datetime
    latest: datetime
    slot: int


def hindsight(scenario: Scenario, seconds: float = 60.0) -> Bound:
    """Bound the priority-weighted number of requests that can be served.

    Parameters
    ----------
    seconds
        For the branch and bound on top of the linear relaxation; its bound is valid whenever it stops.
    """
    began = time.monotonic()
    types = {service.id: service for service in scenario.service_types}
    weights = [
        scenario.policy.weights.left_out[(a.request.priority or types[a.request.service_type].priority) - 1]
        for a in scenario.arrivals
    ]
    chances = list(_chances(scenario, types))
    program = _Program(scenario, types, chances, weights)
    weight, requests = program.solve(seconds)
    return Bound(weight, sum(weights), requests, len(chances), time.monotonic() - began)


def _chances(scenario: Scenario, types: Mapping[str, ServiceType]) -> Iterator[Chance]:
    zone = ZoneInfo(scenario.policy.timezone)
    homes = np.radians([(v.home.lon, v.home.lat) for v in scenario.volunteers]).reshape(-1, 2)
    reaches = np.array([v.reach_m for v in scenario.volunteers], dtype=float)
    skills: dict[tuple[str, int], np.ndarray] = {}
    for service in types.values():
        for demand in service.demands:
            key = (demand.skill, demand.level)
            skills[key] = np.array([any(_holds(h, *key) for h in v.skills) for v in scenario.volunteers], dtype=bool)
    for r, arrival in enumerate(scenario.arrivals):
        service = types[arrival.request.service_type]
        away = _distances(homes, arrival.place.coarse())
        near = away <= np.minimum(reaches, service.reach_m or np.inf) + SLACK_M
        spans: dict[int, tuple[datetime, datetime, int] | None] = {}
        for d, demand in enumerate(service.demands):
            for i in np.flatnonzero(near & skills[demand.skill, demand.level]):
                volunteer = scenario.volunteers[i]
                if i not in spans:
                    spans[i] = _span(scenario, zone, arrival, service, volunteer)
                span = spans[i]
                if span is None:
                    continue
                valid = any(
                    _holds(held, demand.skill, demand.level)
                    and (held.expires is None or held.expires >= span[0] + timedelta(seconds=service.duration_s))
                    for held in volunteer.skills
                )
                if valid:
                    yield Chance(int(i), r, d, *span)


def _span(
    scenario: Scenario, zone: ZoneInfo, arrival: Arrival, service: ServiceType, volunteer: Volunteer
) -> tuple[datetime, datetime, int] | None:
    """When this person would do this request, if at all: earliest start, latest end, number of the weekly slot."""
    key, request = arrival.idempotency_key, arrival.request
    if volunteer.id in request.blocked:
        return None
    conduct = scenario.world.conduct(volunteer.id, key)
    if conduct.withdraws is not None or (service.crew == 1 and not conduct.comes):
        return None
    preferred = volunteer.id in request.preferred
    answer = scenario.world.answer(volunteer.id, key, place=arrival.place, preferred=preferred)
    if answer.kind != "accept":
        return None
    urgent = (request.priority or service.priority) == 5 or not service.quiet_hours
    told = arrival.at if urgent else _waking(scenario, arrival.at.astimezone(zone))
    ready = told + answer.latency
    duration = timedelta(seconds=service.duration_s)
    for window in request.windows:
        local = window.start.astimezone(zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        for number, slot in enumerate(volunteer.weekly):
            if slot.weekday != local.weekday():
                continue
            earliest = max(window.start, ready, midnight + timedelta(minutes=slot.start_min))
            latest = min(window.end, midnight + timedelta(minutes=slot.end_min))
            away = any(
                not e.available and e.window.start <= earliest and latest <= e.window.end for e in volunteer.exemptions
            )
            if latest - earliest >= duration and not away:
                return earliest, latest, number
    return None


class _Program:
    """max Σ w·y over crews: see the module's first lines for what is kept."""

    def __init__(
        self, scenario: Scenario, types: Mapping[str, ServiceType], chances: list[Chance], weights: list[int]
    ) -> None:
        self.rows: list[int] = []
        self.columns: list[int] = []
        self.values: list[float] = []
        self.upper: list[float] = []
        team = [volunteer.team for volunteer in scenario.volunteers]
        served: dict[tuple[int, str], int] = {}
        for chance in chances:
            served.setdefault((chance.request, team[chance.volunteer]), len(served))
        self.costs = np.zeros(len(served) + len(chances))
        self.whole = np.zeros(len(self.costs))
        crews: dict[int, list[int]] = defaultdict(list)
        for (request, _), column in served.items():
            self.costs[column] = -weights[request]
            self.whole[column] = 1
            crews[request].append(column)
        for columns in crews.values():
            self.at_most(1, [(column, 1) for column in columns])
        self._cover(scenario, types, chances, served, team)
        self._limit(scenario, types, chances, served)

    def at_most(self, limit: float, terms: list[tuple[int, float]]) -> None:
        """Add the row Σ value·x ≤ limit."""
        self.rows.extend([len(self.upper)] * len(terms))
        self.columns.extend(column for column, _ in terms)
        self.values.extend(value for _, value in terms)
        self.upper.append(limit)

    def _cover(
        self,
        scenario: Scenario,
        types: Mapping[str, ServiceType],
        chances: list[Chance],
        served: Mapping[tuple[int, str], int],
        team: list[str],
    ) -> None:
        heads: dict[tuple[int, int], list[int]] = defaultdict(list)
        seats: dict[tuple[int, int], list[int]] = defaultdict(list)
        for n, chance in enumerate(chances):
            crew = served[chance.request, team[chance.volunteer]]
            heads[crew, chance.demand].append(len(served) + n)
            seats[crew, chance.volunteer].append(len(served) + n)
        for (request, _), crew in served.items():
            for d, demand in enumerate(types[scenario.arrivals[request].request.service_type].demands):
                # y crews of this team need heads·y people of it; with nobody for a demand, y is 0.
                self.at_most(0, [(crew, demand.heads), *((column, -1) for column in heads.get((crew, d), ()))])
        for (crew, _), columns in seats.items():
            self.at_most(0, [(crew, -1), *((column, 1) for column in columns)])

    def _limit(
        self,
        scenario: Scenario,
        types: Mapping[str, ServiceType],
        chances: list[Chance],
        served: Mapping[tuple[int, str], int],
    ) -> None:
        days: dict[tuple[int, date], list[int]] = defaultdict(list)
        weeks: dict[int, list[int]] = defaultdict(list)
        slots: dict[tuple[int, date, int], list[tuple[int, float]]] = defaultdict(list)
        moments: dict[tuple[int, datetime], list[int]] = defaultdict(list)
        zone = ZoneInfo(scenario.policy.timezone)
        for n, chance in enumerate(chances):
            column, day = len(served) + n, chance.earliest.astimezone(zone).date()
            duration = timedelta(seconds=types[scenario.arrivals[chance.request].request.service_type].duration_s)
            days[chance.volunteer, day].append(column)
            weeks[chance.volunteer].append(column)
            slots[chance.volunteer, day, chance.slot].append((column, duration.total_seconds()))
            # Whatever its start, the visit lasts from its latest start to its earliest end.
            moment = _ceil(chance.latest - duration)
            while moment < chance.earliest + duration:
                moments[chance.volunteer, moment].append(column)
                moment += GRID
        for (i, _), columns in days.items():
            self.at_most(scenario.volunteers[i].visits_per_day, [(column, 1) for column in columns])
        for i, columns in weeks.items():
            volunteer = scenario.volunteers[i]
            limit = min(volunteer.visits_per_week, volunteer.offers_per_week) * _weeks(scenario)
            self.at_most(limit, [(column, 1) for column in columns])
        for (i, _, number), terms in slots.items():
            slot = scenario.volunteers[i].weekly[number]
            self.at_most((slot.end_min - slot.start_min) * 60, terms)
        for columns in {(i, tuple(columns)): columns for (i, _), columns in moments.items()}.values():
            if len(columns) > 1:
                self.at_most(1, [(column, 1) for column in columns])

    def solve(self, seconds: float) -> tuple[float, float]:
        """Solve; a valid bound of the weight, and the number of requests in the best solution found."""
        if not len(self.costs):
            return 0.0, 0.0
        matrix = csr_array((self.values, (self.rows, self.columns)), shape=(len(self.upper), len(self.costs)))
        constraints = LinearConstraint(matrix, -np.inf, np.array(self.upper))
        result = milp(
            self.costs,
            constraints=constraints,
            bounds=Bounds(0, 1),
            integrality=self.whole if seconds > 0 else None,
            options={"time_limit": seconds, "mip_rel_gap": 0.001} if seconds > 0 else {},
        )
        bound = result.mip_dual_bound if seconds > 0 else result.fun
        if bound is None:
            raise RuntimeError(f"no bound was found in {seconds:.0f} s: {result.message}")
        requests = 0.0 if result.x is None else float(result.x[self.costs < 0].sum())
        return -float(bound), requests


def _weeks(scenario: Scenario) -> int:
    """Weekly limits roll: a run of up to a week touches them once, a longer one once more for each week begun."""
    last = max(window.end for arrival in scenario.arrivals for window in arrival.request.windows)
    return max(1, -((scenario.start - last) // timedelta(days=7)))


def _waking(scenario: Scenario, local: datetime) -> datetime:
    """First moment from ``local`` on that is not in quiet hours (which go over midnight)."""
    policy = scenario.policy
    minute = local.hour * 60 + local.minute
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if minute < policy.quiet_end_min:
        return midnight + timedelta(minutes=policy.quiet_end_min)
    if minute >= policy.quiet_start_min:
        return midnight + timedelta(days=1, minutes=policy.quiet_end_min)
    return local


def _ceil(moment: datetime) -> datetime:
    over = timedelta(seconds=moment.timestamp() % GRID.total_seconds())
    return moment if not over else moment - over + GRID


def _holds(held: SkillHeld, skill: str, level: int) -> bool:
    return held.skill == skill and held.level >= level


def _distances(homes: np.ndarray, place: Place) -> np.ndarray:
    lon, lat = np.radians(place.lon), np.radians(place.lat)
    h = np.sin((homes[:, 1] - lat) / 2) ** 2 + np.cos(lat) * np.cos(homes[:, 1]) * np.sin((homes[:, 0] - lon) / 2) ** 2
    return np.asarray(2 * RADIUS_M * np.arcsin(np.minimum(1.0, np.sqrt(h))))
