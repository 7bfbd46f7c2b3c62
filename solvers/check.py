"""Independent verification of a plan: plain loops over the models, no code shared with the rules or the solvers."""

import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from schemas.plan import Assignment, Plan
from schemas.problem import Problem, TermName, Visit, Volunteer


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that the plan breaks: what, where, and the particulars."""

    rule: str
    visit: str
    volunteer: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Event:
    start: int
    end: int
    place: int
    visit: str
    new: bool


class _Checker:
    def __init__(self, problem: Problem, plan: Plan) -> None:
        self.problem, self.plan = problem, plan
        self.visits = {visit.id: visit for visit in problem.visits}
        self.people = {person.id: person for person in problem.volunteers}
        self.pins = {standing.visit: standing for standing in problem.standing if standing.pinned}
        self.found: list[Violation] = []
        self.diaries: dict[str, list[_Event]] = defaultdict(list)
        self.new_seats: dict[str, list[tuple[Visit, int, int]]] = defaultdict(list)

    def fault(self, rule: str, visit: str, volunteer: str = "", detail: str = "") -> None:
        self.found.append(Violation(rule, visit, volunteer, detail))

    # travel, by its own formula

    def metres(self, one: int, two: int) -> float:
        p, q = self.problem.locations[one], self.problem.locations[two]
        lat1, lat2 = math.radians(p.lat), math.radians(q.lat)
        h = math.sin((lat2 - lat1) / 2) ** 2
        h += math.cos(lat1) * math.cos(lat2) * math.sin(math.radians(q.lon - p.lon) / 2) ** 2
        return 2 * 6_371_008.8 * math.asin(min(1.0, math.sqrt(h)))

    def seconds(self, person: Volunteer, one: int, two: int) -> int:
        mode = self.problem.travel[person.travel]
        if mode.time is not None:
            return mode.time[one][two]
        assert mode.speed_kmh is not None
        return math.ceil(self.metres(one, two) * mode.detour * 3.6 / mode.speed_kmh - 1e-6)

    def way(self, person: Volunteer, one: int, two: int) -> int:
        mode = self.problem.travel[person.travel]
        if mode.time is not None:
            return mode.time[one][two] if mode.distance is None else mode.distance[one][two]
        return round(self.metres(one, two))

    # what stands

    def held(self, visit: Visit) -> list[tuple[int, str]]:
        seats = [(seat.demand, seat.volunteer) for seat in visit.filled]
        if visit.id in self.pins:
            for seat in self.pins[visit.id].crew:
                if (seat.demand, seat.volunteer) not in seats:
                    seats.append((seat.demand, seat.volunteer))
        return seats

    def fixed(self, visit: Visit) -> int | None:
        return self.pins[visit.id].start if visit.id in self.pins else visit.fixed_start

    def run(self) -> list[Violation]:
        seen: set[str] = set()
        for item in self.plan.assignments:
            visit = self.visits.get(item.visit)
            if visit is None:
                self.fault("unknown", item.visit)
            elif item.visit in seen:
                self.fault("twice", item.visit)
            else:
                seen.add(item.visit)
                self.assignment(visit, item)
        left = [item.visit for item in self.plan.left_out]
        for name in self.visits:
            if (name in seen) + left.count(name) != 1:
                self.fault("accounting", name, detail="neither or both of served and left out")
        for name in left:
            if name not in self.visits:
                self.fault("unknown", name)
        self.standing_seats()
        for name in self.diaries:
            self.diary(name)
        for name in self.new_seats:
            self.limits(name)
        self.links()
        self.costs()
        return self.found

    def standing_seats(self) -> None:
        for commitment in self.problem.commitments:
            if commitment.volunteer in self.people:
                event = _Event(commitment.start, commitment.end, commitment.location, "", new=False)
                self.diaries[commitment.volunteer].append(event)
        for visit in self.problem.visits:
            start = self.fixed(visit)
            for demand, name in self.held(visit):
                if name in self.people and start is not None:
                    end = start + self.length(visit, demand)
                    self.diaries[name].append(_Event(start, end, visit.location, visit.id, new=False))

    @staticmethod
    def length(visit: Visit, demand: int) -> int:
        own = visit.demands[demand].duration
        return visit.duration if own is None else own

    def assignment(self, visit: Visit, item: Assignment) -> None:
        lengths = [self.length(visit, demand) for demand in range(len(visit.demands))]
        if item.end != item.start + max(lengths):
            self.fault("end", visit.id, detail=f"{item.end}")
        held = self.held(visit)
        crew = [(seat.demand, seat.volunteer) for seat in item.crew]
        for seat in held:
            if seat not in crew:
                self.fault("held", visit.id, seat[1], "a seat that stands was taken away")
        if len({name for _, name in crew}) != len(crew):
            self.fault("overlap", visit.id, detail="somebody has two seats")
        for demand, wanted in enumerate(visit.demands):
            if sum(d == demand for d, _ in crew) != wanted.heads:
                self.fault("crew", visit.id, detail=f"demand {demand}")
        if any(d >= len(visit.demands) for d, _ in crew):
            self.fault("crew", visit.id, detail="no such demand")
            return
        fixed = self.fixed(visit)
        if fixed is not None and item.start != fixed:
            self.fault("held", visit.id, detail="the start that was told")
        new = [seat for seat in crew if seat not in held]
        if not new:
            return
        if not self.start_allowed(visit, item, max(lengths)):
            self.fault("window", visit.id, detail=f"start {item.start}")
        if visit.answerable_from is not None and item.start < visit.answerable_from:
            self.fault("quiet_hours", visit.id)
        self.teams(visit, item, crew)
        for demand, name in new:
            if name not in self.people:
                self.fault("unknown", visit.id, name)
            else:
                self.seat(visit, item, demand, self.people[name])

    def start_allowed(self, visit: Visit, item: Assignment, length: int) -> bool:
        if visit.id in self.pins:
            return True
        if self.fixed(visit) is None and not self.problem.horizon.start <= item.start < self.problem.horizon.end:
            return False
        for window in visit.windows:
            last_fits = item.start + length <= window.end if visit.fit == "whole" else item.start < window.end
            if window.start <= item.start and last_fits:
                return True
        return False

    def teams(self, visit: Visit, item: Assignment, crew: list[tuple[int, str]]) -> None:
        if not visit.one_team:
            return
        told = self.pins[visit.id].team if visit.id in self.pins else None
        told = told if told is not None else visit.team
        allowed = {self.people[name].team for _, name in crew if name in self.people}
        if told is not None and not self.held(visit):
            allowed.add(told)
        if len(allowed) > 1:
            self.fault("one_team", visit.id, detail=", ".join(sorted(allowed)))
        if item.team not in allowed and item.team != told:
            self.fault("one_team", visit.id, detail=f"{item.team}")

    def seat(self, visit: Visit, item: Assignment, demand: int, person: Volunteer) -> None:
        wanted = visit.demands[demand]
        end = item.start + self.length(visit, demand)
        if not any(
            h.skill == wanted.skill and h.level >= wanted.level and (h.expires is None or h.expires >= end)
            for h in person.skills
        ):
            self.fault("skill", visit.id, person.id)
        if visit.teams is not None and person.team not in visit.teams:
            self.fault("zone", visit.id, person.id)
        for exclusion in visit.excluded:
            if exclusion.volunteer == person.id:
                self.fault(exclusion.rule, visit.id, person.id)
        way = self.way(person, person.location, visit.location)
        if person.reach is not None and way > person.reach:
            self.fault("reach", visit.id, person.id)
        if visit.reach is not None and way > visit.reach:
            self.fault("service_reach", visit.id, person.id)
        free = False
        for shift in person.shifts:
            low, high = shift.start, shift.end
            if shift.start_location is not None:
                low += self.seconds(person, shift.start_location, visit.location)
            if shift.end_location is not None:
                high -= self.seconds(person, visit.location, shift.end_location)
            free = free or (low <= item.start and end <= high)
        if not free:
            self.fault("availability", visit.id, person.id)
        self.diaries[person.id].append(_Event(item.start, end, visit.location, visit.id, new=True))
        self.new_seats[person.id].append((visit, item.start, end))

    def diary(self, name: str) -> None:
        person, events = self.people[name], self.diaries[name]
        for number, one in enumerate(events):
            for two in events[number + 1 :]:
                if not (one.new or two.new):
                    continue
                apart = one.end + self.seconds(person, one.place, two.place) <= two.start
                apart = apart or two.end + self.seconds(person, two.place, one.place) <= one.start
                if not apart:
                    self.fault("overlap", one.visit if one.new else two.visit, name)

    def limits(self, name: str) -> None:
        person, seats = self.people[name], self.new_seats[name]
        for limit in person.limits:
            inside = [(end - start) for _, start, end in seats if limit.period.start <= start < limit.period.end]
            if limit.visits is not None and len(inside) > limit.visits:
                self.fault(limit.rule, seats[0][0].id, name)
            if limit.seconds is not None and sum(inside) > limit.seconds:
                self.fault(limit.rule, seats[0][0].id, name)
        if person.capacity is not None:
            carried: dict[int, int] = defaultdict(int)
            for visit, start, _ in seats:
                carried[self.tour(person, start)] += visit.load
            for visit in self.problem.visits:
                start_held = self.fixed(visit)
                if start_held is not None and any(who == name for _, who in self.held(visit)):
                    key = self.tour(person, start_held)
                    if key in carried:
                        carried[key] += visit.load
            if any(load > person.capacity for load in carried.values()):
                self.fault("capacity", seats[0][0].id, name)

    @staticmethod
    def tour(person: Volunteer, start: int) -> int:
        for number, shift in enumerate(person.shifts):
            if shift.start <= start <= shift.end:
                return number
        return -1

    def links(self) -> None:
        served = {item.visit: item for item in self.plan.assignments}
        for link in self.problem.links:
            one, two = served.get(link.earlier), served.get(link.later)
            if one is None or two is None:
                continue
            if not link.at_least <= two.start - one.start <= link.at_most:
                self.fault("window", two.visit, detail=f"link to {one.visit}")
            first, second = {s.volunteer for s in one.crew}, {s.volunteer for s in two.crew}
            if (link.crew == "same" and first != second) or (link.crew == "different" and first & second):
                self.fault("crew", two.visit, detail=f"link to {one.visit}")

    # costs

    def costs(self) -> None:
        if len(self.plan.levels) != len(self.problem.levels):
            self.fault("cost", "", detail="levels")
            return
        for level, said in zip(self.problem.levels, self.plan.levels, strict=True):
            total = 0
            for term, stated in zip(level.terms, said.terms, strict=True):
                value = self.term(term.name)
                total += term.weight * value
                if stated.name != term.name or stated.value != value or stated.weighted != term.weight * value:
                    self.fault("cost", "", detail=f"{term.name} is {value}, not {stated.value}")
            if said.cost != total:
                self.fault("cost", "", detail=f"{level.name} is {total}, not {said.cost}")
            if said.bound > said.cost:
                self.fault("bound", "", detail=level.name)

    def term(self, name: TermName) -> int:
        served = {item.visit: item for item in self.plan.assignments if item.visit in self.visits}
        seats = [
            (self.visits[item.visit], seat.demand, self.people[seat.volunteer])
            for item in served.values()
            for seat in item.crew
            if seat.volunteer in self.people and (seat.demand, seat.volunteer) not in self.held(self.visits[item.visit])
        ]
        late = [
            max(0, item.start - due) for item in served.values() if (due := self.visits[item.visit].due) is not None
        ]
        if name == "left_out":
            return sum(visit.left_out_cost for visit in self.problem.visits if visit.id not in served)
        if name == "told_otherwise":
            return self.told_otherwise(served)
        if name == "lateness_total":
            return sum(late)
        if name == "lateness_max":
            return max(late, default=0)
        if name == "continuity":
            crews = [
                ({seat.volunteer for seat in item.crew}, self.visits[item.visit].preferred) for item in served.values()
            ]
            return sum(bool(preferred) and not crew & set(preferred) for crew, preferred in crews)
        if name == "preference":
            return sum(visit.stake * person.reluctance for visit, _, person in seats)
        if name == "fairness":
            new: dict[str, int] = defaultdict(int)
            for _, _, person in seats:
                new[person.id] += 1
            return sum((self.people[p].load + n) ** 2 - self.people[p].load ** 2 for p, n in new.items())
        if name == "scarcity":
            return self.scarcity(seats)
        return self.travel(metres=name == "travel_distance")

    def told_otherwise(self, served: dict[str, Assignment]) -> int:
        count = 0
        for standing in self.problem.standing:
            if standing.told and not standing.pinned and standing.visit in self.visits:
                item = served.get(standing.visit)
                kept = {s.volunteer for s in item.crew} if item is not None and item.start == standing.start else set()
                count += sum(seat.volunteer not in kept for seat in standing.crew)
        return count

    def scarcity(self, seats: list[tuple[Visit, int, Volunteer]]) -> int:
        asked: dict[str, int] = defaultdict(int)
        for visit in self.problem.visits:
            for number, demand in enumerate(visit.demands):
                asked[demand.skill] += demand.heads - sum(d == number for d, _ in self.held(visit))
        holders: dict[str, int] = defaultdict(int)
        for person in self.problem.volunteers:
            for skill in {held.skill for held in person.skills}:
                holders[skill] += 1
        total = 0
        for visit, seat, person in seats:
            others = {held.skill for held in person.skills if held.skill in asked} - {visit.demands[seat].skill}
            total += max((min(10, 10 * asked[s] // holders[s]) for s in others), default=0)
        return total

    def travel(self, *, metres: bool) -> int:
        def route(person: Volunteer, events: list[_Event]) -> int:
            tours: dict[int | tuple[int, int], list[_Event]] = defaultdict(list)
            for number, event in enumerate(sorted(events, key=lambda e: (e.start, e.end, e.place))):
                key = self.tour(person, event.start)
                tours[key if key >= 0 else (key, number)].append(event)
            total = 0
            for key2, stops in tours.items():
                shift = person.shifts[key2] if isinstance(key2, int) else None
                first = shift.start_location if shift is not None else None
                last = shift.end_location if shift is not None else None
                first = person.location if first is None else first
                last = person.location if last is None else last
                path = [first, *(event.place for event in stops), last]
                measure = self.way if metres else self.seconds
                total += sum(measure(person, a, b) for a, b in pairwise(path))
            return total

        total = 0
        for name in sorted(self.new_seats):
            events = self.diaries[name]
            total += route(self.people[name], events)
            total -= route(self.people[name], [event for event in events if not event.new])
        return total


def check(problem: Problem, plan: Plan) -> list[Violation]:
    """Verify crews, rules, diaries, limits, links, stated costs and bounds, and that every visit is accounted for.

    Returns
    -------
    list
        Everything that is wrong; empty for a valid plan.
    """
    return _Checker(problem, plan).run()
