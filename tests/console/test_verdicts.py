"""From a call to the zone's verdict and back, through the engine."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from engine.ports import NewCommand
from schemas.base import derive_id
from schemas.commands import ProposedSeat, ProposedVisit, ProposePlan
from schemas.envelope import Actor, CommandEnvelope
from tests.console.test_rosters import kind, place, team, volunteer
from tests.console.world import NOW, World, need, window, zone_view
from tests.console.zone_loop import ZoneLoop

ALL_WEEK = [{"weekday": day, "start_min": 0, "end_min": 1440} for day in range(7)]
SECRET = {"name": "李桂英", "phone": "13800001111", "address": "愚园路 1 号 302 室", "id": "card-310105"}


@pytest_asyncio.fixture
async def lively(world: World) -> AsyncIterator[World]:
    """A zone of its own whose events are real, with a catalogue, a team and two volunteers."""
    task = asyncio.create_task(ZoneLoop(world.store).run())
    config = zone_view("lively", 121.50).config
    http, wait = world.client, {"Prefer": "wait=5"}
    body = {"config": config.model_dump(mode="json")}
    assert (await http.put("/api/v1/zones/lively", json=body, headers=wait)).status_code == 200
    catalogue = {"service_types": [kind("escort")], "sites": [place("home", "lively")]}
    url = "/api/v1/zones/lively"
    assert (await http.put(f"{url}/catalogue", json=catalogue, headers=wait)).json()["refused"] == []
    skills = [{"skill": "care"}]
    people = [volunteer(name, weekly=ALL_WEEK, skills=skills, phone="13911112222") for name in ("v1", "v2")]
    roster = {"teams": [team("t1", "lively")], "volunteers": people}
    assert (await http.put(f"{url}/roster", json=roster, headers=wait)).json()["taken"] == 3
    yield world
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def submitted(world: World, **fields: Any) -> dict[str, Any]:
    told = await world.client.post(
        "/api/v1/requests", json=need(service_type="escort", site="home", place=None, beneficiary=SECRET, **fields)
    )
    assert told.status_code == 202
    return await shown(world, told.json()["href"], lambda row: row["state"] == "queued")


async def shown(world: World, href: str, when: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    for _ in range(500):
        row: dict[str, Any] = (await world.client.get(href)).json()
        if when(row):
            return row
        await asyncio.sleep(0.01)
    raise AssertionError(row)


async def proposed(world: World, row: dict[str, Any], who: str) -> dict[str, Any]:
    """Offer the request to somebody, as the matcher would."""
    version = (await world.store.heads())["lively"]
    item = ProposedVisit(
        request_id=UUID(row["request_id"]),
        seen=version,
        team="t1",
        start=NOW + timedelta(hours=4),
        seats=(ProposedSeat(demand=0, volunteer=who, seen=version),),
    )
    command_id = derive_id("plan", version)
    envelope = CommandEnvelope(
        command_id=command_id,
        zone="lively",
        actor=Actor(kind="system", id="matcher"),
        correlation_id=command_id,
        received_at=NOW,
        command=ProposePlan(plan_hash="h", solved_at_version=version, items=(item,)),
    )
    await world.store.enqueue([NewCommand(envelope)])
    outcome = await world.store.wait(command_id, 5)
    assert outcome is not None
    assert outcome.refused == ()
    return await shown(world, f"/api/v1/requests/{row['request_id']}", lambda one: bool(one["offer_list"]))


async def test_a_request_goes_from_the_order_to_the_rating(lively: World) -> None:
    row = await proposed(lively, await submitted(lively), "v1")
    offer, visit, http = row["offer_list"][0], row["visit"], lively.client
    assert (offer["volunteer"], row["state"]) == ("v1", "offered")
    own, wait = {"X-Actor": "volunteer:v1", "Prefer": "wait=5"}, {"Prefer": "wait=5"}

    stranger = await http.post(
        f"/api/v1/offers/{offer['offer_id']}/accept", headers={"X-Actor": "volunteer:v2", "Prefer": "wait=5"}
    )
    assert stranger.status_code == 409
    assert stranger.json()["code"]
    assert (await http.post(f"/api/v1/offers/{offer['offer_id']}/accept", headers=own)).status_code == 200
    again = await http.post(f"/api/v1/offers/{offer['offer_id']}/decline", headers=own)
    assert (again.status_code, again.json()["type"]) == (409, "urn:ningju:problem:rejected")
    lively.clock.time += timedelta(hours=4)
    assert (await http.post(f"/api/v1/visits/{visit['visit_id']}/check-in", headers=own)).status_code == 200
    lively.clock.time += timedelta(hours=1)
    assert (await http.post(f"/api/v1/visits/{visit['visit_id']}/finish", headers=own)).status_code == 200
    rated = await http.post(f"/api/v1/visits/{visit['visit_id']}/rating", json={"stars": 5}, headers=wait)
    assert rated.status_code == 200
    done = (await http.get(f"/api/v1/requests/{row['request_id']}")).json()
    assert (done["state"], done["stars"]) == ("done", 5)


async def test_a_caller_who_waits_gets_the_verdict_and_one_who_does_not_finds_it_later(lively: World) -> None:
    row = await submitted(lively)
    url = f"/api/v1/requests/{row['request_id']}/cancel"
    pending = await lively.client.post(url, headers={"Prefer": "wait=0", "Idempotency-Key": "c1"})
    assert pending.status_code == 202
    found = await lively.client.get(pending.json()["href"], headers={"Prefer": "wait=5"})
    assert found.json()["status"] == "accepted"
    again = await lively.client.post(url, headers={"Idempotency-Key": "c1"})
    assert (again.status_code, again.json()["command_id"]) == (200, pending.json()["command_id"])
    second = await lively.client.post(url, headers={"Prefer": "wait=5"})
    assert second.status_code == 409


async def test_what_has_changed_since_it_was_looked_at_is_not_overwritten(lively: World) -> None:
    row, wait = await submitted(lively), {"Prefer": "wait=5"}
    url = f"/api/v1/requests/{row['request_id']}"
    looked = (await lively.client.get(url)).json()["version"]
    told = {"priority": 4, "seen": looked}
    first = await lively.client.post(f"{url}/change", json=told, headers=wait)
    assert first.status_code == 200, first.text
    late = await lively.client.post(f"{url}/change", json=told | {"priority": 5}, headers=wait)
    assert (late.status_code, late.json()["code"]) == (409, "request_changed")
    late = await lively.client.post(f"{url}/cancel", json={"seen": looked}, headers=wait)
    assert (late.status_code, late.json()["code"]) == (409, "request_changed")
    now = (await lively.client.get(url)).json()["version"]
    assert (await lively.client.post(f"{url}/cancel", json={"seen": now}, headers=wait)).status_code == 200


async def test_the_reason_of_a_call_stands_with_every_event_that_came_of_it(lively: World) -> None:
    row = await proposed(lively, await submitted(lively), "v1")
    url, why = f"/api/v1/requests/{row['request_id']}", "the family comes at noon"
    change = {"window": window(6, 9), "reason": why}
    assert (await lively.client.post(f"{url}/change", json=change, headers={"Prefer": "wait=5"})).status_code == 200
    records = await lively.store.history(UUID(row["request_id"]))
    said = {record.envelope.event.kind for record in records if record.envelope.reason == why}
    assert {"request_changed", "visit_released", "request_queued"} <= said
    page = (await lively.client.get(f"/request/{row['request_id']}?lang=en")).text
    changed = next(line for line in page.split("<li") if ">Changed: " in line)
    assert why in changed


async def test_personal_data_reaches_no_command_no_event_no_row_and_no_log(
    lively: World, capsys: pytest.CaptureFixture[str]
) -> None:
    row = await proposed(lively, await submitted(lively, note="门铃坏了"), "v1")
    url = f"/api/v1/requests/{row['request_id']}"
    change = {"window": window(6, 9), "reason": "ask 13800001111"}
    await lively.client.post(f"{url}/change", json=change, headers={"Prefer": "wait=5"})
    commands = [
        found.data
        for record in await lively.store.events("lively")
        if (found := await lively.store.command(record.envelope.causation_id)) is not None
    ]
    everything = [record.data for record in await lively.store.events("lively")] + commands
    for path in (url, "/api/v1/zones/lively/queue", "/api/v1/zones/lively/roster", "/metrics"):
        everything.append((await lively.client.get(path)).content)
    everything.append("".join(capsys.readouterr()).encode())
    assert len(commands) > 5
    for text in (*SECRET.values(), "门铃", "13911112222"):
        needle = text.encode()
        assert not any(needle in data for data in everything)
        assert not any(text.encode("unicode_escape") in data for data in everything)


def hidden(page: str, name: str) -> list[str]:
    return re.findall(rf'name="{name}" value="([^"]*)"', page)


async def test_what_was_done_to_several_is_taken_back_after_a_preview_where_it_still_can_be(lively: World) -> None:
    http, rows = lively.client, [await submitted(lively) for _ in range(3)]
    names = [row["request_id"] for row in rows]
    form: dict[str, Any] = {"id": names, "what": "priority", "back": "/queue?state=queued"}
    page = (await http.post("/queue", data=form)).text
    seen = {f"seen-{name}": hidden(page, f"seen-{name}")[0] for name in names}
    sure = form | seen | {"sure": "yes", "key": "k9", "priority": "5", "reason": "a cold night"}
    address = (await http.post("/queue", data=sure)).headers["location"]
    assert address == "/queue?state=queued&done=3-3-k9"
    link = re.search(r'href="(/queue/undo[^"]+)"', (await http.get(address)).text)
    assert link is not None

    again = {"priority": 4, "reason": "not so cold"}  # meanwhile one is changed once more: it stays as it is
    await http.post(f"/api/v1/requests/{names[0]}/change", json=again, headers={"Prefer": "wait=5"})
    preview = (await http.get(link[1].replace("&amp;", "&"), headers={"Accept-Language": "en"})).text
    assert "Undo: 2 requests" in preview
    assert preview.count("Life and health → <strong>Normal</strong>") == 2
    assert preview.count("stays as it is: this cannot be undone any more") == 1

    undo = {"of": hidden(preview, "of")[0], "back": hidden(preview, "back")[0].replace("&amp;", "&"), "key": "u1"}
    for _ in range(2):  # the same form twice is the same orders
        done = await http.post("/queue/undo", data=undo)
        assert done.headers["location"] == "/queue?state=queued&done=u2-2"
    shown_now = [(await http.get(f"/api/v1/requests/{name}")).json()["priority"] for name in names]
    assert shown_now == [4, 2, 2]
    assert "2 of 2 undone" in (await http.get(done.headers["location"], headers={"Accept-Language": "en"})).text
    last = (await lively.store.history(UUID(names[1])))[-1].envelope
    assert (last.actor.key, last.reason) == ("operator:local", "undone")
    assert (await http.post("/queue/undo", data=undo | {"key": "u2"})).status_code == 409


async def test_what_cannot_be_taken_back_is_not_offered(lively: World) -> None:
    row = await submitted(lively)
    form = {"id": row["request_id"], "what": "cancel", f"seen-{row['request_id']}": str(row["version"]), "sure": "yes"}
    address = (await lively.client.post("/queue", data=form | {"key": "k", "reason": "moved away"})).headers["location"]
    assert address == "/queue?done=1-1-k"
    assert "/queue/undo" not in (await lively.client.get(address)).text
    assert "undone any more" in (await lively.client.get("/queue/undo?of=k&lang=en")).text
    assert "undone any more" in (await lively.client.get("/queue/undo?of=other&lang=en")).text


async def test_the_second_of_two_who_import_is_told_and_overwrites_nothing(lively: World) -> None:
    url, wait = "/api/v1/zones/lively", {"Prefer": "wait=5"}
    roster = (await lively.client.get(f"{url}/roster")).json()
    seen, people = roster["version"], roster["volunteers"]
    await submitted(lively)  # the zone goes on meanwhile; the roster stays as it is
    for count, (status, code) in enumerate([(200, None), (409, "roster_changed")], 1):
        body = {"volunteers": [person | {"visits_per_day": count} for person in people], "seen": seen}
        told = await lively.client.put(f"{url}/roster", params={"mode": "patch"}, json=body, headers=wait)
        assert (told.status_code, told.json().get("code")) == (status, code), told.json()
    now = (await lively.client.get(f"{url}/roster")).json()
    assert {person["visits_per_day"] for person in now["volunteers"]} == {1}
    same = {"volunteers": [person | {"visits_per_day": 1} for person in people], "seen": seen}
    again = await lively.client.put(f"{url}/roster", params={"mode": "patch"}, json=same, headers=wait)
    assert again.status_code == 200, "what is like this already overwrites nothing"

    versions = (await lively.client.get("/api/v1/catalogue")).json()["versions"]
    kinds = [(kind("escort", duration_s=length), seen) for length, seen in ((1_800, versions), (2_400, versions))]
    for (item, at), status in zip(kinds, (200, 409), strict=True):
        body = {"service_types": [item], "seen": {"lively": at["lively"]}}
        told = await lively.client.put(
            "/api/v1/catalogue", params={"mode": "patch"}, json=body, headers={"Prefer": "wait=1"}
        )
        assert status == 200 or "catalogue_changed" in told.text, told.json()
    (found,) = (await lively.client.get(f"{url}/catalogue")).json()["service_types"]
    assert found["duration_s"] == 1_800
    late = {"service_types": [kind("escort", duration_s=2_400)], "seen": versions["lively"]}
    told = await lively.client.put(f"{url}/catalogue", params={"mode": "patch"}, json=late, headers=wait)
    assert (told.status_code, told.json()["code"]) == (409, "catalogue_changed")
    bad = await lively.client.put(f"{url}/roster", json={"seen": -1})
    assert bad.status_code == 422
