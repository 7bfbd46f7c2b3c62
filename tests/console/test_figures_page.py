"""The figures' page, its plots, and its tables to take along."""

import csv
import io
import re
from datetime import timedelta

import pytest
from openpyxl import load_workbook

from ningju.console.pages.plots import Bar, shared
from ningju.console.sheets import write_csv, write_xlsx
from schemas.place import Place
from schemas.request import RequestState
from schemas.roster import Team, Volunteer, WeeklySlot
from schemas.views import RequestView, TeamView, VolunteerView
from tests.console.world import NOW, World, label, offer_of, offered, service, zone_view

FAR = Place(lon=121.3, lat=31.1)


def done(name: str, zone: str = "north", **fields: object) -> RequestView:
    """Served in time, its crew complete after ten minutes; its place is 1,055 m from the nearest site, or as told."""
    row = offered(zone, name, volunteer="v1")
    return row.changed(
        **{"state": RequestState.DONE, "started_at": NOW, "accepted_at": NOW + timedelta(minutes=10)} | fields
    )


async def cells(world: World, address: str) -> dict[str, list[str]]:
    """Rows of the figures' table by their names."""
    table = (await world.client.get(address)).text.partition('<table class="figures')[2].partition("</table>")[0]
    plain = [re.sub(r"<[^>]+>", " ", row) for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)]
    found = {}
    for row in plain[1:]:
        name, *values = [part.strip() for part in re.split(r"\s{2,}", row) if part.strip()]
        found[name] = values
    return found


async def test_each_zone_has_its_figures_and_all_together_too(world: World) -> None:
    person = Volunteer(id="v1", team="t1", home=FAR, weekly=(WeeklySlot(weekday=0, start_min=0, end_min=60),))
    await world.show(VolunteerView(zone="north", version=1, volunteer=person))
    await world.show(VolunteerView(zone="north", version=1, volunteer=person.changed(id="v2")))
    await world.show(
        done("a"),
        done("b", place=FAR),
        offered("north", "c").changed(state=RequestState.UNSERVED, visit=None),
        done("d", "south", started_at=NOW + timedelta(hours=1), accepted_at=NOW + timedelta(hours=5)),
    )
    await world.show(offer_of(done("a")).changed(state="accepted"), offer_of(done("b")).changed(state="expired"))
    found = await cells(world, "/figures?lang=en")
    # Requests, open, done, not served, cancelled; in time, waits, accepted, spread, near.
    near = "67 %"  # a and c lie in the circle of north's site
    assert found["north"] == ["3", "0", "2", "1", "0", "67 %", "10 min", "10 min", "50 %", "0.50", near]
    assert found["south"] == ["1", "0", "1", "0", "0", "0 %", "5 h", "5 h", "–", "–", "100 %"]
    assert found["Together"][:6] == ["4", "0", "3", "1", "0", "50 %"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("by=zone", ["north", "south", "Together"]),
        ("by=service", ["elder-visit", "talk", "Together"]),
        ("by=team", ["队", "No team yet", "Together"]),
        ("by=week", ["2026-02-23", "2026-03-02", "Together"]),
        ("by=nonsense", ["north", "south", "Together"]),
        ("by=zone&zone=south", ["south", "Together"]),
        ("by=zone&service=talk", ["south", "Together"]),
        ("by=zone&team=t1", ["north", "Together"]),
        ("by=zone&from=2026-03-02", ["north", "Together"]),
        ("by=zone&from=2026-02-01&to=2026-03-01", ["south", "Together"]),
        ("by=zone&from=never&to=0001-01-01", ["north", "south", "Together"]),
        ("by=week&from=1990-01-01", ["2026-02-23", "2026-03-02", "Together"]),
    ],
)
async def test_figures_are_grouped_and_narrowed_by_the_address(world: World, query: str, names: list[str]) -> None:
    await world.show(TeamView(zone="north", version=1, team=Team(id="t1", zone="north", name=label("队"), base=FAR)))
    talk = offered("south", "talk", service_type="talk", visit=None, created_at=NOW - timedelta(days=2))
    await world.show(done("a"), talk)
    assert list(await cells(world, f"/figures?lang=en&{query}")) == names


