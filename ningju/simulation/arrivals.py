"""The stream of requests: who asks for what, where, for when, and at which moment the request comes in."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ningju.simulation.catalogue import Asking
from ningju.simulation.ground import Ground, distance_m, near, shares
from ningju.simulation.personal import person
from schemas.catalogue import Site
from schemas.intake import BeneficiaryIn, RequestIn
from schemas.place import Place, TimeWindow
from schemas.roster import Team, Volunteer

SHANGHAI = ZoneInfo("Asia/Shanghai")
LAST_DAY = timedelta(days=3)
SAME_DAY = 0.5
QUARTER = 15

# Share of a weekday's requests, centre and spread in minutes of the day: offices open, after lunch, after work.
RUSH_HOURS = ((0.42, 9 * 60 + 15, 55), (0.26, 13 * 60 + 45, 50), (0.17, 17 * 60 + 45, 45))
WAKING = (6 * 60, 21 * 60 + 30)

NOTES = ("请提前电话联系", "门铃坏了，请敲门", "老人听力不好，请大声些", "家中有狗，已拴好", "")


@dataclass(frozen=True)
class Arrival:
    """One request on its way: when it is sent, what is sent, the key that makes sending it twice harmless.

    ``zone`` and ``place`` are where it will belong, for the simulation's own books.
    """

    at: datetime
    request: RequestIn
    idempotency_key: str
    zone: str
    place: Place


def rush_hours(count: int, rng: random.Random) -> list[int]:
    """Draw the seconds of the day at which a weekday's requests come in, sorted."""
    seconds = []
    for _ in range(count):
        draw = rng.random()
        minute = rng.uniform(*WAKING)
        for share, centre, spread in RUSH_HOURS:
            if draw < share:
                minute = min(max(rng.gauss(centre, spread), WAKING[0]), WAKING[1])
                break
            draw -= share
        seconds.append(int(minute * 60))
    return sorted(seconds)


