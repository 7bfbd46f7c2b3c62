"""The simulated district on the map: zones, their boundaries, sites, and the places where people live and ask."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shapely.geometry import Point, Polygon

from schemas.base import Label
from schemas.catalogue import Site
from schemas.place import Place
from schemas.zone import ZoneConfig

DISTRICT = "changning"
DISTRICT_NAME = Label(zh="长宁区", en="Changning District")
SUBDISTRICTS: tuple[tuple[str, Label], ...] = (
    ("huayang", Label(zh="华阳路街道", en="Huayang Road Subdistrict")),
    ("jiangsu", Label(zh="江苏路街道", en="Jiangsu Road Subdistrict")),
    ("xinhua", Label(zh="新华路街道", en="Xinhua Road Subdistrict")),
    ("zhoujiaqiao", Label(zh="周家桥街道", en="Zhoujiaqiao Subdistrict")),
    ("tianshan", Label(zh="天山路街道", en="Tianshan Road Subdistrict")),
    ("xianxia", Label(zh="仙霞新村街道", en="Xianxia Xincun Subdistrict")),
    ("hongqiao", Label(zh="虹桥街道", en="Hongqiao Subdistrict")),
    ("chengjiaqiao", Label(zh="程家桥街道", en="Chengjiaqiao Subdistrict")),
    ("beixinjing", Label(zh="北新泾街道", en="Beixinjing Subdistrict")),
    ("xinjing", Label(zh="新泾镇", en="Xinjing Town")),
)
SITES = 185
FEATURED = {"tianshan": ("haircut-at-home",), "xinhua": ("calligraphy",)}

WEST, EAST, SOUTH, NORTH = 121.352, 121.446, 31.187, 31.233
COLUMNS, ROWS = 5, 2
# From east to west and north to south, two by two: roughly where the subdistricts lie.
CELLS = (
    ("jiangsu", "xinhua"),
    ("huayang", "hongqiao"),
    ("zhoujiaqiao", "tianshan"),
    ("beixinjing", "xianxia"),
    ("xinjing", "chengjiaqiao"),
)
METRES_PER_DEGREE = 111_195.0
CLOSE_BY_M = 350.0

Ring = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Ground:
    """Zones with their boundaries, sites by zone, and the places that requests come from.

    ``spots`` are places inside a zone; a zone's requests at homes come from near its spots. ``outside`` names the
    sites of the district itself that stand for places outside every subdistrict.
    """

    zones: tuple[ZoneConfig, ...]
    sites: tuple[Site, ...]
    spots: Mapping[str, tuple[Place, ...]]
    outside: tuple[str, ...] = ()

    def children(self) -> tuple[ZoneConfig, ...]:
        """Zones that are asked by residents: the subdistricts, or the only zone there is."""
        return tuple(zone for zone in self.zones if zone.level == "subdistrict")


def zone_configs(boundaries: Mapping[str, tuple[Ring, ...]], *, alone: bool = False) -> tuple[ZoneConfig, ...]:
    """Build the tree of zones: the district first, then its subdistricts; siblings are ordered by nearness.

    Parameters
    ----------
    boundaries
        Closed rings of each subdistrict, in WGS-84, the largest first.
    alone
        Whether a single subdistrict stands without a district above it.
    """
    centres = {zone: Polygon(rings[0]).centroid for zone, rings in boundaries.items()}
    names = dict(SUBDISTRICTS)

    def nearness(zone: str) -> tuple[str, ...]:
        others = [other for other in boundaries if other != zone]
        return tuple(sorted(others, key=lambda other: (centres[zone].distance(centres[other]), other)))

    children = tuple(
        ZoneConfig(
            id=zone,
            name=names[zone],
            level="subdistrict",
            parent=None if alone else DISTRICT,
            siblings=nearness(zone),
            boundary=boundaries[zone],
        )
        for zone in boundaries
    )
    if alone:
        return children
    # The district has no siblings of its own: what its teams cannot serve may go to a subdistrict.
    return (ZoneConfig(id=DISTRICT, name=DISTRICT_NAME, level="district", siblings=tuple(boundaries)), *children)


def tiling(rng: random.Random) -> dict[str, Ring]:
    """Tile a rectangle of the district's size with ten four-cornered cells, inner corners shifted a little."""
    width, height = (EAST - WEST) / COLUMNS, (NORTH - SOUTH) / ROWS

    def corner(column: int, row: int) -> tuple[float, float]:
        lon, lat = EAST - column * width, NORTH - row * height
        if 0 < column < COLUMNS:
            lon += rng.uniform(-0.15, 0.15) * width
        if 0 < row < ROWS:
            lat += rng.uniform(-0.15, 0.15) * height
        return (round(lon, 6), round(lat, 6))

    corners = {(c, r): corner(c, r) for c in range(COLUMNS + 1) for r in range(ROWS + 1)}
    rings = {}
    for c, cells in enumerate(CELLS):
        for r, zone in enumerate(cells):
            path = [corners[c, r], corners[c, r + 1], corners[c + 1, r + 1], corners[c + 1, r]]
            rings[zone] = (*path, path[0])
    return {zone: rings[zone] for zone, _ in SUBDISTRICTS}


