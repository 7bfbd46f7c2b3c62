"""The map: the queue's filter, the routes of a day, how far people go, and pictures from outside where they are set."""

from datetime import timedelta
from typing import Any

import pytest

from ningju.console.services import Services
from ningju.settings import Settings
from schemas.place import Place, TimeWindow
from schemas.roster import Team, Volunteer
from schemas.views import TeamView, VolunteerView
from tests.console.world import NOW, World, label, offered

HOME = Place(lon=121.400, lat=31.210)


async def team(world: World) -> None:
    base = Team(id="t1", zone="north", name=label("team"), base=HOME)
    await world.show(TeamView(zone="north", version=1, team=base))
    for name, whose, reach in (("v1", "t1", 1_500), ("v2", "t1", 3_000), ("w1", "t2", 500)):
        person = Volunteer(id=name, team=whose, home=HOME, reach_m=reach)
        await world.show(VolunteerView(zone="north", version=1, volunteer=person))


async def drawn(world: World, query: str) -> list[dict[str, Any]]:
    return [one["properties"] for one in (await world.client.get(f"/map/data?{query}")).json()["features"]]


@pytest.mark.parametrize(
    ("query", "metres"),
    [("reach=v1", [1_500]), ("reach=t1", [1_500, 3_000]), ("reach=nobody", []), ("", []), ("zone=south&reach=v1", [])],
)
async def test_how_far_a_person_or_a_teams_people_go_is_a_circle_each(
    world: World, query: str, metres: list[int]
) -> None:
    await team(world)
    assert [one["metres"] for one in await drawn(world, query) if one["kind"] == "person"] == metres
    text = (await world.client.get(f"/map?{query}&lang=en")).text
    assert (f"one of {len(metres)} people goes" in text) is bool(metres)


async def test_routes_are_of_one_day_and_today_unless_another_is_asked_for(world: World) -> None:
    await team(world)
    today, tomorrow = offered(), offered(name="r2")
    assert tomorrow.visit is not None
    later = TimeWindow(start=NOW + timedelta(days=1), end=NOW + timedelta(days=1, hours=1))
    await world.show(today, tomorrow.changed(visit=tomorrow.visit.changed(window=later)))
    for query, count in (("", 1), ("day=2026-03-03", 1), ("day=2026-03-04", 0), ("day=never", 1)):
        assert sum(one["kind"] == "way" for one in await drawn(world, query)) == count, query
    assert sum(one["kind"] == "request" for one in await drawn(world, "")) == 2


async def test_the_filter_is_the_queues_and_nothing_of_it_is_lost_on_the_way(world: World) -> None:
    await world.show(offered(), offered(name="r2", service_type="bath"))
    assert len([one for one in await drawn(world, "service=bath") if one["kind"] == "request"]) == 1
    text = (await world.client.get("/map?service=elder-visit&age=1d&q=b-9&order=oldest&lang=en")).text
    for kept in ('<option value="elder-visit" selected', '<option value="1d" selected', 'name="q" value="b-9"'):
        assert kept in text


async def test_without_a_setting_the_map_needs_nothing_from_outside(world: World) -> None:
    answer = await world.client.get("/map")
    assert "data-tiles" not in answer.text
    assert "connect-src 'self';" in answer.headers["content-security-policy"]


class TestPictures:
    @pytest.fixture
    def services(self) -> Services:
        return Services(wait_s=0, tiles="https://tiles.example:8443/{z}/{x}/{y}.png", credit="© somebody")

    async def test_pictures_below_the_map_come_from_the_one_origin_that_is_set(self, world: World) -> None:
        answer = await world.client.get("/map")
        assert 'data-tiles="https://tiles.example:8443/{z}/{x}/{y}.png" data-credit="© somebody"' in answer.text
        policy = answer.headers["content-security-policy"]
        assert "connect-src 'self' https://tiles.example:8443;" in policy
        assert "script-src 'self';" in policy
        other = (await world.client.get("/queue")).headers["content-security-policy"]
        assert "tiles.example" not in other


@pytest.mark.parametrize("address", ["ftp://x/{z}", "https://x/{z}; script-src *", "https://x 'unsafe-inline'"])
def test_an_address_of_pictures_that_could_say_more_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="map_tiles"):
        Settings(map_tiles=address)
