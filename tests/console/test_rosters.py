"""Rosters and catalogues: item by item, whole or as a patch."""

import asyncio
from typing import Any

import pytest
from httpx2 import Response

from ningju.console.items import COMMAND_BYTES, chunks
from schemas.commands import ChangeCatalogue, ChangeRoster
from schemas.events import ItemRefused
from schemas.place import Place
from schemas.roster import Team, Volunteer
from schemas.views import TeamView, VolunteerView
from tests.console.world import World, label

ROSTER = "/api/v1/zones/north/roster"
BASE = {"lon": 121.4, "lat": 31.21}
HOME = {"lon": 121.4012345, "lat": 31.2112345}


def team(name: str = "t1", zone: str = "north", **more: Any) -> dict[str, Any]:
    return {"id": name, "zone": zone, "name": {"zh": "队", "en": "Team"}, "base": BASE} | more


def volunteer(name: str = "v1", of: str = "t1", **more: Any) -> dict[str, Any]:
    return {"id": name, "team": of, "home": HOME} | more


async def put(world: World, url: str, body: Any, *verdict: str, mode: str = "whole") -> Response:
    call = asyncio.create_task(world.client.put(url, json=body, params={"mode": mode}, headers={"Prefer": "wait=5"}))
    while not call.done():
        await asyncio.sleep(0)
        if await world.open():
            await world.decide(*verdict)
    return await call


async def standing(world: World, *volunteers: str, zone: str = "north", of: str = "t1") -> None:
    place = Place(lon=121.401, lat=31.211)
    crew = [Volunteer(id=name, team=of, home=place) for name in volunteers]
    home = Team(id=of, zone=zone, name=label(of), base=place)
    await world.show(TeamView(zone=zone, version=1, team=home))
    await world.show(*(VolunteerView(zone=zone, version=1, volunteer=one) for one in crew))


async def test_what_a_zone_refuses_of_a_command_is_told_item_by_item(world: World) -> None:
    call = asyncio.create_task(
        world.client.put(ROSTER, json={"teams": [team(), team("t2")]}, headers={"Prefer": "wait=5"})
    )
    while not await world.open():
        await asyncio.sleep(0)
    await world.decide(refused=(ItemRefused(item="t2", reason="has_members"),))
    told = (await call).json()
    assert told["taken"] == 1
    assert [(one["id"], one["code"]) for one in told["refused"]] == [("t2", "has_members")]


async def test_names_and_exact_homes_of_volunteers_stay_out_of_the_command(world: World) -> None:
    body = {"teams": [team()], "volunteers": [volunteer(name="v1", phone="13800001111", of="t1")]}
    body["volunteers"][0]["name"] = "李桂英"
    await world.client.put(ROSTER, json=body, headers={"Prefer": "wait=0"})

    (row,) = await world.store.open_commands()
    (command,) = await world.open()
    assert isinstance(command.command, ChangeRoster)
    assert command.command.volunteers == (Volunteer(id="v1", team="t1", home=Place(lon=121.401, lat=31.211)),)
    for text in ("李桂英".encode(), b"13800001111", b"121.4012345"):
        assert text not in row.data
    person = await world.store.person("v1")
    assert person is not None
    assert (person.name, person.phone) == ("李桂英", "13800001111")


async def test_each_bad_item_is_refused_with_its_reason_and_the_others_stand(world: World) -> None:
    await standing(world, "v9", zone="south", of="t5")
    body = {
        "teams": [
            team(),
            team("t2", "south"),
            team("t3", leader="nobody"),
            team("t4"),
            team("t4", leader="v1"),
            team("t5"),
        ],
        "volunteers": [
            volunteer(),
            volunteer("v2", "t77"),
            volunteer("v3", skills=[{"skill": "care", "level": 9}]),
            volunteer("v9"),
            {"name": "who"},
            17,
            volunteer(),
        ],
    }
    answer = await put(world, ROSTER, body)

    assert answer.status_code == 200
    told = answer.json()
    assert told["taken"] == 3
    assert {(item["list"], item["index"], item["field"], item["code"]) for item in told["refused"]} == {
        ("teams", 1, "zone", "wrong_zone"),
        ("teams", 2, "leader", "unknown_volunteer"),
        ("teams", 4, "id", "duplicate"),
        ("teams", 5, "id", "belongs_elsewhere"),
        ("volunteers", 1, "team", "unknown_team"),
        ("volunteers", 2, "skills.0.level", "less_than_equal"),
        ("volunteers", 3, "id", "belongs_elsewhere"),
        ("volunteers", 4, "id", "missing"),
        ("volunteers", 4, "team", "missing"),
        ("volunteers", 4, "home", "missing"),
        ("volunteers", 5, "item", "model_type"),
    }


