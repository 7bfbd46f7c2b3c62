"""Travel times and distances between blocks of locations."""

import numpy as np
from numpy.typing import NDArray

from schemas.problem import Problem
from solvers.errors import InvalidProblem

EARTH_RADIUS_M = 6_371_008.8
SLACK = 1e-6  # keeps rounding up from lifting a whole number by float noise

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def unit_vectors(lon: Floats, lat: Floats) -> Floats:
    """Place degrees on the unit sphere, shape ``(n, 3)``."""
    lon, lat = np.radians(lon), np.radians(lat)
    cos = np.cos(lat)
    return np.stack((cos * np.cos(lon), cos * np.sin(lon), np.sin(lat)), axis=-1)


def great_circle(a: Floats, b: Floats) -> Floats:
    """Great-circle distance in metres between unit vectors (last axis 3), broadcast.

    Notes
    -----
    The haversine formula written with the chord; sphere of radius 6371.0088 km (IUGG mean).
    """
    delta = a - b
    half_chord = 0.5 * np.sqrt(np.einsum("...i,...i->...", delta, delta))
    return np.asarray(2.0 * EARTH_RADIUS_M * np.arcsin(np.minimum(half_chord, 1.0)))


class TravelTable:
    """How long and how far from one location to another, per travel mode, for broadcast index arrays."""

    def __init__(self, problem: Problem) -> None:
        modes = problem.travel
        self.size = problem.size if problem.size is not None else len(problem.locations)
        if problem.locations and self.size > len(problem.locations):
            raise InvalidProblem("size", f"{self.size} locations, but {len(problem.locations)} places are given")
        self._xyz: Floats | None = None
        if problem.locations:
            degrees = np.array([(p.lon, p.lat) for p in problem.locations], dtype=np.float64)
            self._xyz = unit_vectors(degrees[:, 0], degrees[:, 1])
        self._pace = np.array([0.0 if m.speed_kmh is None else m.detour * 3.6 / m.speed_kmh for m in modes])
        self._time: dict[int, Ints] = {}
        self._distance: dict[int, Ints] = {}
        for index, mode in enumerate(modes):
            if mode.time is None:
                if self._xyz is None and self.size:
                    raise InvalidProblem(f"travel[{index}]", "a speed needs locations with coordinates")
                continue
            self._time[index] = self._square(index, "time", mode.time)
            given = mode.distance
            self._distance[index] = self._time[index] if given is None else self._square(index, "distance", given)

    def _square(self, index: int, name: str, rows: tuple[tuple[int, ...], ...]) -> Ints:
        if len(rows) != self.size or any(len(row) != self.size for row in rows):
            raise InvalidProblem(f"travel[{index}].{name}", f"must be {self.size} x {self.size}, as the locations are")
        return np.array(rows, dtype=np.int64).reshape(self.size, self.size)

    @property
    def vectors(self) -> Floats | None:
        """Unit vectors of the locations, or nothing where there are matrices alone."""
        return self._xyz

    @property
    def by_distance(self) -> bool:
        """Whether every mode moves over the great circle."""
        return not self._time

    def _crow(self, a: Ints, b: Ints) -> Floats:
        if self._xyz is None:
            return np.zeros(np.broadcast_shapes(a.shape, b.shape))
        return great_circle(self._xyz[a], self._xyz[b])

    def time(self, mode: Ints, origin: Ints, destination: Ints) -> Ints:
        """Travel time in whole seconds, rounded up; the three index arrays broadcast."""
        if len(self._time) < len(self._pace):
            metres = self._crow(origin, destination)
            out = np.ceil(metres * self._pace[mode] - SLACK).astype(np.int64)
            if not self._time:
                return np.asarray(out)
        else:
            out = np.zeros(np.broadcast_shapes(np.shape(mode), np.shape(origin), np.shape(destination)), dtype=np.int64)
        return self._by_matrix(self._time, out, mode, origin, destination)

    def distance(self, mode: Ints, origin: Ints, destination: Ints) -> Ints:
        """Distance in whole metres over the great circle (no detour), or from the mode's matrix.

        A mode with a time matrix alone takes that for its distance.
        """
        if len(self._time) < len(self._pace):
            out = np.rint(self._crow(origin, destination)).astype(np.int64)
            if not self._time:
                return out
        else:
            out = np.zeros(np.broadcast_shapes(np.shape(mode), np.shape(origin), np.shape(destination)), dtype=np.int64)
        return self._by_matrix(self._distance, out, mode, origin, destination)

    def ways(self, mode: Ints, origin: Ints, destination: Ints) -> tuple[Ints, Ints]:
        """Travel times and distances together."""
        if self._time:
            return self.time(mode, origin, destination), self.distance(mode, origin, destination)
        metres = self._crow(origin, destination)
        return np.ceil(metres * self._pace[mode] - SLACK).astype(np.int64), np.rint(metres).astype(np.int64)

    def _by_matrix(self, tables: dict[int, Ints], out: Ints, mode: Ints, a: Ints, b: Ints) -> Ints:
        shape = np.broadcast_shapes(np.shape(mode), np.shape(a), np.shape(b))
        for index, table in tables.items():
            out = np.where(np.asarray(mode) == index, table[a, b], np.broadcast_to(out, shape))
        return out
