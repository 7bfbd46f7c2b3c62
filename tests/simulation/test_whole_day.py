"""The tiny scenario through console, engine, matcher, solver and people, without a broker: the promises hold."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from benchmarks.hindsight import Bound, hindsight
from engine.ports import RequestQuery
from ningju.simulation.calls import Line
from ningju.simulation.clock import SteppedClock
from ningju.simulation.pacing import Pace
from ningju.simulation.people import People
from ningju.simulation.report import write_report
from ningju.simulation.residents import Book, Residents
from ningju.simulation.scenario import build
from schemas.report import Report, SolverFigures
from schemas.zone import PolicyName
from tests.simulation.whole import Whole

SOLVER = SolverFigures(solves=0, seconds_p50=0.0, seconds_max=0.0, gap_mean=0.0)


@dataclass
class Day:
    whole: Whole
    people: People
    report: Report
    bound: Bound
    events: list[bytes]


async def live(policy: PolicyName = "ningju", *, copies: int = 1) -> Day:
    scenario = build("tiny", 1, policy=policy)
    # What the run is worth does not depend on how long the solver may think; the test's patience does.
    scenario = replace(scenario, policy=scenario.policy.changed(solver_iterations=50))
    clock, book = SteppedClock(scenario.start), Book()
    whole = Whole(clock, copies=copies)
    line = Line(whole.client)
    people = whole.people = People(scenario.world, line, book, clock)
    residents = Residents(scenario.arrivals, line, book)
    await whole.set_up(scenario)
    last = max(window.end for arrival in scenario.arrivals for window in arrival.request.windows)
    pace = Pace(whole, whole.store, clock, people, residents, until=last + timedelta(days=2))
    progress = await pace.run()
    report = await write_report(
        scenario, whole.store, book, progress, solver=SOLVER, verify="ok", commands=whole.commands
    )
    records = [record.data for zone in sorted(whole.zones) for record in await whole.store.events(zone, 0, 100_000)]
    return Day(whole, people, report, hindsight(scenario, 0.0), records)


@pytest.mark.parametrize("policy", ["ningju", "nearest-first", "alert-next"])
async def test_every_request_of_a_day_ends_once_under_every_policy(policy: PolicyName) -> None:
    day = await live(policy)
    report = day.report
    assert report.policy == policy
    assert report.requests == 20
    assert report.ended.done + report.ended.unserved == 20
    assert (report.open, report.lost, report.double_booked, report.verify) == (0, 0, 0, "ok")
    assert report.ended.done >= 8
    assert report.accepted / report.seats_offered <= 0.7
    assert report.asked_weight == day.bound.asked
    assert 0 < report.served_weight <= day.bound.weight
    page = await day.whole.store.requests(RequestQuery(limit=100))
    assert sum(row.state == "done" for row in page.rows) == report.ended.done


async def test_the_same_seed_gives_the_same_events_byte_for_byte_even_when_messages_come_twice() -> None:
    once, twice = await live(), await live(copies=2)
    assert once.events == twice.events
    assert len(once.events) > 200
    assert twice.people.log["duplicates"] == sum(
        count for what, count in twice.people.log.items() if what.startswith("heard ")
    )
