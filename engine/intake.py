"""From a need as its sender tells it to a command for one zone: routed, checked, and without personal data."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from uuid import UUID

from shapely import STRtree
from shapely.errors import ShapelyError
from shapely.geometry import Point, Polygon
from shapely.geometry.base import BaseGeometry

from engine.ports import NewCommand
from schemas.base import derive_id
from schemas.catalogue import ServiceType, Site, SkillDemand
from schemas.commands import SubmitRequest
from schemas.envelope import Actor, CommandEnvelope
from schemas.intake import RequestIn
from schemas.person import Person
from schemas.place import Place, TimeWindow
from schemas.request import RequestSpec, Wishes
from schemas.views import ZoneView
from schemas.zone import ZoneConfig

CREW_LIMIT = 20
HORIZON = timedelta(days=400)

_LONG_NUMBER = re.compile(r"\d(?:[ -]?\d){6,}")
_MAIL = re.compile(r"[^\s@,;]+@[^\s@,;]+\.[^\s@,;]+")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where, a stable code, and what to do about it."""

    field: str
    code: str
    reason: str


class IntakeRefused(Exception):
    """A need that no zone can take; ``field``, ``code`` and ``reason`` are the first fault's."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.code}" for fault in faults))
        self.faults = faults

    @property
    def field(self) -> str:
        return self.faults[0].field

    @property
    def code(self) -> str:
        return self.faults[0].code

    @property
    def reason(self) -> str:
        return self.faults[0].reason


@dataclass(frozen=True)
class Directory:
    """What routing needs of all zones: their boundaries, sites and catalogues, as of ``versions``."""

    versions: Mapping[str, int]
    service_types: Mapping[str, Mapping[str, ServiceType]]
    sites: Mapping[str, Site]
    skills: frozenset[str]
    areas: tuple[str, ...]
    tree: STRtree

    @classmethod
    def of(cls, views: Iterable[ZoneView], known: "Directory | None" = None) -> "Directory":
        """Build the directory of some zones.

        Parameters
        ----------
        known
            An older directory, given back as it is when no zone has changed.
        """
        zones = sorted(views, key=lambda view: (view.level == "district", view.zone))
        versions = {view.zone: view.version for view in zones}
        if known is not None and known.versions == versions:
            return known
        areas = [(view.zone, area) for view in zones if (area := area_of(view.config)) is not None]
        return cls(
            versions=versions,
            service_types={view.zone: {item.id: item for item in view.service_types} for view in zones},
            sites={site.id: site.model_copy(update={"zone": view.zone}) for view in zones for site in view.sites},
            skills=frozenset(demand.skill for view in zones for item in view.service_types for demand in item.demands),
            areas=tuple(zone for zone, _ in areas),
            tree=STRtree([area for _, area in areas]),
        )

    def zone_at(self, place: Place) -> str | None:
        """Zone whose boundary holds a place; on a shared edge the first by id, a subdistrict before its district."""
        hits = self.tree.query(Point(place.lon, place.lat), predicate="intersects")
        return self.areas[min(hits)] if len(hits) else None

    def offers(self, service_type: str) -> list[str]:
        """Zones whose catalogue has a service type."""
        return [zone for zone, items in self.service_types.items() if service_type in items]


def area_of(config: ZoneConfig) -> BaseGeometry | None:
    """Area inside a zone's rings by the even-odd rule: a ring inside another is a hole, one beside it a second part."""
    parts: list[BaseGeometry] = []
    for ring in config.boundary:
        try:
            part = Polygon(ring).buffer(0)
        except (ShapelyError, ValueError):
            continue  # a ring of fewer than three corners bounds nothing
        if not part.is_empty:
            parts.append(part)
    return reduce(lambda area, part: area.symmetric_difference(part), parts) if parts else None


def admit(
    request: RequestIn,
    directory: Directory,
    *,
    command_id: UUID,
    actor: Actor,
    received_at: datetime,
    fingerprint: str = "",
) -> NewCommand:
    """Route a need to its zone and split personal data off.

    A site decides the zone before a place does. Name, phone, address and note go into ``persons``; the command carries
    the person's derived id and a place rounded to about a hundred metres. Where the sender has a key of its own for the
    person, later requests with the same key write the same person anew.

    Raises
    ------
    IntakeRefused
        With every fault that was found.
    """
    faults: list[Fault] = []
    zone, place = _route(request, directory, faults)
    service = _service(request.service_type, zone, directory, faults)
    demands = request.demands or (service.demands if service else ())
    faults += crew_faults(demands, directory.skills if request.demands else None)
    duration_s = request.duration_s or (service.duration_s if service else 60)
    faults += window_faults(request.windows, timedelta(seconds=duration_s), received_at)
    request_id = derive_id("request", command_id)
    person = _person(request, request_id)
    if person is not None and "\0" in person.name + person.phone + person.address + person.note:
        faults.append(Fault("body", "nul", "must not hold NUL characters"))  # PostgreSQL keeps none
    if faults or zone is None or place is None:
        raise IntakeRefused(*faults)

    spec = RequestSpec(
        request_id=request_id,
        service_type=request.service_type,
        place=place.coarse(),
        site=request.site,
        windows=request.windows,
        beneficiary=person.id if person else None,
        tier=request.beneficiary.tier if request.beneficiary else 0,
        priority=request.priority,
        demands=request.demands,
        duration_s=request.duration_s,
        wishes=Wishes(preferred=request.preferred, blocked=request.blocked),
        load=request.load,
        source=request.source,
    )
    envelope = CommandEnvelope(
        command_id=command_id,
        zone=zone,
        actor=actor,
        correlation_id=request_id,
        received_at=received_at,
        command=SubmitRequest(spec=spec),
    )
    told = person is not None and any((person.name, person.phone, person.address, person.note))
    return NewCommand(envelope, fingerprint, (person,) if person and told else (), bounded=True)


