"""The pages in Debian's Chromium: main tasks by mouse and keyboard, on a desktop and a phone, in both languages.

No call may leave the host, nothing may be written to the console, axe may find nothing.
"""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.real.browsing import DESKTOP, PHONE, check, morning, window
from tests.real.season import console, season
from tests.real.town import Town

pytestmark = pytest.mark.real

PICTURES = os.environ.get("NINGJU_PICTURES")
"""Where the pages are drawn for the documentation: `make pictures`."""

DRAWN = {
    *("timeline-drag-desktop-en", "timeline-dropped-desktop-en", "timeline-people-desktop-en"),
    *("now-desktop-zh", "queue-desktop-zh", "assign-desktop-zh", "map-desktop-zh"),
    *("people-desktop-zh", "preview-desktop-zh", "catalogue-desktop-zh"),
    *("what-if-desktop-zh", "figures-desktop-zh"),
    *("assigned-desktop-en", "timeline-visit-desktop-en", "request-phone-en"),
}

SITES = (
    "/now",
    "/queue",
    "/queue?view=ended",
    "/new",
    "/map",
    "/timeline",
    "/people",
    "/people/huayang/v0001",
    "/people/huayang/v0001/edit",
    "/people/import",
    "/catalogue",
    "/catalogue/huayang/services/elder-visit",
    "/catalogue/import",
    "/figures?by=week",
    "/what-if?kind=volunteers",
    "/what-if?kind=window",
    "/letters",
    "/audit",
    "/audit/looks",
)


def picture(page: Page, name: str, *, whole: bool = False) -> None:
    """Draw the page for the documentation, when asked to."""
    if PICTURES and name in DRAWN:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=whole)


@pytest.mark.parametrize(("language", "size"), [("zh-CN", DESKTOP), ("en", PHONE)], ids=["desktop-zh", "phone-en"])
def test_every_page_is_clean_and_fits(
    chromium: Browser, place: Town, needs: dict[str, str], language: str, size: dict[str, int]
) -> None:
    with window(chromium, place, language, size) as page:
        for path in (*SITES, f"/request/{needs['waiting']}", f"/request/{needs['second']}/assign"):
            page.goto(path)
            if path == "/map":
                expect(page.locator("#map[data-drawn]")).to_be_attached()
            check(page)
            name = path.split("?")[0].strip("/").replace(f"request/{needs['waiting']}", "request")
            if "?" not in path:
                picture(page, f"{name.split('/')[-1]}-{'desktop' if size is DESKTOP else 'phone'}-{language[:2]}")


def test_a_page_at_200_percent_needs_no_sideways_scrolling(
    chromium: Browser, place: Town, needs: dict[str, str]
) -> None:
    with window(chromium, place, "zh-CN", {"width": 640, "height": 450}, device_scale_factor=2) as page:
        for path in ("/now", "/queue", f"/request/{needs['waiting']}"):
            page.goto(path)
            check(page)


def test_pages_read_and_work_without_scripts(chromium: Browser, place: Town, needs: dict[str, str]) -> None:
    with window(chromium, place, "en", java_script_enabled=False) as page:
        page.goto("/")
        page.get_by_role("link", name="Queue", exact=True).click()
        page.get_by_label("Zone").first.select_option(label="Huayang Road Subdistrict")
        page.get_by_role("button", name="Show", exact=True).click()
        assert "zone=huayang" in page.url
        page.get_by_role("link", name=needs["tomorrow"][:8]).click()
        page.get_by_text("Change the priority").first.click()
        form = page.locator("details", has_text="Change the priority")
        form.get_by_label("Priority").select_option("4")
        form.get_by_label("Reason").fill("in pain")
        page.get_by_role("button", name="Change the priority").click()
        expect(page.get_by_role("status").filter(has_text="Change the request: done")).to_be_visible()
        expect(page.get_by_text("priority 4")).to_be_visible()