async def test_the_whole_roster_removes_who_is_not_named_and_a_patch_does_not(world: World) -> None:
    await standing(world, "v1", "v2", "v3")
    new = {"volunteers": [volunteer("v1"), volunteer("v2", skills=[{"skill": "care", "level": 9}])]}
    seen: dict[str, list[ChangeRoster]] = {}
    for mode in ("whole", "patch"):
        await world.client.put(ROSTER, json=new, params={"mode": mode}, headers={"Prefer": "wait=0"})
        seen[mode] = [c.command for c in await world.open() if isinstance(c.command, ChangeRoster)]
        await world.decide()

    # v1 is there already as it is sent, v2 is refused and so stays as it was; t1 is the home of both.
    (whole,) = seen["whole"]
    assert whole == ChangeRoster(removed_volunteers=("v3",))
    assert seen["patch"] == []


@pytest.mark.parametrize(
    ("body", "gone"),
    [
        ({}, ()),
        ({"teams": [team()]}, ()),
        ({"volunteers": [volunteer("v1", of="t77")]}, ()),
        ({"volunteers": [volunteer("v1"), {"name": "who"}]}, ()),
        ({"volunteers": [volunteer("v1")]}, ("v2", "v3")),
        ({"volunteers": []}, ("v1", "v2", "v3")),
    ],
)
async def test_nobody_leaves_by_a_list_that_was_not_sent_or_not_understood(
    world: World, body: dict[str, Any], gone: tuple[str, ...]
) -> None:
    await standing(world, "v1", "v2", "v3")
    await world.client.put(ROSTER, json=body, headers={"Prefer": "wait=0"})

    removed = [
        name for c in await world.open() if isinstance(c.command, ChangeRoster) for name in c.command.removed_volunteers
    ]
    assert tuple(removed) == gone
    assert not any(c.command.removed_teams for c in await world.open() if isinstance(c.command, ChangeRoster))


async def test_what_the_zone_refuses_is_told_for_each_item(world: World) -> None:
    body = {"teams": [team()], "volunteers": [volunteer()]}
    answer = await put(world, ROSTER, body, "rejected", "unknown_skill", "the catalogue knows no such skill")

    assert answer.status_code == 409
    refused = {(item["list"], item["id"], item["code"]) for item in answer.json()["refused"]}
    assert refused == {("teams", "t1", "unknown_skill"), ("volunteers", "v1", "unknown_skill")}


async def test_a_roster_of_bad_items_alone_is_a_422(world: World) -> None:
    answer = await world.client.put(ROSTER, json={"volunteers": [17]})

    assert answer.status_code == 422
    assert answer.json()["refused"][0]["index"] == 0


async def test_a_large_roster_is_divided_into_commands_that_the_broker_can_carry(world: World) -> None:
    body = {"teams": [team()], "volunteers": [volunteer(f"v{n}") for n in range(2_000)]}
    answer = await put(world, ROSTER, body)

    assert answer.json()["taken"] == 2_001
    assert len(answer.json()["commands"]) > 1
    assert answer.json()["status"] == "accepted"


def test_chunks_lose_nothing_and_keep_the_order() -> None:
    items = [Volunteer(id=f"v{n}", team="t", home=Place(lon=0, lat=0)) for n in range(1_000)]
    parts = list(chunks(items))

    assert [item for part in parts for item in part] == items
    assert all(sum(len(item.dump()) + 1 for item in part) <= COMMAND_BYTES for part in parts)
    assert len(parts) > 1