def crew_faults(demands: Sequence[SkillDemand], skills: frozenset[str] | None, field: str = "demands") -> list[Fault]:
    """Find what makes a crew impossible whoever is there: too many heads, or a skill that no catalogue knows."""
    faults = []
    heads = sum(demand.heads for demand in demands)
    if heads > CREW_LIMIT:
        reason = f"a crew of {heads} is more than the {CREW_LIMIT} heads that a visit may have; divide the request"
        faults.append(Fault(field, "impossible_crew", reason))
    for n, demand in enumerate(demands):
        if skills is not None and demand.skill not in skills:
            reason = f"no service type asks for the skill {demand.skill!r}; see GET /api/v1/catalogue"
            faults.append(Fault(f"{field}.{n}.skill", "unknown_skill", reason))
    return faults


def window_faults(windows: Sequence[TimeWindow], duration: timedelta, now: datetime) -> list[Fault]:
    """Find why no window can hold the visit any more: past, too short for it, or too far ahead."""
    faults = []
    for n, window in enumerate(windows):
        if window.start > now + HORIZON:
            reason = f"starts more than {HORIZON.days} days ahead; send the request later"
            faults.append(Fault(f"windows.{n}", "window_too_far", reason))
        elif window.length > HORIZON:
            faults.append(Fault(f"windows.{n}", "window_too_long", f"is longer than {HORIZON.days} days; narrow it"))
    if faults:
        return faults
    open_windows = [window for window in windows if window.end > now]
    if not open_windows:
        return [Fault("windows", "window_past", f"every window ended before {now:%FT%TZ}; give one that is to come")]
    if all(window.end - max(window.start, now) < duration for window in open_windows):
        minutes = duration.total_seconds() / 60
        reason = f"no window has {minutes:.0f} min left for the visit; give a longer or a later one"
        return [Fault("windows", "window_too_short", reason)]
    return []


def redact(text: str) -> str:
    """Blank mail addresses and long numbers, so that a reason typed in haste puts no phone into the ledger."""
    return _LONG_NUMBER.sub("…", _MAIL.sub("…", text))


def _route(request: RequestIn, directory: Directory, faults: list[Fault]) -> tuple[str | None, Place | None]:
    if request.site is not None:
        site = directory.sites.get(request.site)
        if site is None:
            faults.append(Fault("site", "unknown_site", f"no zone has a site {request.site!r}; give a place instead"))
            return None, request.place
        return site.zone, request.place or site.place
    assert request.place is not None
    zone = directory.zone_at(request.place)
    if zone is None:
        reason = "lies outside every zone; check that longitude comes before latitude and that both are WGS-84"
        faults.append(Fault("place", "outside_every_zone", reason))
    return zone, request.place


def _service(name: str, zone: str | None, directory: Directory, faults: list[Fault]) -> ServiceType | None:
    offered = directory.offers(name)
    if not offered:
        reason = f"no zone offers {name!r}; see GET /api/v1/catalogue"
        faults.append(Fault("service_type", "unknown_service_type", reason))
        return None
    if zone is None:
        return directory.service_types[offered[0]][name]
    service = directory.service_types[zone].get(name)
    elsewhere = (
        service is not None
        and service.featured_by not in {None, zone}
        and not _site_of(service.featured_by, zone, directory)
    )
    if service is None or elsewhere:
        owners = [service.featured_by or ""] if service else offered
        reason = f"{name!r} is not offered in {zone!r}, but in {', '.join(owners[:5])}"
        faults.append(Fault("service_type", "not_offered_here", reason))
    return service


def _site_of(name: str | None, zone: str, directory: Directory) -> bool:
    site = directory.sites.get(name or "")
    return site is not None and site.zone == zone


def _person(request: RequestIn, request_id: UUID) -> Person | None:
    """Give the person's row; its id tells nothing of the person to whoever has the ledger alone."""
    who = request.beneficiary
    if who is None and not request.note:
        return None
    if who is None or who.id is None:
        return Person(
            id=str(derive_id("person", request_id)),
            name=who.name if who else "",
            phone=who.phone if who else "",
            address=who.address if who else "",
            note=request.note,
        )
    key = derive_id("person", request.source, who.id)
    return Person(id=str(key), name=who.name, phone=who.phone, address=who.address, note=request.note)
