"""What an operator decides instead of the matcher."""

from typing import Any

import pytest

from engine.deadlines import last_start
from engine.decide.by_hand import WAIVABLE, broken
from engine.zone import VisitRecord
from schemas.catalogue import SkillDemand
from schemas.commands import (
    AcceptOffer,
    AssignCrew,
    AssignedSeat,
    CancelRequest,
    ChangeCatalogue,
    ChangeRequest,
    ChangeRoster,
    CheckIn,
    ConfigureZone,
    EndReferral,
    PinVisit,
    ReferRequest,
    ReleaseSeat,
    ReleaseVisit,
    TriageRequest,
    WithdrawSeat,
)
from schemas.events import RequestReferred, RosterChanged, SeatOffered, SeatVacated, VisitPinned
from schemas.place import Place
from schemas.request import RequestState
from schemas.zone import Policy
from tests.engine.builders import (
    ALL_WEEK,
    HERE,
    MONDAY,
    World,
    by,
    config,
    hours,
    minutes,
    request,
    service,
    team,
    volunteer,
    window,
    wishes,
)

START = MONDAY + hours(6)
FAR = Place(lon=121.600, lat=31.210)


def chosen(*who: str, name: str = "r1", **fields: Any) -> AssignCrew:
    seats = tuple(AssignedSeat(demand=0, volunteer=one) for one in who)
    base: dict[str, Any] = {"request_id": request(name), "team": "t1", "start": START, "seats": seats}
    return AssignCrew(**(base | fields))


@pytest.fixture
def world() -> World:
    world = World().settled(volunteer("ann"), volunteer("far", home=FAR), volunteer("raw", skills=("talk",)))
    world.submit("r1")
    return world


def state(world: World, name: str = "r1") -> RequestState:
    return world.state.requests[request(name)].state


def test_who_is_chosen_is_asked(world: World) -> None:
    world.ok(chosen("ann"))
    assert world.kinds() == ["visit_planned", "seat_offered"]
    assert state(world) is RequestState.OFFERED
    world.accept("ann")
    assert state(world) is RequestState.ACCEPTED
    world.check()


def test_who_has_agreed_on_the_phone_is_seated_at_once(world: World) -> None:
    world.ok(chosen("ann", agreed=True))
    assert world.kinds() == ["visit_planned", "seat_offered", "seat_accepted", "crew_completed"]
    assert state(world) is RequestState.ACCEPTED
    world.check()


def test_every_broken_rule_of_every_person_is_named_and_nothing_happens(world: World) -> None:
    outcome = world.no("rules_broken", chosen("far"))
    assert outcome.detail == "far: reach"
    outcome = world.no("safety", chosen("raw"))
    assert outcome.detail == "raw: skill"
    assert state(world) is RequestState.QUEUED


def test_a_soft_rule_is_waived_with_a_reason_and_not_without(world: World) -> None:
    world.no("no_reason", chosen("far", waived=("reach",)))
    world.ok(chosen("far", waived=("reach",), reason="her daughter drives her"))
    assert state(world) is RequestState.OFFERED
    world.accept("far")
    world.check()


def test_waiving_one_rule_does_not_waive_another() -> None:
    world = World().settled(volunteer("ann", home=FAR, weekly=()))
    world.submit("r1")
    record = world.state.requests[request("r1")]
    seats = chosen("ann").seats
    found = broken(world.state, record, world.now, team="t1", start=START, seats=seats)
    assert found == {"ann": ("reach", "availability")}
    assert world.no("rules_broken", chosen("ann", waived=("reach",), reason="x")).detail == "ann: availability"
    world.ok(chosen("ann", waived=("reach", "availability"), reason="she offered it herself"))


def test_who_was_barred_may_be_asked_by_hand_but_who_is_blocked_never() -> None:
    world = World().settled(volunteer("ann"), volunteer("bob"))
    world.submit("r1", wishes=wishes(blocked=("bob",)))
    world.no("safety", chosen("bob", waived=(), reason="x"))
    assert not {"skill", "level", "expired_qualification", "blocked", "overlap", "window"} & WAIVABLE


