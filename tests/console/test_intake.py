"""Routing: which zone holds a place."""

from datetime import timedelta

import pytest

from engine.intake import Directory, IntakeRefused, admit, area_of
from schemas.base import derive_id
from schemas.envelope import Actor
from schemas.intake import RequestIn
from schemas.place import Place, TimeWindow
from schemas.zone import ZoneConfig
from tests.console.world import NOW, label, square, zone_view


def config(*rings: tuple[tuple[float, float], ...]) -> ZoneConfig:
    return ZoneConfig(id="z", name=label("z"), level="subdistrict", boundary=rings)


def test_a_ring_inside_another_is_a_hole_and_one_beside_it_a_second_part() -> None:
    outer, hole, beside = square(0, 0, 10)[0], square(4, 4, 2)[0], square(20, 0, 1)[0]
    view = zone_view("z", 0).model_copy(update={"config": config(outer, hole, beside)})
    directory = Directory.of([view])

    assert directory.zone_at(Place(lon=1, lat=1)) == "z"
    assert directory.zone_at(Place(lon=5, lat=5)) is None
    assert directory.zone_at(Place(lon=20.5, lat=0.5)) == "z"


def test_a_place_on_a_shared_edge_belongs_to_one_zone_whatever_the_order() -> None:
    views = [zone_view("b", 121.39), zone_view("a", 121.41)]
    edge = Place(lon=121.41, lat=31.21)

    assert Directory.of(views).zone_at(edge) == Directory.of(reversed(views)).zone_at(edge) == "a"


def test_a_subdistrict_is_asked_before_the_district_around_it() -> None:
    around = zone_view("a-district", 121.38)
    whole = around.config.model_copy(update={"level": "district", "boundary": square(121.3, 31.1, 0.3)})
    district = around.model_copy(update={"level": "district", "config": whole})
    directory = Directory.of([district, zone_view("north", 121.39)])

    assert directory.zone_at(Place(lon=121.40, lat=31.21)) == "north"
    assert directory.zone_at(Place(lon=121.32, lat=31.11)) == "a-district"


def test_rings_that_bound_nothing_do_not_stop_the_intake() -> None:
    assert area_of(config(((0.0, 0.0), (1.0, 1.0)))) is None
    assert area_of(config()) is None


def test_a_directory_is_made_anew_only_when_a_zone_has_changed() -> None:
    views = [zone_view("north", 121.39), zone_view("south", 121.41)]
    known = Directory.of(views)

    assert Directory.of(views, known) is known
    assert Directory.of([views[0]], known) is not known
    assert Directory.of([views[0], zone_view("south", 121.41, version=2)], known) is not known


def test_a_note_that_no_database_keeps_is_refused_wherever_it_comes_from() -> None:
    need = RequestIn(
        service_type="elder-visit",
        site="north-home",
        windows=(TimeWindow(start=NOW, end=NOW + timedelta(hours=3)),),
        note="a\0b",
    )
    actor = Actor(kind="external", id="hotline")
    with pytest.raises(IntakeRefused) as refused:
        admit(
            need,
            Directory.of([zone_view("north", 121.39)]),
            command_id=derive_id("c"),
            actor=actor,
            received_at=NOW,
        )
    assert (refused.value.field, refused.value.code) == ("body", "nul")
