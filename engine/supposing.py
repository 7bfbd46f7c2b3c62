"""What if: something is supposed of a zone, two plans are compared, and nothing is written.

What is supposed becomes orders that are tried on the zone's state, a value. Some of them could be given in earnest;
people and requests that are imagined could not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from engine.matching import Posed, pose, squared_way
from engine.quiet_hours import at_minute, waking
from engine.trying import Loss, attempt
from engine.zone import RequestRecord, Zone
from schemas.base import derive_id
from schemas.catalogue import Site
from schemas.commands import ChangeCatalogue, ChangeRequest, ChangeRoster, Command, SubmitRequest, Tick, TriageRequest
from schemas.difference import Difference
from schemas.place import Place, TimeWindow
from schemas.plan import Plan
from schemas.request import RequestSpec, RequestState, Windows
from schemas.roster import SkillHeld, Volunteer, WeeklySlot
from solvers.diff import diff

MOST: Final = 200
"""People or requests that may be imagined at once."""
DAY_MIN: Final = (8 * 60, 20 * 60)
"""Imagined people have time from and until these minutes of each day."""
VISIT_MIN: Final = (9 * 60, 17 * 60)
"""Imagined requests without an example are for tomorrow, between these minutes."""

FIXED = frozenset({RequestState.UNDER_WAY, RequestState.REFERRED})


class Impossible(Exception):
    """What is supposed cannot even be tried; ``code`` says why."""

    def __init__(self, code: str, name: str = "") -> None:
        super().__init__(f"{code}: {name}")
        self.code, self.name = code, name


@dataclass(frozen=True, slots=True)
class Recruits:
    """More volunteers with a skill, who live at the base of a team."""

    team: str
    skill: str
    level: int = 1
    count: int = 1


@dataclass(frozen=True, slots=True)
class Wider:
    """The windows of a request begin earlier and end later."""

    request_id: UUID
    earlier: timedelta
    later: timedelta


@dataclass(frozen=True, slots=True)
class Closure:
    """A site takes no more requests, and what is to be done there is done at another: the nearest, unless one is named."""

    site: str
    to: str = ""


@dataclass(frozen=True, slots=True)
class Wave:
    """More requests of a kind, like those that are open."""

    service_type: str
    count: int


Supposition = Recruits | Wider | Closure | Wave


@dataclass(frozen=True, slots=True)
class Orders:
    """What is supposed, as orders: those that could be given, and those that only a trial can take.

    ``stay``: requests at the site that cannot be moved from it.
    """

    real: tuple[Command, ...] = ()
    imagined: tuple[Command, ...] = ()
    stay: tuple[UUID, ...] = ()

    @property
    def mark(self) -> str:
        """A mark that changes with what would be ordered: who confirms it has seen this very thing."""
        return sha256(b"\n".join(command.dump() for command in self.real)).hexdigest()


@dataclass(frozen=True, slots=True)
class Supposed:
    """Two problems of one moment: as the zone is, and as it would be. ``at`` is when people can be asked next."""

    zone: Zone
    now: datetime
    at: datetime
    orders: Orders
    before: Posed
    after: Posed
    losses: tuple[Loss, ...] = ()
    code: str = ""


@dataclass(frozen=True, slots=True)
class Outlook:
    """How two plans differ. ``epoch`` is the second 0 of their times.

    Attributes
    ----------
    code
        Why the zone would refuse the orders; then there is nothing to compare.
    visits, served
        Visits to be planned, and those that are served: before and then, those that are imagined apart.
    services
        Service type of each visit that either plan knows.
    """

    now: datetime
    at: datetime
    epoch: datetime
    orders: Orders
    difference: Difference = field(default_factory=Difference)
    losses: tuple[Loss, ...] = ()
    code: str = ""
    visits: tuple[int, int] = (0, 0)
    served: tuple[int, int] = (0, 0)
    imagined: tuple[int, int] = (0, 0)
    services: Mapping[str, str] = field(default_factory=dict)

    def moment(self, second: int) -> datetime:
        """The moment at a second of the plans."""
        return self.epoch + timedelta(seconds=second)


def orders(zone: Zone, what: Supposition, now: datetime) -> Orders:
    """Put what is supposed into orders.

    Raises
    ------
    Impossible
        When the zone has no such thing.
    """
    match what:
        case Recruits():
            return Orders(imagined=(_recruits(zone, what),))
        case Wider():
            return Orders(real=(_wider(zone, what, now),))
        case Closure():
            return _closure(zone, what)
        case Wave():
            return Orders(imagined=tuple(_wave(zone, what, now)))


def suppose(zone: Zone, what: Supposition, now: datetime, *, seed: int = 1) -> Supposed:
    """Pose both problems.

    Raises
    ------
    Impossible
        When the zone has no such thing.
    """
    asked = orders(zone, what, now)
    standing = attempt(zone, (Tick(due=now),), now).state  # what timers do is no difference
    trial = attempt(standing, (*asked.real, *asked.imagined), now)
    at = waking(zone.policy, now)
    before = pose(standing, at, seed=seed)
    after = before if trial.code else pose(trial.state, at, seed=seed)
    return Supposed(zone, now, at, asked, before, after, trial.losses, trial.code)


def compare(supposed: Supposed, before: Plan, after: Plan) -> Outlook:
    """Say how the plans differ, judged by the problem as it would be."""
    one, two = supposed.before, supposed.after
    imagined = imagined_requests(supposed.orders)
    judge = two.problem if two.problem is not None else one.problem
    names = [visit.id for posed in (one, two) if posed.problem is not None for visit in posed.problem.visits]
    records: dict[str, RequestRecord] = {}
    for zone in (one.zone, two.zone):
        records |= {str(record.request_id): record for record in zone.requests.values()}
    served = {item.visit for item in after.assignments}
    return Outlook(
        now=supposed.now,
        at=supposed.at,
        epoch=one.frame.epoch,
        orders=supposed.orders,
        difference=Difference() if judge is None else diff(before, after, judge),
        losses=supposed.losses,
        code=supposed.code,
        visits=(_visits(one), _visits(two) - sum(name in imagined for name in _names(two))),
        served=(len(before.assignments), len(served - imagined)),
        imagined=(len(imagined), len(served & imagined)),
        services={name: records[name].spec.service_type for name in dict.fromkeys(names) if name in records},
    )


def imagined_requests(asked: Orders) -> set[str]:
    """Requests that do not exist."""
    return {str(one.spec.request_id) for one in asked.imagined if isinstance(one, SubmitRequest)}


def _names(posed: Posed) -> list[str]:
    return [] if posed.problem is None else [visit.id for visit in posed.problem.visits]


def _visits(posed: Posed) -> int:
    return len(_names(posed))


def _recruits(zone: Zone, what: Recruits) -> ChangeRoster:
    team = zone.teams.get(what.team)
    if team is None:
        raise Impossible("unknown_team", what.team)
    hours = tuple(WeeklySlot(weekday=day, start_min=DAY_MIN[0], end_min=DAY_MIN[1]) for day in range(7))
    return ChangeRoster(
        volunteers=tuple(
            Volunteer(
                id=f"imagined-{number}",
                team=team.id,
                home=team.base,
                skills=(SkillHeld(skill=what.skill, level=what.level),),
                weekly=hours,
            )
            for number in range(1, min(what.count, MOST) + 1)
        )
    )


def _wider(zone: Zone, what: Wider, now: datetime) -> ChangeRequest:
    record = zone.requests.get(what.request_id)
    if record is None or record.need is None:
        raise Impossible("unknown_request", str(what.request_id))
    windows = _joined(
        TimeWindow(start=min(one.start, max(now, one.start - what.earlier)), end=one.end + what.later)
        for one in record.need.windows
    )
    return ChangeRequest(request_id=record.request_id, windows=windows, seen=record.seen)


def _joined(windows: Iterable[TimeWindow]) -> Windows:
    """Windows that have grown into each other are one."""
    found: list[TimeWindow] = []
    for one in sorted(windows, key=lambda one: (one.start, one.end)):
        if found and one.start <= found[-1].end:
            found[-1] = TimeWindow(start=found[-1].start, end=max(found[-1].end, one.end))
        else:
            found.append(one)
    return tuple(found)


def _closure(zone: Zone, what: Closure) -> Orders:
    site = zone.sites.get(what.site)
    if site is None:
        raise Impossible("unknown_site", what.site)
    others = [zone.sites[name] for name in sorted(zone.sites) if name != site.id]
    to = zone.sites.get(what.to) if what.to and what.to != site.id else _nearest(site, others)
    if what.to and to is None:
        raise Impossible("unknown_site", what.to)
    there = [record for record in _open(zone) if record.need is not None and _at(record, site)]
    moved = [record for record in there if to is not None and not record.guest and record.state not in FIXED]
    moved = [record for record in moved if record.visit is None or not record.visit.begun]
    changes = [
        ChangeRequest(request_id=record.request_id, place=to.place.coarse(), seen=record.seen)
        for record in moved
        if to is not None and record.need is not None and record.need.place != to.place.coarse()
    ]
    going = {record.request_id for record in moved}
    return Orders(
        real=(ChangeCatalogue(removed_sites=(site.id,)), *changes),
        stay=tuple(record.request_id for record in there if record.request_id not in going),
    )


def _open(zone: Zone) -> list[RequestRecord]:
    return sorted(zone.requests.values(), key=lambda record: (record.created_at, record.request_id))


def _at(record: RequestRecord, site: Site) -> bool:
    """Whether a request is to be served at a site: it was taken in there, and its place is the site's."""
    assert record.need is not None
    return record.spec.site == site.id and record.need.place in (site.place, site.place.coarse())


