"""What is supposed of a zone: what it would change of the plan, what of it could be ordered; the zone stays as it is."""

from datetime import timedelta

import pytest

from engine.snapshots import dump
from engine.supposing import Closure, Impossible, Outlook, Recruits, Supposition, Wave, Wider, compare, orders, suppose
from schemas.catalogue import Site
from schemas.commands import ChangeCatalogue, ChangeRequest
from schemas.place import Place
from schemas.plan import Plan
from schemas.roster import WeeklySlot
from solvers.solve import solve
from tests.engine.builders import HERE, MONDAY, NEAR, World, hours, label, request, service, volunteer, window

FAR = Place(lon=121.440, lat=31.210)  # 3.8 km from home: nobody walks so far
MORNING = (WeeklySlot(weekday=0, start_min=480, end_min=840),)


def look(world: World, what: Supposition) -> Outlook:
    """Solve both, and hold that nothing has become of the zone."""
    before = dump(world.state)
    supposed = suppose(world.state, what, world.now)
    plans = [
        Plan(status="empty") if posed.problem is None else solve(posed.problem, posed.limits)
        for posed in (supposed.before, supposed.after)
    ]
    found = compare(supposed, *plans)
    assert dump(world.state) == before
    return found


def town(*people: object, **policy: object) -> World:
    return World().settled(*people, solver_iterations=0, **policy)  # type: ignore[arg-type]


def test_one_more_volunteer_with_the_skill_serves_what_was_left_out() -> None:
    world = town(volunteer("ann", skills=("law",)))
    world.submit("r1")
    found = look(world, Recruits("t1", "care", 1, 2))
    assert (found.visits, found.served) == ((1, 1), (0, 1))
    (change,) = found.difference.changes
    assert (change.visit, change.kind) == (str(request("r1")), "added")
    assert [person.volunteer for person in found.difference.people] == ["imagined-1"]
    left_out = next(term for term in found.difference.terms if term.name == "left_out")
    assert (left_out.before, left_out.after) == (2, 0)
    assert found.orders.real == ()
    assert found.services == {str(request("r1")): "care"}


def test_a_skill_that_nobody_asks_for_changes_nothing() -> None:
    world = town()
    world.submit("r1")
    found = look(world, Recruits("t1", "singing"))
    assert found.difference.changes == ()
    assert found.served == (1, 1)


def test_a_wider_window_is_planned_and_could_be_ordered() -> None:
    world = town(volunteer("ann", weekly=MORNING))  # until 14:00; the window is from 15:00
    world.submit("r1", window(MONDAY + hours(7)))
    what = Wider(request("r1"), hours(3), hours(1))
    found = look(world, what)
    assert found.served == (0, 1)
    (command,) = found.orders.real
    assert isinstance(command, ChangeRequest)
    assert [(one.start, one.end) for one in command.windows or ()] == [(MONDAY + hours(4), MONDAY + hours(12))]
    world.ok(command)  # the very order that was tried
    assert world.state.requests[request("r1")].need.windows == command.windows  # type: ignore[union-attr]


def test_a_window_never_begins_in_the_past_and_windows_that_meet_are_one() -> None:
    world = town()
    world.submit("r1", window(MONDAY + hours(2), hours(2)), window(MONDAY + hours(5), hours(2)))
    (command,) = orders(world.state, Wider(request("r1"), hours(9), hours(1)), world.now).real
    assert isinstance(command, ChangeRequest)
    assert [(one.start, one.end) for one in command.windows or ()] == [(MONDAY, MONDAY + hours(8))]


def test_what_people_were_asked_already_is_told_when_it_would_be_taken_back() -> None:
    world = town()
    sites = (
        Site(id="s1", zone="z1", name=label("s1"), place=NEAR),
        Site(id="s2", zone="z1", name=label("s2"), place=HERE),
    )
    world.ok(ChangeCatalogue(sites=sites))
    world.submit("r1", site="s1")
    world.offer("r1", MONDAY + hours(6), "ann")
    world.accept("ann")
    found = look(world, Closure("s1"))
    assert [(loss.volunteer, loss.accepted) for loss in found.losses] == [("ann", True)]
    assert found.visits == (0, 1)