async def test_a_team_that_is_gone_and_a_service_that_is_gone_keep_their_ids(world: World) -> None:
    await world.show(done("a", service_type="old-service"))
    assert "t1" in await cells(world, "/figures?lang=en&by=team")
    assert "old-service" in await cells(world, "/figures?lang=en&by=service")


async def test_plots_are_drawn_with_a_title_and_a_description_and_stand_beside_as_tables(world: World) -> None:
    await world.show(done("a"), offer_of(done("a")).changed(state="accepted"))
    text = (await world.client.get("/figures?lang=en")).text
    assert text.count('role="img"') == 3
    for key in re.findall(r'aria-labelledby="plot-([a-z-]+)-title', text):
        assert f'<title id="plot-{key}-title">' in text
        assert f'<desc id="plot-{key}-desc">' in text
    assert text.count("The same as a table") == 3
    assert "Half of 1 had one within 10 min." in text
    assert "style=" not in text


async def test_nothing_received_says_so(world: World) -> None:
    text = (await world.client.get("/figures?lang=en&zone=north")).text
    assert "No request was received in this time." in text
    assert "<svg" not in text


DANGERS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", " =1", "\u3000@x"]


def test_no_text_becomes_a_formula_in_csv() -> None:
    rows = [["plain", 1, -0.5, None], *[[text, 2] for text in DANGERS]]
    raw = write_csv(rows)
    assert raw.startswith(b"\xef\xbb\xbf"), "Excel in China takes what has no mark for GB18030"
    read = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    assert read[0] == ["plain", "1", "-0.5", ""]
    assert [row[0] for row in read[1:]] == [f"'{text}" for text in DANGERS]


def test_no_text_becomes_a_formula_in_xlsx() -> None:
    raw = write_xlsx("Figures", [["name", "n"], *[[text, 2] for text in DANGERS], ["bell\x07", -0.5]], ["", "0 %"])
    sheet = load_workbook(io.BytesIO(raw)).active
    assert sheet is not None
    for row, text in enumerate(DANGERS, 2):
        cell = sheet.cell(row, 1)
        # XML reads a carriage return as the end of a line.
        assert (cell.data_type, str(cell.value).replace("\r", "\n")) == ("s", text.replace("\r", "\n"))
        assert cell.quotePrefix
    last = len(DANGERS) + 2
    assert (sheet.cell(last, 1).value, sheet.cell(last, 2).value) == ("bell", -0.5)
    assert sheet.cell(2, 2).number_format == "0 %"


async def test_the_table_can_be_taken_along_as_it_is_filtered(world: World) -> None:
    evil = '=HYPERLINK("http://x","y")'
    await world.happen("north")
    await world.show(zone_view("north", 121.39, service(), service("evil").changed(name=label(evil)), version=2))
    await world.show(done("a"), done("b", service_type="evil"), done("c", "south"))
    answer = await world.client.get("/figures/export/csv?lang=en&by=service&zone=north")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="figures-service-2026-02-03-2026-03-02.csv"'
    head, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    assert head[:2] == ["Service", "Requests"]
    assert head[7] == "Half had a crew within (min)"
    assert {row[0]: row[1] for row in rows} == {f"'{evil}": "1", "elder-visit": "1", "Together": "2"}
    book = await world.client.get("/figures/export/xlsx?lang=en&by=service&zone=north")
    sheet = load_workbook(io.BytesIO(book.content)).active
    assert sheet is not None
    assert evil in [cell.value for cell in sheet["A"]]
    assert all(cell.data_type == "s" for cell in sheet["A"])
    assert (await world.client.get("/figures/export/pdf")).status_code == 404


def test_bars_are_as_long_as_their_share_and_never_lost() -> None:
    assert [bar.width for bar in shared("abc", "abc", [0, 1, 1_000])] == [0, 2, 340]
    assert [bar.width for bar in shared("ab", "ab", [0.5, 1.2], 1.0)] == [170, 340]
    assert [bar.width for bar in shared("a", "a", [0])] == [0]
    assert Bar("仙霞新村街道社区党群服务中心联络点", "", 1).short == "仙霞新村街道社区党群服务中心联…"
    assert Bar("Huayang Road Subdistrict", "", 1).short == "Huayang Road Subdistrict"
