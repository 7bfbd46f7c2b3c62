import asyncio
import itertools
import json
from collections import Counter
from datetime import timedelta

import httpx2
import pytest

from ningju.simulation.calls import CallFailed, Line
from ningju.simulation.clock import SteppedClock
from ningju.simulation.pacing import Pace, Progress, Stuck
from ningju.simulation.people import People
from ningju.simulation.residents import Book, Residents
from ningju.simulation.scenario import Scenario, build
from schemas.request import RequestState
from tests.simulation.town import Town


@pytest.fixture(scope="module")
def tiny() -> Scenario:
    return build("tiny", 3)


class Confirming(Town):
    async def settle(self) -> None:
        await super().settle()
        await self.confirm()


class Run:
    """A whole day at the town hall."""

    def __init__(self, scenario: Scenario, *, copies: int = 1, busy: int = 0, step_min: int = 5) -> None:
        self.clock = SteppedClock(scenario.start)
        self.town = Confirming(scenario, self.clock, copies=copies, busy=busy)
        self.book = Book()
        line = Line(self.town.client())
        self.people = People(scenario.world, line, self.book, self.clock)
        self.town.people = self.people
        self.residents = Residents(scenario.arrivals, line, self.book)
        last = max(window.end for arrival in scenario.arrivals for window in arrival.request.windows)
        self.pace = Pace(
            self.town,
            self.town,
            self.clock,
            self.people,
            self.residents,
            until=last + timedelta(days=2),
            step=timedelta(minutes=step_min),
        )

    async def go(self) -> list[Progress]:
        seen: list[Progress] = []
        await self.pace.run(seen.append)
        return seen


async def test_a_day_runs_until_every_request_has_ended(tiny: Scenario) -> None:
    run = Run(tiny)
    seen = await run.go()
    assert seen[-1].ended == seen[-1].total == 20
    assert run.residents.acknowledged == 20
    assert seen[-1].state(RequestState.DONE) >= 10
    assert run.people.log["check-in taken"] >= run.people.log["finish taken"] == seen[-1].state(RequestState.DONE)


async def test_time_goes_in_whole_steps_and_jumps_over_idle_stretches(tiny: Scenario) -> None:
    seen = await Run(tiny).go()
    moments = [progress.now for progress in seen]
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(moments)]
    assert all(gap > 0 and gap % 300 == 0 for gap in gaps)
    assert max(gaps) > 3_600
    assert seen[-1].step_s == 300
    assert seen[-1].speed > 1


async def test_nothing_is_sent_before_its_time_nor_more_than_a_step_late(tiny: Scenario) -> None:
    run = Run(tiny)
    await run.go()
    sent = [(when, path) for when, path, _ in run.town.calls if path == "/requests"]
    for (when, _), arrival in zip(sent, tiny.arrivals, strict=True):
        assert timedelta(0) <= when - arrival.at < timedelta(minutes=5)


async def test_a_message_that_comes_twice_is_answered_once(tiny: Scenario) -> None:
    once, thrice = Run(tiny), Run(tiny, copies=3)
    await once.go()
    await thrice.go()
    assert thrice.people.log["duplicates"] > 0
    assert max(thrice.town.seen.values()) == 1
    assert thrice.town.calls == once.town.calls


async def test_the_same_scenario_gives_the_same_calls_at_the_same_times(tiny: Scenario) -> None:
    first, second = Run(tiny), Run(tiny)
    await first.go()
    await second.go()
    assert first.town.calls == second.town.calls
    assert first.people.log == second.people.log


async def test_who_is_put_off_comes_again_in_the_same_step(tiny: Scenario) -> None:
    run = Run(tiny, busy=3)
    seen = await run.go()
    assert seen[-1].ended == 20
    assert run.town.busy == 0
    first = next(when for when, path, _ in run.town.calls if path == "/requests")
    assert first - tiny.arrivals[0].at < timedelta(minutes=5)


async def test_a_system_that_always_puts_people_off_is_an_error(tiny: Scenario) -> None:
    with pytest.raises(Stuck, match="put off"):
        await Run(tiny, busy=1_000_000).go()


async def test_a_run_gives_up_on_requests_that_never_end(tiny: Scenario) -> None:
    run = Run(tiny)

    async def nobody(case: object) -> None:
        return None

    run.town._ask = nobody  # type: ignore[method-assign]
    for case in run.town.cases.values():
        case.state = RequestState.QUEUED

    async def never() -> None:
        return None

    run.town.next_wake = never  # type: ignore[method-assign]
    seen = await asyncio.wait_for(run.go(), 60)
    assert seen[-1].ended < seen[-1].total


def test_a_step_of_more_than_five_minutes_is_refused(tiny: Scenario) -> None:
    with pytest.raises(ValueError, match="step"):
        Run(tiny, step_min=6)


def test_the_clock_never_goes_back(tiny: Scenario) -> None:
    clock = SteppedClock(tiny.start)
    with pytest.raises(ValueError, match="go back"):
        clock.advance(tiny.start - timedelta(seconds=1))


async def test_people_keep_to_their_hidden_behaviour(tiny: Scenario) -> None:
    run = Run(tiny)
    await run.go()
    arrivals = dict(run.book.arrivals.items())
    said: Counter[str] = Counter()
    answered = {path.split("/")[2]: path.split("/")[3] for _, path, _ in run.town.calls if path.startswith("/offers")}
    for offer_id, (request_id, volunteer) in run.town.offers.items():
        arrival = arrivals[request_id]
        answer = tiny.world.answer(
            volunteer,
            arrival.idempotency_key,
            place=arrival.place,
            preferred=volunteer in arrival.request.preferred,
        )
        said[answer.kind] += 1
        expected = {"accept": "accept", "decline": "decline", "silence": None}[answer.kind]
        assert answered.get(str(offer_id)) == expected
    assert said["silence"] > 0
    assert said["accept"] > 0
    for _, path, actor in run.town.calls:
        if path.endswith("check-in"):
            request_id = next(r for r in arrivals if path.split("/")[2] == str(run_visit(r)))
            assert tiny.world.conduct(actor.removeprefix("volunteer:"), arrivals[request_id].idempotency_key).comes


def run_visit(request_id: object) -> object:
    from schemas.base import derive_id

    return derive_id("visit", request_id, 1)


async def test_a_fault_of_the_server_ends_the_run_with_the_call_named(tiny: Scenario) -> None:
    def serve(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(500, text="boom")

    client = httpx2.AsyncClient(transport=httpx2.MockTransport(serve), base_url="http://town")
    residents = Residents(tiny.arrivals, Line(client), Book())
    with pytest.raises(CallFailed, match=r"POST /requests .* 500"):
        await residents.act(tiny.arrivals[-1].at)


async def test_a_request_that_is_refused_is_remembered_with_its_reason(tiny: Scenario) -> None:
    def serve(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(422, text=json.dumps({"detail": "windows: window_past"}))

    client = httpx2.AsyncClient(transport=httpx2.MockTransport(serve), base_url="http://town")
    book = Book()
    residents = Residents(tiny.arrivals[:2], Line(client), book)
    assert await residents.act(tiny.arrivals[-1].at) == 2
    assert residents.next_due is None
    assert not book.arrivals
    assert [refusal.status for refusal in residents.refused] == [422, 422]
    assert "window_past" in residents.refused[0].detail
