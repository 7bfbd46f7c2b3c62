"""Rosters and catalogues changed on the pages: shown item by item, with whom it withdraws, before it is made."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from starlette.requests import Request

from engine.ports import NewCommand
from ningju.console.access import CSRF_HEADER
from ningju.console.app import create_app
from ningju.console.forms import uploaded
from ningju.console.pages import preview
from ningju.console.services import Services
from ningju.ledger.memory import MemoryStore
from schemas.base import derive_id
from schemas.catalogue import Site
from schemas.commands import (
    AssignCrew,
    AssignedSeat,
    ChangeCatalogue,
    ChangeRoster,
    Command,
    ConfigureZone,
    SubmitRequest,
)
from schemas.envelope import Actor, CommandEnvelope
from schemas.place import Place, TimeWindow
from schemas.request import RequestSpec
from schemas.roster import Exemption, SkillHeld, Team, Volunteer, WeeklySlot
from schemas.zone import Policy
from tests.console.world import NOW, SetClock, label, service, zone_view
from tests.console.zone_loop import ZoneLoop

HERE = Place(lon=121.401, lat=31.211)
VISIT = TimeWindow(start=NOW + timedelta(hours=5), end=NOW + timedelta(hours=6))  # 14:00 in Shanghai
REQUEST = derive_id("request", "promised")
ANN = Volunteer(
    id="ann",
    team="t1",
    home=HERE,
    skills=(SkillHeld(skill="care", level=2, expires=datetime(2027, 1, 1, tzinfo=UTC)),),
    weekly=tuple(WeeklySlot(weekday=day, start_min=480, end_min=1_080) for day in range(7)),
    exemptions=(Exemption(window=TimeWindow(start=NOW + timedelta(days=9), end=NOW + timedelta(days=10))),),
)
TEAM = Team(id="t1", zone="north", name=label("队"), base=HERE, leader="ann")


@dataclass
class Hall:
    """A console with zones that decide."""

    store: MemoryStore
    client: AsyncClient
    heard: int = 0

    async def order(self, zone: str, *commands: Command) -> None:
        """Give orders and wait for their outcome."""
        for command in commands:
            self.heard += 1
            command_id = derive_id("set up", self.heard)
            envelope = CommandEnvelope(
                command_id=command_id,
                zone=zone,
                actor=Actor(kind="operator", id="set-up"),
                correlation_id=command_id,
                received_at=NOW,
                command=command,
            )
            await self.store.enqueue([NewCommand(envelope)])
            outcome = await self.store.wait(command_id, 5)
            assert outcome is not None
            assert outcome.status == "accepted", outcome

    async def volunteer(self, name: str, zone: str = "north") -> Volunteer | None:
        _, people = await self.store.roster(zone)
        return next((view.volunteer for view in people if view.volunteer.id == name), None)

    async def confirm(self, page: Response, reason: str = "asked for it", **fields: str) -> Response:
        """Send the preview's form."""
        form = hidden(page) | {"reason": reason} | fields
        address = re.search(r'action="(/\w+/change)"', page.text)
        assert address is not None, page.text
        return await self.client.post(f"{address[1]}?lang=en", data=form)

    async def bring(self, kind: str, name: str, data: bytes, **fields: str) -> Response:
        """Upload a file."""
        return await self.client.post(f"/{kind}/import?lang=en", files={"file": (name, data)}, data=fields)


def hidden(page: Response) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    return {name: unescape(value) for name, value in found}


