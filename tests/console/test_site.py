"""Zones, queues, health, metrics and the API's own page."""

from datetime import timedelta

import pytest

from engine.ports import Unavailable
from ningju.console.services import Services
from schemas.base import Frozen, derive_id
from schemas.request import RequestState
from schemas.zone import Policy
from tests.console.world import NOW, World, need, offered, zone_view


async def test_zones_say_how_many_requests_are_where(world: World) -> None:
    await world.show(offered(), offered(name="r2", state=RequestState.DONE))
    zones = {row["zone"]: row for row in (await world.client.get("/api/v1/zones")).json()["zones"]}

    assert zones["north"]["counts"] == {"offered": 1, "done": 1}
    assert zones["north"]["open"] == 1
    assert zones["south"]["open"] == 0
    one = (await world.client.get("/api/v1/zones/north")).json()
    assert one["policy"] == Policy().model_dump(mode="json")
    assert (await world.client.get("/api/v1/zones/atlantis")).status_code == 404


async def test_a_queue_has_alarms_first_then_priority_then_what_is_due(world: World) -> None:
    late, soon = NOW + timedelta(hours=9), NOW + timedelta(hours=1)
    await world.show(
        offered(name="late", respond_by=late),
        offered(name="soon", respond_by=soon),
        offered(name="urgent", respond_by=late, priority=5),
        offered(name="alarm", respond_by=late, priority=1, alarms=("needs_operator",)),
        offered(name="done", state=RequestState.DONE),
    )
    queue = (await world.client.get("/api/v1/zones/north/queue")).json()

    wanted = [str(derive_id("request", name)) for name in ("alarm", "urgent", "soon", "late")]
    assert [row["request_id"] for row in queue["requests"]] == wanted
    assert queue["open"] == 4
    short = (await world.client.get("/api/v1/zones/north/queue", params={"limit": 1})).json()
    assert [row["request_id"] for row in short["requests"]] == wanted[:1]


async def test_a_zone_is_configured_under_its_own_name(world: World) -> None:
    config = zone_view("west", 121.36).config.model_dump(mode="json")
    wrong = await world.client.put("/api/v1/zones/east", json={"config": config})
    right = await world.client.put("/api/v1/zones/west", json={"config": config}, headers={"Prefer": "wait=0"})

    assert wrong.status_code == 422
    assert right.status_code == 202
    assert [command.zone for command in await world.open()] == ["west"]


class Because(Frozen):
    why: str


async def test_an_explanation_is_asked_of_the_zone_that_owns_the_request(world: World) -> None:
    row = offered()
    await world.show(row)
    assert (await world.client.get(f"/api/v1/requests/{row.request_id}/why")).status_code == 503


class TestExplained:
    @pytest.fixture
    def services(self) -> Services:
        async def explain(zone: str, request_id: object) -> Frozen | None:
            if request_id in (derive_id("request", "gone"), derive_id("request", "ended")):
                return None
            return Because(why=f"{zone} has nobody")

        return Services(wait_s=0, explain=explain)

    async def test_the_explanation_is_given_as_it_is(self, world: World) -> None:
        row = offered()
        await world.show(row)
        answer = await world.client.get(f"/api/v1/requests/{row.request_id}/why")

        assert answer.json() == {"why": "north has nobody"}
        await world.show(offered(name="gone", state=RequestState.UNSERVED, reason="nobody was free"))
        gone = (await world.client.get(f"/api/v1/requests/{derive_id('request', 'gone')}/why")).json()
        assert (gone["state"], gone["summary"]) == ("unserved", "unserved: nobody was free")
        await world.show(offered(name="ended", state=RequestState.CANCELLED, reason="cancelled"))
        said = (await world.client.get(f"/api/v1/requests/{derive_id('request', 'ended')}/why")).json()["summary"]
        assert said == "cancelled"
        lost = await world.client.get(f"/api/v1/requests/{derive_id('nobody')}/why")
        assert lost.status_code == 404


class TestReadiness:
    @pytest.fixture
    def services(self) -> Services:
        self.waiting: dict[str, str] = {"broker": "is starting"}

        async def ready() -> dict[str, str]:
            return self.waiting

        return Services(ready=ready)

    async def test_the_server_is_ready_when_all_parts_are_and_says_what_is_not(
        self, world: World, services: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waiting = await world.client.get("/healthz/ready")
        assert (waiting.status_code, waiting.json()["waiting"]) == (503, {"broker": "is starting"})
        self.waiting.clear()
        assert (await world.client.get("/healthz/ready")).status_code == 200

        async def away() -> None:
            raise Unavailable("no route to the database")

        monkeypatch.setattr(world.store, "heads", away)
        assert (await world.client.get("/healthz/ready")).status_code == 503
        assert (await world.client.get("/healthz/live")).status_code == 200

    async def test_a_draining_server_is_not_ready(self, world: World, services: Services) -> None:
        self.waiting.clear()
        services.stopping.set()

        assert (await world.client.get("/healthz/ready")).status_code == 503


@pytest.mark.parametrize("services", [Services(consumers=("matcher", "dispatcher"))])
async def test_metrics_tell_how_many_events_each_consumer_is_behind(world: World) -> None:
    await world.happen("north", 5)
    heads = await world.store.heads()
    await world.store.settle("matcher", heads | {"north": heads["north"] - 2})
    text = (await world.client.get("/metrics")).text
    assert 'ningju_consumer_lag{consumer="matcher"} 2.0' in text
    assert f'ningju_consumer_lag{{consumer="dispatcher"}} {float(sum(heads.values()))}' in text


async def test_metrics_count_calls_by_route_and_never_by_id(world: World, services: Services) -> None:
    services.stats.add("commands", 7)
    told = (await world.client.post("/api/v1/requests", json=need())).json()
    await world.client.get(told["href"])
    await world.show(offered())
    text = (await world.client.get("/metrics")).text

    assert told["id"] not in text
    assert 'ningju_http_calls_total{method="POST",route="/api/v1/requests",status="202"} 1.0' in text
    assert 'route="/api/v1/requests/{request_id}"' in text
    assert "ningju_inbox_open 1.0" in text
    assert 'ningju_requests{state="offered",zone="north"} 1.0' in text
    assert 'ningju_count{name="commands"} 7.0' in text


async def test_the_reference_lists_every_call_and_loads_nothing_from_outside(world: World) -> None:
    document = (await world.client.get("/openapi.json")).json()
    page = (await world.client.get("/docs")).text

    for path in document["paths"]:
        assert path in page
    assert "/api/v1/requests" in document["paths"]
    for outside in ("http://", "https://", "<script", "src=", "//cdn"):
        assert outside not in page


async def test_every_reference_in_the_openapi_document_leads_somewhere(world: World) -> None:
    document = (await world.client.get("/openapi.json")).json()
    known = document["components"]["schemas"]
    found: list[str] = []

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                found.append(node["$ref"])
            for part in node.values():
                walk(part)
        elif isinstance(node, list):
            for part in node:
                walk(part)

    walk(document)
    assert "#/components/schemas/RequestIn" in found
    assert {ref.rpartition("/")[2] for ref in found} <= set(known)
