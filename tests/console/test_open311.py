"""Open311 GeoReport v2: read by a client that others wrote, written to by hand, for that client only reads."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from georeport import GeoReport
from httpx2 import ASGITransport, AsyncClient, Response

from ningju.bootstrap.server import WebServer
from ningju.console import tokens
from ningju.console.app import create_app
from ningju.console.gate import Entrance, Provider
from ningju.console.services import Services
from ningju.ledger.memory import MemoryStore
from schemas.base import Label, derive_id
from schemas.commands import SubmitRequest
from schemas.request import RequestState
from tests.console.world import INSIDE, NOW, SetClock, World, offered, service, zone_view

V2 = "/open311/v2"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@asynccontextmanager
async def city(**fields: Any) -> AsyncIterator[World]:
    clock = SetClock()
    store = MemoryStore(clock)
    app = create_app(store, clock, Services(wait_s=0), ["console", "127.0.0.1"], Entrance(**fields))
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://console") as client:
        made = World(store, clock, client)
        await made.show(
            zone_view("north", 121.39),
            zone_view("south", 121.41, service(), service("talk", featured_by="south", duration_s=5_400)),
        )
        yield made
    await store.close()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with city() as made:
        yield made


async def post(world: World, form: str = "json", **fields: str) -> Response:
    whole = {"service_code": "elder-visit", "lat": str(INSIDE["lat"]), "long": str(INSIDE["lon"])} | fields
    body = urlencode({name: value for name, value in whole.items() if value})
    return await world.client.post(f"{V2}/requests.{form}", content=body, headers=FORM)


@pytest.mark.parametrize("form", ["json", "xml"])
async def test_a_client_that_others_wrote_reads_services_and_requests(world: World, form: str) -> None:
    await world.show(offered(name="r1"), offered(name="r2", state=RequestState.DONE, reason="done"))
    first, second = (str(derive_id("request", name)) for name in ("r1", "r2"))
    transport = world.client._transport
    assert isinstance(transport, ASGITransport)
    server = WebServer(transport.app, "127.0.0.1", 0)  # type: ignore[arg-type]
    serving = asyncio.create_task(server.run_until_told())
    try:
        while not server.started:
            await asyncio.sleep(0.01)

        def read() -> tuple[Any, ...]:
            client = GeoReport(f"{server.address}{V2}", output_format=form)
            return (
                client.get_service_list(),
                client.get_service_definition("elder-visit"),
                client.get_service_requests(),
                client.get_service_requests(status="closed"),
                client.get_service_request(first),
            )

        services, definition, requests, closed, one = await asyncio.to_thread(read)
    finally:
        server.should_exit = True
        await serving
    assert {item["service_code"] for item in services} == {"elder-visit", "talk"}
    assert {str(item["metadata"]).lower() for item in services} == {"true"}
    attributes = definition["attributes"] if form == "json" else definition["attributes"]["attribute"]
    assert [item["code"] for item in attributes] == ["start", "end", "tier"]
    assert {item["service_request_id"]: item["status"] for item in requests} == {first: "open", second: "closed"}
    (closed,) = closed if form == "json" else [closed]
    assert closed["service_request_id"] == second
    assert (one["service_request_id"], one["service_code"]) == (first, "elder-visit")
    assert (float(one["lat"]), float(one["long"])) == (31.211, 121.401)
    assert one["requested_datetime"].startswith("2026-03-02T01:00:00")


@pytest.mark.parametrize("form", ["json", "xml"])
async def test_a_request_goes_through_the_same_door_as_any_other(world: World, form: str) -> None:
    answer = await post(
        world,
        form,
        **{
            "first_name": "芳",
            "last_name": "王",
            "phone": "13900000000",
            "email": "wang@example.org",
            "address_string": "安和路 1 号",
            "description": "三楼，没有电梯",
            "account_id": "a<1>",
            "attribute[start]": "2026-03-02T14:00:00+08:00",
            "attribute[end]": "2026-03-02T17:00:00+08:00",
            "attribute[tier]": "3",
        },
    )
    assert answer.status_code == 201
    (command,) = await world.open()
    assert isinstance(command.command, SubmitRequest)
    spec = command.command.spec
    if form == "json":
        (told,) = answer.json()
    else:
        assert answer.headers["content-type"] == "text/xml; charset=utf-8"
        (request,) = ElementTree.fromstring(answer.content).findall("request")
        told = {child.tag: child.text or "" for child in request}
    assert told == {"service_request_id": str(spec.request_id), "service_notice": "", "account_id": "a<1>"}
    assert (spec.source, spec.tier, command.zone) == ("open311", 3, "north")
    (when,) = spec.windows
    assert when.start == NOW + timedelta(hours=5)
    assert when.length == timedelta(hours=3)
    assert spec.beneficiary is not None
    person = await world.store.person(spec.beneficiary)
    assert person is not None
    assert (person.name, person.phone, person.address) == ("王芳", "13900000000", "安和路 1 号")
    assert person.note == "三楼，没有电梯\nwang@example.org"
    for secret in ("王", "139", "安和", "三楼", "example.org"):
        assert secret not in command.model_dump_json()

    shown = await world.client.get(f"{V2}/requests/{spec.request_id}.{form}")
    assert shown.status_code == 200
    assert str(spec.request_id) in shown.text
    assert not any(secret in shown.text for secret in ("王", "139", "三楼"))


async def test_without_a_window_it_is_as_soon_as_the_service_promises(world: World) -> None:
    assert (await post(world, service_code="talk", address_id="south-home", lat="", long="")).status_code == 201
    (command,) = await world.open()
    assert isinstance(command.command, SubmitRequest)
    (when,) = command.command.spec.windows
    assert (when.start, when.length) == (NOW, timedelta(seconds=service("talk").completion_target_s))
    assert command.zone == "south"


async def test_a_repeated_call_is_one_request(world: World) -> None:
    body = urlencode({"service_code": "elder-visit", "address_id": "north-home"})
    answers = [
        await world.client.post(f"{V2}/requests.json", content=body, headers=FORM | {"Idempotency-Key": "k1"})
        for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert len(await world.open()) == 1


@pytest.mark.parametrize(
    ("fields", "status", "what"),
    [
        ({"service_code": "massage"}, 400, "service_code"),
        ({"service_code": ""}, 400, "service_code"),
        ({"lat": ""}, 400, "lat"),
        ({"lat": "north"}, 400, "lat"),
        ({"lat": "nan"}, 400, "lat"),
        ({"lat": "95"}, 400, "lat"),
        ({"lat": "40.7", "long": "-74"}, 400, "place"),
        ({"attribute[start]": "tomorrow"}, 400, "attribute[start]"),
        ({"attribute[start]": "2026-03-02T14:00:00"}, 400, "attribute[start]"),
        ({"attribute[start]": "2026-03-03T14:00:00Z", "attribute[end]": "2026-03-02T14:00:00Z"}, 400, "attribute[end]"),
        ({"attribute[end]": "2026-03-01T14:00:00Z"}, 400, "attribute[end]"),
        ({"attribute[tier]": "9"}, 400, "tier"),
        ({"address_id": "moon", "lat": "", "long": ""}, 400, "site"),
        ({"phone": "1" * 51}, 400, "phone"),
    ],
)
@pytest.mark.parametrize("form", ["json", "xml"])
async def test_what_is_wrong_is_said_in_the_form_of_open311(
    world: World, form: str, fields: dict[str, str], status: int, what: str
) -> None:
    answer = await post(world, form, **fields)
    assert answer.status_code == status
    if form == "json":
        faults = [(fault["code"], fault["description"]) for fault in answer.json()]
    else:
        root = ElementTree.fromstring(answer.content)
        assert root.tag == "errors"
        faults = [(int(e.findtext("code") or 0), e.findtext("description") or "") for e in root.findall("error")]
    assert {code for code, _ in faults} == {status}
    assert any(what in text for _, text in faults), faults
    assert await world.open() == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/services/none.json", 404),
        ("/requests/none.json", 404),
        (f"/requests/{derive_id('none')}.xml", 404),
        ("/services.yaml", 404),
        ("/requests.json?status=lost", 400),
        ("/requests.json?start_date=yesterday", 400),
        ("/requests.json?start_date=2026-01-01T00:00:00Z&end_date=2026-05-01T00:00:00Z", 400),
    ],
)
async def test_what_is_not_there_or_not_understood(world: World, path: str, status: int) -> None:
    answer = await world.client.get(V2 + path)
    assert answer.status_code == status
    assert str(status) in answer.text


async def test_requests_are_chosen_by_id_service_state_and_time(world: World) -> None:
    old = NOW - timedelta(days=100)
    await world.show(
        offered(name="r1"),
        offered(name="r2", service_type="talk", state=RequestState.CANCELLED),
        offered(name="old", created_at=old),
    )
    names = {str(derive_id("request", name)): name for name in ("r1", "r2", "old")}

    async def chosen(**query: str) -> list[str]:
        answer = await world.client.get(f"{V2}/requests.json", params=query)
        assert answer.status_code == 200, answer.text
        return sorted(names[one["service_request_id"]] for one in answer.json())

    assert await chosen() == ["r1", "r2"], "of 90 days"
    assert await chosen(status="open") == ["r1"]
    assert await chosen(status="closed") == ["r2"]
    assert await chosen(status="open,closed") == ["r1", "r2"]
    assert await chosen(service_code="talk") == ["r2"]
    assert await chosen(service_code="talk,elder-visit") == ["r1", "r2"]
    until = (NOW - timedelta(days=50)).isoformat()
    assert await chosen(end_date=until) == ["old"]
    assert await chosen(service_request_id=",".join([*names, "none"])) == ["old", "r1", "r2"]


async def test_text_that_xml_cannot_hold_is_left_out_and_markup_stays_text(world: World) -> None:
    await world.show(offered(name="r1", state=RequestState.CANCELLED, reason="a\x0b<b>&]]>\ufffe好"))
    answer = await world.client.get(f"{V2}/requests.xml")
    notes = ElementTree.fromstring(answer.content).findtext("request/status_notes")
    assert notes == "cancelled: a<b>&]]>好"


async def test_names_are_told_in_the_language_that_is_asked_for(world: World) -> None:
    bath = service("bath").model_copy(update={"name": Label(zh="助浴", en="Bathing")})
    await world.show(zone_view("west", 121.45, bath))
    for language, name in (("zh-CN", "助浴"), ("en-GB,en", "Bathing"), ("", "助浴")):
        told = await world.client.get(f"{V2}/services.json", headers={"Accept-Language": language})
        assert name in {item["service_name"] for item in told.json()}


async def test_whoever_names_another_jurisdiction_is_in_the_wrong_place() -> None:
    async with city(jurisdiction="changning.example") as world:
        get = world.client.get
        assert (await get(f"{V2}/services.json")).status_code == 400
        assert (await get(f"{V2}/services.json?jurisdiction_id=elsewhere")).status_code == 404
        assert (await get(f"{V2}/services.json?jurisdiction_id=changning.example")).status_code == 200
        assert (await post(world)).status_code == 400
        assert (await post(world, jurisdiction_id="elsewhere")).status_code == 404
        assert (await post(world, jurisdiction_id="changning.example")).status_code == 201


async def test_where_people_sign_in_a_key_is_a_token_for_requests() -> None:
    async with city(provider=Provider("http://127.0.0.1:9", "ningju", ""), intake="4/minute") as world:

        async def key(*scopes: str) -> str:
            made = await tokens.create(
                world.store, name="hotline", scopes=scopes, zones=None, lasts=None, by="operator:li", now=NOW
            )
            return made[1]

        writes, reads = await key("requests:write"), await key("requests:read")
        assert (await world.client.get(f"{V2}/services.json")).status_code == 200
        for answer in (await post(world), await post(world, api_key="ningju_none"), await post(world, api_key=reads)):
            assert answer.status_code == 403
            assert json.loads(answer.text)[0]["code"] == 403
        assert await world.open() == []
        assert (await post(world, api_key=writes)).status_code == 201
        assert (await world.client.get(f"{V2}/requests.json")).status_code == 403
        assert (await world.client.get(f"{V2}/requests.json?api_key={reads}")).status_code == 200
        (command,) = await world.open()
        assert command.actor.kind == "external"
        for _ in range(3):
            await post(world, api_key=writes)
        refused = await post(world, "xml", api_key=writes)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert ElementTree.fromstring(refused.content).findtext("error/code") == "429"


async def test_the_interface_says_where_it_is_and_what_it_speaks(world: World) -> None:
    told = (await world.client.get("/open311/v2/discovery.json")).json()
    assert told["endpoints"][0]["url"] == "http://console/open311/v2"
    root = ElementTree.fromstring((await world.client.get("/open311/v2/discovery.xml")).content)
    assert root.findtext("endpoints/endpoint/type") == "production"
    formats = root.findall("endpoints/endpoint/formats/format")
    assert [one.text for one in formats] == ["application/json", "text/xml"]