def filled(page: Response) -> dict[str, Any]:
    """What a form would send as it stands."""
    fields: dict[str, Any] = hidden(page)
    main = page.text[page.text.index("<main") :]
    for tag in re.findall(r"<input [^>]*>", main):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and 'type="hidden"' not in tag and ("checkbox" not in tag or " checked" in tag):
            fields.setdefault(name[1], []).append(unescape(value[1]) if value else "")
    for name, options in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', main, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        fields[name] = unescape(chosen[1]) if chosen else ""
    return fields


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    clock = SetClock()
    store = MemoryStore(clock)
    loop = ZoneLoop(store)
    app = create_app(store, clock, Services(wait_s=5, attempt=loop.attempt), hosts=["console"])
    form = {CSRF_HEADER: app.state.gate.local.csrf}
    running = asyncio.create_task(loop.run())
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://console", headers=form) as client:
        made = Hall(store, client)
        for zone, west in (("north", 121.39), ("south", 121.41)):
            view = zone_view(zone, west, service(), service("choir", featured_by=zone))
            await made.order(
                zone,
                ConfigureZone(config=view.config, policy=Policy()),
                ChangeCatalogue(service_types=view.service_types, sites=view.sites),
            )
        spec = RequestSpec(request_id=REQUEST, service_type="elder-visit", place=HERE, windows=(VISIT,))
        seat = AssignCrew(
            request_id=REQUEST,
            team="t1",
            start=VISIT.start,
            seats=(AssignedSeat(demand=0, volunteer="ann"),),
            agreed=True,
            reason="on the phone",
        )
        await made.order("north", ChangeRoster(teams=(TEAM,), volunteers=(ANN,)), SubmitRequest(spec=spec), seat)
        yield made
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await store.close()


async def test_a_form_that_is_sent_as_it_stands_changes_nothing(hall: Hall) -> None:
    form = await hall.client.get("/people/north/ann/edit?lang=en")
    page = await hall.client.post("/people/north/ann/edit?lang=en", data=filled(form))
    assert "Nothing would change." in page.text, page.text
    for address in ("/teams/north/t1", "/catalogue/north/services/elder-visit", "/catalogue/north/sites/north-home"):
        page = await hall.client.post(f"{address}?lang=en", data=filled(await hall.client.get(address)))
        assert "Nothing would change." in page.text, (address, page.text)


async def test_an_edited_person_is_shown_with_whom_it_withdraws_and_changed_with_a_reason(hall: Hall) -> None:
    form = filled(await hall.client.get("/people/north/ann/edit"))
    assert (form["skill0"], form["level0"], form["until0"]) == (["care"], "2", ["2027-01-01"])
    form |= {
        "day0": "08:00-11:30，13:00 – 13:30",  # not at 14:00 any more
        "skill1": "lift",
        "level1": "3",
        "until1": "2026-06-30",
        "from1": "2026-03-20T08:00",
        "to1": "2026-03-21T08:00",
        "free1": "yes",
        "reach_m": "2500",
        "travel": "bicycle",
    }
    page = await hall.client.post("/people/north/ann/edit?lang=en", data=form)
    assert "1 visits or questions become impossible" in page.text
    assert f'href="/request/{REQUEST}"' in page.text
    assert "are not available then" in page.text
    assert "<del>3.0 km</del> → <ins>2.5 km</ins>" in page.text
    assert await hall.volunteer("ann") == ANN, "a preview changes nothing"

    assert "Say why" in (await hall.confirm(page, reason=" ")).text
    done = await hall.confirm(page, reason="moved house")
    assert done.status_code == 303, done.text
    assert done.headers["location"].startswith("/people/north/ann?said=")
    assert "Change the roster: done" in re.sub(
        r"<[^>]+>|\s+(?=done)", "", (await hall.client.get(done.headers["location"] + "&lang=en")).text
    ).replace(":done", ": done")
    after = await hall.volunteer("ann")
    assert after is not None
    shanghai = timedelta(hours=8)
    assert after.skills == (
        ANN.skills[0],
        SkillHeld(skill="lift", level=3, expires=datetime(2026, 7, 1, tzinfo=UTC) - shanghai),
    )
    assert [slot for slot in after.weekly if slot.weekday == 0] == [
        WeeklySlot(weekday=0, start_min=480, end_min=690),
        WeeklySlot(weekday=0, start_min=780, end_min=810),
    ]
    assert after.exemptions[0] == ANN.exemptions[0]
    assert after.exemptions[1].available
    assert (after.reach_m, after.travel) == (2_500, "bicycle")
    kinds = {record.envelope.event.kind: record.envelope for record in await hall.store.events("north")}
    assert kinds["seat_vacated"].actor.key == "operator:local"
    assert kinds["seat_vacated"].reason == "moved house"


