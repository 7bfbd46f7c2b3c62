"""Every route of the application, for every role, with what lies in one's own zones and with what does not."""

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from httpx2 import ASGITransport, AsyncClient, Response

from engine.ports import Account, Session
from ningju.console import tokens
from ningju.console.access import CSRF_HEADER, ROLES, Role
from ningju.console.app import create_app
from ningju.console.gate import Entrance, Provider, named
from ningju.console.keys import digest
from ningju.console.permissions import ADMINS, EVERYBODY, SCOPES, TABLE
from ningju.console.sending import API
from ningju.console.services import Services
from ningju.ledger.memory import MemoryStore
from schemas.base import derive_id
from schemas.person import Person
from schemas.request import Referral
from tests.console.test_rosters import standing, team, volunteer
from tests.console.world import NOW, SetClock, World, need, offer_of, offered, service, window, zone_view

APP = create_app(MemoryStore(SetClock()), SetClock())
OWN, FOREIGN = "south", "north"
NOBODYS = ("POST /sign-out",)
"""Orders that concern nobody but whoever gives them."""


def routes(parts: Iterable[Any]) -> Iterator[str]:
    """Every route, of routers that were included too, as the table names it."""
    for part in parts:
        if hasattr(part, "effective_candidates"):  # how newer releases of FastAPI keep what was included
            yield from routes(part.effective_candidates())
        elif isinstance(getattr(part, "original_route", part), APIRoute):
            yield from (named(part, method) for method in sorted(part.methods))
        else:
            assert part.path == "/static", f"{part} is served past the gate"


ROUTES = sorted(routes(APP.routes))
GUARDED = [route for route in ROUTES if TABLE.get(route, TABLE["GET /docs"]).roles is not None]


def test_the_table_has_an_entry_for_every_route_and_no_other() -> None:
    assert set(ROUTES) - set(TABLE) == set(), "add them to ningju/console/permissions.py"
    assert set(TABLE) - set(ROUTES) == set(), "these routes are gone"
    assert len(ROUTES) == len(set(ROUTES)), "one route hides another"


def test_what_everybody_may_call_without_signing_in_is_little() -> None:
    open_to_all = {route for route, rule in TABLE.items() if rule.roles is None}
    expected = {
        "/docs",
        "/openapi.json",
        "/healthz/live",
        "/healthz/ready",
        "/sign-in",
        "/sign-in/return",
        "/signed-out",
    }
    assert {route.partition(" ")[2] for route in open_to_all if "/open311/" not in route} == expected
    assert all(route.startswith("GET ") for route in open_to_all)


def test_viewers_and_auditors_change_nothing() -> None:
    for route, rule in TABLE.items():
        if not route.startswith("GET ") and route not in NOBODYS:
            assert rule.roles is not None
            assert not {"viewer", "auditor"} & rule.roles, route


def test_zones_and_common_catalogues_are_the_admins() -> None:
    for route in ("PUT /api/v1/zones/{zone}", "PUT /api/v1/catalogue"):
        assert TABLE[route].roles == ADMINS


def test_every_scope_opens_something_and_every_entry_names_a_known_one() -> None:
    used = {rule.scope for rule in TABLE.values()} - {""}
    assert used | {"act-as"} == set(SCOPES)


