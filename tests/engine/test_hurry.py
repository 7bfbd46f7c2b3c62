"""Where time is short, somebody else is asked as well, and the first yes takes the seat."""

from engine.hurry import kept_back, next_second_ask, open_again
from engine.matching import pose, propose, stirs
from schemas.catalogue import SkillDemand
from schemas.commands import AcceptOffer, ChangeCatalogue, ChangeRoster, CheckIn, DeclineOffer, ReportNoShow
from schemas.events import OfferEnded, SeatOffered
from schemas.problem import Limits
from schemas.request import RequestState
from solvers.solve import solve
from tests.engine.builders import MONDAY, World, by, hours, minutes, request, service, volunteer, window

START = MONDAY + hours(2)
R1 = request("r1")
HURRY = {"second_ask_within_s": 10_800}
SOON = window(START, hours(1))


def hurried(*people: str, priority: int = 5, **policy: object) -> World:
    """Ann is asked for a visit that starts in two hours; five minutes go by."""
    world = World().settled(*(volunteer(name) for name in people or ("ann", "bob", "cat")), **HURRY | policy)
    world.submit("r1", SOON, priority=priority)
    world.offer("r1", START, "ann")
    world.until(MONDAY + minutes(5))
    return world


def asked(world: World) -> list[str]:
    visit = world.state.requests[R1].visit
    assert visit is not None
    return [name for seat in visit.seats for name, _ in seat.asked]


def proposed(world: World) -> list[str]:
    posed = pose(world.state, world.now)
    if posed.problem is None:
        return []
    plan = solve(posed.problem, Limits(iterations=0, explain="counts"))
    return [seat.volunteer for item in propose(posed, plan).items for seat in item.seats]


def test_the_matcher_asks_somebody_else_as_well_who_is_not_asked_yet() -> None:
    world = hurried()
    (second,) = proposed(world)
    assert second in {"bob", "cat"}
    world.offer("r1", START, second)
    assert asked(world) == ["ann", second]
    assert proposed(world) == []  # two at a time
    world.check()


def test_the_matcher_looks_again_when_the_time_to_answer_is_over() -> None:
    world = World().settled(**HURRY)
    world.submit("r1", SOON, priority=5)
    world.offer("r1", START, "ann")
    assert proposed(world) == []
    assert pose(world.state, world.now).wake == MONDAY + minutes(5) == next_second_ask(world.state, world.now)
    assert next_second_ask(world.state, MONDAY + minutes(5)) is None


def test_one_at_a_time_is_asked_for_what_can_wait() -> None:
    assert open_again(hurried(priority=4).state, hurried(priority=4).state.requests[R1], MONDAY + minutes(5)) == ()
    world = hurried(second_ask_within_s=3_600)  # the last start is almost two hours off
    assert proposed(world) == []
    assert world.refusal(world.item("r1", START, "bob")) == "not_matchable"
    for policy in ("nearest-first", "alert-next"):
        assert proposed(hurried(matching=policy)) == []


def test_the_first_yes_takes_the_seat_and_the_other_is_told() -> None:
    for first, other in (("ann", "bob"), ("bob", "ann")):
        world = hurried()
        world.offer("r1", START, "bob")
        world.accept(first)
        assert world.kinds() == ["offer_ended", "seat_accepted", "crew_completed"]
        (told,) = (event for event in world.news() if isinstance(event, OfferEnded))
        assert (told.volunteer, told.how, told.reason) == (other, "rescinded", "seat_taken")
        assert world.state.requests[R1].state is RequestState.ACCEPTED
        assert not world.state.offers
        assert not world.state.calendar(other)
        assert world.state.requests[R1].barred(other) is None
        world.check()


def test_a_no_leaves_the_seat_to_the_other() -> None:
    for first, other in (("ann", "bob"), ("bob", "ann")):
        world = hurried()
        world.offer("r1", START, "bob")
        world.ok(DeclineOffer(offer_id=world.offer_of(first)), by(first))
        assert asked(world) == [other]
        assert world.state.requests[R1].barred(first) == "declined_before"
        world.accept(other)
        assert world.kinds() == ["seat_accepted", "crew_completed"]
        world.check()


def test_when_both_let_it_expire_the_request_is_queued_again() -> None:
    world = hurried()
    world.offer("r1", START, "bob")
    world.until(max(offer.expires_at for offer in world.state.offers.values()))
    record = world.state.requests[R1]
    assert record.state is RequestState.QUEUED
    assert [name for name, _ in record.excluded] == ["ann", "bob"]
    world.check()


def test_who_leaves_the_roster_takes_only_their_own_offer_along() -> None:
    for first, other in (("ann", "bob"), ("bob", "ann")):
        world = hurried()
        world.offer("r1", START, "bob")
        world.ok(ChangeRoster(removed_volunteers=(first,)))
        assert asked(world) == [other]
        world.check()


