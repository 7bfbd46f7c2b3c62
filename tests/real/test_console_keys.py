"""The pages in Debian's Chromium worked by the keyboard alone: no test here touches a mouse."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.real.browsing import window
from tests.real.town import Town

pytestmark = pytest.mark.real


def focused(page: Page) -> str:
    """The id of what has the focus."""
    return str(page.evaluate("document.activeElement.id"))


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
