"""Alarms that an operator takes upon themselves."""

from types import SimpleNamespace
from typing import Any

import pytest

from engine.lives import advance
from engine.snapshots import dump, restore
from schemas.commands import TakeAlarms
from schemas.envelope import Actor
from schemas.events import AlarmCleared, AlarmRaised, AlarmsTaken
from schemas.views import RequestView
from tests.engine.builders import World, by, minutes, request, volunteer

LI, WANG = Actor(kind="operator", id="li"), Actor(kind="operator", id="wang")
TAKE = TakeAlarms(request_id=request("r1"))


def stamp(world: World) -> Any:
    return SimpleNamespace(version=world.state.version + 1, now=world.now)


@pytest.fixture
def world() -> World:
    """A request that nobody could be asked for in time."""
    made = World().settled(volunteer("ann", skills=("lift",)))
    made.submit("r1")
    while not made.state.requests[request("r1")].alarms:
        made.until(made.now + minutes(30))
    return made


def row_of(world: World) -> RequestView:
    assert world.last is not None
    (view,) = [row.view for row in world.last.rows if isinstance(row.view, RequestView)]
    return view


def test_who_takes_an_alarm_is_shown_and_neither_plans_nor_pages_grow_old_by_it(world: World) -> None:
    before = world.state.requests[request("r1")]
    assert world.ok(TAKE, LI) == [AlarmsTaken(request_id=request("r1"), alarms=before.alarms, by="operator:li")]
    after = world.state.requests[request("r1")]
    assert after.changed(taken=None) == before
    keeper = row_of(world).keeper
    assert keeper is not None
    assert (keeper.by, keeper.at) == ("operator:li", world.now)
    assert restore(dump(world.state)).requests[request("r1")] == after


def test_two_operators_do_not_take_one_alarm_unseen(world: World) -> None:
    world.ok(TAKE, LI)
    assert world.send(TAKE, LI).code == "nothing_to_change"
    assert world.send(TAKE, WANG).code == "already_taken"
    world.ok(TAKE.changed(instead_of="operator:li"), WANG)
    keeper = row_of(world).keeper
    assert keeper is not None
    assert keeper.by == "operator:wang"
    assert world.send(TAKE, by("ann")).code == "not_yours"


def test_a_new_alarm_is_nobodys_yet_and_one_that_is_over_is_forgotten(world: World) -> None:
    world.ok(TAKE, LI)
    record = world.state.requests[request("r1")]
    more = advance(record, AlarmRaised(request_id=request("r1"), alarm="crew_incomplete"), stamp(world))
    assert more.taken == record.taken
    assert more.taken is not None
    assert not set(more.alarms) <= set(more.taken.alarms), "somebody has to see to the new one"
    over = advance(more, AlarmCleared(request_id=request("r1"), alarm=record.alarms[0]), stamp(world))
    assert over.taken is None


def test_what_has_no_alarm_cannot_be_taken() -> None:
    world = World().settled(volunteer("ann"))
    world.submit("r1")
    assert world.send(TAKE, LI).code == "no_alarm"
