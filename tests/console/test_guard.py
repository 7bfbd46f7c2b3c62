"""Who reaches the loopback is trusted: so a browser must not give orders for a strange page that somebody looks at."""

import pytest
from httpx2 import ASGITransport, AsyncClient

from ningju.console.app import create_app
from ningju.console.guard import LOCAL
from ningju.ledger.memory import MemoryStore
from schemas.base import derive_id
from tests.console.world import SetClock, World, offered


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 202),
        ({"Origin": "http://console"}, 202),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://ningju.example"}, 202),
        ({"Sec-Fetch-Site": "none"}, 202),
        ({"Origin": "http://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://console"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
async def test_a_page_of_another_site_cancels_nothing(world: World, headers: dict[str, str], status: int) -> None:
    await world.show(offered())
    url = f"/api/v1/requests/{derive_id('request', 'r1')}/cancel"
    answer = await world.client.post(url, headers={"Prefer": "wait=0"} | headers)

    assert answer.status_code == status
    if status == 403:
        assert answer.json()["type"] == "urn:ningju:problem:cross-site"
    assert len(await world.open()) == (status == 202)


@pytest.mark.parametrize("path", ["/api/v1/zones", "/metrics", "/healthz/live", "/openapi.json"])
@pytest.mark.parametrize("host", ["rebound.example", "rebound.example:8080", "console.rebound.example", "", "con sole"])
async def test_who_calls_the_server_by_a_name_that_is_not_its_own_learns_nothing(
    world: World, host: str, path: str
) -> None:
    answer = await world.client.get(path, headers={"Host": host})
    assert answer.status_code == 421
    assert answer.json()["type"] == "urn:ningju:problem:misdirected"
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST:1", "ningju.example", "a.b.example"]
)
async def test_the_machines_own_names_and_those_of_the_settings_are_right(host: str) -> None:
    clock = SetClock()
    app = create_app(MemoryStore(clock), clock, hosts=(*LOCAL, "ningju.example", "*.b.example"))
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://localhost") as client:
        assert (await client.get("/healthz/live", headers={"Host": host})).status_code == 200


async def test_what_changes_nothing_may_be_looked_at_from_anywhere(world: World) -> None:
    assert (await world.client.get("/api/v1/zones", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/zones", "/now", "/docs", "/nowhere", "/open311/v2/services.xml"])
async def test_browsers_guess_no_type_and_keep_nothing(world: World, path: str) -> None:
    answer = await world.client.get(path)
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert answer.headers.get_list("cache-control") == ["no-store"]


async def test_what_is_the_same_for_everybody_may_be_kept(world: World) -> None:
    answer = await world.client.get("/static/console.css")
    assert answer.status_code == 200
    assert "cache-control" not in answer.headers
