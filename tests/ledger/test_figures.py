"""Figures of a period: the same from every ledger, and as worked out by hand."""

from datetime import timedelta

from engine.figures import FiguresQuery, Tally, cell, cell_place
from engine.ports import RowChange
from ningju.ledger.inspection import InspectableStore
from schemas.base import Label
from schemas.place import Place, TimeWindow
from schemas.request import RequestState
from schemas.roster import Team, Volunteer, WeeklySlot
from schemas.views import RequestView, TeamView, VisitView, VolunteerView
from tests.ledger.builders import HERE, NOON, append, offer_view, referral, request_view, visit_view
from tests.ledger.test_read_model import write

HOUR = timedelta(hours=1)
DAY = FiguresQuery(NOON, NOON + timedelta(days=1))


def served(name: object, zone: str = "east", *, wait_s: int = 600, late_s: int = 0, **fields: object) -> RequestView:
    """Done in its window; with ``late_s`` the crew came so much after its start."""
    view = request_view(name, zone, state=RequestState.DONE, visit=visit_view(name))
    assert view.visit is not None
    fields = {
        "accepted_at": view.created_at + timedelta(seconds=wait_s),
        "started_at": view.visit.window.start + timedelta(seconds=late_s),
        "complete_by": view.visit.window.end,
    } | fields
    return view.changed(**fields)


async def settle(store: InspectableStore, *people: tuple[str, str], zone: str = "east", paused: str = "") -> None:
    """Volunteers, each in a team."""
    hours = (WeeklySlot(weekday=0, start_min=0, end_min=60),)
    views = [
        VolunteerView(
            zone=zone,
            version=1,
            volunteer=Volunteer(id=name, team=team, home=HERE, weekly=hours, paused=name == paused),
        )
        for name, team in people
    ]
    version = (await store.heads()).get(zone, 0)
    rows = tuple(RowChange("volunteer", view.volunteer.id, view) for view in views)
    await store.commit([append(zone, version, ("people", zone), rows=rows)])


async def total(store: InspectableStore, query: FiguresQuery = DAY) -> Tally:
    found = await store.figures(query)
    assert set(found) <= {""}
    return found.get("", Tally())


async def test_nothing_has_no_figures(store: InspectableStore) -> None:
    assert await store.figures(DAY) == {}


async def test_a_period_holds_its_beginning_and_not_its_end(store: InspectableStore) -> None:
    await write(store, *(request_view(n, minutes=minutes) for n, minutes in enumerate((-1, 0, 1439, 1440))))
    assert (await total(store)).requests == 2


async def test_requests_are_counted_by_how_they_ended_and_whether_in_time(store: InspectableStore) -> None:
    late_for_target = served("slow", complete_by=NOON)
    outside = served("moved", windows=(TimeWindow(start=NOON, end=NOON + HOUR),))
    ends = [request_view(state, state=state) for state in RequestState if state is not RequestState.DONE]
    await write(store, served("a"), served("b", late_s=900), served("c", late_s=901), late_for_target, outside, *ends)
    found = await total(store)
    assert found.states == {state: 5 if state is RequestState.DONE else 1 for state in RequestState}
    assert found.in_time == 2
    assert found.judged == 6
    assert found.open == 6
    assert found.in_time_share == 2 / 6


async def test_waits_are_told_by_their_quantiles_and_lengths(store: InspectableStore) -> None:
    # 10 waits of 0, 900, … 8,100 s: five of them are 3,600 at most, nine 7,200 at most.
    await write(store, *(served(n, wait_s=900 * n) for n in range(10)), request_view("waits still"))
    found = await total(store)
    assert (found.wait_p50_s, found.wait_p90_s) == (3_600, 7_200)
    assert found.waits == [1, 1, 2, 4, 2, 0, 0, 0]


async def test_one_wait_is_both_quantiles(store: InspectableStore) -> None:
    await write(store, served("a", wait_s=100_000))
    found = await total(store)
    assert (found.wait_p50_s, found.wait_p90_s, found.waits[-1]) == (100_000, 100_000, 1)


async def test_a_request_that_another_zone_served_is_counted_once_at_home_with_what_happened_there(
    store: InspectableStore,
) -> None:
    home = request_view("a", state=RequestState.DONE).changed(served_by="west")
    guest = served("a", "west", wait_s=1_200, referral=referral("a")).changed(visit=_visit("t9"))
    other = served("a", "south", wait_s=9, referral=referral("b")).changed(state=RequestState.UNSERVED)
    await write(store, home, guest.changed(complete_by=None), other)
    by_zone = await store.figures(FiguresQuery(DAY.begin, DAY.end, by="zone"))
    assert {name: one.requests for name, one in by_zone.items()} == {"east": 1}
    assert (by_zone["east"].in_time, by_zone["east"].wait_p50_s) == (1, 1_200)
    assert list(await store.figures(FiguresQuery(DAY.begin, DAY.end, by="team"))) == ["t9"]


def _visit(team: str) -> VisitView:
    return visit_view("a").changed(team=team)