def test_nobody_is_in_two_places(world: World) -> None:
    world.ok(chosen("ann", agreed=True))
    world.submit("r2")
    outcome = world.no("safety", chosen("ann", name="r2"))
    assert outcome.detail == "ann: overlap"


def test_another_crew_takes_the_place_of_the_one_that_stood(world: World) -> None:
    world = World().settled(volunteer("ann"), volunteer("bob"))
    world.submit("r1")
    world.offer("r1", MONDAY + hours(5), "ann")
    world.accept("ann")
    world.ok(chosen("bob", agreed=True, reason="ann asked for it"))
    visit = world.state.requests[request("r1")].visit
    assert visit is not None
    assert [(seat.volunteer, seat.state) for seat in visit.seats] == [("bob", "accepted")]
    assert world.state.calendar("ann") == ()
    world.check()


def test_who_is_asked_already_can_be_seated_by_the_phone(world: World) -> None:
    world.offer("r1", START, "ann")
    world.ok(chosen("ann", agreed=True))
    assert "visit_planned" not in world.kinds()
    assert state(world) is RequestState.ACCEPTED


def test_a_part_of_a_crew_is_chosen_and_the_matcher_finds_the_rest() -> None:
    world = World().settled(volunteer("ann"), volunteer("bob"))
    world.submit("r1", demands=(SkillDemand(skill="care", heads=2),))
    world.ok(chosen("ann", agreed=True))
    assert state(world) is RequestState.OFFERED
    assert [record.request_id for record in world.state.matchable()] == [request("r1")]
    world.offer("r1", START, "bob")
    world.accept("bob")
    assert state(world) is RequestState.ACCEPTED
    world.check()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"start": MONDAY + hours(20)}, "window"),
        ({"team": "t9"}, "unknown_team"),
        ({"seats": (AssignedSeat(demand=0, volunteer="nobody"),)}, "unknown_volunteer"),
        ({"seats": (AssignedSeat(demand=3, volunteer="ann"),)}, "seat_taken"),
        ({"seen": 0}, "request_changed"),
        ({"request_id": request("none")}, "unknown_request"),
    ],
)
def test_what_cannot_be_is_refused(world: World, fields: dict[str, Any], code: str) -> None:
    world.no(code, chosen("ann", **fields))


def test_two_people_for_one_seat_do_not_fit(world: World) -> None:
    world = World().settled(volunteer("ann"), volunteer("bob"))
    world.submit("r1")
    world.no("seat_taken", chosen("ann", "bob"))


def test_a_visit_that_has_begun_is_nobodys_to_reassign(world: World) -> None:
    world.ok(chosen("ann", agreed=True))
    world.until(START)
    world.ok(CheckIn(request_id=request("r1"), volunteer="ann"), by("ann"))
    world.no("under_way", chosen("ann"))
    world.no("under_way", ReleaseVisit(request_id=request("r1")))
    world.no("not_waiting", ReferRequest(request_id=request("r1")))


def test_close_to_the_start_only_who_has_agreed_can_be_assigned(world: World) -> None:
    world.until(START - hours(0.05))
    world.no("too_late", chosen("ann"))
    world.ok(chosen("ann", agreed=True))
    assert state(world) is RequestState.ACCEPTED


def test_put_back_tells_the_crew_and_waits_to_be_matched(world: World) -> None:
    world.no("no_visit", ReleaseVisit(request_id=request("r1")))
    world.ok(chosen("ann", agreed=True))
    seen = world.state.requests[request("r1")].seen
    world.no("request_changed", ReleaseVisit(request_id=request("r1"), seen=seen - 1))
    world.ok(ReleaseVisit(request_id=request("r1"), seen=seen, reason="two were sent"))
    assert world.kinds() == ["seat_vacated", "visit_released", "request_queued"]
    assert state(world) is RequestState.QUEUED
    world.check()


