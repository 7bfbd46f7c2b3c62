"""What moving a visit to another team or time would be."""

import pytest

from engine.moving import Move, move
from schemas.place import Place
from schemas.roster import WeeklySlot
from tests.engine.builders import HERE, MONDAY, NEAR, World, hours, request, team, volunteer, window
from tests.engine.test_by_hand import chosen, visit_of

START = MONDAY + hours(6)
FAR = Place(lon=121.600, lat=31.210)
MORNING = tuple(WeeklySlot(weekday=day, start_min=0, end_min=15 * 60) for day in range(7))


@pytest.fixture
def world() -> World:
    """Ann goes at two in the afternoon; she is free until three, bob all day, and eve and far are of another team."""
    world = World().settled(
        volunteer("ann", weekly=MORNING),
        volunteer("bob"),
        volunteer("eve", team="t2", home=NEAR),
        volunteer("far", team="t2", home=FAR),
        teams=(team(), team("t2")),
    )
    world.submit("r1", window(MONDAY + hours(5), hours(6)))
    world.ok(chosen("ann", agreed=True))
    return world


def moved(world: World, whose: str, hour: float) -> Move:
    found = move(world.state, request("r1"), world.now, team=whose, start=MONDAY + hours(hour))
    assert found is not None
    return found


def who(found: Move) -> list[str]:
    return [seat.volunteer for seat in found.seats]


def test_who_goes_already_stays_where_they_can(world: World) -> None:
    found = moved(world, "t1", 5.5)
    assert (who(found), found.broken, found.losses, found.code) == (["ann"], {}, (), "")
    assert {term.name: term.after - term.before for term in found.terms if term.weighted} == {"told_otherwise": 1}


def test_who_cannot_come_then_is_let_go_and_somebody_else_of_the_team_chosen(world: World) -> None:
    found = moved(world, "t1", 8)
    assert (who(found), found.broken) == (["bob"], {})
    assert [(loss.volunteer, loss.accepted) for loss in found.losses] == [("ann", True)]


def test_who_is_wanted_is_chosen_whatever_rule_says_no(world: World) -> None:
    found = move(world.state, request("r1"), world.now, team="t2", start=START, want="far", instead="ann")
    assert found is not None
    assert (who(found), found.broken) == (["far"], {"far": ("reach",)})
    same = move(world.state, request("r1"), world.now, team="t1", start=START, want="bob", instead="ann")
    assert same is not None
    assert (who(same), same.broken) == (["bob"], {})


def test_another_team_sends_whoever_lives_nearest_and_the_costs_are_told(world: World) -> None:
    found = moved(world, "t2", 6)
    assert who(found) == ["eve"]
    changed = {term.name: term.after - term.before for term in found.terms if term.weighted}
    assert changed["told_otherwise"] == 1
    assert changed["travel_distance"] < 0  # eve lives at the very place


def test_the_rule_that_fails_is_named_where_nobody_passes(world: World) -> None:
    found = moved(world, "t1", 20)
    assert found.broken == {"ann": ("window",)}
    assert found.code == "window"
    world.ok(chosen("eve", name="r1", team="t2", agreed=True))
    assert visit_of(world).team == "t2"


def test_what_time_has_run_out_for_is_said_so(world: World) -> None:
    world.until(MONDAY + hours(6.95))
    world.submit("r2", window(MONDAY + hours(7), hours(2)))
    found = move(world.state, request("r2"), world.now, team="t1", start=MONDAY + hours(7.5))
    assert found is not None
    later = move(world.state, request("r2"), world.now, team="t1", start=MONDAY + hours(7.5), agreed=True)
    assert later is not None
    assert (later.code, later.broken) == ("", {})
    past = move(world.state, request("r2"), world.now, team="t1", start=MONDAY + hours(6))
    assert past is not None
    assert past.code == "window"


def test_of_what_is_not_here_nothing_can_be_said(world: World) -> None:
    assert move(world.state, request("none"), world.now, team="t1", start=START) is None
    assert move(world.state, request("r1"), world.now, team="t9", start=START) is None
    assert world.state.volunteers["ann"].home == HERE
