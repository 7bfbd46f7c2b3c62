"""What holds for every page: languages, headers that keep strangers' code out, hostile text, no outside address."""

import re
from datetime import timedelta

import pytest

from engine.ports import Account
from schemas.commands import TakeAlarms
from schemas.person import Person
from schemas.place import TimeWindow
from schemas.request import RequestState, Taken
from tests.console.world import NOW, World, label, offer_of, offered, service, zone_view

HOSTILE = '"><script>alert(1)</script>&lt;{{ 7*7 }}'
PAGES = (
    "/now",
    "/queue",
    "/queue?view=ended",
    "/new",
    "/new?site=north-home",
    "/map",
    "/timeline",
    "/people",
    "/people/import",
    "/catalogue",
    "/catalogue/north/services/elder-visit",
    "/catalogue/north/sites/north-home",
    "/letters",
    "/audit",
    "/audit/looks",
)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("language", "other"), [("zh", "en"), ("en", "zh")])
async def test_a_page_is_there_in_both_languages(world: World, path: str, language: str, other: str) -> None:
    mark = "&" if "?" in path else "?"
    answer = await world.client.get(f"{path}{mark}lang={language}")
    assert answer.status_code == 200, answer.text
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}"' in answer.text
    assert ("调度员" in answer.text) is (language == "zh")
    assert f"lang={other}" in answer.text
    again = await world.client.get(path, headers={"Accept-Language": other})  # the choice is remembered
    assert ("调度员" in again.text) is (language == "zh")


