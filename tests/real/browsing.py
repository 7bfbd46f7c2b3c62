"""A window of Debian's Chromium that bears no fault: nothing on its console, no call that leaves the host."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.real.town import Town

expect.set_options(timeout=20_000)  # it only ends a test that would never end: the machine may be busy

ROOT = Path(__file__).parents[2]
AXE = ROOT / "ningju/console/front/node_modules/axe-core/axe.min.js"

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@contextmanager
def window(
    browser: Browser, place: Town, language: str = "zh-CN", size: dict[str, int] = DESKTOP, **options: object
) -> Iterator[Page]:
    """A page that fails when something is written to its console or leaves the host."""
    context = browser.new_context(base_url=place.address, locale=language, viewport=size, **options)  # type: ignore[arg-type]
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request",
        lambda call: faults.append(call.url) if not call.url.startswith((place.address, "data:", "blob:")) else None,
    )
    yield page
    context.close()
    # Chromium writes down every answer that is no success; what was wrong, or that another was quicker, the page tells.
    borne = ("GPU stall", "409 (Conflict)", "422 (Unprocessable")
    left = [fault for fault in faults if not any(one in fault for one in borne)]
    assert not left, left


def check(page: Page) -> None:
    """Axe finds nothing, and nothing is wider than the window."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    found = page.evaluate("rules => axe.run(document, rules)", rules)
    violations = [(one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in found["violations"]]
    assert not violations, violations
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{page.url} is {wide} px too wide"


def morning(page: Page) -> str:
    """The value of a morning that has not begun: of this evening too little may be left, or nobody may be free."""
    return str(page.locator("#when option[value$='/morning']").nth(1).get_attribute("value"))
