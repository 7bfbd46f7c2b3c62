"""Signing in with a provider, staying signed in, and what somebody else could try on the way."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import httpx2
import pytest
from fastapi import FastAPI

from engine.ports import Account
from ningju.bootstrap.inspecting import Check, diagnose
from ningju.console.app import create_app
from ningju.console.claims import Claims, account_id
from ningju.console.gate import Entrance, Provider
from ningju.console.keys import Keys
from ningju.console.sign_in import FLOW, FLOW_COOKIE, inside
from ningju.ledger.memory import MemoryStore
from ningju.settings import Settings
from tests.console.signing_in import HOST, SECRET, Browser, agree, provider, query, say
from tests.console.world import SetClock, zone_view

# The mock is told so by its own library, in a thread of this process.
pytestmark = pytest.mark.filterwarnings("ignore:get_jwt_config")

ZONES = "/api/v1/zones"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with provider() as address:
        yield address


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def store(clock: SetClock) -> AsyncIterator[MemoryStore]:
    made = MemoryStore(clock)
    yield made
    await made.close()


def entrance(issuer: str, **fields: object) -> Entrance:
    defaults: dict[str, object] = {
        "secret": SECRET,
        "provider": Provider(issuer, "ningju", "client-secret", claims=Claims(names={"chiefs": "admin"})),
    }
    return Entrance(**(defaults | fields))  # type: ignore[arg-type]


@pytest.fixture
def app(issuer: str, store: MemoryStore, clock: SetClock) -> FastAPI:
    return create_app(store, clock, hosts=["console"], entrance=entrance(issuer))


@pytest.fixture
def browser(app: FastAPI) -> Browser:
    return Browser(app)


async def test_nobody_sees_anything_before_signing_in(browser: Browser) -> None:
    page = await browser.client.get("/queue?zone=north", headers={"Accept": "text/html,*/*"})
    assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=/queue%3Fzone%3Dnorth")
    rest = await browser.client.get(ZONES)
    assert rest.status_code == 401
    assert rest.json()["type"] == "urn:ningju:problem:sign-in"
    assert rest.headers["www-authenticate"] == "Bearer"
    part = await browser.client.get("/now", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["hx-redirect"]) == (401, "/sign-in")
    page = {"HX-Request": "true", "HX-Current-URL": "http://console/queue?zone=north#row"}
    part = await browser.client.get("/now", headers=page)
    assert part.headers["hx-redirect"] == "/sign-in?next=/queue%3Fzone%3Dnorth"
    for path in ("/healthz/live", "/docs", "/openapi.json"):
        assert (await browser.client.get(path)).status_code == 200


async def test_the_way_to_the_provider_carries_state_nonce_and_a_challenge(browser: Browser, issuer: str) -> None:
    address = await browser.begin()
    told = query(address)
    assert address.startswith(f"{issuer}/oauth2/authorize?")
    assert told["redirect_uri"] == f"{HOST}/sign-in/return"
    assert told["response_type"] == "code"
    assert told["code_challenge_method"] == "S256"
    assert min(len(told[name]) for name in ("state", "nonce", "code_challenge")) >= 20


async def test_whoever_has_a_role_is_signed_in_and_led_to_where_they_were_going(
    browser: Browser, issuer: str, store: MemoryStore
) -> None:
    say(issuer, "wang", name="王芳", roles=["operator", "something else"])
    back = await browser.sign_in("wang", "/queue?state=received")
    assert (back.status_code, back.headers["location"]) == (303, "/queue?state=received")
    assert (await browser.client.get(ZONES)).status_code == 200
    page = await browser.client.get("/queue?lang=en")
    assert "Signed in as 王芳" in page.text
    (form,) = re.findall(r'<form method="post" action="/sign-out">.*?</form>', page.text)
    assert browser.form["X-CSRF-Token"] in form
    who = account_id(issuer, "wang")
    assert "wang" not in who
    account = await store.account(who)
    assert account is not None
    assert (account.role, account.zones) == ("operator", None)


async def test_cookies_are_signed_and_out_of_reach_of_scripts_and_other_sites(
    browser: Browser, issuer: str, store: MemoryStore, clock: SetClock
) -> None:
    say(issuer, "wang", roles="viewer")
    back = await browser.sign_in("wang")
    session = next(one for one in back.headers.get_list("set-cookie") if one.startswith("ningju_session="))
    for attribute in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=28800"):
        assert attribute in session
    assert "Secure" not in session

    # The same cookie, one character changed, is nobody's.
    value = browser.cookie
    other = Browser(browser.app)
    secret, _, signature = value.rpartition(".")
    forged = ("A" if signature[0] != "A" else "B") + signature[1:]
    other.client.cookies.set("ningju_session", f"{secret}.{forged}")
    assert (await other.client.get(ZONES)).status_code == 401
    other.client.cookies.set("ningju_session", secret)
    assert (await other.client.get(ZONES)).status_code == 401

    app = create_app(
        store, clock, hosts=["ningju.example"], entrance=entrance(issuer, address="https://ningju.example")
    )
    secure = Browser(app, "https://ningju.example")
    back = await secure.sign_in("wang")
    cookies = back.headers.get_list("set-cookie")
    assert all("Secure" in one and "HttpOnly" in one for one in cookies)
    assert any(one.startswith("__Host-ningju=") for one in cookies)


async def test_a_session_that_somebody_was_given_beforehand_is_not_theirs_afterwards(
    browser: Browser, issuer: str
) -> None:
    say(issuer, "wang", roles="viewer")
    await browser.sign_in("wang")
    planted = browser.cookie

    victim = Browser(browser.app)
    victim.client.cookies.set("ningju_session", planted, domain="console.local")
    await victim.sign_in("wang")
    assert victim.cookie not in ("", planted)
    assert (await victim.client.get(ZONES)).status_code == 200
    assert (await browser.client.get(ZONES)).status_code == 401, "the planted one has ended"


async def test_a_session_ends_by_the_clock(browser: Browser, issuer: str, clock: SetClock) -> None:
    say(issuer, "wang", roles="viewer")
    await browser.sign_in("wang")
    clock.time += timedelta(hours=7, minutes=59)
    assert (await browser.client.get(ZONES)).status_code == 200
    clock.time += timedelta(minutes=1)
    assert (await browser.client.get(ZONES)).status_code == 401


async def test_signing_out_ends_the_session_for_whoever_has_copied_its_cookie(browser: Browser, issuer: str) -> None:
    say(issuer, "wang", roles="viewer")
    await browser.sign_in("wang")
    thief = Browser(browser.app)
    thief.client.cookies.set("ningju_session", browser.cookie)
    assert (await thief.client.get(ZONES)).status_code == 200

    assert (await browser.client.post("/sign-out")).status_code == 403, "not without the form's token"
    done = await browser.client.post("/sign-out", headers=browser.form)
    assert (done.status_code, done.headers["location"]) == (303, "/signed-out")
    assert browser.cookie == ""
    assert (await thief.client.get(ZONES)).status_code == 401
    page = await browser.client.get("/signed-out")
    assert f'href="{issuer}/oauth2/end_session?' in page.text


@pytest.mark.parametrize("kept", [True, False], ids=["other state", "other browser"])
async def test_a_way_back_that_did_not_begin_in_this_browser_leads_nowhere(
    browser: Browser, issuer: str, kept: bool
) -> None:
    say(issuer, "wang", roles="viewer")
    theirs = agree(await Browser(browser.app).begin(), "wang")
    if kept:
        await browser.begin()
    back = await browser.come_back(theirs)
    assert back.status_code == 400
    assert "set-cookie" not in back.headers
    assert browser.cookie == ""


async def test_a_code_works_once(browser: Browser, issuer: str) -> None:
    say(issuer, "wang", roles="viewer")
    there = agree(await browser.begin(), "wang")
    flow = browser.client.cookies.get(FLOW_COOKIE, path="/sign-in")
    assert flow is not None
    assert (await browser.come_back(there)).status_code == 303
    again = Browser(browser.app)
    again.client.cookies.set(FLOW_COOKIE, flow)
    assert (await again.come_back(there)).status_code == 400


async def test_a_word_of_the_provider_for_another_visit_is_not_taken(browser: Browser, issuer: str) -> None:
    say(issuer, "wang", roles="viewer")
    there = agree(await browser.begin(), "wang")
    parcel = Keys(SECRET.encode()).parcel(FLOW)
    flow = browser.client.cookies.get(FLOW_COOKIE, path="/sign-in")
    assert flow is not None
    session = parcel.loads(flow)
    session[f"_state_ningju_{query(there)['state']}"]["data"]["nonce"] = "another"
    other = Browser(browser.app)
    other.client.cookies.set(FLOW_COOKIE, str(parcel.dumps(session)))
    back = await other.come_back(there)
    assert back.status_code == 400
    assert other.cookie == ""


async def test_a_word_that_was_meant_for_another_client_is_not_taken(
    store: MemoryStore, clock: SetClock, issuer: str
) -> None:
    """A provider signs for many: what it says to another is not said to us."""
    say(issuer, "wang", roles="admin")
    app = create_app(store, clock, hosts=["console"], entrance=entrance(issuer))
    browser = Browser(app)
    address = (await browser.begin()).replace("client_id=ningju", "client_id=other")
    there = agree(address, "wang")
    app.state.signing_in.client.client_id = "other"
    back = await browser.come_back(there)
    assert back.status_code == 400


async def test_somebody_who_says_no_at_the_provider_is_told_that_they_are_not_signed_in(
    browser: Browser, issuer: str
) -> None:
    denied = httpx2.post(await browser.begin(), data={"action": "deny"})
    back = await browser.come_back(denied.headers["location"])
    assert back.status_code == 400
    assert "Sign in" in back.text


async def test_a_provider_that_is_away_is_said_to_be(store: MemoryStore, clock: SetClock) -> None:
    app = create_app(store, clock, hosts=["console"], entrance=entrance("http://127.0.0.1:9"))
    answer = await Browser(app).client.get("/sign-in")
    assert answer.status_code == 503
    assert "cannot be reached" in answer.text


async def test_whoever_has_no_role_here_is_not_let_in(browser: Browser, issuer: str) -> None:
    say(issuer, "stranger", name="Stranger", roles=["accounting"])
    back = await browser.sign_in("stranger")
    assert back.status_code == 403
    assert browser.cookie == ""


async def test_a_new_role_counts_for_every_session_from_the_next_sign_in_on(browser: Browser, issuer: str) -> None:
    say(issuer, "wang", roles=["chiefs"])
    await browser.sign_in("wang")
    put = {"config": zone_view("north", 121.39).config.model_dump(mode="json")}
    assert (await _put(browser, put)) == 202

    say(issuer, "wang", roles=["viewer"])
    await Browser(browser.app).sign_in("wang")
    assert (await _put(browser, put)) == 403
    assert (await browser.client.get(ZONES)).status_code == 200

    say(issuer, "wang", roles=[])
    assert (await Browser(browser.app).sign_in("wang")).status_code == 403
    assert (await browser.client.get(ZONES)).status_code == 401


async def _put(browser: Browser, body: object) -> int:
    headers = {"Prefer": "wait=0", **browser.form}
    return (await browser.client.put(f"{ZONES}/north", json=body, headers=headers)).status_code


async def test_whoever_has_become_unknown_is_nobody(browser: Browser, issuer: str, store: MemoryStore) -> None:
    say(issuer, "wang", roles="admin")
    await browser.sign_in("wang")
    await store.put_account(Account(account_id(issuer, "wang"), "king", None, SetClock().now()))
    assert (await browser.client.get(ZONES)).status_code == 401


async def test_orders_by_cookie_need_the_token_of_our_forms(browser: Browser, issuer: str) -> None:
    say(issuer, "wang", roles="operator")
    await browser.sign_in("wang")
    cancel = "/api/v1/requests/00000000-0000-0000-0000-000000000000/cancel"
    other = Browser(browser.app)
    await other.sign_in("wang")
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "0" * 64}, other.form):
        answer = await browser.client.post(cancel, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:ningju:problem:form")
    assert (await browser.client.post(cancel, headers=browser.form)).status_code == 404

    fields = {"id": "", "what": "accept", "key": "k"}
    assert (await browser.client.post("/queue", data=fields)).status_code == 403
    token = browser.form["X-CSRF-Token"]
    assert (await browser.client.post("/queue", data=fields | {"csrf": token})).status_code == 200
    assert (await browser.client.post("/queue", data=fields | {"csrf": token[:-1]})).status_code == 403
    body = urlencode(fields | {"csrf": token})
    kind = {"Content-Type": "text/plain"}
    assert (await browser.client.post("/queue", content=body, headers=kind)).status_code == 403


@pytest.mark.parametrize(
    ("there", "leads"),
    [
        ("/queue?state=received", "/queue?state=received"),
        ("/", "/"),
        ("//evil.example/x", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\nSet-Cookie: b=c", "/"),
        ("/\t/evil.example", "/"),
        ("evil.example", "/"),
        ("", "/"),
        ("/sign-in?next=/", "/"),
    ],
)
def test_nobody_is_led_to_another_site(there: str, leads: str) -> None:
    assert inside(there) == leads


@pytest.mark.parametrize("there", ["//evil.example/x", "https://evil.example"])
async def test_nobody_is_led_to_another_site_by_signing_in(browser: Browser, issuer: str, there: str) -> None:
    say(issuer, "wang", roles="viewer")
    back = await browser.sign_in("wang", there)
    assert back.headers["location"] == "/"


async def test_sign_in_is_tried_so_often_and_no_more(store: MemoryStore, clock: SetClock, issuer: str) -> None:
    app = create_app(store, clock, hosts=["console"], entrance=entrance(issuer, sign_ins="3/minute"))
    browser = Browser(app)
    answers = [await browser.client.get("/sign-in") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [302, 302, 302, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60


async def test_without_a_provider_there_is_nothing_to_sign_in_to(clock: SetClock) -> None:
    store = MemoryStore(clock)
    browser = Browser(create_app(store, clock, hosts=["console"]))
    answer = await browser.client.get("/sign-in", params={"next": "//evil.example"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "Local operator, without sign-in" in (await browser.client.get("/now?lang=en")).text


@pytest.mark.parametrize(
    ("said", "role", "zones"),
    [
        ({"roles": "viewer"}, "viewer", None),
        ({"roles": ["auditor", "operator"]}, "operator", None),
        ({"roles": ["zone_lead"], "zones": ["b", "a"]}, "zone_lead", ("a", "b")),
        ({"roles": ["zone_lead"]}, "zone_lead", ()),
        ({"roles": ["boss"]}, "admin", None),
        ({"roles": ["king"]}, None, None),
        ({"roles": {"admin": True}}, None, None),
        ({}, None, None),
    ],
)
def test_the_strongest_role_of_the_claims_counts(said: dict[str, object], role: str | None, zones: object) -> None:
    claims = Claims(names={"boss": "admin"})
    found = claims.role_of(said)
    assert found == role
    assert found is None or claims.zones_of(said, found) == zones


def test_claims_may_lie_inside_others_or_have_dots_in_their_names() -> None:
    assert Claims("realm_access.roles").role_of({"realm_access": {"roles": ["viewer"]}}) == "viewer"
    assert Claims("https://a.example/roles").role_of({"https://a.example/roles": "auditor"}) == "auditor"
    assert Claims("realm_access.roles").role_of({"realm_access": "viewer"}) is None


async def test_the_doctor_asks_the_provider_for_what_it_calls_itself(issuer: str, tmp_path: Path) -> None:
    async def found(address: str) -> Check:
        told = Settings(data=tmp_path, oidc_issuer=address, oidc_client="ningju", oidc_secret="s")  # type: ignore[arg-type]
        return next(check for check in await diagnose(told) if check.name == "sign-in")

    assert (await found(issuer)).ok
    for wrong in (issuer.replace("localhost", "127.0.0.1") + "/realm", "http://127.0.0.1:9"):
        check = await found(wrong)
        assert not check.ok
        assert "NINGJU_OIDC_ISSUER" in check.advice