def test_a_request_by_phone_takes_a_few_keys(chromium: Browser, place: Town) -> None:
    with window(chromium, place, "en") as page:
        page.goto("/new")
        page.get_by_label("Where").focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.locator("select[name=service]").select_option("elder-visit")
        a_morning(page)
        page.locator("input[name=name]").fill("李明华")
        page.locator("input[name=phone]").fill("021-62345678")
        page.get_by_role("button", name="Who could do it?").click()
        expect(page.get_by_role("status")).to_contain_text("could be asked")
        page.get_by_role("button", name="Take the request in").click()
        expect(page.get_by_role("status").filter(has_text="New request: done")).to_be_visible()
        expect(page.get_by_text("021-62345678")).to_have_count(0)
        page.get_by_role("button", name="Show names and phones").click()
        expect(page.get_by_text("021-62345678")).to_be_visible()


def a_morning(page: Page) -> None:
    page.locator("#when").select_option(morning(page))


def test_a_request_is_placed_on_the_map_and_who_could_do_it_is_said_at_once(chromium: Browser, place: Town) -> None:
    home = place.call("/api/v1/catalogue")["sites"][0]["place"]
    with window(chromium, place, "en") as page:
        page.goto("/new")
        page.get_by_text("Place on the map", exact=True).click()
        expect(page.locator("#map[data-drawn]")).to_be_attached()
        page.locator("#map canvas").click(position={"x": 200, "y": 120})
        expect(page.get_by_label("Longitude")).to_have_value(re.compile(r"^121\.\d{5}$"))
        expect(page.get_by_label("Latitude")).to_have_value(re.compile(r"^31\.\d{5}$"))
        check(page)
        page.get_by_label("Longitude").fill(str(home["lon"]))
        page.get_by_label("Latitude").fill(str(home["lat"]))
        page.get_by_role("button", name="Choose the place").click()
        a_morning(page)
        page.locator("#service").select_option("elder-visit")
        expect(page.locator("#could")).to_contain_text("could be asked")  # no button was pressed
        page.get_by_role("button", name="Take the request in").click()
        expect(page.get_by_role("status").filter(has_text="New request: done")).to_be_visible()


def test_who_could_do_it_is_said_when_the_service_was_chosen_before_the_library_came(
    chromium: Browser, place: Town
) -> None:
    site = place.call("/api/v1/catalogue")["sites"][0]["id"]

    def late(route: Route) -> None:
        a_morning(page)
        page.locator("#service").select_option("elder-visit")
        route.continue_()

    with window(chromium, place, "en") as page:
        page.route("**/htmx.js", late)
        page.goto(f"/new?site={site}")
        expect(page.locator("#could")).to_contain_text("could be asked")


def test_the_queue_is_worked_with_the_keyboard(chromium: Browser, place: Town, needs: dict[str, str]) -> None:
    with window(chromium, place, "en") as page:
        page.goto("/queue")
        for key in ("j", "j", "k", "x"):
            page.keyboard.press(key)
        expect(page.locator("tr[aria-selected=true]")).to_have_count(1)
        expect(page.locator("tr[aria-selected=true] input")).to_be_checked()
        page.keyboard.press("/")
        page.keyboard.type(needs["waiting"][:8])
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Help for a housing committee")).to_be_visible()


def test_an_operator_assigns_by_hand_and_finds_it_in_the_audit(
    chromium: Browser, place: Town, needs: dict[str, str]
) -> None:
    with window(chromium, place, "zh-CN") as page:
        page.goto(f"/request/{needs['second']}")
        page.get_by_role("link", name="手工指派").click()
        team = page.get_by_label("队伍")
        team.select_option(index=1)
        page.get_by_label("席位 1").fill("nobody-here")
        page.locator("input[name=reason]").fill("家属来电")
        page.get_by_role("button", name="指派", exact=True).click()
        expect(page.get_by_role("status").filter(has_text="这里没有这位志愿者")).to_be_visible()
        page.get_by_role("link", name="审计").click()
        expect(page.get_by_role("cell", name="手工指派").first).to_be_visible()