async def test_what_is_filled_in_wrongly_is_named_and_stays_filled_in(hall: Hall) -> None:
    form = filled(await hall.client.get("/people/north/ann/edit"))
    wrong = {
        "day1": "eight to ten",
        "skill2": "no good",
        "from2": "2026-03-21T08:00",
        "to2": "2026-03-20T08:00",
        "visits_per_day": "99",
        "team": "t9",
    }
    page = await hall.client.post("/people/north/ann/edit?lang=en", data=form | wrong)
    assert page.status_code == 422
    for text in (
        "Write hours as 08:00-11:30",
        "A skill needs a name",
        "An exception must end after it begins.",
        "A limit must be a whole number",
        "There is no such team here.",
    ):
        assert text in page.text
    assert "eight to ten" in page.text
    old = await hall.client.post("/people/north/ann/edit?lang=en", data=form | {"seen": "1"})
    assert "Something has changed meanwhile" in old.text


async def test_what_has_changed_since_the_preview_is_not_overwritten(hall: Hall) -> None:
    form = filled(await hall.client.get("/people/north/ann/edit"))
    page = await hall.client.post("/people/north/ann/edit?lang=en", data=form | {"reach_m": "900"})
    await hall.order("north", ChangeRoster(volunteers=(ANN.changed(visits_per_day=1),)))
    again = await hall.confirm(page)
    assert again.status_code == 409
    assert "Something has changed meanwhile" in again.text
    assert "<del>1</del> → <ins>2</ins>" in again.text, "what the colleague changed is seen before it is taken back"
    kept = await hall.volunteer("ann")
    assert kept is not None
    assert (kept.visits_per_day, kept.reach_m) == (1, 3_000)


async def test_what_changes_between_the_last_look_and_the_zones_decision_is_not_overwritten(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = filled(await hall.client.get("/people/north/ann/edit"))
    page = await hall.client.post("/people/north/ann/edit?lang=en", data=form | {"reach_m": "900"})
    looked = preview.look

    async def overtaken(*asked: Any) -> Any:
        found = await looked(*asked)
        await hall.order("north", ChangeRoster(volunteers=(ANN.changed(visits_per_day=1),)))
        return found

    monkeypatch.setattr(preview, "look", overtaken)
    told = await hall.confirm(page)
    assert "Something has changed meanwhile" in told.text
    kept = await hall.volunteer("ann")
    assert kept is not None
    assert (kept.visits_per_day, kept.reach_m) == (1, 3_000)


CHINESE = """编号,服务队,姓名,电话,经度,纬度,技能,每日,空闲
ann,t1,李桂英,13800001111,121.401,31.211,care:2,1,
bob,t1,王建国,,121.402,31.212,care:3;lift,,mon 08:00-11:30
eve,t9,,,121.402,31.212,care,,
dan,t1,,,121.402,31.212,care:9,,
zoe,t1,,,here,31.212,care,,
"""


async def test_a_file_is_shown_item_by_item_and_taken_when_it_is_confirmed(hall: Hall) -> None:
    page = await hall.bring("people", "volunteers.csv", CHINESE.encode("gb18030"))
    assert "1 new, 1 changed, 0 leave, 0 stay as they are, 3 cannot be taken." in page.text, page.text
    assert "<del>2</del> → <ins>1</ins>" in page.text
    assert "line 6" in page.text
    assert "李桂英" not in page.text, "names are not shown without need"
    assert await hall.volunteer("bob") is None
    done = await hall.confirm(page, reason="spring roster")
    assert done.status_code == 303, done.text
    bob, ann = await hall.volunteer("bob"), await hall.volunteer("ann")
    assert bob is not None
    assert ann is not None
    assert [held.level for held in bob.skills] == [3, 1]
    assert (ann.visits_per_day, ann.weekly, ann.exemptions) == (1, ANN.weekly, ANN.exemptions), (
        "what no cell says stays"
    )
    person = await hall.store.person("ann")
    assert person is not None
    assert person.name == "李桂英"


async def test_a_whole_workbook_removes_whom_it_does_not_name_and_says_what_they_give_back(hall: Hall) -> None:
    book = Workbook()
    sheet = book.active
    sheet.title = "志愿者"
    sheet.append(["编号", "服务队", "经度", "纬度"])
    sheet.append(["bob", "t1", 121.402, 31.212])
    data = io.BytesIO()
    book.save(data)
    page = await hall.bring("people", "roster.xlsx", data.getvalue(), whole="yes")
    assert "1 new, 0 changed, 1 leave" in page.text
    assert "has left the roster" in page.text
    done = await hall.confirm(page)
    assert "2 taken." in done.text
    assert await hall.volunteer("ann") is None


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("volunteers.csv", b"", "Choose a file."),
        ("volunteers.csv", b"id,id\nx,y\n", "must name each column once"),
        ("roster.xlsx", b"PK\x03\x04 and nothing", "broken XLSX workbook"),
        ("people.csv", b"shoe,size\n1,2\n", "call the file"),
    ],
)
async def test_a_file_that_cannot_be_read_says_what_to_do(hall: Hall, name: str, data: bytes, told: str) -> None:
    page = await hall.bring("people", name, data)
    assert page.status_code == 422
    assert told in unescape(page.text)


