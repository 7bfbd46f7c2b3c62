"""Scenarios: everything that a simulated run starts from, generated from a seed."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine.beginning import beginning
from ningju.simulation.arrivals import SHANGHAI, Arrival, Stream, rush_hours
from ningju.simulation.catalogue import Asking, askings
from ningju.simulation.crowd import crowd
from ningju.simulation.ground import FEATURED, Ground, own_ground, tiny_ground
from ningju.simulation.world import HiddenWorld
from schemas.catalogue import ServiceType, Site
from schemas.commands import Command
from schemas.district import District
from schemas.person import Person
from schemas.roster import Answers, Team, Volunteer
from schemas.zone import Policy, PolicyName, ZoneConfig

FIRST_DAY = datetime(2026, 7, 21, tzinfo=SHANGHAI)  # a Tuesday: the three days that requests reach into are weekdays
VOLUMES = {"changning": 1_000, "heatwave": 1_000, "tiny": 20}
VOLUNTEERS = {"changning": 5_300, "heatwave": 5_300, "tiny": 300}
DAYS = {"changning": 1, "heatwave": 3, "tiny": 1}
HEAT = 2.0
SEASON = (4, 20)

# Half of the people who answer take longer than five minutes: an offer that expires sooner only burns them up; and who
# answers within a quarter of an hour (the slowest within half an hour) is heard with the next step of five minutes, so a
# little more than that. A step gathers enough for one solve: a debounce would put every answer off by another step. The
# crew of a visit that is asked for at short notice may be complete late, who is late is replaced while the window still
# allows it, and a neighbour's neighbour may lend.
#
# No iterations: visits take their people in the order of urgency. With a search the day comes out as good with somewhat fewer
# offers, but takes most of the three minutes that a demo may (docs/benchmarks.md).
POLICY = Policy(
    offer_expiry_s=1_830,
    offer_expiry_min_s=930,
    cut_off_share=0.2,
    check_in_grace_s=600,
    debounce_s=0,
    solver_iterations=0,
    referral_hops=4,
)

NAMES = tuple(VOLUMES)


@dataclass(frozen=True)
class Scenario:
    """A run's beginning: zones, catalogue, roster, the requests to come, and the hidden behaviours.

    ``start`` is when the simulated clock begins, ``persons`` the volunteers' personal data.
    """

    name: str
    seed: int
    start: datetime
    days: int
    policy: Policy
    zones: tuple[ZoneConfig, ...]
    service_types: tuple[ServiceType, ...]
    sites: tuple[Site, ...]
    teams: tuple[Team, ...]
    volunteers: tuple[Volunteer, ...]
    persons: tuple[Person, ...]
    arrivals: tuple[Arrival, ...]
    world: HiddenWorld
    outside: tuple[str, ...] = ()

    @property
    def district(self) -> District:
        """Zones, catalogue and people, as any system starts from them."""
        return District(
            zones=self.zones,
            policy=self.policy,
            service_types=self.service_types,
            sites=self.sites,
            teams=self.teams,
            volunteers=self.volunteers,
            persons=self.persons,
        )

    def setup(self) -> Iterator[tuple[str, Command]]:
        """Yield the commands that set every zone up, in an order in which each finds what it needs."""
        return beginning(self.district)


def build(
    name: str = "changning",
    seed: int = 1,
    *,
    days: int | None = None,
    policy: PolicyName = "ningju",
    ground: Ground | None = None,
    times: Sequence[int] | None = None,
    volume: int | None = None,
) -> Scenario:
    """Generate a scenario.

    Parameters
    ----------
    days
        Days of arrivals; each scenario has its own default.
    ground
        Real places instead of generated ones.
    times
        Seconds of the day of real arrivals, instead of the weekday's rush hours; one day's worth.
    volume
        Requests a day, before a heat wave adds its own.

    Raises
    ------
    ValueError
        When there is no scenario of that name.
    """
    if name not in VOLUMES:
        raise ValueError(f"there is no scenario {name!r}; choose one of {', '.join(NAMES)}")
    days = DAYS[name] if days is None else days
    if ground is None:
        ground = tiny_ground(seed) if name == "tiny" else own_ground(seed)
    offered = _offered(ground)
    brigade = crowd(ground, seed, VOLUNTEERS[name], FIRST_DAY)
    factors = {a.service.id: HEAT for a in offered if a.elder_care} if name == "heatwave" else {}
    base = VOLUMES[name] if volume is None else volume
    extra = sum(a.share * (factors.get(a.service.id, 1.0) - 1.0) for a in offered) / sum(a.share for a in offered)
    count = round(base * (1 + extra))
    stream = Stream(ground, offered, brigade.teams, brigade.volunteers, seed)
    arrivals: list[Arrival] = []
    for number in range(1, days + 1):
        rng = random.Random(f"{seed}:times:{number}")
        seconds = rush_hours(count, rng) if times is None else scaled(times, count)
        midnight = FIRST_DAY + timedelta(days=number - 1)
        arrivals.extend(stream.day(number, midnight, seconds, factors))
    people = {volunteer.id: volunteer for volunteer in brigade.volunteers}
    world = HiddenWorld(seed, people, brigade.ages)
    return Scenario(
        name=name,
        seed=seed,
        start=FIRST_DAY.astimezone(UTC),
        days=days,
        policy=POLICY.changed(matching=policy),
        zones=ground.zones,
        service_types=tuple(asking.service for asking in offered),
        sites=ground.sites,
        teams=brigade.teams,
        volunteers=tuple(remembered(volunteer, world, seed) for volunteer in brigade.volunteers),
        persons=brigade.persons,
        arrivals=tuple(arrivals),
        world=world,
        outside=ground.outside,
    )


def remembered(volunteer: Volunteer, world: HiddenWorld, seed: int) -> Volunteer:
    """The volunteer with a season of answers behind them, as any brigade remembers: ten or so, by chance."""
    rng = random.Random(f"{seed}:season:{volunteer.id}")
    asked = rng.randint(*SEASON)
    accepted = sum(rng.random() < world.usual_yes(volunteer.id) for _ in range(asked))
    return volunteer.changed(answers=Answers(asked=asked, accepted=accepted))


def scaled(times: Sequence[int], count: int) -> list[int]:
    """Thin or repeat a day's arrival times evenly to ``count`` of them, sorted."""
    return sorted(times[index * len(times) // count] for index in range(count))


def _offered(ground: Ground) -> tuple[Asking, ...]:
    """Service types that this ground's zones can ask for: featured ones need their zone, district ones a district."""
    zones = {zone.id for zone in ground.zones}
    district = any(zone.level == "district" for zone in ground.zones)
    return tuple(
        asking
        for asking in askings()
        if (asking.service.featured_by is None or asking.service.featured_by in zones & set(FEATURED))
        and (asking.service.served_at is None or district)
    )