def test_a_person_is_edited_after_a_preview_of_whom_that_withdraws(
    chromium: Browser, place: Town, needs: dict[str, str]
) -> None:
    with window(chromium, place, "zh-CN") as page:
        page.goto("/people")
        page.locator("[data-rows] tbody tr").nth(4).get_by_role("link").first.click()
        page.get_by_role("link", name="编辑").click()
        page.get_by_label("周三").fill("9:00-11:00, 14:00-16:30")
        page.get_by_label("周六").fill("")
        page.get_by_label("可达范围").fill("1200")
        page.get_by_role("button", name="预览变化").click()
        expect(page.get_by_role("heading", name="逐项变化")).to_be_visible()
        check(page)
        page.get_by_label("理由").fill("搬家了")
        page.get_by_role("button", name="确认执行").click()
        expect(page.get_by_role("status").filter(has_text="更改名册：已完成")).to_be_visible()
        expect(page.get_by_text("1.2 km")).to_be_visible()
        page.get_by_role("link", name="审计").click()
        expect(page.get_by_role("row").filter(has_text="搬家了")).to_be_visible()


def test_a_roster_from_a_spreadsheet_in_china_is_taken_after_a_preview(chromium: Browser, place: Town) -> None:
    roster = place.call("/api/v1/zones/huayang/roster")
    known, team = roster["volunteers"][5], roster["teams"][0]["id"]
    where = f"{known['home']['lon']},{known['home']['lat']}"
    rows = [
        "编号,服务队,姓名,经度,纬度,技能,每日,出行",
        f"{known['id']},{known['team']},,{where},,0,步行",  # what is accepted already stands
        f"v9001,{team},欧阳淑华,{where},care:3;talk,1,公交",
        f"v9002,no-such-team,,{where},care,1,步行",
    ]
    file = {"name": "volunteers.csv", "mimeType": "text/csv", "buffer": "\n".join(rows).encode("gb18030")}
    with window(chromium, place, "zh-CN") as page:
        page.goto("/people")
        page.get_by_role("link", name="导入文件").click()
        page.get_by_label("文件", exact=True).set_input_files([file])  # type: ignore[list-item]
        page.get_by_role("button", name="预览变化").click()
        expect(page.get_by_role("status")).to_contain_text("新增 1 项，更改 1 项")
        expect(page.get_by_role("cell", name="v9002")).to_be_visible()
        check(page)
        picture(page, "preview-desktop-zh")
        page.get_by_label("理由").fill("春季名册")
        page.get_by_role("button", name="确认执行").click()
        expect(page.get_by_role("status").filter(has_text="更改名册：已完成")).to_be_visible()
        page.goto("/people/huayang/v9001")
        expect(page.get_by_text("care 3, talk 1")).to_be_visible()
        check(page)


def test_what_changes_is_told_to_whoever_looks(chromium: Browser, place: Town, needs: dict[str, str]) -> None:
    with window(chromium, place, "en") as reader, window(chromium, place, "en") as other:
        reader.goto(f"/request/{needs['twin']}")
        reader.wait_for_timeout(300)
        other.goto(f"/request/{needs['twin']}")
        other.get_by_text("Cancel the request").first.click()
        form = other.locator("details", has_text="Cancel the request")
        form.get_by_label("Reason").fill("twice the same")
        form.get_by_role("button").click()
        expect(other.get_by_role("status").filter(has_text="Cancel the request: done")).to_be_visible()
        expect(reader.get_by_text("Something has changed here")).to_be_visible()
        # The second operator is told, and overwrites nothing.
        reader.get_by_text("Change the priority").first.click()
        reader.locator("details", has_text="Change the priority").get_by_label("Reason").fill("in pain")
        reader.get_by_role("button", name="Change the priority").click()
        expect(reader.get_by_role("alert")).to_contain_text("changed while you were looking")


def test_of_what_is_pushed_to_everybody_nobody_is_offered_their_own(chromium: Browser, place: Town) -> None:
    with window(chromium, place, "en") as page:
        page.goto("/now")
        me = page.locator("#take").get_attribute("data-me")
        pushed = f'<p><button data-keeper="{me}">mine</button><button data-keeper="operator:x">theirs</button></p>'
        page.evaluate("pushed => { document.getElementById('now').innerHTML = pushed }", pushed)
        expect(page.locator("#now button")).to_have_text(["theirs"])


