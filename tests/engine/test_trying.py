"""What orders would do, without giving them."""

from engine.trying import attempt
from schemas.commands import ChangeRoster, ReleaseVisit
from schemas.place import TimeWindow
from schemas.roster import Exemption
from tests.engine.builders import MONDAY, World, hours, request, team, volunteer

START = MONDAY + hours(6)
ANN, BOB = volunteer("ann"), volunteer("bob")


def two_visits() -> World:
    world = World().settled(ANN, BOB)
    for name, who in (("r1", "ann"), ("r2", "bob")):
        world.submit(name)
        world.offer(name, START, who)
    world.accept("ann")
    return world


def test_a_trial_names_who_would_give_back_what_and_changes_nothing() -> None:
    world = two_visits()
    before = world.state
    paused = ChangeRoster(volunteers=(ANN.changed(paused=True),))
    away = Exemption(window=TimeWindow(start=START, end=START + hours(1)))
    trial = attempt(before, (paused, ChangeRoster(volunteers=(BOB.changed(exemptions=(away,)),))), world.now)
    assert [(loss.request_id, loss.volunteer, loss.accepted, loss.reason) for loss in trial.losses] == [
        (request("r1"), "ann", True, "paused"),
        (request("r2"), "bob", False, "availability"),
    ]
    assert {loss.window.start for loss in trial.losses if loss.window} == {START}
    assert world.state is before
    assert before.calendar("ann")
    assert not trial.state.calendar("ann")


def test_a_trial_names_what_would_be_refused_of_an_order_and_stops_at_one_that_would_be_as_a_whole() -> None:
    world = two_visits()
    astray = ChangeRoster(teams=(team("t2", "z9"),), volunteers=(volunteer("dan", team="nowhere"), volunteer("eve")))
    trial = attempt(world.state, (astray,), world.now)
    assert [one.item for one in trial.refused] == ["t2", "dan"]
    assert "eve" in trial.state.volunteers
    nothing = attempt(world.state, (ReleaseVisit(request_id=request("r9")), astray), world.now)
    assert nothing.code
    assert "eve" not in nothing.state.volunteers