def _nearest(site: Site, others: Iterable[Site]) -> Site | None:
    return min(others, key=lambda other: (squared_way(other.place, site.place), other.id), default=None)


def _wave(zone: Zone, what: Wave, now: datetime) -> Iterable[Command]:
    item = zone.service_types.get(what.service_type)
    if item is None:
        raise Impossible("unknown_service", what.service_type)
    examples = _examples(zone, what.service_type, now)
    if not examples:
        raise Impossible("no_site")
    for number in range(min(what.count, MOST)):
        place, windows = examples[number % len(examples)]
        request_id = derive_id("imagined", zone.zone, number)
        spec = RequestSpec(request_id=request_id, service_type=item.id, place=place, windows=windows, source="imagined")
        yield SubmitRequest(spec=spec)
        if item.needs_triage:
            yield TriageRequest(request_id=request_id, accept=True)


def _examples(zone: Zone, service_type: str, now: datetime) -> list[tuple[Place, Windows]]:
    """Places and windows of open requests of a kind; without any, each site tomorrow."""
    found = [
        (record.need.place, ahead)
        for record in _open(zone)
        if record.spec.service_type == service_type
        and record.need is not None
        and (ahead := tuple(one for one in record.need.windows if one.start > now))
    ]
    start, end = (at_minute(zone.policy, now, minute, days=1) for minute in VISIT_MIN)
    return found or [(zone.sites[name].place, (TimeWindow(start=start, end=end),)) for name in sorted(zone.sites)]
