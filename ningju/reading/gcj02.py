"""Coordinates of Chinese maps: GCJ-02, and back to WGS-84, which alone is stored."""

import math

from schemas.place import Place

DIGITS = 7

# The ellipsoid of Krasovsky 1940, on which GCJ-02 shifts its coordinates.
AXIS_M = 6_378_245.0
ECCENTRICITY_SQUARED = 0.006_693_421_622_965_943
CLOSE_ENOUGH_DEG = 1e-10
ROUNDS = 30


def to_gcj02(lon: float, lat: float) -> tuple[float, float]:
    """Shift WGS-84 to GCJ-02, in degrees; meant for places in China."""
    x, y = lon - 105.0, lat - 35.0
    wave = 20.0 * math.sin(6.0 * x * math.pi) + 20.0 * math.sin(2.0 * x * math.pi)
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    north += (wave + 20.0 * math.sin(y * math.pi) + 40.0 * math.sin(y / 3.0 * math.pi)) * 2.0 / 3.0
    north += (160.0 * math.sin(y / 12.0 * math.pi) + 320.0 * math.sin(y * math.pi / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    east += (wave + 20.0 * math.sin(x * math.pi) + 40.0 * math.sin(x / 3.0 * math.pi)) * 2.0 / 3.0
    east += (150.0 * math.sin(x / 12.0 * math.pi) + 300.0 * math.sin(x / 30.0 * math.pi)) * 2.0 / 3.0
    latitude = math.radians(lat)
    flat = 1.0 - ECCENTRICITY_SQUARED * math.sin(latitude) ** 2
    meridian = AXIS_M * (1.0 - ECCENTRICITY_SQUARED) / (flat * math.sqrt(flat))
    parallel = AXIS_M / math.sqrt(flat) * math.cos(latitude)
    return lon + math.degrees(east / parallel), lat + math.degrees(north / meridian)


def from_gcj02(lon: float, lat: float) -> tuple[float, float]:
    """Undo the shift by iteration: exact to far less than a millimetre, where the shift itself is about 470 m."""
    guess_lon, guess_lat = lon, lat
    for _ in range(ROUNDS):
        there_lon, there_lat = to_gcj02(guess_lon, guess_lat)
        off_lon, off_lat = lon - there_lon, lat - there_lat
        guess_lon, guess_lat = guess_lon + off_lon, guess_lat + off_lat
        if abs(off_lon) + abs(off_lat) < CLOSE_ENOUGH_DEG:
            break
    return guess_lon, guess_lat


def to_wgs84(place: Place) -> Place:
    """Convert a place of a Chinese map."""
    lon, lat = from_gcj02(place.lon, place.lat)
    return Place(lon=round(lon, DIGITS), lat=round(lat, DIGITS))