async def test_a_form_with_a_file_is_held_to_the_token_of_our_forms(hall: Hall) -> None:
    token = hall.client.headers.pop(CSRF_HEADER)
    assert (await hall.bring("people", "volunteers.csv", CHINESE.encode())).status_code == 403
    assert (await hall.bring("people", "volunteers.csv", CHINESE.encode(), csrf=token)).status_code == 200


async def test_a_common_service_is_changed_in_every_zone_and_what_is_open_keeps_its_need(hall: Hall) -> None:
    address = "/catalogue/north/services/elder-visit"
    form = filled(await hall.client.get(address))
    assert form["everywhere"] == ["yes"]
    page = await hall.client.post(f"{address}?lang=en", data=form | {"duration_s": "150", "needs_triage": "yes"})
    assert "<del>60 min</del> → <ins>2.5 h</ins>" in page.text, page.text
    assert "Nobody has to give anything back." in page.text
    done = await hall.confirm(page, reason="it takes longer")
    assert "2 taken." in done.text
    for view in await hall.store.zones():
        item = next(one for one in view.service_types if one.id == "elder-visit")
        assert (item.duration_s, item.needs_triage) == (9_000, True)


async def test_a_site_gets_another_name_and_featured_list_and_a_team_another_leader(hall: Hall) -> None:
    address = "/catalogue/north/sites/north-home"
    form = filled(await hall.client.get(address))
    page = await hall.client.post(f"{address}?lang=en", data=form | {"zh": "新站", "featured": ["choir", "magic"]})
    assert (await hall.confirm(page)).status_code == 303
    view = await hall.store.zone("north")
    assert view is not None
    (site,) = view.sites
    assert (site.name.zh, site.featured) == ("新站", ("choir",))
    assert isinstance(site, Site)

    form = filled(await hall.client.get("/teams/north/t1"))
    form |= {"leader": "nobody", "zones_served": ["south"]}
    page = await hall.client.post("/teams/north/t1?lang=en", data=form)
    assert (page.status_code, beside(page, "leader")) == (422, "There is no such volunteer here.")
    page = await hall.client.post("/teams/north/t1?lang=en", data=form | {"leader": ""})
    assert (await hall.confirm(page)).status_code == 303
    teams, _ = await hall.store.roster("north")
    assert (teams[0].team.leader, teams[0].team.zones_served) == (None, ("south",))


