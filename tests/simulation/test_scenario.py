import hashlib
import os
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import timedelta

import pytest
from shapely.geometry import Point, Polygon

from ningju.simulation.arrivals import SHANGHAI, Arrival
from ningju.simulation.catalogue import EVENING_DUTY, MORNING_DUTY, askings
from ningju.simulation.ground import SUBDISTRICTS, distance_m, shares
from ningju.simulation.scenario import Scenario, build, scaled
from schemas.catalogue import ServiceType
from schemas.commands import ChangeCatalogue, ChangeRoster, ConfigureZone


@pytest.fixture(scope="module", params=[1, 2, 3])
def changning(request: pytest.FixtureRequest) -> Scenario:
    return build("changning", request.param)


def types(scenario: Scenario) -> dict[str, ServiceType]:
    return {service.id: service for service in scenario.service_types}


def share(arrivals: tuple[Arrival, ...], holds: object) -> float:
    return sum(bool(holds(arrival)) for arrival in arrivals) / len(arrivals)


def test_the_district_has_the_size_that_the_domain_states(changning: Scenario) -> None:
    levels = Counter(zone.level for zone in changning.zones)
    assert levels == {"district": 1, "subdistrict": 10}
    assert {zone.name.zh for zone in changning.zones if zone.parent} == {label.zh for _, label in SUBDISTRICTS}
    assert len(changning.sites) == 185
    assert Counter(team.zone == "changning" for team in changning.teams) == {True: 4, False: 20}
    assert len(changning.volunteers) == 5_300
    assert len(changning.arrivals) == 1_000
    assert all(50 <= age <= 80 for age in changning.world._ages.values())


def test_a_volunteer_is_available_three_half_days_a_week_on_average_and_takes_four_offers_at_most(
    changning: Scenario,
) -> None:
    mean = sum(len(volunteer.weekly) for volunteer in changning.volunteers) / len(changning.volunteers)
    assert 2.9 <= mean <= 3.1
    assert max(volunteer.offers_per_week for volunteer in changning.volunteers) == 4
    assert all(slot.end_min - slot.start_min <= 6 * 60 for v in changning.volunteers for slot in v.weekly)


def test_a_quarter_of_the_requests_need_two_to_four_heads_with_different_skills(changning: Scenario) -> None:
    catalogue = types(changning)
    several = {name for name, s in catalogue.items() if 2 <= s.crew <= 4 and len({d.skill for d in s.demands}) >= 2}
    assert share(changning.arrivals, lambda a: a.request.service_type in several) >= 0.25
    assert max(service.crew for service in catalogue.values()) == 4


def test_a_third_of_the_windows_are_two_hours_at_most(changning: Scenario) -> None:
    short = share(changning.arrivals, lambda a: all(w.length <= timedelta(hours=2) for w in a.request.windows))
    assert short >= 0.30


def test_half_of_the_requests_are_for_the_same_day(changning: Scenario) -> None:
    same = share(changning.arrivals, lambda a: a.request.windows[0].start.astimezone(SHANGHAI).date() == a.at.date())
    assert 0.48 <= same <= 0.55


def test_every_window_ends_within_three_days_and_begins_after_the_request_came(changning: Scenario) -> None:
    catalogue = types(changning)
    for arrival in changning.arrivals:
        needed = timedelta(seconds=catalogue[arrival.request.service_type].duration_s)
        for window in arrival.request.windows:
            assert arrival.at < window.start
            assert window.end <= arrival.at + timedelta(days=3)
            assert window.length >= needed


def test_skills_are_uneven_between_subdistricts(changning: Scenario) -> None:
    zone_of = {team.id: team.zone for team in changning.teams}
    heads: dict[str, Counter[str]] = defaultdict(Counter)
    size: Counter[str] = Counter()
    for volunteer in changning.volunteers:
        zone = zone_of[volunteer.team]
        size[zone] += 1
        heads[zone].update(held.skill for held in volunteer.skills)
    for skill in ("care", "driving", "repair", "law"):
        per_head = [heads[zone.id][skill] / size[zone.id] for zone in changning.zones if zone.parent]
        assert max(per_head) >= 1.4 * min(per_head), skill


def test_a_place_outside_every_subdistrict_can_be_served_by_the_subdistricts(changning: Scenario) -> None:
    assert all(team.zone in team.zones_served for team in changning.teams)
    assert all("changning" in team.zones_served for team in changning.teams)


def test_repeat_visits_name_a_volunteer_who_could_come(changning: Scenario) -> None:
    people = {volunteer.id: volunteer for volunteer in changning.volunteers}
    catalogue = types(changning)
    repeats = [arrival for arrival in changning.arrivals if arrival.request.preferred]
    assert len(repeats) >= 80
    for arrival in repeats:
        person = people[arrival.request.preferred[0]]
        demand = catalogue[arrival.request.service_type].demands[0]
        assert any(held.skill == demand.skill and held.level >= demand.level for held in person.skills)
        assert distance_m(person.home, arrival.place) <= person.reach_m