def off(name: str, **fields: Any) -> ReleaseSeat:
    return ReleaseSeat(request_id=request("r1"), volunteer=name, **fields)


@pytest.fixture
def trio() -> World:
    """A visit for two, with a third who could go."""
    world = World().settled(*(volunteer(name) for name in ("ann", "bob", "cat")))
    world.ok(ChangeCatalogue(service_types=(service("pair", SkillDemand(skill="care", heads=2)),)))
    world.submit("r1", service_type="pair")
    return world


def test_one_of_a_crew_is_taken_off_and_the_others_stay(trio: World) -> None:
    trio.no("not_in_crew", off("ann"))
    trio.ok(chosen("ann", "bob", agreed=True))
    seen = trio.state.requests[request("r1")].seen
    trio.no("request_changed", off("ann", seen=seen - 1))
    (left,) = trio.ok(off("ann", seen=seen, reason="they do not get along"))
    assert left == SeatVacated(
        request_id=request("r1"),
        seat=0,
        volunteer="ann",
        how="released",
        reason="they do not get along",
        barred=True,
    )
    visit = trio.state.requests[request("r1")].visit
    assert visit is not None
    assert [(seat.volunteer, seat.state) for seat in visit.seats] == [(None, "empty"), ("bob", "accepted")]
    trio.no("not_in_crew", off("ann"))
    trio.no("not_in_crew", off("cat"))
    trio.check()


def test_who_was_taken_off_is_not_asked_again_unless_an_operator_says_so(trio: World) -> None:
    trio.ok(chosen("ann", "bob"))
    trio.ok(off("ann", reason="two of one house are too many"))
    trio.accept("bob")
    trio.ok(off("bob"))
    record = trio.state.requests[request("r1")]
    assert (record.barred("ann"), record.barred("bob"), record.barred("cat")) == (*["withdrew_before"] * 2, None)
    assert record.state is RequestState.QUEUED
    assert trio.refusal(trio.item("r1", START, "ann", "cat")).startswith("withdrew_before")
    trio.no("rules_broken", chosen("ann"))
    trio.ok(chosen("ann", waived=("withdrew_before",), reason="after all"))
    trio.check()


def test_the_last_of_a_crew_gives_the_visit_up_and_it_is_matched_anew(world: World) -> None:
    world.ok(chosen("ann", agreed=True))
    world.ok(off("ann"))
    assert world.kinds() == ["seat_vacated", "visit_released", "request_queued"]
    assert state(world) is RequestState.QUEUED
    world.check()


def test_who_has_come_is_not_taken_off(trio: World) -> None:
    trio.ok(chosen("ann", "bob", agreed=True))
    trio.until(START)
    trio.ok(CheckIn(request_id=request("r1"), volunteer="ann"), by("ann"))
    trio.no("already_arrived", off("ann"))
    trio.ok(off("bob"))
    trio.check()


def test_a_request_is_handed_on_while_a_zone_is_left() -> None:
    world = World()
    world.settled()
    world.submit("r1")
    world.no("no_zone_left", ReferRequest(request_id=request("r1")))

    world.ok(ConfigureZone(config=config(parent="dis"), policy=Policy()))
    world.ok(ReferRequest(request_id=request("r1"), reason="they know him"))
    assert state(world) is RequestState.REFERRED
    world.no("not_waiting", ReferRequest(request_id=request("r1")))
    world.check()


def test_an_operator_chooses_among_the_zones_that_were_not_asked_yet() -> None:
    world = World()
    world.settled()
    zones = config(parent="dis", siblings=("east", "west"))
    world.ok(ConfigureZone(config=zones, policy=Policy(referral_hops=2)))
    world.submit("r1")
    world.no("not_next", ReferRequest(request_id=request("r1"), to="mars"))
    world.no("not_next", ReferRequest(request_id=request("r1"), to="z1"))
    (referred,) = world.ok(ReferRequest(request_id=request("r1"), to="west", reason="he used to live there"))
    assert isinstance(referred, RequestReferred)
    assert referred.to == "west"
    need = world.state.requests[request("r1")].need
    assert need is not None
    last = last_start(need)
    assert last is not None
    assert referred.referral.expires_at < last  # half of the time is kept for who is asked after it
    (_, onward) = world.ok(
        EndReferral(referral_id=referred.referral.referral_id, request_id=request("r1"), result="failed", guest="west")
    )
    assert isinstance(onward, RequestReferred)
    assert (onward.to, onward.referral.expires_at) == ("dis", last)
    world.check()


