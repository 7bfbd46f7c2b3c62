from dataclasses import replace
from datetime import timedelta

import pytest

from benchmarks.__main__ import main
from benchmarks.day import broken, short_of, table
from benchmarks.hindsight import Bound, hindsight
from ningju.simulation.arrivals import Arrival
from ningju.simulation.scenario import Scenario, build
from ningju.simulation.world import Answer, Conduct, HiddenWorld
from schemas.base import Label
from schemas.catalogue import ServiceType, SkillDemand
from schemas.intake import RequestIn
from schemas.place import Place, TimeWindow
from schemas.report import Ended, Report, SolverFigures, Waits
from schemas.roster import SkillHeld, Team, Volunteer, WeeklySlot

HERE = Place(lon=121.40, lat=31.21)
HOUR = timedelta(hours=1)
TUESDAY = 1


class Willing(HiddenWorld):
    """Everybody says yes at once and comes, but for those who are named."""

    def __init__(self, *, no: tuple[str, ...] = (), ill: tuple[str, ...] = (), away: tuple[str, ...] = ()) -> None:
        super().__init__(1, {}, {})
        self.no, self.ill, self.away = no, ill, away

    def answer(self, volunteer: str, request: str, *, place: Place, preferred: bool) -> Answer:
        return Answer("decline" if volunteer in self.no else "accept", timedelta(minutes=5))

    def conduct(self, volunteer: str, request: str) -> Conduct:
        return Conduct(0.5 if volunteer in self.ill else None, volunteer not in self.away)


def service(name: str, *skills: str, priority: int = 2) -> ServiceType:
    demands = tuple(SkillDemand(skill=skill) for skill in skills)
    return ServiceType(id=name, name=Label(zh=name, en=name), demands=demands, duration_s=3_600, priority=priority)


def someone(
    name: str, *skills: str, team: str = "t", place: Place = HERE, per_day: int = 2, slot: int = 12
) -> Volunteer:
    return Volunteer(
        id=name,
        team=team,
        home=place,
        skills=tuple(SkillHeld(skill=skill) for skill in skills),
        weekly=(WeeklySlot(weekday=TUESDAY, start_min=8 * 60, end_min=slot * 60),),
        visits_per_day=per_day,
        reach_m=2_000,
    )


def town(
    services: list[ServiceType],
    wanted: list[tuple[str, float, float]],
    people: list[Volunteer],
    world: HiddenWorld | None = None,
) -> Scenario:
    """A scenario of requests that came at midnight: each a service type, and hours of the day of its window."""
    tiny = build("tiny", 1)
    arrivals = tuple(
        Arrival(
            tiny.start,
            RequestIn(
                service_type=name,
                place=HERE,
                windows=(TimeWindow(start=tiny.start + a * HOUR, end=tiny.start + b * HOUR),),
            ),
            f"k{number}",
            "huayang",
            HERE,
        )
        for number, (name, a, b) in enumerate(wanted)
    )
    teams = tuple(Team(id=t, zone="huayang", name=Label(zh=t, en=t), base=HERE) for t in ("t", "u"))
    return replace(
        tiny,
        service_types=tuple(services),
        teams=teams,
        volunteers=tuple(people),
        arrivals=arrivals,
        world=world or Willing(),
    )


VISIT = service("visit", "care")
URGENT = service("urgent", "care", priority=5)
PAIR = service("pair", "care", "driving")


def weight(scenario: Scenario, seconds: float = 0.0) -> float:
    return hindsight(scenario, seconds).weight


def test_one_person_serves_as_many_as_a_day_allows() -> None:
    wanted = [("visit", 9, 12)] * 3
    assert weight(town([VISIT], wanted, [someone("v", "care", per_day=2)])) == pytest.approx(2 * 2)
    assert weight(town([VISIT], wanted, [someone("v", "care", per_day=5)])) == pytest.approx(3 * 2)


def test_no_more_hours_than_the_half_day_has() -> None:
    # Free from 8 to 12: four visits of an hour, though five are asked for and allowed.
    assert weight(town([VISIT], [("visit", 8.2, 12)] * 5, [someone("v", "care", per_day=9)])) <= 4 * 2 + 1e-6


def test_two_visits_at_the_same_time_need_two_people() -> None:
    wanted = [("visit", 9, 10), ("urgent", 9, 10)]
    # One of them: the urgent one weighs 16.
    assert weight(town([VISIT, URGENT], wanted, [someone("v", "care")])) == pytest.approx(16)
    assert weight(town([VISIT, URGENT], wanted, [someone("v", "care"), someone("w", "care")])) == pytest.approx(18)


def test_a_crew_comes_from_one_team_and_needs_each_skill() -> None:
    carer, driver = someone("v", "care"), someone("w", "driving")
    assert weight(town([PAIR], [("pair", 9, 11)], [carer, driver])) == pytest.approx(2)
    assert weight(town([PAIR], [("pair", 9, 11)], [carer, someone("w", "driving", team="u")])) == 0
    assert weight(town([PAIR], [("pair", 9, 11)], [someone("v", "care", "driving")])) == 0


