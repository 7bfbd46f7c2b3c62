"""Forms, and everything that has a long name, in Debian's Chromium: axe finds nothing, and no page is wider than its window."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.signing_in import provider
from tests.real.browsing import DESKTOP, PHONE, check, window
from tests.real.test_console import SITES
from tests.real.test_sign_in import console
from tests.real.town import Town, town

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:get_jwt_config")]

ZOOMED = {"width": 640, "height": 450}
"""What is left of a window of 1280 × 900 when it is zoomed to 200 %."""
SHOTS = os.environ.get("NINGJU_SHOTS")
"""Where to draw what is checked here, to look at it."""

ZH = "华阳路街道离退休老干部志愿服务大队关心下一代暨助老扶老与社区治理联合服务站（含周家桥与天山路街道合办的两个分站和一个流动点）"
EN = "Huayang Road Subdistrict Joint Station for Youth Mentoring-Elder-Care-and-Community-Governance"
NAME = {"zh": ZH, "en": EN}
CODE = "long-" + "a1b2c3d4e5" * 5


def lengthened(place: Town) -> str:
    """Give the town a site, a service, a team and a person with long names and codes; a request with all of them."""
    (home, *_) = (site["place"] for site in place.call("/api/v1/catalogue")["sites"])
    demand = {"skill": "talk", "level": 1, "heads": 2}
    service = {"id": CODE, "name": NAME, "demands": [demand], "duration_s": 3_600, "featured_by": "huayang"}
    site = {"id": CODE, "zone": "huayang", "name": NAME, "place": home, "featured": [CODE]}
    hours = [{"weekday": day, "start_min": 0, "end_min": 1_440} for day in range(7)]
    person = {"id": CODE, "team": CODE, "home": home, "name": "欧阳" * 30, "phone": "021-5555", "weekly": hours}
    person["skills"] = [{"skill": "talk"}]
    team = {"id": CODE, "zone": "huayang", "name": NAME, "base": home, "leader": CODE}
    wait = {"Prefer": "wait=20"}
    for path, body in (
        ("catalogue", {"service_types": [service], "sites": [site]}),
        ("roster", {"teams": [team], "volunteers": [person]}),
    ):
        told = place.call(f"/api/v1/zones/huayang/{path}?mode=patch", body, method="PUT", **wait)
        assert told["refused"] == [], told
    made = place.need(CODE, CODE, place.ahead(2, 9), 6, beneficiary={"id": "b-long", "name": "欧阳" * 30})
    place.until(made, "queued", "offered", "accepted")
    return made


def buried(database: Path) -> None:
    """A dead letter, as a sender's mistake leaves one."""
    now = int(time.time() * 1_000_000)
    row: dict[str, Any] = {
        "source": "ningju.requests",
        "partition": 0,
        "offset": 1,
        "reason": "no JSON: " + CODE + ZH,
        "count": 1,
        "first_at": now,
        "last_at": now,
        "expires_at": now + 10**13,
        "raw": b'{"service_type": "' + CODE.encode() * 3 + b"\xff",
    }
    with closing(sqlite3.connect(database, timeout=20)) as connection, connection:
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" for _ in row)
        connection.execute(f"INSERT INTO dead_letter ({names}) VALUES ({marks})", list(row.values()))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("long")
    with town(folder) as running:
        buried(folder / "data" / "ningju.db")
        yield running


@pytest.fixture(scope="module")
def request_id(place: Town) -> str:
    return lengthened(place)


def paths(request_id: str) -> tuple[str, ...]:
    return (
        *SITES,
        f"/request/{request_id}",
        f"/request/{request_id}/assign?team={CODE}&who={CODE}",
        f"/people/huayang/{CODE}",
        f"/people/huayang/{CODE}/edit",
        "/people/huayang/+/edit",
        f"/teams/huayang/{CODE}",
        "/teams/huayang/+",
        f"/catalogue/huayang/sites/{CODE}",
        "/catalogue/huayang/sites/+",
        f"/catalogue/huayang/services/{CODE}",
        "/catalogue/huayang/services/+",
        f"/new?site={CODE}&service={CODE}",
        f"/timeline?team={CODE}",
        f"/map?site={CODE}&foot={CODE}",
        "/what-if?kind=site",
        "/figures?by=team",
        "/figures?by=service",
        "/letters/1",
        "/audit?kind=change_roster",
    )


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


@pytest.mark.parametrize(
    ("language", "size", "options"),
    [("zh-CN", ZOOMED, {"device_scale_factor": 2}), ("en", PHONE, {}), ("zh-CN", DESKTOP, {})],
    ids=["200-percent-zh", "phone-en", "desktop-zh"],
)
def test_long_names_and_every_form_fit_and_are_clean(
    chromium: Browser, place: Town, request_id: str, language: str, size: dict[str, int], options: dict[str, Any]
) -> None:
    faults = []
    with window(chromium, place, language, size, **options) as page:
        for path in paths(request_id):
            page.goto(path)
            shot(page, f"{size['width']}-{path.strip('/').replace('/', '-').replace('?', '-')[:60]}")
            try:
                check(page)
            except AssertionError as fault:
                faults.append(f"{path}: {fault}")
    assert faults == []


@pytest.mark.parametrize(("language", "size"), [("zh-CN", ZOOMED), ("en", PHONE)], ids=["200-percent-zh", "phone-en"])
def test_names_that_are_shown_and_a_form_with_faults_fit_and_are_clean(
    chromium: Browser, place: Town, request_id: str, language: str, size: dict[str, int]
) -> None:
    with window(chromium, place, language, size) as page:
        for address in (f"/request/{request_id}", f"/people/huayang/{CODE}"):
            page.goto(address)
            page.get_by_role("button", name="Show names and phones" if language == "en" else "显示姓名和电话").click()
            expect(page.get_by_text("欧阳" * 30).first).to_be_visible()
            check(page)
        page.goto(f"/teams/huayang/{CODE}")
        page.get_by_text("Edit" if language == "en" else "编辑", exact=True).click()
        page.locator("input[name=leader]").fill("nobody")
        page.get_by_role("button", name="Show what it would change" if language == "en" else "预览变化").click()
        expect(page.locator("#fault-leader")).to_be_visible()
        expect(page.locator("input[name=leader]")).to_have_value("nobody")
        check(page)
        shot(page, f"{size['width']}-faults")


@pytest.mark.parametrize("size", [PHONE, ZOOMED], ids=["phone", "200-percent"])
def test_the_pages_of_signing_in_fit_and_are_clean(chromium: Browser, size: dict[str, int]) -> None:
    with provider() as issuer, console(issuer) as address:
        context = chromium.new_context(viewport=size)  # type: ignore[arg-type]
        page = context.new_page()
        for path, said in (("/signed-out", "Signed out"), ("/sign-in/return", "Not signed in")):
            page.goto(f"{address}{path}")
            expect(page.get_by_role("heading", name=said)).to_be_visible()
            check(page)
            shot(page, f"{size['width']}-{path.strip('/').replace('/', '-')}")
        context.close()


def test_nothing_is_wider_than_a_window_of_any_width(chromium: Browser, place: Town, request_id: str) -> None:
    wide = []
    with window(chromium, place, "en") as page:
        for path in paths(request_id):
            page.goto(path)
            for width in (320, 480, 710, 800, 960, 1_100):
                page.set_viewport_size({"width": width, "height": 900})
                over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                wide += [f"{path} at {width}: {over} px"] if over > 0 else []
    assert wide == []