def test_requests_come_in_rush_hours_and_duty_stands_in_its_hours(changning: Scenario) -> None:
    hours = Counter(arrival.at.hour for arrival in changning.arrivals)
    assert hours[9] > 5 * max(hours[6], 1)
    assert hours[9] > 2 * hours[12]
    assert [a.at for a in changning.arrivals] == sorted(a.at for a in changning.arrivals)
    duty = [a.request.windows[0] for a in changning.arrivals if a.request.service_type == "station-duty"]
    minutes = {(w.start.astimezone(SHANGHAI).hour * 60, w.end.astimezone(SHANGHAI).hour * 60) for w in duty}
    assert minutes == {MORNING_DUTY, EVENING_DUTY}


def test_all_five_priorities_are_asked_for(changning: Scenario) -> None:
    catalogue = types(changning)
    asked = {a.request.priority or catalogue[a.request.service_type].priority for a in changning.arrivals}
    assert asked == {1, 2, 3, 4, 5}


def test_places_lie_in_their_zones_even_when_coarse(changning: Scenario) -> None:
    areas = {zone.id: Polygon(zone.boundary[0]) for zone in changning.zones if zone.boundary}
    for arrival in changning.arrivals:
        if arrival.request.place is not None:
            coarse = arrival.request.place.coarse()
            assert areas[arrival.zone].contains(Point(coarse.lon, coarse.lat))


def test_beneficiaries_and_volunteers_have_personal_data_to_search_for(changning: Scenario) -> None:
    told = [a.request.beneficiary for a in changning.arrivals if a.request.beneficiary]
    assert len(told) >= 400
    assert all(someone.name and someone.phone and someone.address for someone in told)
    assert {person.id for person in changning.persons} == {volunteer.id for volunteer in changning.volunteers}


def test_featured_items_are_asked_for_in_their_own_zone_only(changning: Scenario) -> None:
    catalogue = types(changning)
    featured = {
        (a.zone, a.request.service_type) for a in changning.arrivals if catalogue[a.request.service_type].featured_by
    }
    assert featured == {("tianshan", "haircut-at-home"), ("xinhua", "calligraphy")}


def test_a_heat_wave_doubles_elder_care_for_three_days() -> None:
    usual, heat = build("changning", 1), build("heatwave", 1)
    elder = {asking.service.id for asking in askings() if asking.elder_care}
    before = Counter(a.request.service_type for a in usual.arrivals)
    days: dict[object, Counter[str]] = defaultdict(Counter)
    for arrival in heat.arrivals:
        days[arrival.at.date()][arrival.request.service_type] += 1
    assert len(days) == 3
    for counts in days.values():
        for service, count in before.items():
            assert counts[service] == pytest.approx(count * (2 if service in elder else 1), abs=1)


def test_tiny_is_one_zone_with_twenty_requests() -> None:
    tiny = build("tiny", 1)
    assert [zone.id for zone in tiny.zones] == ["huayang"]
    assert tiny.zones[0].parent is None
    assert len(tiny.arrivals) == 20


def test_the_set_up_of_a_zone_comes_in_pieces_that_are_small_on_the_wire() -> None:
    scenario = build("changning", 1)
    commands = list(scenario.setup())
    assert max(len(command.dump()) for _, command in commands) < 256 * 1024
    assert sum(isinstance(command, ConfigureZone) for _, command in commands) == 11
    brought = [v for _, command in commands if isinstance(command, ChangeRoster) for v in command.volunteers]
    assert brought == sorted(brought, key=lambda volunteer: volunteer.id)
    assert len(brought) == 5_300
    sites = [site for _, command in commands if isinstance(command, ChangeCatalogue) for site in command.sites]
    assert len(sites) == 185


def test_an_unknown_scenario_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match="changning, heatwave, tiny"):
        build("utopia")


def test_a_day_of_real_times_is_scaled_evenly() -> None:
    assert scaled([30, 10, 20], 3) == [10, 20, 30]
    assert scaled([10, 20, 30, 40], 2) == [10, 30]
    assert scaled([10, 20], 4) == [10, 10, 20, 20]


def test_shares_add_up_and_follow_the_weights() -> None:
    assert shares(10, [1, 1, 1]) == [4, 3, 3]
    assert shares(7, [5, 1, 1]) == [5, 1, 1]


DIGEST = """
import hashlib, sys
from ningju.simulation.scenario import build
s = build("tiny", 7)
text = "".join(c.model_dump_json() for _, c in s.setup()) + "".join(f"{a.at}{a.request.model_dump_json()}" for a in s.arrivals)
sys.stdout.write(hashlib.sha256(text.encode()).hexdigest())
"""


def test_the_same_seed_gives_the_same_scenario_in_every_process() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            timeout=120,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert len(digests.pop()) == hashlib.sha256().digest_size * 2
    assert build("tiny", 7).arrivals != build("tiny", 8).arrivals