@pytest.mark.parametrize(
    ("people", "world"),
    [
        ([someone("v", "repair")], None),
        ([someone("v", "care", place=Place(lon=121.44, lat=31.21))], None),
        ([someone("v", "care", slot=9)], None),
        ([someone("v", "care")], Willing(no=("v",))),
        ([someone("v", "care")], Willing(ill=("v",))),
        ([someone("v", "care")], Willing(away=("v",))),
        ([], None),
    ],
    ids=["skill", "reach", "availability", "declines", "withdraws", "stays away", "nobody"],
)
def test_who_could_not_or_would_not_serve_does_not_count(people: list[Volunteer], world: HiddenWorld | None) -> None:
    assert weight(town([VISIT], [("visit", 9, 10)], people, world)) == 0


def test_nobody_is_asked_at_night_unless_it_is_urgent() -> None:
    # Asked at 08:00 at the earliest, answered at 08:05: a visit that must start at 08:00 is lost, an urgent one not.
    assert weight(town([VISIT], [("visit", 8, 9)], [someone("v", "care")])) == 0
    assert weight(town([VISIT], [("visit", 8, 9.1)], [someone("v", "care")])) == pytest.approx(2)
    urgent = service("urgent", "care", priority=5)
    assert weight(town([urgent], [("urgent", 8, 9)], [someone("v", "care")])) == pytest.approx(16)


def test_branch_and_bound_never_gives_a_weaker_bound_than_the_relaxation() -> None:
    scenario = build("tiny", 5)
    relaxed, exact = hindsight(scenario, 0.0), hindsight(scenario, 10.0)
    assert exact.weight <= relaxed.weight + 1e-6
    assert 0 < relaxed.weight <= relaxed.asked


def report(policy: str, *, served: int, offers: float, lost: int = 0) -> Report:
    return Report.model_validate(
        {
            "scenario": "tiny",
            "seed": 1,
            "policy": policy,
            "requests": 10,
            "ended": Ended(done=8, unserved=2, cancelled=0, refused=0),
            "open": 0,
            "served_in_time": 8,
            "served_weight": served,
            "asked_weight": 20,
            "unserved_by_reason": {},
            "by_service": {},
            "by_zone": {},
            "seats_offered": 20,
            "accepted": 10,
            "declined": 5,
            "expired": 5,
            "withdrawn": 0,
            "no_show": 0,
            "offers_per_served": offers,
            "wait_s": Waits(p50=60, p90=120, max=180),
            "travel_s_per_visit": 600.0,
            "load_gini": 0.5,
            "referrals": 0,
            "solver": SolverFigures(solves=1, seconds_p50=0.1, seconds_max=0.1, gap_mean=0.0),
            "double_booked": 0,
            "lost": lost,
            "verify": "ok",
            "wall_s": 1.0,
            "simulated_s": 100.0,
            "step_s": 300.0,
            "commands": 10,
            "events": 100,
        }
    )


BOUND = Bound(weight=18.0, asked=20, requests=9.0, candidates=30, seconds=0.1)


def test_aims_that_are_missed_are_named() -> None:
    good = {
        "ningju": report("ningju", served=17, offers=2.0),
        "nearest-first": report("nearest-first", served=12, offers=2.5),
        "alert-next": report("alert-next", served=14, offers=2.4),
    }
    assert short_of(good, BOUND) == []
    assert broken(good, BOUND) == []
    bad = good | {"ningju": report("ningju", served=12, offers=3.0)}
    assert len(short_of(bad, BOUND)) == 4


def test_broken_promises_and_a_beaten_bound_are_named() -> None:
    lost = {"ningju": report("ningju", served=12, offers=2.0, lost=1)}
    assert "1 lost" in broken(lost, BOUND)[0]
    beaten = {"ningju": report("ningju", served=19, offers=2.0)}
    assert "more than the bound" in broken(beaten, BOUND)[0]


def test_the_table_sets_all_beside_the_bound() -> None:
    shown = table("tiny", 1, {"ningju": report("ningju", served=17, offers=2.0)}, BOUND)
    assert [column.header for column in shown.columns] == ["", "ningju", "hindsight bound"]
    assert list(shown.columns[1].cells)[:2] == ["85.0%", "94.4%"]


def test_the_list_says_what_is_missing(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--data", str(tmp_path)]) == 0
    assert "hhcrsp       missing" in capsys.readouterr().out


def test_bad_input_is_wrong_use(tmp_path: object) -> None:
    assert main(["day", "--places", f"{tmp_path}/none.csv", "--boundaries", f"{tmp_path}/none.geojson"]) == 2
    with pytest.raises(SystemExit):
        main(["night"])