@pytest.mark.parametrize("path", [*PAGES, "/queue?q=zzzz", "/queue?zone=atlantis&state=x&age=9&order=1&cursor=x"])
async def test_a_page_loads_nothing_from_outside_and_runs_nothing_inline(world: World, path: str) -> None:
    await world.show(offered(alarms=("needs_operator",)))
    answer = await world.client.get(path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?://|<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=\"/static/)", answer.text)


async def test_hostile_text_stays_text(world: World) -> None:
    await world.show(
        zone_view("evil", 121.5, service().changed(name=label(HOSTILE))),
        offered("evil", alarms=("needs_operator",), reason=HOSTILE),
    )
    for path in ("/now", "/queue", "/queue?q=%22%3E%3Cscript%3E"):
        text = (await world.client.get(path)).text
        assert "<script>alert" not in text
        assert '"><script' not in text


async def test_the_root_leads_to_what_needs_a_person(world: World) -> None:
    answer = await world.client.get("/?lang=en")
    assert (answer.status_code, answer.headers["location"]) == (307, "/now?lang=en")


async def test_now_has_what_needs_a_person_first_and_links_that_count(world: World) -> None:
    await world.show(
        offered(name="calm"),
        offered(name="lost", alarms=("needs_operator",), state=RequestState.QUEUED, visit=None),
        offered(name="new", state=RequestState.RECEIVED, visit=None),
    )
    text = (await world.client.get("/now?lang=en")).text
    assert "Triage 1 new requests" in text
    assert text.count("See why, and decide</a>") == 1
    assert 'href="/queue?zone=north&amp;state=offered"' in text
    assert "Nothing needs you" not in text


async def test_an_empty_town_says_so(world: World) -> None:
    assert "Nothing needs you at this moment." in (await world.client.get("/now?lang=en")).text
    assert "No request is like this." in (await world.client.get("/queue?lang=en")).text


async def test_an_offer_about_to_expire_is_on_the_page(world: World) -> None:
    row = offered()
    await world.show(row, offer_of(row).changed(expires_at=NOW.replace(minute=9)))
    assert "in 9 min" in (await world.client.get("/now?lang=en")).text


async def test_the_map_draws_requests_sites_and_a_quarter_of_an_hour_on_foot(world: World) -> None:
    await world.show(offered(), offered("south", "r2", state=RequestState.DONE))
    features = (await world.client.get("/map/data?site=north-home")).json()["features"]
    kinds = [feature["properties"]["kind"] for feature in features]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"zone": 2, "site": 2, "walk": 1, "request": 1}
    (walk,) = [feature for feature in features if feature["properties"]["kind"] == "walk"]
    assert walk["properties"]["metres"] == 769  # 15 min at 4 km/h, by a way 1.3 times as long
    ring = walk["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1]
    assert ring[16][1] - 31.21 == pytest.approx(769.2 / 111_195, rel=1e-3)
    (request,) = [feature for feature in features if feature["properties"]["kind"] == "request"]
    assert request["properties"]["state"] == "offered"
    south = (await world.client.get("/map/data?zone=south&view=ended")).json()["features"]
    assert [one["properties"]["state"] for one in south if one["properties"]["kind"] == "request"] == ["done"]


async def test_the_map_shows_one_request_that_is_asked_for(world: World) -> None:
    row, other = offered(), offered(name="r2")
    await world.show(row, other)
    features = (await world.client.get(f"/map/data?request={row.request_id}")).json()["features"]
    found = [one["properties"]["href"] for one in features if one["properties"]["kind"] == "request"]
    assert found == [f"/request/{row.request_id}"]


async def test_the_timeline_has_each_teams_visits_of_a_day_side_by_side_where_they_overlap(world: World) -> None:
    first, second, later = offered(), offered(name="r2", state=RequestState.ACCEPTED), offered(name="r3")
    assert later.visit is not None
    moved = TimeWindow(start=NOW + timedelta(days=1), end=NOW + timedelta(days=1, hours=2))
    await world.show(first, second, later.changed(visit=later.visit.changed(window=moved)))
    text = (await world.client.get("/timeline?zone=north&lang=en")).text
    assert text.count('class="bar-link') == 2
    assert "from-9 to-13 lane-1" in text  # 09:00 to 10:00, where the chart begins at seven
    assert "from-9 to-13 lane-2" in text
    tomorrow = (await world.client.get(f"/timeline?zone=north&day=2026-03-03&request={later.request_id}&lang=en")).text
    assert "from-9 to-17 lane-1" in tomorrow
    assert tomorrow.count("chosen") == 1
    assert "Nobody is asked or goes on this day." in (await world.client.get("/timeline?zone=south&lang=en")).text
    assert (await world.client.get("/timeline?day=never&zone=x")).status_code == 200


async def test_an_alarm_is_taken_with_a_name_and_what_is_nobodys_comes_first(world: World) -> None:
    kept = offered(
        name="kept",
        alarms=("needs_operator",),
        priority=5,
        taken=Taken(by="operator:op-7", at=NOW - timedelta(minutes=5), alarms=("needs_operator",)),
    )
    free = offered(
        name="free",
        alarms=("needs_operator", "crew_incomplete"),
        taken=Taken(by="operator:op-7", at=NOW, alarms=("needs_operator",)),
    )
    await world.show(kept, free)
    await world.store.put_account(Account("op-7", "operator", None, NOW))
    await world.store.put_persons([Person(id="op-7", name="王芳")])
    text = (await world.client.get("/now?lang=en")).text
    assert text.count("王芳 sees to it, 5 min ago") == 1
    assert text.index(str(free.request_id)) < text.index(str(kept.request_id)), "a later alarm is nobody's yet"
    buttons = re.findall(r'name="what" value="([^"]+)"', text)
    assert buttons == [f"{free.request_id} north ", f"{kept.request_id} north operator:op-7"]
    for value in buttons:
        done = await world.client.post("/now/take", data={"what": value, "key": "k"})
        assert done.headers["location"].startswith("/now?said="), done.text
    assert [one.command for one in await world.open()] == [
        TakeAlarms(request_id=free.request_id),
        TakeAlarms(request_id=kept.request_id, instead_of="operator:op-7"),
    ]
    for value in ("", "nonsense", f"{free.request_id} south"):
        assert (await world.client.post("/now/take", data={"what": value})).status_code == 404


async def test_nobody_is_offered_to_take_over_what_they_have_themselves(world: World) -> None:
    mine = offered(alarms=("needs_operator",), taken=Taken(by="operator:local", at=NOW, alarms=("needs_operator",)))
    await world.show(mine)
    text = (await world.client.get("/now?lang=en")).text
    assert "sees to it" in text
    assert "Take it over" not in text
    assert 'data-me="operator:local"' in text, "what is pushed afterwards is the same for everybody"


async def test_what_is_pushed_to_everybody_holds_no_form_of_anybody(world: World) -> None:
    taken = Taken(by="operator:op-7", at=NOW, alarms=("needs_operator",))
    await world.show(offered(alarms=("needs_operator",)), offered(name="r2", alarms=("needs_operator",), taken=taken))
    text = (await world.client.get("/now")).text
    board = text[text.index('<div id="now"') : text.index("</main>")]
    assert "csrf" not in board
    assert "<form" not in board
    assert 'form="take"' in board
    assert board.count('data-keeper="operator:op-7"') == 1
