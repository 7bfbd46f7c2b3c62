"""A problem as numpy arrays, built once: what the rules and the solvers read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from schemas.problem import Problem, StandingVisit, Visit, Volunteer
from solvers.errors import InvalidProblem
from solvers.travel import Ints, TravelTable

Bools = NDArray[np.bool_]

FAR = 2**60
"""Beyond every time, reach and limit; sums of it and any time still fit."""

LIMIT_RULES = ("daily_limit", "weekly_limit", "offers_limit")
EXCLUSIONS = ("blocked", "declined_before", "withdrew_before", "kept_back")


@dataclass(frozen=True, slots=True)
class Crew:
    """Seats of a visit: (demand, volunteer index or -1 for somebody unknown here, name)."""

    seats: tuple[tuple[int, int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Arrays:
    """The problem's columns. Sizes: V visits, R demands of all visits (rows), P volunteers, S skills.

    Ragged lists are padded so that a pad never matches: windows (V, W), shifts (P, K), limits (P, L), busy (P, C).
    ``busy`` are commitments and the seats that stand.
    """

    problem: Problem
    visit_index: dict[str, int]
    volunteer_index: dict[str, int]
    team_index: dict[str, int]
    team_names: tuple[str, ...]
    travel: TravelTable
    visit_place: Ints
    visit_length: Ints
    visit_reach: Ints
    visit_answerable: Ints
    visit_due: Ints
    visit_cost: Ints
    visit_stake: Ints
    visit_load: Ints
    visit_team: Ints
    one_team: Bools
    window_low: Ints
    window_high: Ints
    team_allowed: Bools | None
    first_row: Ints
    row_visit: Ints
    row_skill: Ints
    row_level: Ints
    row_heads: Ints
    row_duration: Ints
    home: Ints
    team: Ints
    reach: Ints
    mode: Ints
    capacity: Ints
    load: Ints
    reluctance: Ints
    held: NDArray[np.int32]
    valid_until: Ints
    shift_start: Ints
    shift_end: Ints
    shift_from: Ints
    shift_to: Ints
    limit_start: Ints
    limit_end: Ints
    limit_visits: Ints
    limit_seconds: Ints
    limit_rule: Ints
    busy_start: Ints
    busy_end: Ints
    busy_place: Ints
    excluded_key: Ints
    excluded_rule: Ints
    filled: tuple[Crew, ...]
    fixed: tuple[int | None, ...]

    @property
    def visits(self) -> int:
        """Number of visits."""
        return len(self.visit_place)

    @property
    def volunteers(self) -> int:
        """Number of volunteers."""
        return len(self.home)

    def rows_of(self, visit: int) -> range:
        """Rows (demands) of a visit."""
        return range(int(self.first_row[visit]), int(self.first_row[visit + 1]))


def _index(names: Iterable[str], what: str) -> dict[str, int]:
    index: dict[str, int] = {}
    for position, name in enumerate(names):
        if index.setdefault(name, position) != position:
            raise InvalidProblem(f"{what}[{position}]", f"the name {name!r} is taken by {what}[{index[name]}]")
    return index


def _padded(lists: Sequence[Sequence[tuple[int, ...]]], pad: tuple[int, ...]) -> list[Ints]:
    """Columns of ragged lists of tuples as arrays (n, longest list)."""
    width, fields, count = max(map(len, lists), default=0), len(pad), len(lists)
    flat = list(chain.from_iterable(chain.from_iterable([*items, *[pad] * (width - len(items))] for items in lists)))
    block = np.array(flat, dtype=np.int64).reshape(count, width, fields)
    return [np.ascontiguousarray(block[:, :, field]) for field in range(fields)]


def _place(index: int, size: int, where: str) -> int:
    if index >= size:
        raise InvalidProblem(where, f"location {index} is out of range, there are {size}")
    return index


def _pinned(problem: Problem) -> dict[str, StandingVisit]:
    return {standing.visit: standing for standing in problem.standing if standing.pinned}


def _held_so_far(visit: Visit, pin: StandingVisit | None) -> tuple[int | None, str | None, list[tuple[int, str]]]:
    """Start, team and seats that must stay, from the visit and from its pin."""
    seats = [(seat.demand, seat.volunteer) for seat in visit.filled]
    if pin is None:
        return visit.fixed_start, visit.team, seats
    seats += [pair for seat in pin.crew if (pair := (seat.demand, seat.volunteer)) not in seats]
    return pin.start, pin.team if pin.team is not None else visit.team, seats


def _windows(visit: Visit, fixed: int | None, problem: Problem, length: int, *, pinned: bool) -> list[tuple[int, int]]:
    """Inclusive ranges of starts. What was told already may lie before the horizon; what is pinned is not asked."""
    if pinned and fixed is not None:
        return [(fixed, fixed)]
    ranges = []
    for window in visit.windows:
        low, high = window.start, (window.end - length if visit.fit == "whole" else window.end - 1)
        if fixed is not None:
            low, high = max(low, fixed), min(high, fixed)
        else:
            low, high = max(low, problem.horizon.start), min(high, problem.horizon.end - 1)
        if low <= high:
            ranges.append((low, high))
    return sorted(ranges)


def _skills(volunteers: Sequence[Volunteer], index: dict[str, int]) -> tuple[NDArray[np.int32], Ints]:
    """Entry of each (volunteer, skill), 0 for none, and until when an entry is valid at each level (-FAR: never)."""
    held = np.zeros((len(volunteers), max(1, len(index))), dtype=np.int32)
    valid: list[list[int]] = [[-FAR] * 6]
    for who, volunteer in enumerate(volunteers):
        for item in volunteer.skills:
            skill = index.get(item.skill)
            if skill is None:
                continue
            entry = int(held[who, skill])
            if not entry:
                entry = held[who, skill] = len(valid)
                valid.append([-FAR] * 6)
            until = FAR if item.expires is None else item.expires
            row = valid[entry]
            for level in range(item.level + 1):
                row[level] = max(row[level], until)
    return held, np.array(valid, dtype=np.int64)


def build(problem: Problem) -> Arrays:
    """Check the problem and lay it out.

    Raises
    ------
    InvalidProblem
        When names clash, a location or demand is out of range, a team is unknown, or seats are filled without a start.
    """
    travel = TravelTable(problem)
    size = travel.size
    visits, people = problem.visits, problem.volunteers
    visit_index = _index((v.id for v in visits), "visits")
    volunteer_index = _index((p.id for p in people), "volunteers")
    team_names = [t.id for t in problem.teams] or list(dict.fromkeys(p.team for p in people))
    team_index = _index(team_names, "teams")
    skill_index = {name: i for i, name in enumerate(dict.fromkeys(d.skill for v in visits for d in v.demands))}
    for link in problem.links:
        if link.earlier not in visit_index or link.later not in visit_index:
            raise InvalidProblem("links", f"{link.earlier!r} -> {link.later!r} names a visit that is not there")

    pins = _pinned(problem)
    rows: list[tuple[int, int, int, int, int]] = []
    first_row, columns, windows, fixed_starts, crews = [0], [], [], [], []
    busy: list[list[tuple[int, int, int]]] = [[] for _ in people]
    allowed: Bools | None = None
    excluded: list[tuple[int, int]] = []
    for number, visit in enumerate(visits):
        where = f"visits[{number}]"
        fixed, team_name, seats = _held_so_far(visit, pins.get(visit.id))
        durations = [visit.duration if d.duration is None else d.duration for d in visit.demands]
        length = max(durations)
        heads = [d.heads for d in visit.demands]
        if seats and fixed is None:
            raise InvalidProblem(where, "seats are filled, but no start is fixed")
        crew = []
        for demand, name in seats:
            if demand >= len(heads):
                raise InvalidProblem(where, f"filled demand {demand} is out of range, there are {len(heads)}")
            heads[demand] -= 1
            if heads[demand] < 0:
                raise InvalidProblem(where, f"demand {demand} has more filled seats than heads")
            who = volunteer_index.get(name, -1)
            crew.append((demand, who, name))
            if who >= 0:
                assert fixed is not None
                busy[who].append((fixed, fixed + durations[demand], visit.location))
        team = -1
        if visit.one_team:
            if team_name is not None:
                if team_name not in team_index:
                    raise InvalidProblem(where, f"unknown team {team_name!r}")
                team = team_index[team_name]
            else:
                team = next((team_index[people[who].team] for _, who, _ in crew if who >= 0), -1)
        if visit.teams is not None:
            if allowed is None:
                allowed = np.ones((len(visits), max(1, len(team_names))), dtype=np.bool_)
            allowed[number] = False
            allowed[number, [team_index[name] for name in visit.teams if name in team_index]] = True
        for item in visit.excluded:
            if (who := volunteer_index.get(item.volunteer, -1)) >= 0:
                excluded.append((number * len(people) + who, EXCLUSIONS.index(item.rule)))
        for wanted, duration, open_heads in zip(visit.demands, durations, heads, strict=True):
            rows.append((number, skill_index[wanted.skill], wanted.level, open_heads, duration))
        first_row.append(len(rows))
        windows.append(_windows(visit, fixed, problem, length, pinned=visit.id in pins))
        fixed_starts.append(fixed)
        crews.append(Crew(tuple(crew)))
        columns.append(
            (
                _place(visit.location, size, where),
                length,
                FAR if visit.reach is None else visit.reach,
                -FAR if visit.answerable_from is None else visit.answerable_from,
                FAR if visit.due is None else visit.due,
                visit.left_out_cost,
                visit.stake,
                visit.load,
                team,
                visit.one_team,
            )
        )
    for commitment in problem.commitments:
        if (who := volunteer_index.get(commitment.volunteer, -1)) >= 0:
            at = _place(commitment.location, size, f"commitment of {commitment.volunteer!r}")
            busy[who].append((commitment.start, commitment.end, at))

    person, shifts, limits = [], [], []
    for number, volunteer in enumerate(people):
        if volunteer.team not in team_index:
            raise InvalidProblem(f"volunteers[{number}].team", f"unknown team {volunteer.team!r}")
        if volunteer.travel >= len(problem.travel):
            raise InvalidProblem(f"volunteers[{number}].travel", f"mode {volunteer.travel} is out of range")
        person.append(
            (
                _place(volunteer.location, size, f"volunteers[{number}].location"),
                team_index[volunteer.team],
                FAR if volunteer.reach is None else volunteer.reach,
                volunteer.travel,
                FAR if volunteer.capacity is None else volunteer.capacity,
                volunteer.load,
                volunteer.reluctance,
            )
        )
        shifts.append(
            [
                (
                    s.start,
                    s.end,
                    -1 if s.start_location is None else _place(s.start_location, size, f"volunteers[{number}].shifts"),
                    -1 if s.end_location is None else _place(s.end_location, size, f"volunteers[{number}].shifts"),
                )
                for s in volunteer.shifts
            ]
        )
        limits.append(
            [
                (
                    limit.period.start,
                    limit.period.end,
                    FAR if limit.visits is None else limit.visits,
                    FAR if limit.seconds is None else limit.seconds,
                    LIMIT_RULES.index(limit.rule),
                )
                for limit in volunteer.limits
            ]
        )
    held, valid_until = _skills(people, skill_index)
    visit_block = np.array(columns, dtype=np.int64).reshape(len(visits), 10).T
    row_block = np.array(rows, dtype=np.int64).reshape(len(rows), 5).T
    person_block = np.array(person, dtype=np.int64).reshape(len(people), 7).T
    window_low, window_high = _padded(windows, (FAR, -FAR))
    shift_start, shift_end, shift_from, shift_to = _padded(shifts, (FAR, -FAR, -1, -1))
    limit_start, limit_end, limit_visits, limit_seconds, limit_rule = _padded(limits, (FAR, -FAR, FAR, FAR, 0))
    busy_start, busy_end, busy_place = _padded([sorted(events) for events in busy], (FAR, -FAR, 0))
    excluded.sort()
    excluded_block = np.array(excluded, dtype=np.int64).reshape(len(excluded), 2)
    return Arrays(
        problem=problem,
        visit_index=visit_index,
        volunteer_index=volunteer_index,
        team_index=team_index,
        team_names=tuple(team_names),
        travel=travel,
        visit_place=visit_block[0],
        visit_length=visit_block[1],
        visit_reach=visit_block[2],
        visit_answerable=visit_block[3],
        visit_due=visit_block[4],
        visit_cost=visit_block[5],
        visit_stake=visit_block[6],
        visit_load=visit_block[7],
        visit_team=visit_block[8],
        one_team=visit_block[9].astype(np.bool_),
        window_low=window_low,
        window_high=window_high,
        team_allowed=allowed,
        first_row=np.array(first_row, dtype=np.int64),
        row_visit=row_block[0],
        row_skill=row_block[1],
        row_level=row_block[2],
        row_heads=row_block[3],
        row_duration=row_block[4],
        home=person_block[0],
        team=person_block[1],
        reach=person_block[2],
        mode=person_block[3],
        capacity=person_block[4],
        load=person_block[5],
        reluctance=person_block[6],
        held=held,
        valid_until=valid_until,
        shift_start=shift_start,
        shift_end=shift_end,
        shift_from=shift_from,
        shift_to=shift_to,
        limit_start=limit_start,
        limit_end=limit_end,
        limit_visits=limit_visits,
        limit_seconds=limit_seconds,
        limit_rule=limit_rule,
        busy_start=busy_start,
        busy_end=busy_end,
        busy_place=busy_place,
        excluded_key=excluded_block[:, 0],
        excluded_rule=excluded_block[:, 1],
        filled=tuple(crews),
        fixed=tuple(fixed_starts),
    )