def test_the_map_draws_what_the_list_says(chromium: Browser, place: Town, needs: dict[str, str]) -> None:
    with window(chromium, place, "en") as page:
        page.goto("/queue?zone=huayang")
        page.get_by_role("link", name="These on the map").click()
        drawn = page.locator("#map[data-drawn]")
        expect(drawn).to_be_attached()
        assert (drawn.get_attribute("data-drawn") or "").isdecimal(), drawn.get_attribute("data-fault")
        page.get_by_label("15 minutes on foot around").select_option(index=1)
        page.get_by_role("button", name="Show", exact=True).click()
        expect(page.get_by_text("769 m as the crow flies")).to_be_visible()


def test_figures_are_narrowed_read_and_taken_along(chromium: Browser, place: Town, needs: dict[str, str]) -> None:
    with window(chromium, place, "en") as page:
        page.goto("/")
        page.get_by_role("link", name="Figures", exact=True).click()
        page.get_by_label("Grouped by").select_option(label="Service")
        page.get_by_role("button", name="Show", exact=True).click()
        row = page.get_by_role("row").filter(has_text="Visit to an elder")
        expect(row).to_be_visible()
        expect(page.get_by_role("img", name="How often people said yes")).to_be_visible()
        check(page)
        with page.expect_download() as download:
            page.get_by_role("link", name="CSV").click()
        assert download.value.path().read_bytes().startswith(b"\xef\xbb\xbfService,")
        row.get_by_role("link").click()
        expect(page.get_by_label("Grouped by")).to_have_value("week")


def test_what_is_supposed_is_compared_and_then_ordered(chromium: Browser, place: Town, needs: dict[str, str]) -> None:
    with window(chromium, place, "zh-CN") as page:
        page.set_default_timeout(90_000)  # two solves, and a solver process that may have to start
        page.goto("/what-if?kind=wave&zone=huayang")
        page.get_by_label("服务项目").select_option(label="助老探访")
        page.get_by_label("增加几张").fill("12")
        page.get_by_role("button", name="开始推演").click()
        expect(page.get_by_role("status").filter(has_text="12 张假设的需求单中")).to_be_visible()
        expect(page.get_by_role("heading", name="逐项比较")).to_be_visible()
        expect(page.get_by_text("假设的需求单无法下令产生")).to_be_visible()
        check(page)
        picture(page, "what-if-desktop-zh", whole=True)
    with window(chromium, place, "en", PHONE) as page:
        page.set_default_timeout(90_000)
        page.goto(f"/request/{needs['tomorrow']}")
        page.get_by_role("link", name="What would the plan be?").click()
        expect(page.get_by_role("heading", name="What would happen", exact=True)).to_be_visible()
        expect(page.get_by_text("Change the time of")).to_be_visible()
        check(page)
        page.get_by_label("Reason").fill("the family agrees")
        page.get_by_role("button", name="Order it").press("Enter")
        expect(page.get_by_role("status").filter(has_text="Change the request: done")).to_be_visible()
        expect(page.get_by_text("the family agrees").first).to_be_visible()


@pytest.mark.parametrize(
    ("path", "language", "size"),
    [("/figures", "zh-CN", DESKTOP), ("/figures?by=service", "en", DESKTOP), ("/figures?by=week", "zh-CN", PHONE)],
)
def test_a_season_of_figures_is_clean_and_fits(
    chromium: Browser, path: str, language: str, size: dict[str, int]
) -> None:
    with console(season()) as address, window(chromium, Town(address), language, size) as page:
        page.goto(path)
        expect(page.locator("svg.bars")).to_have_count(3)
        check(page)
        if language == "zh-CN" and size is DESKTOP:
            picture(page, "figures-desktop-zh", whole=True)


