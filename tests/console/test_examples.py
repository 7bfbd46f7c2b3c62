"""The examples of the API's document: each call is made as it stands there, and is taken."""

import re
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest

from engine.ports import NewCommand
from ningju.console.app import create_app
from ningju.console.examples import COMMAND, EXAMPLES, NAMES, OFFER, REQUEST, VISIT
from ningju.console.permissions import SCOPES, TABLE
from ningju.console.reference import openapi
from ningju.console.services import Services
from ningju.ledger.memory import MemoryStore
from schemas.catalogue import Site
from schemas.commands import CancelRequest
from schemas.envelope import Actor, CommandEnvelope
from schemas.explanation import Explanation
from schemas.place import Place
from schemas.request import RequestState
from tests.console.test_rosters import standing
from tests.console.world import NOW, SetClock, World, label, offer_of, offered, zone_view

DOCUMENT = openapi(create_app(MemoryStore(SetClock()), SetClock()))
FORM = "application/x-www-form-urlencoded"


def calls() -> list[tuple[str, str, str]]:
    """Every example of the document, and every call without a body."""
    found = []
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            examples = [name for kind in content.values() for name in kind.get("examples", {})]
            found += [(method.upper(), path, name) for name in examples or [""]]
    return found


@pytest.fixture
def services() -> Services:
    async def explain(zone: str, request_id: UUID) -> Explanation:
        state = RequestState.QUEUED
        return Explanation(
            request_id=request_id, zone=zone, version=1, now=NOW, state=state, summary="waiting", offers=0
        )

    return Services(wait_s=0, poll_s=0.01, explain=explain)


@pytest.fixture
async def town(world: World) -> World:
    """A town in which everything is that the examples name."""
    view = zone_view("huayang", 121.41)
    config = view.config.model_copy(
        update={"boundary": (((121.41, 31.21), (121.44, 31.21), (121.44, 31.24), (121.41, 31.24), (121.41, 31.21)),)}
    )
    home = Site(id="huayang-home", zone="huayang", name=label("home"), place=Place(lon=121.42, lat=31.22))
    row = offered("huayang", "example", volunteer="v0001", request_id=UUID(REQUEST))
    assert row.visit is not None
    row = row.changed(visit=row.visit.changed(visit_id=UUID(VISIT)))
    await world.show(view.changed(config=config, sites=(home,)), row, offer_of(row).changed(offer_id=UUID(OFFER)))
    await standing(world, "v0001", zone="huayang", of="huayang-1")
    command = CommandEnvelope(
        command_id=UUID(COMMAND),
        zone="huayang",
        actor=Actor(kind="operator", id="li"),
        correlation_id=UUID(REQUEST),
        received_at=NOW,
        command=CancelRequest(request_id=UUID(REQUEST)),
    )
    await world.store.enqueue([NewCommand(command)])
    return world


@pytest.mark.parametrize(("method", "path", "name"), calls(), ids=lambda part: part or "-")
async def test_each_example_is_a_call_that_is_taken(town: World, method: str, path: str, name: str) -> None:
    operation = DOCUMENT["paths"][path][method.lower()]
    parameters = {one["name"]: one for one in operation.get("parameters", []) if one["in"] == "path"}
    address = re.sub(r"\{(\w+)\}", lambda found: str(parameters[found[1]]["example"]), path)
    headers, body = {"Prefer": "wait=0"}, b""
    if name:
        ((kind, content),) = operation["requestBody"]["content"].items()
        value: Any = content["examples"][name]["value"]
        headers["Content-Type"] = kind
        call = {"content": urlencode(value).encode()} if kind == FORM else {"json": value}
        answer = await town.client.request(method, address, headers=headers, **call)
    else:
        answer = await town.client.request(method, address, headers=headers, content=body)
    assert answer.status_code in {200, 201, 202}, answer.text
    if method == "PUT":
        assert answer.json().get("refused", []) == []


def test_every_call_with_a_body_has_an_example_and_every_example_its_call() -> None:
    bodies = {
        f"{method.upper()} {path}"
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
        if "requestBody" in operation
    }
    assert bodies == set(EXAMPLES)
    named = {
        one["name"]
        for methods in DOCUMENT["paths"].values()
        for call in methods.values()
        for one in call.get("parameters", [])
        if one["in"] == "path"
    }
    assert named == set(NAMES)


def test_the_document_says_who_may_call_what() -> None:
    assert set(DOCUMENT["components"]["securitySchemes"]) == {"token", "session", "api_key"}
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            rule = TABLE[f"{method.upper()} {path}"]
            if rule.roles is None:
                assert operation["security"] == []
                continue
            schemes = {name: scopes for one in operation["security"] for name, scopes in one.items()}
            assert "session" in schemes
            assert schemes.get("token", []) == ([rule.scope] if rule.scope else [])
            assert set(schemes.get("token", [])) <= set(SCOPES)


def test_every_link_of_the_document_leads_to_a_parameter_of_a_call() -> None:
    operations = {one["operationId"]: one for methods in DOCUMENT["paths"].values() for one in methods.values()}
    links = [
        link
        for operation in operations.values()
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    ]
    assert len(links) > 30
    for link in links:
        known = {one["name"] for one in operations[link["operationId"]]["parameters"] if one["in"] == "path"}
        assert set(link["parameters"]) == known


async def test_a_links_values_stand_in_the_answers_where_it_says(town: World) -> None:
    answers = {
        "/api/v1/requests/{request_id}": await town.client.get(f"/api/v1/requests/{REQUEST}"),
        "/api/v1/requests": await town.client.get("/api/v1/requests"),
        "/api/v1/offers/{offer_id}": await town.client.get(f"/api/v1/offers/{OFFER}"),
        "/api/v1/zones": await town.client.get("/api/v1/zones"),
    }
    for path, answer in answers.items():
        for link in DOCUMENT["paths"][path]["get"]["responses"]["200"]["links"].values():
            for value in link["parameters"].values():
                found: Any = answer.json()
                for step in value.removeprefix("$response.body#/").split("/"):
                    found = found[int(step) if isinstance(found, list) else step]
                assert found in {REQUEST, OFFER, VISIT, "huayang", "north"}, value