class City(World):
    """Two zones with the same things in each, and people of every role; leads and programs have the south alone."""

    app: FastAPI

    async def call(self, route: str, zone: str, headers: dict[str, str]) -> Response:
        method, _, path = route.partition(" ")
        filled = re.sub(r"\{(\w+)\}", lambda found: str(self.object(found[1], zone)), path)
        body = self.body(route, zone)
        headers = {"Prefer": "wait=0", **headers}
        if isinstance(body, str):
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            return await self.client.request(method, filled, content=body, headers=headers)
        return await self.client.request(method, filled, json=body, headers=headers)

    def object(self, name: str, zone: str) -> object:
        row = offered(zone, f"r-{zone}")
        assert row.visit is not None
        things = {
            "zone": zone,
            "request_id": row.request_id,
            "offer_id": offer_of(row).offer_id,
            "visit_id": row.visit.visit_id,
            "command_id": derive_id("open", zone),
            "volunteer": f"v-{zone}",
            "team": f"t-{zone}",
            "service": "elder-visit",
            "site": f"{zone}-home",
            "number": 1,
            "form": "json",
            "code": "elder-visit",
        }
        assert name in things, f"say what stands for {{{name}}}"
        return things[name]

    def body(self, route: str, zone: str) -> Any:
        """What makes an order that would be taken."""
        config = zone_view(zone, 121.39 if zone == FOREIGN else 121.41).config.model_dump(mode="json")
        bodies: dict[str, Any] = {
            "POST /api/v1/requests": need(site=f"{zone}-home", place=None),
            "POST /api/v1/requests/{request_id}/change": {"window": window(5, 9)},
            "POST /api/v1/requests/{request_id}/triage": {"decision": "accept"},
            "POST /api/v1/visits/{visit_id}/check-in": {"volunteer": f"v-{zone}"},
            "POST /api/v1/visits/{visit_id}/finish": {"volunteer": f"v-{zone}"},
            "POST /api/v1/visits/{visit_id}/withdraw": {"volunteer": f"v-{zone}"},
            "POST /api/v1/visits/{visit_id}/release": {"volunteer": f"v-{zone}"},
            "POST /api/v1/visits/{visit_id}/no-show": {"volunteer": f"v-{zone}"},
            "POST /api/v1/visits/{visit_id}/rating": {"stars": 5},
            "PUT /api/v1/zones/{zone}": {"config": config},
            "PUT /api/v1/zones/{zone}/roster": {"teams": [team(f"new-{zone}", zone)]},
            "PUT /api/v1/zones/{zone}/catalogue": {"service_types": [service("bath").model_dump(mode="json")]},
            "PUT /api/v1/catalogue": {"service_types": [service("bath").model_dump(mode="json")]},
        }
        if route in bodies:
            return bodies[route]
        if route.startswith("POST /open311/"):
            return f"service_code=elder-visit&address_id={zone}-home"
        if route == "POST /now/take":
            return f"what={self.object('request_id', zone)}+{zone}+&key=k"
        if route.startswith("POST ") and "/api/" not in route:
            request_id = self.object("request_id", zone)
            return f"id={request_id}&request={request_id}&zone={zone}&what=cancel&reason=test&sure=yes&key=k"
        return None if route.startswith("GET ") else {}

    async def zones_ordered(self) -> set[str]:
        return {command.zone for command in await self.open() if command.command_id != derive_id("open", command.zone)}


@pytest.fixture
async def city() -> AsyncIterator[City]:
    clock = SetClock()
    store = MemoryStore(clock)
    services = Services(wait_s=0, poll_s=0.01)
    services.stopping.set()  # so that streams end
    entrance = Entrance(provider=Provider("http://127.0.0.1:9", "ningju", ""))
    app = create_app(store, clock, services, hosts=["console"], entrance=entrance)
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://console") as client:
        made = City(store, clock, client)
        made.app = app
        for zone, west in ((FOREIGN, 121.39), (OWN, 121.41)):
            row = offered(zone, f"r-{zone}", volunteer=f"v-{zone}")
            await made.show(zone_view(zone, west, service()), row, offer_of(row))
            await standing(made, f"v-{zone}", zone=zone, of=f"t-{zone}")
        yield made
    await store.close()


async def session(city: City, role: Role) -> dict[str, str]:
    """Somebody of a role has signed in: what their browser sends along."""
    keys, secret = city.app.state.gate.keys, f"secret of {role}"
    zones = (OWN,) if role == "zone_lead" else None
    await city.store.put_account(Account(f"op-{role}", role, zones, NOW))
    await city.store.open_session(Session(digest(secret), f"op-{role}", NOW + timedelta(hours=1)))
    return {"Cookie": f"ningju_session={keys.sign(secret)}", CSRF_HEADER: keys.form_token(secret)}


async def token(city: City, *scopes: str, zones: tuple[str, ...] | None = None) -> dict[str, str]:
    _, secret = await tokens.create(
        city.store, name="test", scopes=scopes, zones=zones, lasts=None, by="operator:li", now=NOW
    )
    return {"Authorization": f"Bearer {secret}"}


@pytest.mark.parametrize("route", GUARDED)
async def test_nobody_passes_without_having_signed_in(city: City, route: str) -> None:
    answer = await city.call(route, OWN, {})
    assert answer.status_code == (403 if "/open311/" in route else 401)
    assert await city.open() == []


@pytest.mark.parametrize("route", GUARDED)
async def test_a_role_passes_where_the_table_says_so_and_nowhere_else(city: City, route: str) -> None:
    let_in = TABLE[route].roles or ()
    for role in [role for role in ROLES if role not in let_in]:
        answer = await city.call(route, OWN, await session(city, role))
        assert answer.status_code == 403, role
    assert await city.open() == []
    for role in [role for role in ROLES if role in let_in]:
        answer = await city.call(route, OWN, await session(city, role))
        assert answer.status_code not in {401, 403, 500}, (role, answer.text)


