"""Who reaches the loopback is trusted: so a browser must not give orders for a strange page that somebody looks at."""

import pytest

from schemas.base import derive_id
from tests.console.world import World, offered


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


async def test_what_changes_nothing_may_be_looked_at_from_anywhere(world: World) -> None:
    assert (await world.client.get("/api/v1/zones", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 200
