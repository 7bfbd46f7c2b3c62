"""The simulated brigade: 24 teams, 5,300 volunteers aged 50 to 80."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ningju.simulation.ground import DISTRICT, Ground, near, shares
from ningju.simulation.personal import person
from ningju.simulation.teams import (
    CERTIFIED,
    DISTRICT_TEAMS,
    SUBDISTRICT_TEAMS,
    TeamKind,
)
from schemas.base import Label
from schemas.person import Person
from schemas.place import Place, TimeWindow
from schemas.roster import Exemption, SkillHeld, Team, TravelMode, Volunteer, WeeklySlot
from schemas.zone import ZoneConfig

YOUNGEST, OLDEST = 50, 80
HALF_DAYS = ((6 * 60 + 30, 12 * 60), (12 * 60 + 30, 17 * 60 + 45), (17 * 60 + 50, 21 * 60))
MORNINGS = 0.52
WEEKDAY_WEIGHTS = (1.0, 1.0, 1.0, 1.0, 1.0, 0.6, 0.6)
HOW_MANY = ((1, 0.10), (2, 0.22), (3, 0.36), (4, 0.22), (5, 0.10))
DISTRICT_SHARE = 0.085
LENDS_TO = 4
TWICE_A_DAY_UNTIL = 66


@dataclass(frozen=True)
class Crowd:
    """Teams and volunteers, each volunteer's age, and their personal data."""

    teams: tuple[Team, ...]
    volunteers: tuple[Volunteer, ...]
    ages: Mapping[str, int]
    persons: tuple[Person, ...]


def crowd(ground: Ground, seed: int, volunteers: int, first_day: datetime) -> Crowd:
    """Generate teams for every zone and share the volunteers out among them.

    Skills are uneven: each subdistrict has its own rich and poor skills.

    Parameters
    ----------
    volunteers
        How many people there are in all.
    first_day
        Local midnight of the first simulated day; exceptions and expiries lie around it.
    """
    rng = random.Random(f"{seed}:crowd")
    children = ground.children()
    whole = len(children) > 1
    at_district = round(volunteers * DISTRICT_SHARE) if whole else 0
    by_zone = shares(volunteers - at_district, [rng.uniform(0.75, 1.25) for _ in children])
    teams: list[Team] = []
    people: list[Volunteer] = []
    ages: dict[str, int] = {}
    maker = _Maker(rng, first_day, people, ages)
    rings = {zone.id: zone.boundary[0] for zone in children}
    if whole:
        sizes = shares(at_district, [1.0, 1.1, 0.9, 1.2])
        everywhere = [spot for zone in children for spot in ground.spots[zone.id]]
        for kind, size in zip(DISTRICT_TEAMS, sizes, strict=True):
            base = ground.sites[0].place if ground.sites[0].zone == DISTRICT else everywhere[0]
            zones = (DISTRICT, *(zone.id for zone in children))
            homes = [near(rng.choice(everywhere), None, rng) for _ in range(size)]
            members = maker.members(f"{DISTRICT}-{kind.id}", kind, {}, homes, anywhere=True)
            teams.append(
                Team(
                    id=f"{DISTRICT}-{kind.id}",
                    zone=DISTRICT,
                    name=kind.name,
                    base=base,
                    leader=members[0],
                    zones_served=zones,
                )
            )
    for zone, size in zip(children, by_zone, strict=True):
        for kind, part in zip(SUBDISTRICT_TEAMS, shares(size, [0.52, 0.48]), strict=True):
            # Some subdistricts have twice the drivers of others: what makes lending between zones worth while.
            richness = {skill: rng.uniform(0.4, 1.6) for skill, _, _ in kind.skills}
            homes = [near(rng.choice(ground.spots[zone.id]), rings[zone.id], rng) for _ in range(part)]
            members = maker.members(f"{zone.id}-{kind.id}", kind, richness, homes)
            teams.append(
                Team(
                    id=f"{zone.id}-{kind.id}",
                    zone=zone.id,
                    name=Label(zh=f"{zone.name.zh}{kind.name.zh}", en=f"{zone.name.en} {kind.name.en}"),
                    base=ground.spots[zone.id][0],
                    leader=members[0],
                    zones_served=_neighbours(zone, children),
                )
            )
    secrets = random.Random(f"{seed}:personal")
    persons = tuple(person(volunteer.id, secrets) for volunteer in people)
    return Crowd(tuple(teams), tuple(people), ages, persons)