@pytest.mark.parametrize(
    ("address", "list_page", "there"),
    [
        ("/teams/north/+", "/people?zone=north", "t1"),
        ("/catalogue/north/sites/+", "/catalogue?zone=north", "north-home"),
        ("/catalogue/north/services/+", "/catalogue?zone=north", "choir"),
    ],
)
async def test_a_team_a_site_and_a_service_are_added_with_the_form_that_edits_them(
    hall: Hall, address: str, list_page: str, there: str
) -> None:
    assert f'href="{address}"' in (await hall.client.get(list_page)).text
    form = filled(await hall.client.get(address)) | {"zh": "新的", "en": "New"}
    if "skill0" in form:
        form |= {"skill0": "care", "featured_by": "north"}
    page = await hall.client.post(f"{address}?lang=en", data=form | {"id": there})
    assert (page.status_code, "of this number already" in page.text) == (422, True), page.text
    assert "Give a name" in (await hall.client.post(f"{address}?lang=en", data=form | {"zh": "", "en": ""})).text
    page = await hall.client.post(f"{address}?lang=en", data=form | {"id": "no good"})
    assert beside(page, "id")
    page = await hall.client.post(f"{address}?lang=en", data=form | {"id": "t9"})
    assert "1 new, 0 changed, 0 leave" in page.text, page.text
    done = await hall.confirm(page, reason="one more")
    assert (done.status_code, done.headers["location"].startswith(list_page)) == (303, True), done.text
    teams, _ = await hall.store.roster("north")
    places = {site.id for view in await hall.store.zones() for site in view.sites}
    services = {item.id for view in await hall.store.zones() for item in view.service_types}
    assert "t9" in {view.team.id for view in teams} | places | services
    assert (await hall.client.get(address.replace("north", "nowhere"))).status_code == 404


async def test_a_person_is_added_by_form_with_name_and_phone_where_only_those_belong(hall: Hall) -> None:
    address = "/people/north/+/edit"
    assert f'href="{address}"' in (await hall.client.get("/people?zone=north")).text
    blank = filled(await hall.client.get(address))
    assert (blank["team"], blank["lon"], blank["visits_per_day"]) == ("t1", ["121.401"], ["2"])
    form = blank | {"id": "bob", "name": "王建国", "phone": "13900001111", "skill0": "care", "day1": "09:00-11:30"}
    taken = await hall.client.post(f"{address}?lang=en", data=form | {"id": "ann"})
    assert beside(taken, "id") == "There is something of this number already; edit it instead."
    for wrong in ("no good", ""):
        assert beside(await hall.client.post(f"{address}?lang=en", data=form | {"id": wrong}), "id")
    lost = await hall.client.post(f"{address}?lang=en", data=form | {"lat": "north"})
    assert beside(lost, "lon") == "Give longitude and latitude in degrees."
    assert 'value="王建国"' in lost.text, "what was typed stays"
    page = await hall.client.post(f"{address}?lang=en", data=form)
    assert "1 new, 0 changed, 0 leave" in page.text, page.text
    assert await hall.volunteer("bob") is None
    done = await hall.confirm(page, reason="he came to the open day")
    assert (done.status_code, done.headers["location"][:18]) == (303, "/people?zone=north"), done.text
    bob, person = await hall.volunteer("bob"), await hall.store.person("bob")
    assert bob is not None
    assert person is not None
    assert (bob.team, bob.skills, bob.weekly) == (
        "t1",
        (SkillHeld(skill="care", level=1),),
        (WeeklySlot(weekday=1, start_min=540, end_min=690),),
    )
    assert (person.name, person.phone) == ("王建国", "13900001111")
    everything = [record.data for record in await hall.store.events("north")]
    assert not any("王建国".encode() in data or b"13900001111" in data for data in everything)
    assert (await hall.client.get("/people/nowhere/+/edit")).status_code == 404
    assert (await hall.client.get("/people/south/+/edit?lang=en")).status_code == 200, "no team is there yet"