def test_a_closed_site_sends_what_is_to_be_done_there_to_the_nearest_other() -> None:
    world = town()
    sites = [("s2", FAR), ("s3", HERE)]
    world.ok(ChangeCatalogue(sites=tuple(Site(id=n, zone="z1", name=label(n), place=p) for n, p in sites)))
    world.submit("there", site="s1")
    world.submit("elsewhere", place=FAR, site="s1")
    world.submit("other")
    asked = orders(world.state, Closure("s1"), world.now)
    catalogue, move = asked.real
    assert catalogue == ChangeCatalogue(removed_sites=("s1",))
    assert isinstance(move, ChangeRequest)
    assert (move.request_id, move.place) == (request("there"), HERE)
    found = look(world, Closure("s1", "s2"))
    assert found.served == (2, 1), "nobody walks so far"
    kinds = {change.visit: change.kind for change in found.difference.changes}
    assert kinds[str(request("there"))] == "dropped"


def test_the_last_site_may_be_closed_and_what_is_there_stays() -> None:
    world = town()
    world.submit("there", site="s1")
    asked = orders(world.state, Closure("s1"), world.now)
    assert asked.real == (ChangeCatalogue(removed_sites=("s1",)),)
    assert asked.stay == (request("there"),)


def test_a_heat_wave_is_like_what_is_open_and_told_apart_from_it() -> None:
    world = town(volunteer("ann", visits_per_day=2), volunteer("bob", visits_per_day=2))
    world.submit("r1")
    found = look(world, Wave("care", 7))
    assert found.visits == (1, 1)
    assert found.imagined[0] == 7
    assert found.served[1] + found.imagined[1] == 4, "two people, two visits each"
    assert found.orders.real == ()
    assert len(found.services) == 8


def test_a_wave_without_an_example_comes_to_the_sites_tomorrow_and_needs_no_triage() -> None:
    world = town()
    world.ok(ChangeCatalogue(service_types=(service("law", needs_triage=True),)))
    supposed = suppose(world.state, Wave("law", 2), world.now)
    assert supposed.after.problem is not None
    assert len(supposed.after.problem.visits) == 2
    assert supposed.before.problem is None
    starts = {one.frame.moment(visit.windows[0].start) for one in [supposed.after] for visit in one.problem.visits}  # type: ignore[union-attr]
    assert starts == {MONDAY + timedelta(days=1, hours=1)}  # 09:00 in Shanghai


def test_at_night_the_plan_is_that_of_the_morning() -> None:
    world = town(volunteer("ann", skills=("law",)))
    world.submit("r1", window(MONDAY + hours(30)))
    world.now = MONDAY + hours(15)  # 23:00
    found = look(world, Recruits("t1", "care"))
    assert found.at == MONDAY + hours(24)
    assert found.served == (0, 1)


def test_nothing_to_plan_is_no_difference() -> None:
    found = look(town(), Recruits("t1", "care"))
    assert (found.visits, found.difference.changes, found.difference.terms) == ((0, 0), (), ())


def test_what_the_zone_would_refuse_says_why() -> None:
    world = town()
    world.submit("r1")
    found = look(world, Wider(request("r1"), timedelta(0), timedelta(0)))
    assert found.code == "nothing_to_change"
    assert found.difference.changes == ()


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (Recruits("t9", "care"), "unknown_team"),
        (Wider(request("none"), hours(1), hours(1)), "unknown_request"),
        (Closure("s9"), "unknown_site"),
        (Closure("s1", "s9"), "unknown_site"),
        (Wave("none", 3), "unknown_service"),
    ],
)
def test_what_is_not_there_cannot_be_supposed(what: Supposition, code: str) -> None:
    with pytest.raises(Impossible) as caught:
        suppose(town().state, what, MONDAY)
    assert caught.value.code == code


def test_the_mark_of_orders_changes_with_them() -> None:
    world = town()
    world.submit("r1")
    what = Wider(request("r1"), hours(1), hours(1))
    first = orders(world.state, what, world.now).mark
    assert orders(world.state, what, world.now).mark == first
    world.ok(ChangeRequest(request_id=request("r1"), priority=4))
    assert orders(world.state, what, world.now).mark != first