class Stream:
    """Makes the requests of each day; everything is drawn from one seed, in one order."""

    def __init__(
        self,
        ground: Ground,
        askings: Sequence[Asking],
        teams: Sequence[Team],
        volunteers: Sequence[Volunteer],
        seed: int,
    ) -> None:
        self._ground = ground
        self._askings = tuple(askings)
        self._seed = seed
        self._rings = {zone.id: zone.boundary[0] for zone in ground.zones if zone.boundary}
        self._sites: dict[str, list[Site]] = {}
        for site in ground.sites:
            self._sites.setdefault(site.zone, []).append(site)
        self._outside = frozenset(ground.outside)
        home = {team.id: team.zone for team in teams}
        self._people: dict[str, list[Volunteer]] = {}
        for volunteer in volunteers:
            self._people.setdefault(home[volunteer.team], []).append(volunteer)

    def day(
        self, number: int, midnight: datetime, seconds: Sequence[int], factors: Mapping[str, float]
    ) -> list[Arrival]:
        """Make one day's requests.

        Parameters
        ----------
        midnight
            Local midnight at which the day begins.
        seconds
            Second of the day of each arrival, sorted.
        factors
            By how much a service type is asked for more than usual.
        """
        rng = random.Random(f"{self._seed}:requests:{number}")
        count = len(seconds)
        weights = [asking.share * factors.get(asking.service.id, 1.0) for asking in self._askings]
        kinds = [
            asking for asking, part in zip(self._askings, shares(count, weights), strict=True) for _ in range(part)
        ]
        rng.shuffle(kinds)
        moments = [midnight + timedelta(seconds=second) for second in seconds]
        today = self._for_today(kinds, moments, rng)
        zones = self._zones(count, rng)
        arrivals = []
        for index, (asking, at, zone) in enumerate(zip(kinds, moments, zones, strict=True)):
            window = today.get(index) or self._later(asking, at, rng)
            arrivals.append(self._arrival(f"d{number}-{index + 1:04d}", asking, at, zone, window, rng))
        return arrivals

    def _for_today(
        self, kinds: Sequence[Asking], moments: Sequence[datetime], rng: random.Random
    ) -> dict[int, TimeWindow]:
        """Choose the half of the requests that are for the same day, among those for which the day is long enough."""
        chosen: dict[int, TimeWindow] = {}
        possible = []
        for index, (asking, at) in enumerate(zip(kinds, moments, strict=True)):
            if not asking.hours:
                window = urgent(at)
                if window.start.astimezone(SHANGHAI).date() == at.astimezone(SHANGHAI).date():
                    chosen[index] = window
                continue
            windows = self._windows(asking, at, 0)
            if windows:
                possible.append((index, rng.choice(windows)))
        wanted = math.ceil(len(kinds) * SAME_DAY) - len(chosen)
        chosen.update(rng.sample(possible, max(0, min(wanted, len(possible)))))
        return chosen

    def _windows(self, asking: Asking, at: datetime, days: int) -> list[TimeWindow]:
        """Windows of a day that a request at ``at`` can still ask for; a long one may have begun when it is reached."""
        local = at.astimezone(SHANGHAI)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)
        earliest = math.ceil(((at - midnight).total_seconds() / 60 + asking.lead_min) / QUARTER) * QUARTER
        needed = asking.service.duration_s // 60
        found = []
        for start, end in asking.hours:
            begin = max(start, earliest) if end - start > needed + 30 else start
            if begin >= earliest and end - begin >= needed:
                found.append(
                    TimeWindow(start=midnight + timedelta(minutes=begin), end=midnight + timedelta(minutes=end))
                )
        return found

    def _later(self, asking: Asking, at: datetime, rng: random.Random) -> TimeWindow:
        if not asking.hours:
            return urgent(at)
        days = rng.choices((1, 2, 3), (0.6, 0.3, 0.1))[0]
        windows = [w for w in self._windows(asking, at, days) if w.end <= at + LAST_DAY]
        return rng.choice(windows or self._windows(asking, at, 1))

    def _zones(self, count: int, rng: random.Random) -> list[str]:
        zones = list(self._ground.spots)
        weights = [len(self._ground.spots[zone]) for zone in zones]
        drawn = [zone for zone, part in zip(zones, shares(count, weights), strict=True) for _ in range(part)]
        rng.shuffle(drawn)
        return drawn

    def _arrival(
        self, key: str, asking: Asking, at: datetime, zone: str, window: TimeWindow, rng: random.Random
    ) -> Arrival:
        service = asking.service
        if service.featured_by is not None:
            zone = service.featured_by
        at_home = rng.random() < asking.homes
        sites = self._sites[zone]
        site = rng.choice(sites)
        if at_home and zone in self._rings:
            place = near(rng.choice(self._ground.spots[zone]), self._rings[zone], rng)
            where: dict[str, object] = {"place": place}
        else:  # a place outside every subdistrict is reached by its site alone
            place = site.place
            where = {"site": site.id}
        beneficiary, note = None, ""
        if at_home:
            someone = person(f"b-{key}", rng, note=rng.choice(NOTES))
            note = someone.note
            beneficiary = BeneficiaryIn(
                id=someone.id,
                name=someone.name,
                phone=someone.phone,
                address=someone.address,
                tier=rng.choices((0, 1, 2, 3), (0.55, 0.25, 0.15, 0.05))[0],
            )
        preferred: tuple[str, ...] = ()
        if rng.random() < asking.repeats:
            preferred = self._known(zone, asking, place, window, rng)
        priority = None
        if beneficiary is not None and beneficiary.tier >= 2 and service.priority < 4:
            priority = max(service.priority + 1, beneficiary.tier)
        request = RequestIn(
            service_type=service.id,
            windows=(window,),
            beneficiary=beneficiary,
            preferred=preferred,
            priority=priority,
            load=20 if service.id == "meal-round" else 0,
            note=note,
            source="hotline" if at_home else "site",
            **where,  # type: ignore[arg-type]
        )
        return Arrival(at, request, f"{self._seed}-{key}", zone, place)

    def _known(
        self, zone: str, asking: Asking, place: Place, window: TimeWindow, rng: random.Random
    ) -> tuple[str, ...]:
        """Somebody who came before: holds the skill, lives within reach, and is usually free at that time."""
        demand = asking.service.demands[0]
        local = window.start.astimezone(SHANGHAI)
        minute = local.hour * 60 + local.minute
        known = [
            volunteer.id
            for volunteer in self._people.get(zone, ())
            if any(
                slot.weekday == local.weekday() and slot.start_min <= minute < slot.end_min for slot in volunteer.weekly
            )
            and any(held.skill == demand.skill and held.level >= demand.level for held in volunteer.skills)
            and distance_m(volunteer.home, place) <= min(volunteer.reach_m, asking.service.reach_m or 10_000)
        ]
        return (rng.choice(known),) if known else ()


def urgent(at: datetime) -> TimeWindow:
    """Window of an emergency: two hours that begin soon; what comes at night waits for the morning."""
    local = at.astimezone(SHANGHAI)
    minute = local.hour * 60 + local.minute
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    begin = math.ceil((minute + 45) / QUARTER) * QUARTER
    if minute < 7 * 60 + 15:
        begin = 8 * 60
    elif minute > 18 * 60:
        begin = (24 + 8) * 60
    start = midnight + timedelta(minutes=begin)
    return TimeWindow(start=start, end=start + timedelta(hours=2))