def beside(page: Response, field: str) -> str:
    """What is said beside a field of a form, which points at it."""
    said = re.search(rf'<span class="fault" id="fault-{field}">([^<]*)</span>', page.text)
    assert said is not None, page.text
    assert re.search(rf'name="{field}"[^>]* aria-invalid="true" aria-describedby="fault-{field}"', page.text)
    assert 'role="alert"' in page.text
    return unescape(said[1])


@pytest.mark.parametrize(
    ("address", "typed", "field"),
    [
        ("/teams/north/t1", {"zh": "彩虹队", "lat": "far"}, "lon"),
        ("/teams/north/t1", {"zh": "彩虹队", "leader": "nobody"}, "leader"),
        ("/teams/north/t1", {"leader": "ann", "zh": "", "en": ""}, "zh"),
        ("/teams/north/+", {"id": "no good", "zh": "彩虹队"}, "id"),
        ("/catalogue/north/sites/north-home", {"zh": "彩虹站", "lon": "east"}, "lon"),
        ("/catalogue/north/sites/+", {"id": "-", "zh": "彩虹站"}, "id"),
        ("/catalogue/north/services/choir", {"zh": "彩虹合唱", "duration_s": "0"}, "duration_s"),
        ("/catalogue/north/services/choir", {"zh": "彩虹合唱", "skill0": "", "skill1": "no good"}, "skill0"),
        ("/catalogue/north/services/choir", {"zh": "彩虹合唱", "skill1": "sing", "heads1": "77"}, "skill1"),
        ("/catalogue/north/services/choir", {"zh": "彩虹合唱", "reach_m": "far"}, "reach_m"),
        ("/catalogue/north/services/+", {"id": "t9", "zh": "彩虹合唱"}, "skill0"),
        ("/people/north/ann/edit", {"skill2": "sing", "day1": "noon"}, "day1"),
        ("/people/north/ann/edit", {"skill2": "sing", "visits_per_day": "77"}, "visits_per_day"),
    ],
)
async def test_what_was_typed_stays_and_what_is_wrong_stands_beside_its_field(
    hall: Hall, address: str, typed: dict[str, str], field: str
) -> None:
    form = filled(await hall.client.get(address)) | typed
    page = await hall.client.post(f"{address}?lang=en", data=form)
    assert page.status_code == 422
    assert beside(page, field)
    again = filled(page)
    wanted = form | {name: [value] for name, value in typed.items()}
    assert {name: again[name] for name in wanted if name != "key"} == {
        name: value for name, value in wanted.items() if name != "key"
    }


async def test_boxes_and_choices_stay_as_they_were_when_something_is_wrong(hall: Hall) -> None:
    form = filled(await hall.client.get("/teams/north/t1")) | {"zones_served": ["south"], "lon": "x"}
    page = await hall.client.post("/teams/north/t1?lang=en", data=form)
    assert 'value="south" checked' in page.text
    address = "/catalogue/north/sites/north-home"
    form = filled(await hall.client.get(address)) | {"featured": ["choir"], "lon": "x"}
    assert 'value="choir" checked' in (await hall.client.post(f"{address}?lang=en", data=form)).text
    address = "/catalogue/north/services/elder-visit"
    form = filled(await hall.client.get(address)) | {"duration_s": "0", "needs_triage": "yes", "priority": "5"}
    del form["quiet_hours"]
    again = filled(await hall.client.post(f"{address}?lang=en", data=form))
    assert (again["needs_triage"], "quiet_hours" in again, again["priority"]) == (["yes"], False, "5")