def own_ground(seed: int) -> Ground:
    """Generate the district: ten cells, 185 sites: one district home, ten centres, and neighbourhood sites."""
    rng = random.Random(f"{seed}:ground")
    rings = tiling(rng)
    sites = [
        Site(
            id=f"{DISTRICT}-home",
            zone=DISTRICT,
            name=Label(zh="长宁区离退休干部之家", en="Changning District Home"),
            place=Place(lon=121.4, lat=31.21),
            kind="district-home",
        )
    ]
    names = dict(SUBDISTRICTS)
    for zone in rings:
        centre = Polygon(rings[zone]).centroid
        sites.append(
            Site(
                id=f"{zone}-centre",
                zone=zone,
                name=Label(zh=f"{names[zone].zh}服务中心", en=f"{names[zone].en} Centre"),
                place=Place(lon=round(centre.x, 6), lat=round(centre.y, 6)),
                kind="centre",
                featured=FEATURED.get(zone, ()),
            )
        )
    wanted = shares(SITES - len(sites), [rng.uniform(0.7, 1.3) for _ in rings])
    for (zone, ring), count in zip(rings.items(), wanted, strict=True):
        for number in range(1, count + 1):
            sites.append(
                Site(
                    id=f"{zone}-{number:02d}",
                    zone=zone,
                    name=Label(zh=f"{names[zone].zh}第{number}邻里站", en=f"{names[zone].en} Site {number}"),
                    place=inside(ring, rng),
                    featured=FEATURED.get(zone, ()) if number % 3 == 0 else (),
                )
            )
    spots = {zone: tuple(site.place for site in sites if site.zone == zone) for zone in rings}
    return Ground(zone_configs({zone: (ring,) for zone, ring in rings.items()}), tuple(sites), spots)


def tiny_ground(seed: int) -> Ground:
    """Generate one subdistrict with eight sites, and no district above it."""
    rng = random.Random(f"{seed}:ground")
    zone = "huayang"
    ring = tiling(rng)[zone]
    sites = tuple(
        Site(
            id=f"{zone}-{number:02d}",
            zone=zone,
            name=Label(zh=f"华阳路街道第{number}邻里站", en=f"Huayang Road Subdistrict Site {number}"),
            place=inside(ring, rng),
        )
        for number in range(1, 9)
    )
    return Ground(zone_configs({zone: (ring,)}, alone=True), sites, {zone: tuple(site.place for site in sites)})


def inside(ring: Ring, rng: random.Random) -> Place:
    """Draw a place inside a ring, uniformly."""
    polygon = Polygon(ring)
    west, south, east, north = polygon.bounds
    while True:
        lon, lat = round(rng.uniform(west, east), 6), round(rng.uniform(south, north), 6)
        if polygon.contains(Point(lon, lat)):
            return Place(lon=lon, lat=lat)


def near(spot: Place, ring: Ring | None, rng: random.Random) -> Place:
    """Draw a place a few hundred metres from a spot that stays inside the ring even when rounded to a coarse place."""
    polygon = Polygon(ring) if ring else None
    for _ in range(20):
        angle, way = rng.uniform(0, 2 * math.pi), abs(rng.gauss(0, CLOSE_BY_M))
        lat = spot.lat + way * math.sin(angle) / METRES_PER_DEGREE
        lon = spot.lon + way * math.cos(angle) / (METRES_PER_DEGREE * math.cos(math.radians(spot.lat)))
        place = Place(lon=round(lon, 6), lat=round(lat, 6))
        coarse = place.coarse()
        if polygon is None or (
            polygon.contains(Point(place.lon, place.lat)) and polygon.contains(Point(coarse.lon, coarse.lat))
        ):
            return place
    return spot


def shares(total: int, weights: Sequence[float]) -> list[int]:
    """Split a whole number in proportion to weights: largest remainders win, ties go to the earlier."""
    scale = total / sum(weights)
    parts = [int(weight * scale) for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (parts[i] - weights[i] * scale, i))
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    return parts


def distance_m(a: Place, b: Place) -> float:
    """Great-circle distance in metres, on a sphere of radius 6371.0088 km."""
    lat_a, lat_b = math.radians(a.lat), math.radians(b.lat)
    d_lat, d_lon = lat_b - lat_a, math.radians(b.lon - a.lon)
    h = math.sin(d_lat / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(d_lon / 2) ** 2
    return 2 * 6_371_008.8 * math.asin(min(1.0, math.sqrt(h)))
