"""People and requests as the solvers' problem sees them."""

from datetime import UTC, datetime, timedelta

from engine.eligibility import Frame, build_commitments, build_visit, build_volunteer, judge, serves
from engine.zone import Zone
from schemas.place import TimeWindow
from schemas.roster import Exemption, WeeklySlot
from schemas.zone import Policy
from tests.engine.builders import MONDAY, World, hours, minutes, request, team, volunteer, window

START = MONDAY + hours(6)


def frame(zone: Zone, days: int = 1, now: datetime = MONDAY) -> Frame:
    return Frame(zone, now, now, now + timedelta(days=days - 1))


def spans(made: Frame, person: object) -> list[tuple[datetime, datetime]]:
    shifts = build_volunteer(person, made).shifts  # type: ignore[arg-type]
    return [(made.moment(shift.start), made.moment(shift.end)) for shift in shifts]


def at(hour: float) -> datetime:
    """An hour of Monday in Shanghai."""
    return MONDAY - hours(8) + hours(hour)


def test_weekly_slots_become_shifts_of_each_local_day_and_join_where_they_touch() -> None:
    slots = (WeeklySlot(weekday=0, start_min=540, end_min=720), WeeklySlot(weekday=0, start_min=720, end_min=780))
    person = volunteer("ann", weekly=(*slots, WeeklySlot(weekday=1, start_min=0, end_min=60)))
    assert spans(frame(Zone.empty("z1"), days=8), person) == [
        (at(9), at(13)),
        (at(24), at(25)),
        (at(7 * 24 + 9), at(7 * 24 + 13)),
    ]


def test_exceptions_cut_and_add_and_later_ones_win() -> None:
    base = volunteer("ann", weekly=(WeeklySlot(weekday=0, start_min=480, end_min=720),))
    away = Exemption(window=TimeWindow(start=at(9), end=at(11)))
    there = Exemption(window=TimeWindow(start=at(10), end=at(15)), available=True)
    assert spans(frame(Zone.empty("z1")), base.changed(exemptions=(away, there))) == [(at(8), at(9)), (at(10), at(15))]
    assert spans(frame(Zone.empty("z1")), base.changed(exemptions=(there, away))) == [(at(8), at(9)), (at(11), at(15))]


def test_slots_follow_the_wall_clock_when_the_clocks_change() -> None:
    zone = Zone.empty("z1").changed(policy=Policy(timezone="Europe/Berlin"))
    sunday = datetime(2026, 10, 25, 10, 0, tzinfo=UTC)
    person = volunteer("ann", weekly=(WeeklySlot(weekday=6, start_min=9 * 60, end_min=10 * 60),))
    assert spans(frame(zone, now=sunday), person) == [(sunday - hours(2), sunday - hours(1))]  # 09:00 is 08:00 UTC now


def test_limits_are_what_is_left_of_each_local_day_and_week_and_of_offers() -> None:
    person = volunteer("ann", visits_per_day=2, visits_per_week=3, offers_per_week=4)
    world = World().settled(person)
    world.submit("r1")
    world.offer("r1", START, "ann")
    made = frame(world.state, days=2)
    left = [(limit.rule, limit.visits) for limit in build_volunteer(person, made).limits]
    assert left == [("daily_limit", 1), ("daily_limit", 2), ("weekly_limit", 2), ("offers_limit", 3)]
    own = (request("r1"),)
    without = [limit.visits for limit in build_volunteer(person, made, without=own).limits]
    assert without == [2, 2, 3, 3]
    assert len(build_commitments("ann", made)) == 1
    assert build_commitments("ann", made, without=own) == []


def test_each_limit_refuses_by_its_name() -> None:
    world = World().settled(
        volunteer("day", visits_per_day=1),
        volunteer("week", visits_per_week=1),
        volunteer("offers", offers_per_week=1),
    )
    names = ("day", "week", "offers")
    for name in names:
        world.submit(f"first-{name}")
        world.offer(f"first-{name}", START, name)
    world.submit("next", window(START + hours(2)))
    record = world.state.requests[request("next")]
    crew = [(name, 0) for name in names]
    judged = judge(world.state, record, world.now, team="t1", start=START + hours(3), crew=crew)
    assert judged == {"day": "daily_limit", "week": "weekly_limit", "offers": "offers_limit"}


def test_offers_of_more_than_a_week_ago_do_not_count() -> None:
    world = World().settled(volunteer("ann", offers_per_week=1))
    world.submit("r1", window(START, hours(1)))
    world.offer("r1", START, "ann")
    world.until(MONDAY + timedelta(days=7))
    world.submit("r2", window(world.now + hours(5)))
    world.offer("r2", world.now + hours(6), "ann")


def test_a_visit_that_people_were_told_of_is_fixed_with_its_seats_filled() -> None:
    world = World().settled()
    world.submit("r1")
    free = build_visit(world.state.requests[request("r1")], frame(world.state))
    assert (free.fixed_start, free.team, free.filled) == (None, None, ())
    world.offer("r1", START, "ann")
    made = frame(world.state)
    told = build_visit(world.state.requests[request("r1")], made)
    assert told.fixed_start == made.second(START)
    assert told.team == "t1"
    assert [(seat.demand, seat.volunteer) for seat in told.filled] == [(0, "ann")]


def test_a_start_must_leave_people_time_to_answer_in_waking_hours() -> None:
    world = World(now=MONDAY + hours(14)).settled()  # 22:00: people may be asked from 08:00 on
    world.submit("r1", window(MONDAY + hours(16), hours(20)))
    made = frame(world.state, days=2, now=world.now)
    visit = build_visit(world.state.requests[request("r1")], made)
    assert visit.answerable_from is not None
    # five minutes to answer, and as long again for the cut-off: the night counts for nothing
    assert made.moment(visit.answerable_from) == MONDAY + hours(24) + minutes(10)


def test_a_team_serves_its_home_zone_and_those_that_it_names() -> None:
    assert serves(team(zone="z1"), "z1")
    assert not serves(team(zone="z1"), "z2")
    assert serves(team(zone="z1", zones_served=("z2",)), "z2")
    assert serves(team(zone="z1", zones_served=("z2",)), "z1")