def test_what_another_level_serves_is_not_handed_to_a_sibling_by_hand_either() -> None:
    world = World()
    world.settled()
    world.ok(ConfigureZone(config=config(parent="dis", siblings=("east",)), policy=Policy()))
    world.submit("r1")
    world.ok(ChangeCatalogue(service_types=(service(served_at="district"),)))
    world.no("not_next", ReferRequest(request_id=request("r1"), to="east"))
    world.ok(ReferRequest(request_id=request("r1"), to="dis"))


@pytest.mark.parametrize(
    "command",
    [
        chosen("ann"),
        ReleaseVisit(request_id=request("r1")),
        ReleaseSeat(request_id=request("r1"), volunteer="ann"),
        ReferRequest(request_id=request("r1")),
    ],
)
def test_only_an_operator_may(world: World, command: Any) -> None:
    world.no("not_yours", command, by("ann"))


def test_a_leaders_team_is_not_asked_through_its_leader_when_an_operator_chooses() -> None:
    world = World().settled(volunteer("ann"), volunteer("lee"), teams=(team(leader="lee"),))
    world.ok(ChangeCatalogue(service_types=(service(offered_to="leader"),)))
    world.submit("r1", window(MONDAY + hours(5)))
    (offered,) = [event for event in world.ok(chosen("ann")) if isinstance(event, SeatOffered)]
    assert offered.asked == "ann"
    world.ok(AcceptOffer(offer_id=offered.offer_id), by("ann"))


def test_a_waived_rule_stays_waived_when_the_roster_changes(world: World) -> None:
    world.ok(chosen("far", waived=("reach",), agreed=True, reason="her daughter drives her"))
    moved = volunteer("far", home=FAR, visits_per_day=4)
    assert world.ok(ChangeRoster(volunteers=(moved,))) == [RosterChanged(volunteers=(moved,))]
    assert state(world) is RequestState.ACCEPTED
    world.check()
    # Nobody has waived that she has no time.
    world.ok(ChangeRoster(volunteers=(moved.changed(weekly=()),)))
    assert "seat_vacated" in world.kinds()
    assert state(world) is RequestState.QUEUED


def test_an_offer_under_a_waived_rule_stands_when_the_roster_changes(world: World) -> None:
    world.ok(chosen("far", waived=("reach",), reason="her daughter drives her"))
    world.ok(ChangeRoster(volunteers=(volunteer("far", home=FAR, visits_per_day=4),)))
    assert world.kinds() == ["roster_changed"]
    world.accept("far")
    world.ok(ChangeRoster(volunteers=(volunteer("far", home=FAR),)))
    assert world.kinds() == ["roster_changed"]
    world.check()


def test_who_may_come_by_a_waived_rule_may_come_later_too_but_not_against_a_rule_of_the_hour() -> None:
    """A visit is postponed with those who can wait; that somebody lives far away was waived for any hour."""
    for waived, left in ((("reach",), "far"), (("availability",), None)):
        weekly = ALL_WEEK if waived == ("reach",) else ()
        home = FAR if waived == ("reach",) else HERE
        world = World().settled(volunteer("far", home=home, weekly=weekly), volunteer("bob"))
        world.submit("r1", window(MONDAY + hours(5), hours(12)), demands=(SkillDemand(skill="care", heads=2),))
        world.ok(chosen("far", waived=waived, agreed=True, reason="said so"))
        world.until(START)
        visit = world.state.requests[request("r1")].visit
        held = [seat.volunteer for seat in visit.seats if seat.taken] if visit is not None else []
        assert held == ([left] if left else []), waived
        world.check()