async def test_figures_are_grouped_and_filtered(store: InspectableStore) -> None:
    moved = served("moved", "west", service_type="walk").changed(visit=_visit("t2"))
    await write(store, served("a"), served("b"), moved, request_view("later", minutes=600), request_view("no team"))

    async def sizes(**fields: object) -> dict[str, int]:
        found = await store.figures(FiguresQuery(DAY.begin, DAY.end, **fields))  # type: ignore[arg-type]
        return {name: one.requests for name, one in found.items()}

    assert await sizes(by="zone") == {"east": 4, "west": 1}
    assert await sizes(by="team") == {"t1": 2, "t2": 1, "": 2}
    assert await sizes(by="service") == {"meal": 4, "walk": 1}
    weeks = (NOON - HOUR, NOON + HOUR, NOON + timedelta(hours=9))
    assert await sizes(by="week", weeks=weeks) == {"0": 4, "2": 1}
    assert await sizes(by="week", weeks=weeks[:1]) == {"0": 5}
    assert await sizes(zone="west") == {"": 1}
    assert await sizes(service_type="meal", by="zone") == {"east": 4}
    assert await sizes(team="t1", by="zone") == {"east": 2}
    assert await sizes(within=frozenset({"west"}), by="zone") == {"west": 1}
    assert await sizes(within=frozenset(), by="zone") == {}


async def test_answers_and_loads_are_those_of_the_periods_requests(store: InspectableStore) -> None:
    await settle(store, ("v1", "t1"), ("v2", "t1"), ("v3", "t2"), ("v4", "t2"), paused="v4")
    await settle(store, ("v9", "t9"), zone="west")
    states = [("v1", "accepted"), ("v1", "accepted"), ("v1", "accepted"), ("v2", "accepted"), ("v3", "declined")]
    states += [("v3", "expired"), ("v3", "rescinded"), ("v2", "open"), ("gone", "declined")]
    offers = [offer_view(n, "a" if n % 2 else "b", who).changed(state=state) for n, (who, state) in enumerate(states)]
    abroad = offer_view("w", "a", "v9", "west").changed(state="accepted")
    before = offer_view("old", "old", "v3").changed(state="accepted")
    await write(
        store,
        served("a"),
        request_view("b", service_type="walk"),
        request_view("old", minutes=-60),
        *offers,
        abroad,
        before,
    )
    every = await total(store)
    assert every.answers == {"accepted": 5, "declined": 2, "expired": 1}
    assert every.acceptance == 5 / 8
    assert every.loads == {3: 1, 1: 2}
    assert every.people == 4
    # v1 went three times, v2 and v9 once, v3 never: 2·(1·0 + 2·1 + 3·1 + 4·3) / (4·5) − 5/4
    assert every.spread == 2 * 17 / 20 - 5 / 4

    by_zone = await store.figures(FiguresQuery(DAY.begin, DAY.end, by="zone"))
    assert (by_zone["west"].requests, by_zone["west"].answers, by_zone["west"].people) == (0, {"accepted": 1}, 1)
    assert by_zone["east"].loads == {3: 1, 1: 1}
    by_team = await store.figures(FiguresQuery(DAY.begin, DAY.end, by="team"))
    assert {name: one.answers.get("declined", 0) for name, one in by_team.items()} == {"t1": 0, "t2": 1, "t9": 0, "": 1}
    assert {name: one.people for name, one in by_team.items()} == {"t1": 2, "t2": 1, "t9": 1, "": 0}
    team = await store.figures(FiguresQuery(DAY.begin, DAY.end, team="t1"))
    assert (team[""].loads, team[""].people, team[""].requests) == ({3: 1, 1: 1}, 2, 1)
    own = await store.figures(FiguresQuery(DAY.begin, DAY.end, within=frozenset({"west"})))
    assert (own[""].answers, own[""].people) == ({"accepted": 1}, 1)
    walk = await total(store, FiguresQuery(DAY.begin, DAY.end, service_type="walk"))
    assert sum(walk.answers.values()) == 4


async def test_requests_are_counted_by_the_square_of_the_map(store: InspectableStore) -> None:
    there = Place(lon=121.4504, lat=31.1996)
    await write(store, request_view("a"), request_view("b"), request_view("c").changed(place=there))
    assert (await total(store)).cells == {cell(HERE): 2, cell(there): 1}
    assert cell_place(cell(there)) == there.coarse()
    south_west = Place(lon=-70.123, lat=-33.456)
    assert cell_place(cell(south_west)) == south_west


async def test_rows_that_change_are_counted_as_they_are_now(store: InspectableStore) -> None:
    await write(store, request_view("a"), offer_view("1", "a"))
    await write(store, served("a"), offer_view("1", "a").changed(state="accepted"))
    found = await total(store)
    assert (found.states, found.answers) == ({RequestState.DONE: 1}, {"accepted": 1})


async def test_all_teams_are_told_by_zone_and_id(store: InspectableStore) -> None:
    views = [
        TeamView(zone=zone, version=1, team=Team(id=name, zone=zone, name=Label(zh=name, en=name), base=HERE))
        for zone, name in (("east", "t2"), ("east", "t1"), ("aaa", "t9"))
    ]
    for view in views:
        version = (await store.heads()).get(view.zone, 0)
        change = RowChange("team", view.team.id, view)
        await store.commit([append(view.zone, version, ("team", view.team.id), rows=(change,))])
    assert [view.team.id for view in await store.teams()] == ["t9", "t1", "t2"]