def test_nobody_is_asked_for_two_seats_of_a_visit() -> None:
    world = World().settled(volunteer("ann"), volunteer("bob"), **HURRY)
    world.ok(ChangeCatalogue(service_types=(service("pair", SkillDemand(skill="care", heads=2)),)))
    world.submit("r1", SOON, service_type="pair", priority=5)
    world.offer("r1", START, "ann", "bob")
    world.until(MONDAY + minutes(5))
    assert proposed(world) == []
    assert world.refusal(world.item("r1", START, "bob")) == "already_in_crew: bob"
    world.ok(AcceptOffer(offer_id=world.offer_of("ann")), by("ann"))
    assert proposed(world) == []
    world.check()


def test_asking_somebody_as_well_counts_as_little_as_the_lowest_priority() -> None:
    world = hurried("ann", "bob")
    world.submit("r2", SOON, priority=1)
    posed = pose(world.state, world.now)
    assert posed.problem is not None
    plan = solve(posed.problem, Limits(iterations=0, explain="counts"))
    assert plan.levels[0].cost == 1
    world.offer("r2", START, "bob")
    assert proposed(world) == []


def last_chance(start: float, *people: str, priority: int = 2, **policy: object) -> World:
    """Ann is asked for a visit whose last start is so near that nobody could be asked after her."""
    world = World().settled(*(volunteer(name) for name in people or ("ann", "bob", "cat")), **policy)
    world.submit("r1", window(MONDAY + minutes(start), hours(1)), priority=priority)
    world.offer("r1", MONDAY + minutes(start), "ann")
    return world


def test_the_last_question_is_put_to_two_whatever_the_priority() -> None:
    world = last_chance(15)
    assert (world.now, asked(world)) == (MONDAY, ["ann"])
    (second,) = proposed(world)  # five minutes later it would be too late to ask
    world.offer("r1", MONDAY + minutes(15), second)
    assert asked(world) == ["ann", second]
    assert proposed(world) == []
    world.check()


def test_while_somebody_else_could_be_asked_after_a_no_one_is_asked_at_a_time() -> None:
    world = last_chance(25)
    assert proposed(world) == []
    assert next_second_ask(world.state, world.now) is None
    for policy in ("nearest-first", "alert-next"):
        assert proposed(last_chance(15, matching=policy)) == []


def test_an_answer_to_the_last_question_is_waited_for_where_that_leaves_time_to_ask() -> None:
    world = last_chance(15, second_ask_after_s=60)
    assert proposed(world) == []
    assert next_second_ask(world.state, world.now) == MONDAY + minutes(1)
    world.until(MONDAY + minutes(1))
    assert len(proposed(world)) == 1


def test_an_offer_close_to_its_start_has_the_matcher_look_again_at_once() -> None:
    for start, again in ((15, True), (600, False)):
        (offered,) = (event for event in last_chance(start).news() if isinstance(event, SeatOffered))
        assert stirs(offered) is again


def test_somebody_else_is_asked_as_well_while_a_mate_waits_at_the_door() -> None:
    world = World().settled(*(volunteer(name) for name in ("ann", "bob", "cat", "dan")))
    world.ok(ChangeCatalogue(service_types=(service("pair", SkillDemand(skill="care", heads=2)),)))
    world.submit("r1", window(START, minutes(85)), service_type="pair")
    world.offer("r1", START, "ann", "bob")
    for name in ("ann", "bob"):
        world.accept(name)
    world.until(START)
    world.ok(CheckIn(request_id=R1, volunteer="ann"), by("ann"))
    world.now = START + minutes(10)
    world.ok(ReportNoShow(request_id=R1, volunteer="bob"))
    (first,) = proposed(world)
    moved = world.state.requests[R1].visit
    assert moved is not None
    world.offer("r1", moved.window.start, first)
    (second,) = proposed(world)
    assert {first, second} == {"cat", "dan"}
    world.offer("r1", moved.window.start, second)
    world.accept(second)
    assert world.state.requests[R1].state is RequestState.UNDER_WAY
    world.check()


def test_who_has_few_questions_of_the_week_left_is_kept_back_from_being_asked_as_well() -> None:
    world = World().settled(
        volunteer("ann"), volunteer("bob", offers_per_week=2), volunteer("cat", offers_per_week=3), **HURRY
    )
    world.submit("r1", SOON, priority=5)
    world.offer("r1", START, "ann")
    world.until(MONDAY + minutes(5))
    assert kept_back(world.state, world.now) == ("bob",)
    assert proposed(world) == ["cat"]
    world.offer("r1", START, "bob")  # what the matcher spares, the zone does not forbid
    assert asked(world) == ["ann", "bob"]


def test_who_is_kept_back_is_asked_where_nobody_was() -> None:
    world = World().settled(volunteer("bob", offers_per_week=1))
    world.submit("r1", SOON, priority=5)
    assert proposed(world) == ["bob"]
