"""Real input: places of a district in GCJ-02, its subdistricts' boundaries, and the times of a real stream of requests.

Files are read where they lie; nothing of them is kept in the project.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError
from shapely.errors import ShapelyError
from shapely.geometry import Point, Polygon, shape
from shapely.geometry.base import BaseGeometry

from ningju.reading.gcj02 import from_gcj02
from ningju.simulation.ground import DISTRICT, FEATURED, SUBDISTRICTS, Ground, Ring, zone_configs
from schemas.base import Label
from schemas.catalogue import Site
from schemas.place import Place

COMMITTEE = ("party", "neighbor")
POINT_COLUMNS = ("source", "type", "name", "township", "lon_gcj02", "lat_gcj02")
CREATED = "created_date"
CREATED_FORMATS = ("%m/%d/%Y %I:%M:%S %p", "%Y-%m-%dT%H:%M:%S.%f")
DIGITS = 6


class BadInput(ValueError):
    """A file that cannot be used: which one, where in it, and what to do."""

    def __init__(self, path: Path, where: str, problem: str) -> None:
        super().__init__(f"{path}{', ' + where if where else ''}: {problem}")
        self.path = path


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """One row of a places file, in WGS-84."""

    source: str
    kind: str
    name: str
    township: str
    place: Place

    @property
    def committee(self) -> bool:
        """Whether this is a residents' committee: a site."""
        return (self.source, self.kind) == COMMITTEE


def read_places(path: Path) -> list[NamedPlace]:
    """Read places, converting each from GCJ-02.

    Raises
    ------
    BadInput
        When the file is missing, is not UTF-8, lacks a column, or holds what is no coordinate.
    """
    found = []
    for line, row in _rows(path, POINT_COLUMNS):
        try:
            lon, lat = from_gcj02(float(row["lon_gcj02"]), float(row["lat_gcj02"]))
            place = Place(lon=round(lon, DIGITS), lat=round(lat, DIGITS))
        except (ValueError, ValidationError):
            problem = f"({row['lon_gcj02']}, {row['lat_gcj02']}) is no longitude and latitude in degrees"
            raise BadInput(path, f"line {line}", problem) from None
        name = row["name"].strip() or f"{row['township']} {row['type']}".strip()
        found.append(NamedPlace(row["source"], row["type"], name, row["township"], place))
    if not any(place.committee for place in found):
        raise BadInput(path, "", "has no residents' committee (source party, type neighbor), so there would be no site")
    return found


def read_boundaries(path: Path) -> dict[str, tuple[Ring, ...]]:
    """Read the subdistricts' polygons, by zone; outer rings first, the largest at the very beginning.

    Raises
    ------
    BadInput
        When the file is no GeoJSON with a polygon for each of the ten subdistricts, named in Chinese.
    """
    try:
        content = json.loads(_text(path))
        features = [(feature["properties"]["name"], feature["geometry"]) for feature in content["features"]]
    except (ValueError, KeyError, TypeError):
        raise BadInput(path, "", "is not a GeoJSON FeatureCollection whose features have a property 'name'") from None
    ids = {label.zh: zone for zone, label in SUBDISTRICTS}
    rings: dict[str, tuple[Ring, ...]] = {}
    for name, geometry in features:
        if name not in ids:
            raise BadInput(path, f"feature {name}", f"is none of {', '.join(ids)}")
        try:
            area = shape(geometry)
        except (ShapelyError, ValueError, KeyError, TypeError, AttributeError):
            raise BadInput(path, f"feature {name}", "has no readable geometry") from None
        rings[ids[name]] = _rings(area)
        if not rings[ids[name]]:
            raise BadInput(path, f"feature {name}", "is neither Polygon nor MultiPolygon")
    missing = [label.zh for zone, label in SUBDISTRICTS if zone not in rings]
    if missing:
        raise BadInput(path, "", f"lacks {', '.join(missing)}")
    return {zone: rings[zone] for zone, _ in SUBDISTRICTS}