def staffed(page: Page, place: Town) -> tuple[str, str]:
    """A visit three weeks ahead whose crew has agreed on the phone; its id and the address of its day's timeline."""
    sites = [site["id"] for site in place.call("/api/v1/catalogue")["sites"]]
    made = place.need("elder-visit", sites[0], place.ahead(19, 9), 6)
    place.until(made, "queued")
    page.goto(f"/request/{made}")
    page.get_by_role("link", name="Assign v").first.click()
    page.get_by_label("They have agreed already").check()
    page.get_by_label("Reason").fill("agreed on the phone")
    page.get_by_role("button", name="Assign", exact=True).click()
    for box in page.get_by_role("group", name="Waive, with a reason").get_by_role("checkbox").all():
        box.check()
    if page.get_by_role("button", name="Assign", exact=True).count():
        page.get_by_label("Reason").fill("agreed on the phone")
        page.get_by_role("button", name="Assign", exact=True).click()
    expect(page.get_by_text("Crew ready").first).to_be_visible()
    page.get_by_role("link", name="On the timeline").click()
    page.wait_for_load_state("load")
    return made, page.url


def drag(page: Page, made: str, hours: float, line: int = 0) -> None:
    """Drag a visit's bar by hours and lines, wait for what is said on the way, and leave it hanging there."""
    bar = page.locator(f"a[data-move*='{made}']").first
    bar.scroll_into_view_if_needed()
    box, chart = bar.bounding_box(), page.locator("ol.hours").bounding_box()
    assert box is not None
    assert chart is not None
    hour = chart["width"] / page.locator("ol.hours li").count()
    x, y = box["x"] + 10, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + hours * hour / 2, y + 10, steps=5)
    if line:
        target = page.locator("tr[data-team]").nth(line).bounding_box()
        assert target is not None
        y = target["y"] + target["height"] / 2
    page.mouse.move(x + hours * hour, y, steps=5)
    expect(page.locator("#dragged .good, #dragged .bad").first).to_be_visible()


def test_a_visit_is_dragged_to_another_hour_and_its_cost_is_told_before_it_is_an_order(
    chromium: Browser, place: Town
) -> None:
    with window(chromium, place, "en") as page:
        made, day = staffed(page, place)
        # Beyond its window: the rule is named while it hangs there, and again when it is dropped.
        drag(page, made, 10)
        expect(page.locator("#dragged")).to_contain_text("have no possible start")
        page.mouse.up()
        box = page.get_by_role("dialog")
        expect(box.get_by_role("alert").first).to_contain_text("cannot be waived")
        check(page)
        box.get_by_role("button", name="Close").click()
        expect(box).to_be_hidden()
        # Three hours later: nothing is broken, somebody is told otherwise, and a reason is asked for.
        drag(page, made, 3)
        expect(page.locator("#dragged")).to_contain_text("12:00")
        picture(page, "timeline-drag-desktop-en")
        page.mouse.up()
        expect(box.get_by_text("told otherwise +1")).to_be_visible()
        box.get_by_label("They have agreed already").check()
        for waive in box.locator("input[name=waive]").all():
            waive.check()
        box.get_by_role("button", name="Assign", exact=True).click()
        expect(box).to_be_visible()  # not without a reason
        box.get_by_label("Reason").fill("the doctor comes at nine")
        check(page)
        picture(page, "timeline-dropped-desktop-en")
        box.get_by_role("button", name="Assign", exact=True).click()
        expect(page.get_by_role("status").filter(has_text="Assign by hand: done")).to_be_visible()
        assert page.url.startswith(day.split("&request")[0])
        expect(page.locator(f"a[data-move*='{made}']").first).to_have_attribute("data-start", re.compile("T12:00"))
        # Escape puts it back; a click still opens the form.
        drag(page, made, 1)
        page.keyboard.press("Escape")
        page.mouse.up()
        expect(page.get_by_role("dialog")).to_be_hidden()
        page.locator(f"a[data-move*='{made}']").first.click()
        expect(page.get_by_role("heading", name="Assign by hand")).to_be_visible()