@pytest.mark.parametrize("means", ["zone_lead", "token"])
@pytest.mark.parametrize("route", GUARDED)
async def test_what_lies_in_zones_of_others_is_not_there(city: City, route: str, means: str) -> None:
    if means == "zone_lead":
        headers = await session(city, "zone_lead")
    else:
        headers = await token(city, *SCOPES, zones=(OWN,))
    answer = await city.call(route, FOREIGN, headers)
    method, _, path = route.partition(" ")
    if "{" in path.replace("{form}", "") and answer.status_code != 403:
        assert answer.status_code in {404, 422}, answer.text
    assert await city.zones_ordered() <= {OWN}
    told = answer.text.replace(str(answer.request.url.path), "")
    for name in ("request_id", "offer_id", "visit_id"):
        if method == "GET" and f"{{{name}}}" not in path:
            assert str(city.object(name, FOREIGN)) not in told
    if method == "GET" and "{" not in path:
        assert f"v-{FOREIGN}" not in told
        assert f'"{FOREIGN}"' not in told


@pytest.mark.parametrize("scope", [scope for scope in SCOPES if scope != "act-as"])
async def test_a_token_opens_what_it_is_for_and_nothing_else(city: City, scope: str) -> None:
    headers = await token(city, scope)
    for route in GUARDED:
        answer = await city.call(route, OWN, headers)
        passed = answer.status_code not in {401, 403}
        assert passed == (TABLE[route].scope == scope), (route, answer.text)


async def test_a_lead_of_the_district_has_its_subdistricts_too(city: City) -> None:
    config = zone_view("south-west", 121.45).config.model_copy(update={"parent": OWN})
    await city.show(zone_view("south-west", 121.45).model_copy(update={"config": config}))
    headers = await session(city, "zone_lead")
    zones = (await city.client.get("/api/v1/zones", headers=headers)).json()["zones"]
    assert {row["zone"] for row in zones} == {OWN, "south-west"}
    assert (await city.client.get("/api/v1/zones/south-west", headers=headers)).status_code == 200
    assert (await city.client.get("/api/v1/zones/north", headers=headers)).status_code == 404


async def test_whoever_serves_a_guest_sees_the_request_but_gives_its_home_no_orders(city: City) -> None:
    origin = offered(FOREIGN, "shared")
    referral = Referral(referral_id=derive_id("referral"), origin=FOREIGN, hop=1, expires_at=NOW + timedelta(hours=2))
    guest = offered(OWN, "shared", referral=referral, visit=None)
    await city.show(origin, guest)
    headers = await session(city, "zone_lead")
    address = f"/api/v1/requests/{origin.request_id}"
    assert (await city.client.get(address, headers=headers)).status_code == 200
    refused = await city.client.post(f"{address}/cancel", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "zone")
    assert await city.open() == []


async def test_a_lead_cannot_take_over_a_volunteer_of_another_zone(city: City) -> None:
    body = {"volunteers": [volunteer(f"v-{FOREIGN}", f"t-{OWN}")]}
    headers = {"Prefer": "wait=0", **await session(city, "zone_lead")}
    answer = await city.client.put(f"/api/v1/zones/{OWN}/roster?mode=patch", json=body, headers=headers)
    assert answer.status_code == 422
    assert "north" in answer.text
    assert await city.open() == []


@pytest.mark.parametrize(
    ("scopes", "actor", "status"),
    [
        (("answers",), None, 202),
        (("answers",), "volunteer:v-south", 403),
        (("answers", "act-as"), "volunteer:v-south", 202),
        (("answers", "act-as"), "leader:t-south", 202),
        (("answers", "act-as"), "operator:li", 403),
        (("answers", "act-as"), "system:matcher", 403),
        (("answers", "act-as"), "nonsense", 422),
    ],
)
async def test_a_program_names_for_whom_it_calls_only_when_its_token_is_for_that(
    city: City, scopes: tuple[str, ...], actor: str | None, status: int
) -> None:
    headers = await token(city, *scopes) | ({"X-Actor": actor} if actor else {})
    answer = await city.call("POST /api/v1/offers/{offer_id}/accept", OWN, headers)
    assert answer.status_code == status, answer.text
    actors = [f"{one.actor.kind}:{one.actor.id}" for one in await city.open()]
    if status != 202:
        assert actors == []
    elif actor:
        assert actors == [actor]
    else:
        assert actors[0].startswith("external:token:")


