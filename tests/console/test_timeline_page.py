"""The timeline: lines of teams and of people, the ways between visits, and the form for a visit that is moved."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from engine.moving import Move
from engine.trying import Loss
from ningju.console.pages.lines import Day, ways
from ningju.console.pages.moments import Moments
from ningju.console.services import Services
from schemas.commands import AssignCrew, AssignedSeat
from schemas.difference import TermChange
from schemas.place import Place, TimeWindow
from schemas.roster import Team, Volunteer
from schemas.views import RequestView, TeamView, VolunteerView
from schemas.zone import Policy
from tests.console.world import NOW, World, label, offered

HOME = Place(lon=121.400, lat=31.210)
HOUR = timedelta(hours=1)


def visit(
    name: str, start_h: float, place: Place = HOME, *, volunteer: str = "v1", pinned: bool = False
) -> RequestView:
    row = offered(name=name, place=place, volunteer=volunteer)
    when = TimeWindow(start=NOW + start_h * HOUR, end=NOW + (start_h + 1) * HOUR)
    assert row.visit is not None
    return row.changed(visit=row.visit.changed(window=when, pinned=pinned))


def person(name: str = "v1", **fields: Any) -> Volunteer:
    return Volunteer(**({"id": name, "team": "t1", "home": HOME} | fields))


def test_a_way_leads_from_home_or_from_the_visit_before_when_there_is_no_time_to_go_home() -> None:
    # One degree of latitude is 111 195 m: 0.02 degrees are 2 224 m, times the detour of 1.3 at 4 km/h 2 602 s.
    near, far = Place(lon=121.400, lat=31.220), Place(lon=121.400, lat=31.230)
    policy = Policy()
    assert (policy.speeds.detour, policy.speeds.walk) == (1.3, 4.0)
    walker = person(travel="walk")
    rows = [visit("a", 1, far), visit("b", 2.5, near), visit("c", 9, near)]
    found = [round(way.total_seconds()) for way in ways(walker, rows, policy)]
    assert found == [2602, 1301, 1301]
    # At once after the first: from there, though home lies elsewhere.
    found = [round(way.total_seconds()) for way in ways(walker, [visit("a", 1, far), visit("d", 2.2, HOME)], policy)]
    assert found == [2602, 2602]


def test_a_visit_and_the_way_to_it_take_the_columns_of_their_quarters() -> None:
    moments = Moments("en", NOW, ZoneInfo("Asia/Shanghai"))
    row = visit("a", 1)  # ten o'clock
    (bar,) = Day(moments, 7).bars([row], {row.request_id: "offered"}, [timedelta(minutes=40)])
    assert (bar.first, bar.last, bar.lane) == (13, 17, 1)
    assert bar.way is not None
    assert (bar.way.first, bar.way.last, bar.way.minutes) == (10, 13, 40)  # 09:20 lies in the quarter from 09:15
    early = visit("b", -8)
    (bar,) = Day(moments, 0).bars([early], {early.request_id: "offered"}, [timedelta(hours=3)])
    assert bar.way is not None
    assert bar.way.first >= 1


def test_visits_side_by_side_and_their_ways_lie_in_lanes_of_their_own() -> None:
    rows = [visit("a", 1), visit("b", 1.5), visit("c", 3)]
    states = {row.request_id: "offered" for row in rows}
    bars = Day(Moments("en", NOW, ZoneInfo("Asia/Shanghai")), 7).bars(rows, states)
    assert [bar.lane for bar in bars] == [1, 2, 1]


async def staffed(world: World, *rows: RequestView) -> None:
    for name in ("t1", "t2"):
        team = Team(id=name, zone="north", name=label(f"team {name}"), base=HOME)
        await world.show(TeamView(zone="north", version=1, team=team))
    for one in (person(), person("v2"), person("w1", team="t2")):
        await world.show(VolunteerView(zone="north", version=1, volunteer=one))
    await world.show(*rows)


async def test_teams_without_visits_have_lines_too_so_that_one_can_be_dragged_there(world: World) -> None:
    row = visit("a", 1, pinned=True)
    await staffed(world, row)
    text = (await world.client.get("/timeline?zone=north&lang=en")).text
    assert text.count("<tr data-team=") == 2
    assert f'data-move="/request/{row.request_id}/assign" data-start="2026-03-02T10:00"' in text
    assert "bar-link offered pinned" in text


async def test_a_teams_members_have_a_line_each_and_nobody_elses(world: World) -> None:
    far = Place(lon=121.420, lat=31.210)
    await staffed(world, visit("a", 1, far), visit("b", 3, far, volunteer="w1"))
    text = (await world.client.get("/timeline?zone=north&team=t1&lang=en")).text
    assert [name in text for name in ('data-who="v1"', 'data-who="v2"', 'data-who="w1"')] == [True, True, False]
    assert "min on the way" in text
    assert "All teams" in text


@pytest.fixture
def asked() -> list[tuple[str, datetime, str, str]]:
    return []


@pytest.fixture
def services(asked: list[tuple[str, datetime, str, str]]) -> Services:
    async def move(zone: str, request_id: UUID, team: str, start: datetime, want: str, instead: str) -> Move | None:
        asked.append((team, start, want, instead))
        if team != "t2":
            return None
        return Move(
            team,
            start,
            (AssignedSeat(demand=0, volunteer="w1"),),
            {"w1": ("reach",)},
            (Loss(request_id, "v1", True, None, "reassigned"),),
            (TermChange(level="quality", name="travel_distance", before=100, after=400, weighted=300),),
        )

    async def check(zone: str, command: AssignCrew) -> dict[str, Sequence[Any]]:
        return {"w1": ("reach",)}

    return Services(wait_s=0, poll_s=0.01, move=move, check=check)


async def test_a_visit_that_was_dropped_says_which_rule_fails_what_it_costs_and_asks_why(
    world: World, asked: list[tuple[str, datetime, str, str]]
) -> None:
    row = visit("a", 1)
    await staffed(world, row)
    address = f"/request/{row.request_id}/assign"
    query = "team=t2&start=2026-03-02T11:15&who=w1&instead=v1&lang=en&back=/timeline%3Fzone%3Dnorth"
    text = (await world.client.get(f"{address}?{query}&part=form")).text
    assert asked == [("t2", NOW + 2.25 * HOUR, "w1", "v1")]
    assert "<html" not in text
    assert "w1: live farther away than they go" in text
    assert "v1 is told not to come" in text
    assert "metres on the way +300" in text
    assert 'name="reason" maxlength="500" required' in text
    hint = (await world.client.get(f"{address}?{query}&part=hint")).text
    assert "live farther away" in hint
    assert "<form" not in hint
    assert "<html" in (await world.client.get(f"{address}?{query}")).text


async def test_a_move_without_a_reason_is_not_sent_and_one_with_leads_back_to_the_timeline(world: World) -> None:
    row = visit("a", 1)
    await staffed(world, row)
    address = f"/request/{row.request_id}/assign?moved=yes&back=/timeline%3Fzone%3Dnorth&lang=en"
    form = {"team": "t2", "start": "2026-03-02T11:15", "who0": "w1", "seen": "5", "key": "k", "sure": "yes"}
    form["waive"] = "reach"
    refused = await world.client.post(address, data=form)
    assert refused.status_code == 422
    assert "Say why" in refused.text
    assert 'moved=yes&amp;back=/timeline%3Fzone%3Dnorth"' in refused.text
    assert await world.open() == []
    answer = await world.client.post(address, data=form | {"reason": "the doctor comes"})
    (envelope,) = await world.open()
    assert answer.headers["location"] == f"/timeline?zone=north&said={envelope.command_id}"
    elsewhere = address.replace("/timeline%3Fzone%3Dnorth", "https://evil.example/timeline%3F")
    answer = await world.client.post(elsewhere, data=form | {"reason": "again", "key": "k2"})
    assert answer.headers["location"].startswith(f"/request/{row.request_id}?said=")


async def test_a_move_to_a_team_that_is_not_there_is_a_form_without_a_verdict(world: World) -> None:
    row = visit("a", 1)
    await staffed(world, row)
    text = (await world.client.get(f"/request/{row.request_id}/assign?team=t9&start=2026-03-02T11:15&lang=en")).text
    assert "What it costs" not in text
