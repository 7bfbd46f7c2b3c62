"""Whatever is sent, the answer is clear, and no fault of the sender is an error of the server."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from hypothesis import given, settings
from hypothesis import strategies as st

from ningju.console.app import create_app
from ningju.console.services import Services, Site
from ningju.ledger.memory import MemoryStore
from schemas.base import derive_id
from tests.console.world import INSIDE, SetClock, World, need, offer_of, offered, service, window, zone_view

URL = "/api/v1/requests"
JSON = {"Content-Type": "application/json"}


def fields(answer: Response) -> set[str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return {error["field"] for error in answer.json()["errors"]}


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"service_type": "fortune-telling"}, "service_type", "unknown_service_type"),
        ({"service_type": "talk"}, "service_type", "not_offered_here"),
        ({"service_type": None}, "service_type", "missing"),
        ({"service_type": 7}, "service_type", "string_type"),
        ({"place": {"lon": 31.21, "lat": 121.4}}, "place.lat", "less_than_equal"),
        ({"place": {"lon": 12.0, "lat": 31.21}}, "place", "outside_every_zone"),
        ({"place": None}, "body", "value_error"),
        ({"place": None, "site": "atlantis"}, "site", "unknown_site"),
        ({"windows": []}, "windows", "too_short"),
        ({"windows": [window(-5, -2)]}, "windows", "window_past"),
        ({"windows": [window(5, 4)]}, "windows.0", "value_error"),
        ({"windows": [window(5, 5)]}, "windows.0", "value_error"),
        ({"windows": [window(5, 5.5)]}, "windows", "window_too_short"),
        ({"windows": [window(-5, 0.9)]}, "windows", "window_too_short"),
        ({"windows": [window(24 * 500, 24 * 501)]}, "windows.0", "window_too_far"),
        ({"windows": [{"start": "tomorrow", "end": "later"}]}, "windows.0.start", "datetime_parsing"),
        ({"windows": [{"start": "2026-03-02T09:00", "end": "2026-03-02T12:00"}]}, "windows.0.end", "timezone_aware"),
        (
            {"windows": [{"start": "0001-01-01T00:00:00+14:00", "end": "9999-12-31T23:59:59-14:00"}]},
            "windows.0.end",
            "value_error",
        ),
        ({"demands": [{"skill": "care", "heads": 12}, {"skill": "care", "heads": 9}]}, "demands", "impossible_crew"),
        ({"demands": [{"skill": "care", "heads": 21}]}, "demands.0.heads", "less_than_equal"),
        ({"demands": [{"skill": "alchemy"}]}, "demands.0.skill", "unknown_skill"),
        ({"priority": 9}, "priority", "less_than_equal"),
        ({"priority": "high"}, "priority", "int_type"),
        ({"urgent": True}, "urgent", "extra_forbidden"),
        ({"beneficiary": {"naem": "x"}}, "beneficiary.naem", "extra_forbidden"),
    ],
)
async def test_each_field_that_is_wrong_is_named(world: World, change: dict[str, Any], field: str, code: str) -> None:
    answer = await world.client.post(URL, json=need(**change))

    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:ningju:problem:invalid"
    assert (field, code) in {(error["field"], error["code"]) for error in answer.json()["errors"]}
    assert all(error["reason"] for error in answer.json()["errors"])
    assert await world.open() == []


async def test_all_faults_are_told_at_once(world: World) -> None:
    answer = await world.client.post(
        URL, json=need(service_type="x", place={"lon": 0, "lat": 0}, windows=[window(-2, -1)])
    )

    assert fields(answer) == {"service_type", "place", "windows"}


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[1, 2]", "body"),
        (b"null", "body"),
        (b'{"priority": NaN}', "priority"),
        (b"[" * 100_000, "body"),
        (b'{"service_type": "\xc0\xcf\xd3\xd1"}', "body"),
        (b'{"note": "\x00"}', "body"),
        (b'{"note": "a\\u0000b"}', "body"),
        (b'{"note": "\\ud800"}', "body"),
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(world: World, data: bytes, field: str) -> None:
    answer = await world.client.post(URL, content=data, headers=JSON)

    assert answer.status_code == 422
    assert field in fields(answer)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
async def test_another_media_type_is_refused(world: World, kind: str) -> None:
    answer = await world.client.post(URL, content=b"{}", headers={"Content-Type": kind})

    assert answer.status_code == 415


async def test_ten_megabytes_are_refused_by_their_stated_length_alone(world: World) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 100_000
            yield b"x" * 100_000

    answer = await world.client.post(URL, content=body(), headers=JSON | {"Content-Length": "10000000"})

    assert answer.status_code == 413
    assert answer.json()["limit"] == 1_000_000


async def test_an_endless_body_is_refused_once_it_is_too_long() -> None:
    clock = SetClock()
    app = create_app(MemoryStore(clock), clock, Services(), hosts=["*"])
    asked, answer = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": b"x" * 100_000, "more_body": True}

    async def send(message: Any) -> None:
        answer.append(message)

    headers = [(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": URL,
        "raw_path": URL.encode(),
        "query_string": b"",
        "headers": headers,
        "scheme": "http",
        "server": ("console", 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
    await app(scope, receive, send)

    assert answer[0]["status"] == 413
    assert (b"connection", b"close") in answer[0]["headers"]
    assert asked <= 12


@pytest.mark.parametrize("length", ["-1", "many", "1e3", ""])
async def test_a_length_that_is_no_number_is_refused(world: World, length: str) -> None:
    answer = await world.client.post(URL, content=b"{}", headers=JSON | {"Content-Length": length})

    assert answer.status_code == 413


async def test_unknown_paths_and_methods_are_problems_too(world: World) -> None:
    lost = await world.client.get("/api/v1/nothing")
    wrong = await world.client.delete(URL)

    assert (lost.status_code, lost.json()["type"]) == (404, "urn:ningju:problem:not-found")
    assert (wrong.status_code, wrong.json()["type"]) == (405, "urn:ningju:problem:method-not-allowed")


async def test_an_id_that_is_none_is_named(world: World) -> None:
    answer = await world.client.get(f"{URL}/17")

    assert answer.status_code == 422
    assert fields(answer) == {"path.request_id"}


async def test_what_nobody_expected_is_logged_without_what_was_sent(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(_: object) -> None:
        raise RuntimeError("could not keep 李桂英 13800001111")

    monkeypatch.setattr(world.store, "enqueue", broken)
    answer = await world.client.post(URL, json=need(beneficiary={"name": "李桂英", "phone": "13800001111"}))

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    out = "".join(capsys.readouterr())
    assert answer.json()["fault"] in out
    for text in ("李桂英", "13800001111"):
        assert text not in out
        assert text not in answer.text


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
NEED_FIELDS = (
    "service_type",
    "site",
    "place",
    "windows",
    "beneficiary",
    "preferred",
    "blocked",
    "priority",
    "demands",
    "duration_s",
    "load",
    "note",
    "source",
)
MOMENTS = st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat())
WINDOWS = st.lists(st.fixed_dictionaries({"start": MOMENTS, "end": MOMENTS}), max_size=3)
PLACES = st.fixed_dictionaries(
    {"lon": st.floats() | st.just(INSIDE["lon"]), "lat": st.floats() | st.just(INSIDE["lat"])}
)
BENT = st.dictionaries(st.sampled_from(NEED_FIELDS), ANY_JSON, max_size=3)
NEEDS = st.builds(
    lambda bent, more: need() | more | bent,
    BENT,
    st.fixed_dictionaries({}, optional={"windows": WINDOWS, "place": PLACES, "note": st.text(max_size=50)}),
)
CALLS = (
    "/api/v1/requests",
    f"/api/v1/requests/{derive_id('request', 'r1')}/change",
    f"/api/v1/requests/{derive_id('request', 'r1')}/triage",
    f"/api/v1/offers/{derive_id('offer', 'r1')}/accept",
    f"/api/v1/visits/{derive_id('visit', 'r1')}/check-in",
    f"/api/v1/visits/{derive_id('visit', 'r1')}/rating",
)


APP = create_app(MemoryStore(SetClock()), SetClock(), Services(), hosts=["console"])


async def _call(method: str, path: str, data: bytes = b"", headers: Any = None, query: Any = None) -> Response:
    """Call a console whose zone has one offer; the application is built once, all that it keeps is new."""
    clock = SetClock()
    store = MemoryStore(clock)
    APP.state.site = Site(store, clock, Services(wait_s=0))
    async with AsyncClient(transport=ASGITransport(app=APP), base_url="http://console") as client:
        world = World(store, clock, client)
        row = offered()
        await world.show(zone_view("north", 121.39, service()), row, offer_of(row))
        answer = await client.request(method, path, content=data, headers=headers, params=query)
    await store.close()
    return answer


@given(path=st.sampled_from(CALLS), body=ANY_JSON | NEEDS)
@settings(max_examples=150)
async def test_no_body_is_an_error_of_the_server(path: str, body: Any) -> None:
    answer = await _call("POST", path, json.dumps(body).encode(), JSON)

    assert answer.status_code in {202, 422}
    if answer.status_code == 422:
        assert answer.json()["errors"]


@given(
    path=st.sampled_from(CALLS),
    data=st.binary(max_size=60),
    key=st.text(st.characters(codec="ascii", min_codepoint=32), max_size=300),
)
@settings(max_examples=100)
async def test_no_bytes_and_no_key_are_an_error_of_the_server(path: str, data: bytes, key: str) -> None:
    answer = await _call("POST", path, data, JSON | {"Idempotency-Key": key, "Prefer": key})

    assert answer.status_code in {202, 422}


@given(
    path=st.sampled_from(["/api/v1/zones/north/roster", "/api/v1/zones/north/catalogue", "/api/v1/catalogue"]),
    body=st.dictionaries(
        st.sampled_from(["teams", "volunteers", "service_types", "sites", "removed_sites", "removed_teams"]),
        st.lists(ANY_JSON, max_size=3) | ANY_JSON,
        max_size=2,
    ),
)
@settings(max_examples=100)
async def test_no_roster_or_catalogue_is_an_error_of_the_server(path: str, body: Any) -> None:
    answer = await _call("PUT", path, json.dumps(body).encode(), JSON)

    assert answer.status_code in {200, 202, 422}


@given(
    path=st.sampled_from(["/api/v1/events", "/api/v1/requests", "/api/v1/zones/north/queue"]),
    query=st.dictionaries(st.sampled_from(["after", "zone", "limit", "cursor", "state"]), st.text(max_size=20)),
)
@settings(max_examples=100)
async def test_no_query_is_an_error_of_the_server(path: str, query: dict[str, str]) -> None:
    answer = await _call("GET", path, query=query)

    assert answer.status_code in {200, 404, 422}
