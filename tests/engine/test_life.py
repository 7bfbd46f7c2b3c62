"""Life stories of requests, told from command to event."""

from schemas.commands import CheckIn, FinishVisit, RateVisit
from schemas.envelope import Actor
from schemas.request import RequestState
from tests.engine.builders import MONDAY, World, by, hours, request


def test_a_request_is_served_and_rated() -> None:
    world = World().settled()
    assert [event.kind for event in world.submit("r1")] == ["request_received", "request_queued"]
    start = MONDAY + hours(6)
    world.offer("r1", start, "ann")
    assert world.kinds() == ["visit_planned", "seat_offered", "plan_adopted"]
    assert world.state.requests[request("r1")].state is RequestState.OFFERED
    world.accept("ann")
    assert world.kinds() == ["seat_accepted", "crew_completed"]
    assert world.state.requests[request("r1")].state is RequestState.ACCEPTED
    world.check()
    world.until(start)
    world.ok(CheckIn(request_id=request("r1"), volunteer="ann"), by("ann"))
    assert world.state.requests[request("r1")].state is RequestState.UNDER_WAY
    world.ok(FinishVisit(request_id=request("r1"), volunteer="ann"), by("ann"), after=hours(1))
    assert world.kinds() == ["visit_finished", "request_ended"]
    assert not world.state.requests
    world.check()
    world.ok(RateVisit(request_id=request("r1"), stars=5), Actor(kind="beneficiary", id="b1"))
    world.no("already_rated", RateVisit(request_id=request("r1"), stars=1))
    world.drain()
    assert not world.state.done
    assert world.kinds() == ["rating_closed"]
    world.check()
