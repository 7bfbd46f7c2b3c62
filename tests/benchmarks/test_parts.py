"""The parts of the benchmarks that could lie."""

import asyncio

import pytest

from benchmarks.accept import paced, percentiles
from benchmarks.loop import package_of
from benchmarks.matching import CHUNK, as_one_zone, evenly, grown, share, waiting
from benchmarks.movers import Round
from benchmarks.town import Town, interleaved
from engine.matching import pose
from ningju.simulation.scenario import Scenario, build
from schemas.problem import Limits
from solvers import arrays
from solvers.candidates import find
from solvers.solve import solve


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return build("tiny", 1, volume=30)


def test_a_town_lets_its_requests_wait_until_they_are_matched(scenario) -> None:
    town = waiting(scenario, 20)
    (zone,) = town.zones.values()
    assert len(zone.requests) == 20
    assert not zone.offers
    town.match()
    (zone,) = town.zones.values()
    assert zone.offers
    answers = list(town.answers(decline=2))
    assert {one.command.kind for one in answers} == {"accept_offer", "decline_offer"}
    assert all(town.take(one).outcome.status == "accepted" for one in answers)


def test_the_whole_district_as_one_zone_asks_for_the_same_visits() -> None:
    scenario = build("changning", 1, volume=60)
    town = as_one_zone(scenario, 40)
    (zone,) = town.zones.values()
    posed = pose(zone, town.now)
    assert posed.problem is not None
    assert len(posed.problem.visits) == len(zone.requests) == 40
    assert len(posed.problem.volunteers) == len(scenario.volunteers) > CHUNK


def test_streams_are_mixed_evenly_each_in_its_own_order(scenario) -> None:
    town = Town.settle(scenario, scenario.start)
    a = [town.envelope("z", command) for _, command in zip(range(2), (c for _, c in scenario.setup()), strict=False)]
    b = [one.changed(reason="b") for one in a * 3]
    mixed = interleaved(a, b)
    assert [one for one in mixed if not one.reason] == a
    assert [one for one in mixed if one.reason] == b
    assert [bool(one.reason) for one in mixed] == [True, False, True, True, True, False, True, True]


def test_a_generated_problem_is_the_same_for_a_seed_and_can_be_served() -> None:
    problem = grown(60, 40, 1)
    assert problem == grown(60, 40, 1)
    assert problem != grown(60, 40, 2)
    a = arrays.build(problem)
    assert len(find(a).who) > 60
    assert len(solve(problem, Limits(iterations=50)).assignments) > 30


def test_calls_are_timed_from_when_they_were_due_though_those_before_are_late() -> None:
    async def slow(number: int) -> None:
        await asyncio.sleep(0.3 if number == 0 else 0.0)

    took = asyncio.run(paced(slow, 3, rate=50.0))
    assert took[0] >= 0.3
    assert all(seconds > 0 for seconds in took)
    assert percentiles([0.001, 0.003])["max"] == pytest.approx(3.0)


def test_a_round_ends_with_its_last_command_and_starts_with_its_first() -> None:
    round_ = Round(commands=3)
    assert round_.begin()
    assert not round_.begin()
    round_.count(2)
    assert not round_.done.is_set()
    round_.count(1)
    assert round_.done.is_set()
    assert round_.wall > 0


def test_few_things_are_all_taken_and_many_evenly() -> None:
    assert evenly([1, 2], 5) == [1, 2]
    assert evenly(list(range(10)), 5) == [0, 2, 4, 6, 8]
    assert share(1, 0) == 0.0


def test_profiled_functions_go_by_package() -> None:
    import faust.streams

    import engine.decide.draft

    assert package_of(faust.streams.__file__, "take") == "faust"
    assert package_of(engine.decide.draft.__file__, "emit") == "engine/decide"
    assert package_of("~", "<method 'poll' of 'select.epoll' objects>").startswith("method 'poll'")