async def test_whoever_has_signed_in_acts_as_themselves(city: City) -> None:
    route = "POST /api/v1/offers/{offer_id}/accept"
    headers = await session(city, "operator")
    assert (await city.call(route, OWN, headers | {"X-Actor": "operator:somebody-else"})).status_code == 403
    assert (await city.call(route, OWN, headers | {"X-Actor": "operator:op-operator"})).status_code == 202
    assert [command.actor.id for command in await city.open()] == ["op-operator"]


async def test_everybody_may_read_what_is_for_everybody(city: City) -> None:
    assert {role for rule in TABLE.values() for role in rule.roles or ()} == EVERYBODY == set(ROLES)


async def test_what_one_program_sends_in_is_counted_apart_from_what_others_do() -> None:
    clock = SetClock()
    store = MemoryStore(clock)
    entrance = Entrance(provider=Provider("http://127.0.0.1:9", "ningju", ""), intake="2/minute")
    app = create_app(store, clock, Services(wait_s=0), hosts=["console"], entrance=entrance)
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://console") as client:
        city = City(store, clock, client)
        await city.show(zone_view(OWN, 121.41, service()))
        asked = need(site=f"{OWN}-home", place=None)
        first, second = [await token(city, "requests:write") for _ in range(2)]
        answers = [await client.post("/api/v1/requests", json=asked, headers=first) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [202, 202, 429]
        assert answers[-1].json()["type"] == "urn:ningju:problem:too-many"
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert (await client.post("/api/v1/requests", json=asked, headers=second)).status_code == 202
    await store.close()


async def test_whoever_tries_tokens_out_is_made_to_wait() -> None:
    clock = SetClock()
    entrance = Entrance(sign_ins="2/minute")
    app = create_app(MemoryStore(clock), clock, hosts=["console"], entrance=entrance)
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://console") as client:
        tried = [{"Authorization": f"Bearer ningju_{n}"} for n in range(3)]
        answers = [await client.get("/api/v1/zones", headers=headers) for headers in tried]
        assert [answer.status_code for answer in answers] == [401, 401, 429]
        assert (await client.get("/api/v1/zones")).status_code == 200, "the local operator has no token"


async def test_an_auditor_is_told_who_looked_at_whom_by_the_names_of_the_staff_alone(city: City) -> None:
    await city.store.put_persons([Person(id="op-operator", name="王芳"), Person(id=f"v-{OWN}", name="李建国")])
    operator, auditor = await session(city, "operator"), await session(city, "auditor")
    request_id = city.object("request_id", OWN)
    told = await city.client.get(f"/api/v1/requests/{request_id}/people", headers=operator)
    assert "李建国" in told.text
    await city.call("POST /api/v1/offers/{offer_id}/decline", OWN, operator)
    for page in ("/audit", "/audit/looks"):
        shown = (await city.client.get(page, headers=auditor)).text
        assert "op-operator" in shown
        assert "王芳" in shown
        assert "李建国" not in shown
    masked = await city.client.get(f"/api/v1/requests/{request_id}/people", headers=auditor)
    assert masked.json() == {"masked": True, "people": [{"id": f"v-{OWN}"}]}
    assert len(await city.store.looks()) == 1


async def test_names_phones_and_addresses_are_on_no_page_and_in_no_answer_for_those_who_only_look(city: City) -> None:
    secrets = ("李桂英", "13800001111", "番禺路99弄")
    for name in (f"v-{OWN}", "b-1"):
        await city.store.put_persons([Person(id=name, name=secrets[0], phone=secrets[1], address=secrets[2])])
    await city.show(offered(OWN, f"r-{OWN}", volunteer=f"v-{OWN}", beneficiary="b-1", version=6))
    for role in ("viewer", "auditor"):
        headers = await session(city, role)
        for route in [route for route in GUARDED if role in (TABLE[route].roles or ())]:
            told = (await city.call(route, OWN, headers)).text
            assert not any(secret in told for secret in secrets), (role, route)
    assert await city.store.looks() == [], "nobody has looked"


async def test_no_page_shows_names_to_those_who_may_see_them_unless_they_ask_and_that_is_written_down(
    city: City,
) -> None:
    await city.store.put_persons([Person(id=f"v-{OWN}", name="李桂英", phone="13800001111")])
    headers = await session(city, "operator")
    for route in [route for route in GUARDED if route.startswith("GET /") and API not in route]:
        assert "李桂英" not in (await city.call(route, OWN, headers)).text, route
    assert await city.store.looks() == []
    asked = await city.call("POST /people/{zone}/{volunteer}/name", OWN, headers)
    assert "李桂英" in asked.text
    assert [(look.actor, look.person) for look in await city.store.looks()] == [("operator:op-operator", f"v-{OWN}")]
