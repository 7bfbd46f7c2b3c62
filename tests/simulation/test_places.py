import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ningju.reading.gcj02 import from_gcj02, to_gcj02
from ningju.simulation.ground import SUBDISTRICTS, distance_m
from ningju.simulation.places import (
    BadInput,
    read_arrivals,
    read_boundaries,
    read_places,
    real_ground,
)
from ningju.simulation.sources import load
from schemas.place import Place

HEADER = "source,type,name,township,lon_gcj02,lat_gcj02\n"
DATA = Path(os.environ.get("NINGJU_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
POINTS, BOUNDARIES = DATA / "changning/points.csv", DATA / "changning/subdistricts.geojson"
ARRIVALS = DATA / "nyc311/requests.csv"
real = pytest.mark.skipif(not POINTS.exists(), reason="the shared data is not beside the project")


def square(number: int) -> list[list[float]]:
    west, south = 121.30 + 0.02 * number, 31.20
    return [[west, south], [west + 0.02, south], [west + 0.02, south + 0.02], [west, south + 0.02], [west, south]]


def geojson(names: list[str]) -> str:
    features = [
        {
            "type": "Feature",
            "properties": {"name": name},
            "geometry": {"type": "Polygon", "coordinates": [square(number)]},
        }
        for number, name in enumerate(names)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features})


TEN = [label.zh for _, label in SUBDISTRICTS]


def points(*rows: tuple[str, float, float]) -> str:
    lines = []
    for kind, lon, lat in rows:
        x, y = to_gcj02(lon, lat)
        lines.append(f"party,{kind},名{len(lines)},某街道,{x:.9f},{y:.9f}")
    return HEADER + "\n".join(lines) + "\n"


def whole_district() -> str:
    return points(*(("neighbor", 121.31 + 0.02 * n, 31.21) for n in range(10)))


@given(st.floats(100, 125), st.floats(20, 45))
def test_undoing_the_shift_brings_back_the_place(lon: float, lat: float) -> None:
    there = to_gcj02(lon, lat)
    back = from_gcj02(*there)
    assert abs(back[0] - lon) < 1e-8
    assert abs(back[1] - lat) < 1e-8


def test_the_shift_is_some_470_metres_in_shanghai() -> None:
    for lon, lat in ((121.35, 31.19), (121.40, 31.21), (121.45, 31.23)):
        x, y = to_gcj02(lon, lat)
        assert 440 < distance_m(Place(lon=lon, lat=lat), Place(lon=x, lat=y)) < 510


def test_committees_become_sites_and_what_lies_outside_belongs_to_the_district(tmp_path: Path) -> None:
    places, boundaries = tmp_path / "p.csv", tmp_path / "b.geojson"
    extra = points(("actcenter", 121.312, 31.212), ("neighbor", 121.9, 31.9), ("shop", 120.0, 30.0))
    places.write_text(whole_district() + extra.removeprefix(HEADER), encoding="utf-8")
    boundaries.write_text(geojson(TEN), encoding="utf-8")
    ground = real_ground(read_places(places), read_boundaries(boundaries))
    assert len(ground.sites) == 12
    assert [site.zone for site in ground.sites if site.id.startswith("changning")] == ["changning"] * 2
    assert len(ground.outside) == 2
    assert ground.spots["huayang"] == (Place(lon=121.312, lat=31.212),)
    assert ground.spots["jiangsu"] == (Place(lon=121.33, lat=31.21),)
    assert {zone.id for zone in ground.zones} == {"changning", *(zone for zone, _ in SUBDISTRICTS)}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "lacks the column"),
        (b"a,b\n1,2\n", "lacks the column"),
        (HEADER.encode() + "party,neighbor,名,某,121.4,x\n".encode(), "line 2"),
        (HEADER.encode() + "party,neighbor,名,某,31.2,121.4\n".encode(), "line 2"),
        (HEADER.encode() + "party,neighbor,名,某,nan,31.2\n".encode(), "line 2"),
        (HEADER.encode() + b"party,neighbor\n", "too few columns"),
        (HEADER.encode() + "party,shop,名,某,121.4,31.2\n".encode(), "no residents' committee"),
        (HEADER.encode() + "party,neighbor,宁聚,某,121.4,31.2\n".encode("gb18030"), "not UTF-8"),
    ],
)
def test_a_bad_places_file_is_refused_with_the_place_of_the_fault(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "points.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=said) as error:
        read_places(path)
    assert "points.csv" in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is not a GeoJSON"),
        ("[]", "is not a GeoJSON"),
        ('{"features": [{"geometry": null}]}', "is not a GeoJSON"),
        (geojson(["某街道"]), "is none of"),
        (geojson(TEN[:9]), "lacks 新泾镇"),
        (geojson(TEN).replace('"Polygon"', '"Circle"'), "no readable geometry"),
        (geojson(TEN).replace('"Polygon"', '"MultiPoint"').replace("[[[", "[[").replace("]]]", "]]"), "nor Multi"),
    ],
)
def test_a_bad_boundaries_file_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "b.geojson"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadInput, match=said):
        read_boundaries(path)


def test_arrivals_keep_their_time_of_day_in_the_order_of_their_dates(tmp_path: Path) -> None:
    path = tmp_path / "requests.csv"
    path.write_text(
        "created_date\n06/27/2018 12:00:10 AM\n06/26/2018 01:02:03 PM\n2018-06-28T23:59:59.000\n", encoding="utf-8"
    )
    assert read_arrivals(path) == [13 * 3_600 + 2 * 60 + 3, 10, 86_399]


@pytest.mark.parametrize(
    ("content", "said"),
    [("x\n1\n", "lacks the column"), ("created_date\n", "no rows"), ("created_date\nsoon\n", "line 2")],
)
def test_a_bad_arrivals_file_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "requests.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadInput, match=said):
        read_arrivals(path)


def test_a_missing_file_and_half_a_pair_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        read_places(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="go together"):
        load(places=tmp_path / "none.csv")


@real
def test_the_real_district_has_185_committees_and_a_thousand_arrivals() -> None:
    found = read_places(POINTS)
    assert len(found) == 1_258
    assert sum(place.committee for place in found) == 185
    scenario = load(places=POINTS, boundaries=BOUNDARIES, arrivals=ARRIVALS)
    assert len(scenario.arrivals) == 1_000
    assert 0 < len(scenario.outside) < 40
    assert all(isinstance(name, str) and name for name in scenario.outside)
    assert {arrival.zone for arrival in scenario.arrivals} == {zone.id for zone in scenario.zones}
    # The files name the township of each place: nearly all that they put into a subdistrict must lie in it.
    townships = {label.zh: zone for zone, label in SUBDISTRICTS}
    zone_of = {(site.name.zh, site.place): site.zone for site in scenario.sites}
    committees = [place for place in found if place.committee and place.township in townships]
    right = sum(zone_of[place.name, place.place] == townships[place.township] for place in committees)
    assert right / len(committees) > 0.93