def _neighbours(zone: ZoneConfig, children: Sequence[ZoneConfig]) -> tuple[str, ...]:
    """Zones that a subdistrict's teams serve: its own, those near it or to which it is near, the district's own places."""
    near = [
        other.id for other in children if other.id in zone.siblings[:LENDS_TO] or zone.id in other.siblings[:LENDS_TO]
    ]
    parent = () if zone.parent is None else (zone.parent,)
    return (zone.id, *sorted(near, key=zone.siblings.index), *parent)


class _Maker:
    def __init__(self, rng: random.Random, first_day: datetime, people: list[Volunteer], ages: dict[str, int]) -> None:
        self.rng = rng
        self.first_day = first_day
        self.people = people
        self.ages = ages

    def members(
        self,
        team: str,
        kind: TeamKind,
        richness: Mapping[str, float],
        homes: Sequence[Place],
        *,
        anywhere: bool = False,
    ) -> list[str]:
        names = []
        for home in homes:
            name = f"v{len(self.people) + 1:04d}"
            age = round(self.rng.triangular(YOUNGEST, OLDEST, 66))
            mode, reach = self._way(age, anywhere=anywhere)
            self.ages[name] = age
            self.people.append(
                Volunteer(
                    id=name,
                    team=team,
                    home=home,
                    skills=self._skills(kind, richness),
                    weekly=self._weekly(kind.evenings),
                    exemptions=self._exemptions(),
                    visits_per_day=2 if age < TWICE_A_DAY_UNTIL else 1,
                    visits_per_week=self.rng.choice((3, 4, 4, 5)),
                    offers_per_week=4 if age < 70 else self.rng.choice((3, 4)),
                    reach_m=reach,
                    travel=mode,
                )
            )
            names.append(name)
        return names

    def _way(self, age: int, *, anywhere: bool) -> tuple[TravelMode, int]:
        modes: tuple[TravelMode, ...] = ("walk", "bicycle", "transit", "car")
        old = (age - YOUNGEST) / (OLDEST - YOUNGEST)
        mode = self.rng.choices(modes, (0.25 + 0.45 * old, 0.35 - 0.25 * old, 0.25, 0.15 - 0.1 * old))[0]
        if anywhere:  # members of district teams go all over the district
            mode = "transit" if mode in {"walk", "bicycle"} else mode
            return mode, round(self.rng.uniform(5_000, 10_000) * (1 - 0.25 * old))
        far = {"walk": 1_900, "bicycle": 3_200, "transit": 4_200, "car": 6_000}[mode]
        return mode, round(far * self.rng.uniform(0.8, 1.2) * (1 - 0.4 * old))

    def _skills(self, kind: TeamKind, richness: Mapping[str, float]) -> tuple[SkillHeld, ...]:
        chosen = [
            (skill, mean)
            for skill, chance, mean in kind.skills
            if self.rng.random() < chance * richness.get(skill, 1.0)
        ]
        if not chosen:  # everybody can do something
            skill, _, mean = self.rng.choices(kind.skills, [chance for _, chance, _ in kind.skills])[0]
            chosen = [(skill, mean)]
        return tuple(
            SkillHeld(skill=skill, level=min(5, max(1, round(self.rng.gauss(mean, 0.9)))), expires=self._expiry(skill))
            for skill, mean in chosen
        )

    def _expiry(self, skill: str) -> datetime | None:
        if skill not in CERTIFIED:
            return None
        # One in twenty has run out already, a few run out while the simulation goes on.
        return self.first_day + timedelta(days=self.rng.randint(-30, 570))

    def _weekly(self, evenings: float) -> tuple[WeeklySlot, ...]:
        halves = ((1 - evenings) * MORNINGS, (1 - evenings) * (1 - MORNINGS), evenings)
        count = self.rng.choices([n for n, _ in HOW_MANY], [weight for _, weight in HOW_MANY])[0]
        chosen: set[tuple[int, int]] = set()
        while len(chosen) < count:
            weekday = self.rng.choices(range(7), WEEKDAY_WEIGHTS)[0]
            chosen.add((weekday, self.rng.choices(range(3), halves)[0]))
        return tuple(
            WeeklySlot(weekday=weekday, start_min=HALF_DAYS[half][0], end_min=HALF_DAYS[half][1])
            for weekday, half in sorted(chosen)
        )

    def _exemptions(self) -> tuple[Exemption, ...]:
        if self.rng.random() >= 0.04:
            return ()
        start = self.first_day + timedelta(days=self.rng.randint(-1, 3))
        days = timedelta(days=self.rng.randint(1, 4))
        return (Exemption(window=TimeWindow(start=start, end=start + days), available=False),)