def pin(name: str = "r1", **fields: Any) -> PinVisit:
    return PinVisit(request_id=request(name), **fields)


def pair() -> World:
    """A visit for two, of whom one has accepted; who could be the other is there as well."""
    world = World().settled(volunteer("ann"), volunteer("bob"), volunteer("cat"))
    world.submit("r1", demands=(SkillDemand(skill="care", heads=2),))
    world.ok(chosen("ann", agreed=True))
    return world


def test_a_pinned_visit_is_neither_moved_nor_given_up_and_an_operator_is_called(world: World) -> None:
    world = pair()
    assert world.ok(pin(reason="promised to the family")) == [
        VisitPinned(request_id=request("r1"), visit_id=visit_of(world).visit_id, pinned=True)
    ]
    before = visit_of(world)
    world.until(START - minutes(1))
    assert visit_of(world) == before
    assert {"crew_incomplete", "needs_operator"} <= set(world.state.requests[request("r1")].alarms)
    world.check()


def test_without_the_pin_the_same_visit_is_moved() -> None:
    world = pair()
    world.until(START - minutes(1))
    assert visit_of(world).window.start > START


def test_an_empty_seat_of_a_pinned_visit_is_filled_where_and_when_it_is(world: World) -> None:
    world = pair()
    world.ok(pin())
    assert world.refusal(world.item("r1", START + hours(1), "bob", "cat")) == "pinned"
    world.offer("r1", START, "bob")
    world.accept("bob")
    assert state(world) is RequestState.ACCEPTED
    assert visit_of(world).pinned
    world.check()


def test_the_matcher_plans_around_a_pinned_visit_and_does_not_give_it_up(world: World) -> None:
    world = pair()
    world.ok(pin())
    assert [item.reason for item in world.plan(refer=(request("r1"),)).refused] == ["pinned"]
    world.ok(pin(pinned=False))
    assert not world.plan(refer=(request("r1"),)).refused
    assert world.state.requests[request("r1")].visit is None


def test_a_pin_ends_with_its_visit_and_the_request_still_has_its_end(world: World) -> None:
    world.ok(chosen("ann", agreed=True))
    world.ok(pin())
    world.ok(WithdrawSeat(request_id=request("r1"), volunteer="ann", reason="ill"), by("ann"))
    assert state(world) is RequestState.QUEUED
    assert world.state.requests[request("r1")].visit is None
    world = pair()
    world.ok(pin())
    world.drain()
    assert request("r1") not in world.state.requests
    world.check()


def test_a_pin_is_an_operators_and_of_a_visit_that_is_there(world: World) -> None:
    world.no("no_visit", pin())
    world.ok(chosen("ann", agreed=True))
    world.no("not_yours", pin(), by("ann"))
    world.no("request_changed", pin(seen=0))
    world.no("nothing_to_change", pin(pinned=False))
    world.ok(pin())
    world.no("nothing_to_change", pin())
    world.ok(ReleaseVisit(request_id=request("r1"), reason="an operator may, pinned or not"))
    assert state(world) is RequestState.QUEUED


@pytest.mark.parametrize(
    "command",
    [
        ChangeRequest(request_id=request("r1"), priority=4, seen=1),
        CancelRequest(request_id=request("r1"), seen=1),
        TriageRequest(request_id=request("r1"), accept=True, seen=1),
    ],
    ids=lambda command: command.kind,
)
def test_what_has_changed_since_it_was_seen_is_not_overwritten(world: World, command: Any) -> None:
    world.no("request_changed", command)
    assert state(world) is RequestState.QUEUED
    seen = world.state.requests[request("r1")].seen
    assert world.send(command.changed(seen=seen)).code != "request_changed"


def visit_of(world: World, name: str = "r1") -> VisitRecord:
    visit = world.state.requests[request(name)].visit
    assert visit is not None
    return visit
