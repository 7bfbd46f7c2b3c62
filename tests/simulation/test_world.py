import itertools
from datetime import timedelta

import pytest

from ningju.simulation.ground import distance_m
from ningju.simulation.scenario import Scenario, build
from ningju.simulation.world import LONGEST, HiddenWorld


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return build("changning", 1)


def pairs(scenario: Scenario) -> list[tuple[str, str]]:
    """Everybody who could go with every seventh request, within reach: whom a dispatcher might ask."""
    found = []
    for arrival in scenario.arrivals[::7]:
        for volunteer in scenario.volunteers[::5]:
            if distance_m(volunteer.home, arrival.place) <= volunteer.reach_m:
                found.append((volunteer.id, arrival.idempotency_key))
    return found


def test_at_most_six_in_ten_accept_and_at_least_fifteen_in_a_hundred_stay_silent(scenario: Scenario) -> None:
    places = {arrival.idempotency_key: arrival.place for arrival in scenario.arrivals}
    asked = pairs(scenario)
    answers = [scenario.world.answer(v, r, place=places[r], preferred=False).kind for v, r in asked]
    assert len(answers) > 10_000
    assert 0.45 <= answers.count("accept") / len(answers) <= 0.60
    assert 0.15 <= answers.count("silence") / len(answers) <= 0.25


def test_the_nearest_people_do_not_accept_more_than_six_in_ten_either(scenario: Scenario) -> None:
    answers = []
    for arrival in scenario.arrivals[::4]:
        nearest = sorted(scenario.volunteers, key=lambda v: distance_m(v.home, arrival.place))[:20]
        answers += [
            scenario.world.answer(v.id, arrival.idempotency_key, place=arrival.place, preferred=False).kind
            for v in nearest
        ]
    assert answers.count("accept") / len(answers) <= 0.60


def test_three_in_a_hundred_withdraw_and_three_in_a_hundred_do_not_come(scenario: Scenario) -> None:
    conducts = [scenario.world.conduct(v, r) for v, r in pairs(scenario)]
    withdrawn = [conduct.withdraws for conduct in conducts if conduct.withdraws is not None]
    assert len(withdrawn) / len(conducts) == pytest.approx(0.03, abs=0.005)
    assert all(0.0 < share < 1.0 for share in withdrawn)
    assert 0.03 <= sum(not conduct.comes for conduct in conducts) / len(conducts) <= 0.04


def test_an_answer_depends_on_seed_person_and_request_alone(scenario: Scenario) -> None:
    people = {volunteer.id: volunteer for volunteer in scenario.volunteers}
    again = HiddenWorld(scenario.seed, people, scenario.world._ages)
    other = HiddenWorld(scenario.seed + 1, people, scenario.world._ages)
    asked = pairs(scenario)[:2_000]
    place = scenario.arrivals[0].place

    def answers(world: HiddenWorld, order: list[tuple[str, str]]) -> dict[tuple[str, str], object]:
        return {(v, r): world.answer(v, r, place=place, preferred=False) for v, r in order}

    assert answers(scenario.world, asked) == answers(again, asked[::-1])
    assert answers(scenario.world, asked) != answers(other, asked)


def test_people_take_minutes_to_answer(scenario: Scenario) -> None:
    place = scenario.arrivals[0].place
    waits = sorted(
        scenario.world.answer(v, r, place=place, preferred=False).latency
        for v, r in itertools.islice(pairs(scenario), 3_000)
    )
    assert waits[0] >= timedelta(seconds=30)
    assert waits[-1] <= LONGEST
    assert timedelta(minutes=4) <= waits[len(waits) // 2] <= timedelta(minutes=9)


def test_being_asked_for_by_name_and_living_near_makes_more_willing(scenario: Scenario) -> None:
    asked = pairs(scenario)
    places = {arrival.idempotency_key: arrival.place for arrival in scenario.arrivals}
    people = {volunteer.id: volunteer for volunteer in scenario.volunteers}

    def rate(chosen: list[tuple[str, str]], preferred: bool) -> float:
        answers = [scenario.world.answer(v, r, place=places[r], preferred=preferred).kind for v, r in chosen]
        return answers.count("accept") / len(answers)

    far = [(v, r) for v, r in asked if distance_m(people[v].home, places[r]) > 3_000]
    near = [(v, r) for v, r in asked if distance_m(people[v].home, places[r]) < 800]
    assert rate(asked, True) > rate(asked, False) + 0.05
    assert rate(near, False) > rate(far, False) + 0.05