async def test_the_same_roster_twice_changes_nothing_the_second_time(world: World) -> None:
    body = {"teams": [team()], "volunteers": [volunteer()]}
    for _ in range(2):
        await world.client.put(ROSTER, json=body, headers={"Prefer": "wait=0"})

    assert len(await world.open()) == 1


async def test_a_roster_is_shown_with_the_version_that_it_reflects(world: World) -> None:
    await standing(world, "v1")
    await world.happen("north", 3)
    told = (await world.client.get(ROSTER)).json()

    assert told["version"] == 3
    assert [one["id"] for one in told["volunteers"]] == ["v1"]
    assert (await world.client.get("/api/v1/zones/atlantis/roster")).status_code == 404


def kind(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "name": {"zh": name, "en": name}, "demands": [{"skill": "care"}], "duration_s": 3600} | more


def place(name: str, zone: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "zone": zone, "name": {"zh": name, "en": name}, "place": HOME} | more


async def test_a_common_service_type_reaches_every_zone_and_a_featured_one_its_own(world: World) -> None:
    body = {
        "service_types": [kind("escort"), kind("opera", featured_by="south"), kind("x", featured_by="atlantis")],
        "sites": [place("north-2", "north", featured=["escort"]), place("y", "atlantis"), place("north-home", "south")],
    }
    await world.client.put("/api/v1/catalogue", json=body, params={"mode": "patch"}, headers={"Prefer": "wait=0"})

    changes = [(c.zone, c.command) for c in await world.open() if isinstance(c.command, ChangeCatalogue)]
    types = {(zone, item.id) for zone, change in changes for item in change.service_types}
    sites = {(zone, item.id) for zone, change in changes for item in change.sites}
    assert types == {("north", "escort"), ("south", "escort"), ("south", "opera")}
    assert sites == {("north", "north-2")}
    assert not any(change.removed_service_types for _, change in changes)


async def test_the_catalogue_that_is_shown_can_be_put_back_and_changes_nothing(world: World) -> None:
    shown = (await world.client.get("/api/v1/catalogue")).json()
    assert {item["id"] for item in shown["service_types"]} == {"elder-visit", "talk"}
    body = {name: shown[name] for name in ("service_types", "sites")}
    answer = await world.client.put("/api/v1/catalogue", json=body)

    assert (answer.status_code, answer.json()["commands"]) == (200, [])
    del body["service_types"][0]
    await world.client.put("/api/v1/catalogue", json=body, headers={"Prefer": "wait=0"})
    gone = [c.command.removed_service_types for c in await world.open() if isinstance(c.command, ChangeCatalogue)]
    assert gone == [("elder-visit",), ("elder-visit",)]


async def test_service_types_are_set_without_saying_anything_of_sites(world: World) -> None:
    shown = (await world.client.get("/api/v1/zones/north/catalogue")).json()
    body = {"service_types": shown["service_types"][1:]}
    await world.client.put("/api/v1/zones/north/catalogue", json=body, headers={"Prefer": "wait=0"})
    (change,) = [c.command for c in await world.open() if isinstance(c.command, ChangeCatalogue)]
    assert len(change.removed_service_types) == 1
    assert change.removed_sites == ()


@pytest.mark.parametrize(
    ("item", "field"), [(kind("opera", featured_by="south"), "featured_by"), (kind("bad", demands=[]), "demands")]
)
async def test_a_zones_catalogue_takes_what_belongs_to_it(world: World, item: dict[str, Any], field: str) -> None:
    url = "/api/v1/zones/north/catalogue"
    answer = await put(world, url, {"service_types": [item, kind("escort")]}, mode="patch")

    assert [one["field"] for one in answer.json()["refused"]] == [field]
    assert answer.json()["taken"] == 1
    shown = (await world.client.get(url)).json()
    assert [one["id"] for one in shown["sites"]] == ["north-home"]
