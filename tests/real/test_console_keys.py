"""The pages in Debian's Chromium worked by the keyboard alone: no test here touches a mouse."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, Error, Locator, Page, expect

from engine.ports import DeadLetter, RowChange
from ningju.bootstrap.operating import Letters
from ningju.console.services import Services
from ningju.ledger.memory import MemoryStore
from schemas.request import RequestState
from tests.console.world import SetClock, need, offered
from tests.real.browsing import check, morning, window
from tests.real.season import console, season
from tests.real.town import Town

pytestmark = pytest.mark.real

MOST_STEPS = 200


def focused(page: Page) -> str:
    """The id of what has the focus."""
    return str(page.evaluate("document.activeElement.id"))


def tab_to(page: Page, there: Locator) -> None:
    """Press Tab until something has the focus."""
    expect(there).to_be_attached()
    for _ in range(MOST_STEPS):
        try:
            if there.evaluate("one => one === document.activeElement"):
                return
        except Error:  # the page before was still there: what was entered leads to another just now
            expect(there).to_be_attached()
            continue
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {there}")


def enter(page: Page, there: Locator) -> None:
    """Go to a link, button or fold by Tab, and press Enter."""
    tab_to(page, there)
    page.keyboard.press("Enter")


def write(page: Page, there: Locator, text: str) -> None:
    """Go to a field by Tab, and type."""
    tab_to(page, there)
    page.keyboard.type(text)


def choose(page: Page, there: Locator, value: str) -> None:
    """Go to a list by Tab, and down to an option; what is typed counts as one word only where the machine is quick."""
    tab_to(page, there)
    for key in ("Home", *["ArrowDown"] * MOST_STEPS):
        page.keyboard.press(key)
        if there.input_value() == value:
            return
    raise AssertionError(f"{there} has no {value}")


def test_focus_stays_where_it_is_when_the_board_is_pushed(
    chromium: Browser, place: Town, needs: dict[str, str]
) -> None:
    site = place.call("/api/v1/catalogue")["sites"][0]["id"]
    with window(chromium, place, "en") as page:
        page.goto("/now")
        tile = page.locator("#now a.tile").first
        tile.focus()
        held = focused(page)
        assert held
        for after in (1, 2):  # a push, and another one
            page.evaluate("document.querySelector('#now h1').dataset.old = 'yes'")
            place.need("elder-visit", site, place.ahead(20, 9), after)
            expect(page.locator("#now h1[data-old]")).to_have_count(0)
            assert focused(page) == held
        page.keyboard.press("Enter")
        page.wait_for_url("**/queue?zone=*")


def needs_triage(place: Town, service: str) -> None:
    """Have new requests for a service triaged from now on."""
    items = place.call("/api/v1/zones/huayang/catalogue")["service_types"]  # a list is sent whole
    items = [item | {"needs_triage": item["needs_triage"] or item["id"] == service} for item in items]
    body = json.dumps({"service_types": items}).encode()
    headers = {"Content-Type": "application/json", "Prefer": "wait=10"}
    url = f"{place.address}/api/v1/zones/huayang/catalogue"
    with urllib.request.urlopen(urllib.request.Request(url, body, headers, method="PUT"), timeout=20) as answer:
        assert json.load(answer)["refused"] == []


def test_new_requests_are_triaged_at_once_and_a_priority_is_taken_back(
    chromium: Browser, place: Town, needs: dict[str, str]
) -> None:
    needs_triage(place, "elder-visit")
    site = place.call("/api/v1/catalogue")["sites"][0]["id"]
    made = [place.need("elder-visit", site, place.ahead(20, hour), 2) for hour in (9, 12)]
    for name in made:
        place.until(name, "received")
    with window(chromium, place, "en") as page:
        page.goto("/now")
        enter(page, page.get_by_role("link", name="Triage 2 new requests"))
        page.wait_for_url("**/queue?state=received")
        for key in "jxjx":
            page.keyboard.press(key)
        expect(page.get_by_role("checkbox", checked=True)).to_have_count(2)
        page.keyboard.press("b")
        expect(page.locator("select[name=what]")).to_be_focused()
        enter(page, page.get_by_role("button", name="Show what it would do"))
        expect(page.get_by_role("heading", name="Accept into the queue: 2 requests")).to_be_visible()
        enter(page, page.get_by_role("button", name="Do it"))
        expect(page.get_by_role("status").filter(has_text="2 of 2 done")).to_be_visible()
        expect(page.get_by_role("link", name="Undo")).to_have_count(0)  # it cannot go back to triage

        page.goto("/queue?order=newest")
        page.keyboard.press("j")
        page.keyboard.press("x")
        page.keyboard.press("b")
        choose(page, page.locator("select[name=what]"), "priority")
        enter(page, page.get_by_role("button", name="Show what it would do"))
        choose(page, page.locator("select[name=priority]"), "5")
        write(page, page.locator("input[name=reason]"), "a cold night")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").filter(has_text="1 of 1 done")).to_be_visible()
        enter(page, page.get_by_role("link", name="Undo", exact=True))
        expect(page.get_by_text("Life and health →")).to_be_visible()
        check(page)
        enter(page, page.get_by_role("button", name="Undo", exact=True))
        expect(page.get_by_role("status").filter(has_text="1 of 1 undone")).to_be_visible()
        expect(page.get_by_role("link", name="Undo", exact=True)).to_have_count(0)


def test_keys_of_one_letter_can_be_turned_off(chromium: Browser, place: Town, needs: dict[str, str]) -> None:
    with window(chromium, place, "en") as page:
        page.goto("/queue")
        enter(page, page.get_by_role("button", name="Turn these keys off"))
        page.reload()
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement === document.body")
        enter(page, page.get_by_role("button", name="Turn these keys on"))
        page.keyboard.press("/")
        expect(page.get_by_role("searchbox", name="Search")).to_be_focused()


def test_a_filter_is_set_kept_found_again_and_dropped(chromium: Browser, place: Town, needs: dict[str, str]) -> None:
    with window(chromium, place, "en") as page:
        page.goto("/queue")
        page.keyboard.press("/")
        write(page, page.locator("select[name=state]"), "Waiting")
        write(page, page.locator("input[name=reason]"), "declined")
        page.keyboard.press("Enter")
        page.wait_for_url("**reason=declined**")
        filtered = page.url
        enter(page, page.get_by_text("Views of my own"))
        write(page, page.get_by_label("Keep this filter as"), "They said no")
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="They said no")).to_be_visible()
        page.goto("/queue")
        enter(page, page.get_by_role("link", name="They said no"))
        page.wait_for_url("**reason=declined**")
        expect(page.locator("select[name=state]")).to_have_value("queued")
        assert "state=queued" in filtered
        expect(page.locator("input[name=reason]")).to_have_value("declined")
        enter(page, page.get_by_text("Views of my own"))
        enter(page, page.get_by_role("button", name="Drop They said no"))
        expect(page.get_by_role("link", name="They said no")).to_have_count(0)


async def letters(store: MemoryStore) -> None:
    """Keep three requests that nobody could read."""
    for offset in range(3):
        await store.dead_letter(DeadLetter("ningju.requests", 0, offset, "not JSON", b"{elder-visit}"))


@pytest.fixture
def desk() -> Iterator[Town]:
    """Pages over rows: a request that needs a person, and three dead letters."""
    store, zone = season(), "huayang"
    row = offered(zone, "alarmed", state=RequestState.QUEUED, visit=None, alarms=("needs_operator",), priority=5)
    store.write_row(zone, RowChange("request", str(row.request_id), row))
    with ThreadPoolExecutor() as aside:  # Playwright has an event loop of its own here
        aside.submit(asyncio.run, letters(store)).result()
    with console(store, Services(wait_s=0.2, letters=Letters(lambda: store, SetClock()))) as address:
        yield Town(address)


def test_a_letter_is_mended_and_sent_again_and_another_put_away(chromium: Browser, desk: Town) -> None:
    with window(chromium, desk, "en") as page:
        page.goto("/now")
        enter(page, page.get_by_role("link", name="Look at 3 dead letters"))
        enter(page, page.get_by_role("link", name="Letter 1"))
        tab_to(page, page.get_by_label("What it says; mend it here"))
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(json.dumps(need()))
        enter(page, page.get_by_role("button", name="Send it again"))
        expect(page.get_by_role("status").filter(has_text="New request")).to_be_visible()
        expect(page.get_by_role("link", name="Letter 1")).to_have_count(0)

        enter(page, page.get_by_role("link", name="Letter 2"))
        expect(page.get_by_role("heading", name="Letter 2")).to_be_visible()
        check(page)
        away = page.get_by_role("form", name="Put it away")
        write(page, away.get_by_label("Reason"), "its sender has sent it anew")
        page.keyboard.press("Enter")  # this puts it away, and does not send it
        page.wait_for_url("**/letters")
        expect(page.get_by_role("link", name="Letter 2")).to_have_count(0)
        expect(page.get_by_role("link", name="Letter 3")).to_be_visible()


def test_the_next_action_of_an_alarm_is_done_or_taken_upon_oneself(chromium: Browser, desk: Town) -> None:
    with window(chromium, desk, "en") as page:
        page.goto("/now")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="To the contents")).to_be_focused()
        page.keyboard.press("Enter")
        enter(page, page.get_by_role("link", name="See why, and decide"))
        expect(page.get_by_role("heading", level=1)).to_contain_text("Visit to an elder")
        enter(page, page.get_by_role("link", name="Now", exact=True))
        enter(page, page.get_by_role("button", name="I see to it"))
        expect(page.get_by_role("status").filter(has_text="See to an alarm: on its way")).to_be_visible()


def test_the_same_need_is_told_while_the_form_is_filled_in(chromium: Browser, place: Town) -> None:
    site = place.call("/api/v1/catalogue")["sites"][0]["id"]
    person = {"name": "陈奶奶", "phone": "021-5555 6677"}
    made = place.need("committee-help", site, place.ahead(20, 9), 6, beneficiary=person)
    place.until(made, "queued")
    with window(chromium, place, "en") as page:
        page.goto(f"/new?site={site}")
        choose(page, page.locator("#service"), "committee-help")
        choose(page, page.locator("#when"), morning(page))
        write(page, page.locator("input[name=phone]"), "02155556677")
        page.keyboard.press("Tab")
        hint = page.locator("#could")
        expect(hint).to_contain_text("This need may be in already")  # no button was pressed
        check(page)
        write(page, page.locator("textarea[name=note]"), "she calls once more")
        enter(page, page.get_by_role("button", name="Take the request in"))  # whoever was told may
        expect(page.get_by_role("status").filter(has_text="New request: done")).to_be_visible()
