"""A quarter of an hour on foot around a site: the circle in which daily life lies within reach."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

import numpy as np

from engine.figures import cell_place
from schemas.catalogue import Site
from schemas.place import Place
from schemas.views import ZoneView
from schemas.zone import TravelSpeeds
from solvers.travel import Floats, great_circle, unit_vectors

WALK = timedelta(minutes=15)


def walk_m(speeds: TravelSpeeds) -> float:
    """How far a quarter of an hour leads on foot, as the crow flies."""
    return speeds.walk * 1_000 * (WALK / timedelta(hours=1)) / speeds.detour


def near(cells: Collection[int], sites: Collection[Site], views: Mapping[str, ZoneView]) -> dict[int, bool]:
    """Tell for each square of the map whether its middle lies in the circle of any site."""
    if not cells or not sites:
        return dict.fromkeys(cells, False)
    numbers = sorted(cells)
    squares = _vectors([cell_place(number) for number in numbers])
    reach = np.array([walk_m(views[site.zone].policy.speeds) for site in sites])
    ways = great_circle(squares[:, None], _vectors([site.place for site in sites])[None])
    inside = np.any(ways <= reach, axis=1)
    return {number: bool(one) for number, one in zip(numbers, inside, strict=True)}


def _vectors(places: Sequence[Place]) -> Floats:
    lon = np.array([place.lon for place in places], dtype=np.float64)
    return unit_vectors(lon, np.array([place.lat for place in places], dtype=np.float64))