def test_a_teams_people_have_their_lines_and_a_visit_goes_from_one_to_another(chromium: Browser, place: Town) -> None:
    with window(chromium, place, "en") as page:
        made, day = staffed(page, place)
        team = page.locator("tr[data-team]").first.get_attribute("data-team")
        page.goto(f"{day}&team={team}")
        assert page.locator("tr[data-who^='v']").count() > 1
        expect(page.get_by_text("min on the way").first).to_be_attached()
        check(page)
        picture(page, "timeline-people-desktop-en")
        other = page.locator("tr[data-team]").nth(1).get_attribute("data-who")
        drag(page, made, 0, line=1)
        page.mouse.up()
        expect(page.get_by_role("dialog").get_by_label("Seat 1")).to_have_value(str(other))


def test_a_visit_is_pinned_shown_as_such_and_unpinned_by_undo(chromium: Browser, place: Town) -> None:
    with window(chromium, place, "en") as page:
        made, day = staffed(page, place)
        page.goto(f"/request/{made}")
        page.locator("summary").get_by_text("Pin", exact=True).click()
        form = page.locator("details[open]", has_text="The engine plans around it")
        form.get_by_label("Reason").fill("promised to the family")
        form.get_by_role("button", name="Pin", exact=True).click()
        expect(page.get_by_role("status").filter(has_text="Pin: done")).to_be_visible()
        expect(page.get_by_role("heading", level=1).get_by_text("Pinned")).to_be_visible()
        check(page)
        page.goto(day)
        expect(page.locator(f"a.pinned[data-move*='{made}']")).to_be_visible()
        page.go_back()
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("status").filter(has_text="Unpin: done")).to_be_visible()
        expect(page.get_by_role("heading", level=1).get_by_text("Pinned")).to_have_count(0)


def test_six_tasks_are_done_by_what_the_pages_say(chromium: Browser, place: Town, needs: dict[str, str]) -> None:
    with window(chromium, place, "en") as page:
        # The oldest waiting request.
        page.goto("/")
        page.get_by_role("link", name="Queue", exact=True).click()
        page.get_by_role("link", name="Waiting longest").click()
        page.locator("[data-rows] tbody tr").first.get_by_role("link").first.click()
        assert needs["oldest"] in page.url
        # Why it waits.
        expect(page.get_by_role("heading", name="Why it is where it is")).to_be_visible()
        expect(page.get_by_text("could be asked").first).to_be_visible()
        # Who could do it if the window were wider.
        page.get_by_role("link", name="by 3 h on both sides").click()
        expect(page.get_by_text("people could be asked instead of")).to_be_visible()
        # Assign it by hand.
        page.get_by_role("link", name="Assign v").first.click()
        page.get_by_label("They have agreed already").check()
        page.get_by_label("Reason").fill("she offered it herself")
        page.get_by_role("button", name="Assign", exact=True).click()
        for box in page.get_by_role("group", name="Waive, with a reason").get_by_role("checkbox").all():
            box.check()
        if page.get_by_role("button", name="Assign", exact=True).count():
            page.get_by_label("Reason").fill("she offered it herself")
            page.get_by_role("button", name="Assign", exact=True).click()
        expect(page.get_by_role("status").filter(has_text="Assign by hand: done")).to_be_visible()
        expect(page.get_by_text("Crew ready").first).to_be_visible()
        picture(page, "assigned-desktop-en")
        # See it on the map and on the timeline.
        page.get_by_role("link", name="On the map").click()
        expect(page.locator("#map[data-drawn]")).to_be_attached()
        page.go_back()
        page.get_by_role("link", name="On the timeline").click()
        page.wait_for_load_state("load")
        bar, hour = (
            page.locator("a.chosen").bounding_box(),
            page.locator("ol.hours li", has_text="9").first.bounding_box(),
        )
        assert bar is not None
        assert hour is not None
        assert bar["x"] == pytest.approx(hour["x"], abs=4)
        assert bar["width"] == pytest.approx(hour["width"], abs=4)  # an hour long
        check(page)
        picture(page, "timeline-visit-desktop-en")
        # Find it in the audit.
        page.get_by_role("link", name="Audit").click()
        row = page.get_by_role("row").filter(has_text="she offered it herself").first
        expect(row).to_contain_text("Assign by hand")
        expect(row).to_contain_text(needs["oldest"][:8])