def read_arrivals(path: Path) -> list[int]:
    """Read the seconds of the day at which requests were created, in the order of their creation.

    The rows of several dates are spliced: only their order and time of day mean anything, and the time of day is taken
    as Shanghai's.

    Raises
    ------
    BadInput
        When the file is missing, lacks the column or holds what is no time.
    """
    moments = []
    for line, row in _rows(path, (CREATED,)):
        moment = _moment(row[CREATED])
        if moment is None:
            raise BadInput(path, f"line {line}", f"{row[CREATED]!r} is no time such as 06/26/2018 10:58:54 AM")
        moments.append(moment)
    if not moments:
        raise BadInput(path, "", "has no rows")
    return [moment.hour * 3_600 + moment.minute * 60 + moment.second for moment in sorted(moments)]


def real_ground(places: list[NamedPlace], boundaries: Mapping[str, tuple[Ring, ...]]) -> Ground:
    """Put real places on real ground.

    Residents' committees become sites, other places are where people live and ask. What lies outside every subdistrict
    becomes a site of the district itself, and is named in ``outside``.
    """
    zones = zone_configs(boundaries)
    areas = {zone: _area(rings) for zone, rings in boundaries.items()}
    sites: list[Site] = []
    spots: dict[str, list[Place]] = {zone: [] for zone in boundaries}
    outside: list[str] = []
    outer: list[Place] = []
    numbers: Counter[str] = Counter()
    for place in places:
        point = Point(place.place.lon, place.place.lat)
        zone = next((zone for zone, area in areas.items() if area.intersects(point)), None)
        if zone is None:
            outside.append(place.name)
            outer.append(place.place)
            sites.append(_site(place, DISTRICT, f"{DISTRICT}-out-{len(outside):03d}", ()))
        elif place.committee:
            numbers[zone] += 1
            featured = FEATURED.get(zone, ()) if numbers[zone] % 3 == 1 else ()
            sites.append(_site(place, zone, f"{zone}-{numbers[zone]:02d}", featured))
        else:
            spots[zone].append(place.place)
    for zone in boundaries:
        own = [site.place for site in sites if site.zone == zone]
        if not own:
            raise ValueError(f"no residents' committee lies in {zone}: do places and boundaries belong together?")
        spots[zone] = spots[zone] or own
    if outer:
        spots[DISTRICT] = outer
    return Ground(zones, tuple(sites), {zone: tuple(found) for zone, found in spots.items()}, tuple(outside))


def _site(place: NamedPlace, zone: str, identifier: str, featured: tuple[str, ...]) -> Site:
    kind = "residents-committee" if place.committee else place.kind
    return Site(
        id=identifier,
        zone=zone,
        name=Label(zh=place.name, en=place.name),  # nobody has translated these names
        place=place.place,
        kind=kind,
        featured=featured,
    )


def _moment(text: str) -> datetime | None:
    for form in CREATED_FORMATS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - only order and time of day mean anything
        except ValueError:
            continue
    return None


def _rings(area: BaseGeometry) -> tuple[Ring, ...]:
    parts = [area] if isinstance(area, Polygon) else list(getattr(area, "geoms", ()))
    polygons = sorted((part for part in parts if isinstance(part, Polygon)), key=lambda part: -part.area)
    outer = [polygon.exterior for polygon in polygons]
    holes = [hole for polygon in polygons for hole in polygon.interiors]
    return tuple(tuple((float(x), float(y)) for x, y, *_ in ring.coords) for ring in (*outer, *holes))


def _area(rings: tuple[Ring, ...]) -> BaseGeometry:
    area: BaseGeometry = Polygon()
    for ring in rings:
        area = area.symmetric_difference(Polygon(ring).buffer(0))
    return area


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadInput(path, "", "does not exist") from None
    except OSError as error:
        raise BadInput(path, "", f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BadInput(path, f"byte {error.start}", "is not UTF-8; save the file as UTF-8") from None


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(_text(path).splitlines())
    missing = [column for column in columns if column not in (reader.fieldnames or ())]
    if missing:
        raise BadInput(path, "line 1", f"lacks the column {', '.join(missing)}")
    for row in reader:
        if any(row[column] is None for column in columns):
            raise BadInput(path, f"line {reader.line_num}", "has too few columns")
        yield reader.line_num, row