def removing(page: Response) -> dict[str, str]:
    """What the form that removes would send."""
    form = re.search(r'<form method="post" action="/\w+/remove">.*?</form>', page.text, re.DOTALL)
    assert form is not None, page.text
    return {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', form[0])}


async def test_a_person_leaves_after_it_was_shown_what_they_give_back(hall: Hall) -> None:
    form = removing(await hall.client.get("/people/north/ann?lang=en"))
    team = await hall.client.post("/people/remove?lang=en", data=removing(await hall.client.get("/teams/north/t1")))
    assert "The team still has members." in team.text
    page = await hall.client.post("/people/remove?lang=en", data=form)
    assert "1 visits or questions become impossible" in page.text, page.text
    assert await hall.volunteer("ann") == ANN, "a preview changes nothing"
    done = await hall.confirm(page, reason="moved away")
    assert (done.status_code, done.headers["location"][:18]) == (303, "/people?zone=north"), done.text
    assert await hall.volunteer("ann") is None
    assert (await hall.client.get(done.headers["location"])).status_code == 200
    page = await hall.client.post("/people/remove?lang=en", data=removing(await hall.client.get("/teams/north/t1")))
    assert (await hall.confirm(page)).status_code == 303
    assert (await hall.client.get("/teams/north/t1")).status_code == 404


async def test_a_service_leaves_one_zone_or_all_and_a_site_its_own(hall: Hall) -> None:
    form = removing(await hall.client.get("/catalogue/north/services/elder-visit"))
    assert form.pop("everywhere") == "yes"
    page = await hall.client.post("/catalogue/remove?lang=en", data=form)
    assert "0 new, 0 changed, 1 leave" in page.text, page.text
    page = await hall.client.post("/catalogue/remove?lang=en", data=form | {"everywhere": "yes"})
    assert "0 new, 0 changed, 2 leave" in page.text, page.text
    assert (await hall.confirm(page)).status_code == 200
    offered = {view.zone: {item.id for item in view.service_types} for view in await hall.store.zones()}
    assert offered == {"north": {"choir"}, "south": {"choir"}}
    form = removing(await hall.client.get("/catalogue/north/sites/north-home"))
    page = await hall.client.post("/catalogue/remove?lang=en", data=form)
    assert (await hall.confirm(page)).status_code == 303
    places = {site.id for view in await hall.store.zones() for site in view.sites}
    assert "north-home" not in places
    assert "south-home" in places


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"what": "teams", "zone": "north", "id": ""}, 422),
        ({"what": "sites", "zone": "north", "id": "north-home"}, 422),
        ({"what": "teams", "zone": "", "id": "t1"}, 422),
        ({"what": "teams", "zone": "nowhere", "id": "t1"}, 404),
    ],
)
async def test_what_is_no_list_of_a_page_is_not_removed_there(hall: Hall, fields: dict[str, str], status: int) -> None:
    assert (await hall.client.post("/people/remove", data=fields)).status_code == status


async def test_what_no_preview_has_made_is_not_taken(hall: Hall) -> None:
    for told in ("", "nonsense", "eJw="):
        page = await hall.client.post("/people/change", data={"told": told, "reason": "x"})
        assert page.status_code == 422
    assert await hall.store.open_commands() == []


@settings(max_examples=40)
@given(st.binary(max_size=300), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_a_file_comes_through_a_form_byte_by_byte(data: bytes, text: str) -> None:
    mark = "----mark7d2f"
    if mark.encode() in data or mark in text:
        return
    body = (
        f'--{mark}\r\nContent-Disposition: form-data; name="whole"\r\n\r\n'.encode()
        + text.encode()
        + f'\r\n--{mark}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n'.encode()
        + b"Content-Type: application/octet-stream\r\n\r\n"
        + data
        + f"\r\n--{mark}--\r\n".encode()
    )

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", f"multipart/form-data; boundary={mark}".encode())]
    headers.append((b"content-length", str(len(body)).encode()))
    request = Request({"type": "http", "method": "POST", "headers": headers, "query_string": b""}, receive)
    fields, files = asyncio.run(uploaded(request))
    assert files["file"].data == data
    assert fields["whole"] == [text.replace("\0", "")]
