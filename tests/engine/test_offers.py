"""Offers: who answers, until when, and what becomes of the seat."""

from datetime import timedelta

import pytest

from schemas.catalogue import SkillDemand
from schemas.commands import (
    AcceptOffer,
    ChangeCatalogue,
    CheckIn,
    DeclineOffer,
    ReportNoShow,
    SubmitRequest,
    WithdrawSeat,
)
from schemas.envelope import Actor
from schemas.events import OfferEnded, SeatOffered
from schemas.request import RequestState
from schemas.roster import Volunteer, WeeklySlot
from tests.engine.builders import (
    MONDAY,
    OPERATOR,
    World,
    by,
    hours,
    minutes,
    request,
    service,
    spec,
    team,
    volunteer,
    window,
)

START = MONDAY + hours(6)
PAIR = service("pair", SkillDemand(skill="care", heads=2))
R1 = request("r1")


def offered(world: World) -> SeatOffered:
    return next(event for event in world.news() if isinstance(event, SeatOffered))


def pair_world(*people: Volunteer, **policy: object) -> World:
    world = World().settled(*people, **policy)
    world.ok(ChangeCatalogue(service_types=(PAIR,)))
    world.submit("r1", service_type="pair")
    return world


def test_a_declined_seat_is_offered_to_someone_else_and_never_again_to_the_same() -> None:
    world = World().settled()
    world.submit("r1")
    world.offer("r1", START, "ann")
    events = world.ok(DeclineOffer(offer_id=world.offer_of("ann"), reason="busy"), by("ann"))
    assert [event.kind for event in events] == ["offer_ended", "visit_released", "request_queued"]
    assert world.refusal(world.item("r1", START, "ann")) == "declined_before: ann"
    world.offer("r1", START, "bob")
    world.check()


def test_the_other_seats_stand_when_one_is_declined() -> None:
    world = pair_world()
    world.offer("r1", START, "ann", "bob")
    world.accept("ann")
    assert [e.kind for e in world.ok(DeclineOffer(offer_id=world.offer_of("bob")), by("bob"))] == ["offer_ended"]
    record = world.state.requests[R1]
    assert record.state is RequestState.OFFERED
    assert record.matchable
    assert record.visit is not None
    assert [seat.state for seat in record.visit.seats] == ["accepted", "empty"]
    world.offer("r1", START, "cat")
    world.accept("cat")
    assert world.state.requests[R1].state is RequestState.ACCEPTED
    world.check()


def test_an_offer_expires_and_a_late_answer_is_refused() -> None:
    world = World().settled()
    world.submit("r1")
    world.offer("r1", START, "ann")
    offer = offered(world)
    assert offer.expires_at == MONDAY + minutes(30)  # half an hour; a third of the time to the cut-off is longer
    world.now = offer.expires_at
    outcome = world.no("offer_closed", AcceptOffer(offer_id=offer.offer_id), by("ann"))
    assert outcome.after > outcome.before  # the timer fired before the answer was looked at, and stands
    assert any(isinstance(event, OfferEnded) and event.how == "expired" for event in world.news())
    assert world.refusal(world.item("r1", START, "ann")) == "declined_before: ann"


def test_an_answer_just_in_time_counts() -> None:
    world = World().settled()
    world.submit("r1")
    world.offer("r1", START, "ann")
    world.now = offered(world).expires_at - timedelta(microseconds=1)
    world.accept("ann")


@pytest.mark.parametrize(
    "actor",
    [by("bob"), Actor(kind="leader", id="bob"), Actor(kind="beneficiary", id="ann"), Actor(kind="external", id="ann")],
)
def test_nobody_else_may_answer(actor: Actor) -> None:
    world = World().settled()
    world.submit("r1")
    world.offer("r1", START, "ann")
    world.no("not_yours", AcceptOffer(offer_id=world.offer_of("ann")), actor)
    world.no("not_yours", DeclineOffer(offer_id=world.offer_of("ann")), actor)
    world.ok(AcceptOffer(offer_id=world.offer_of("ann")), OPERATOR)


def test_a_volunteer_may_not_name_somebody_else() -> None:
    world = World().settled()
    world.submit("r1")
    world.offer("r1", START, "ann")
    world.no("not_leader", AcceptOffer(offer_id=world.offer_of("ann"), volunteer="bob"), by("ann"))


def led_world() -> World:
    people = [volunteer(name) for name in ("ann", "bob", "lea")] + [
        volunteer("eve", team="t2"),
        volunteer("dan", skills=()),
    ]
    world = World().settled(*people, teams=(team(leader="lea"), team("t2")))
    world.ok(ChangeCatalogue(service_types=(service("led", offered_to="leader"),)))
    world.submit("r1", service_type="led")
    world.offer("r1", START, "ann")
    return world


def test_a_leader_answers_and_may_swap_the_member() -> None:
    world = led_world()
    assert offered(world).asked == "lea"
    offer_id = world.offer_of("ann")
    world.no("not_yours", AcceptOffer(offer_id=offer_id), by("ann"))
    world.no("not_a_member", AcceptOffer(offer_id=offer_id, volunteer="eve"), by("lea"))
    world.no("skill", AcceptOffer(offer_id=offer_id, volunteer="dan"), by("lea"))
    world.ok(AcceptOffer(offer_id=offer_id, volunteer="bob"), by("lea"))
    assert not world.state.calendar("ann")
    assert len(world.state.calendar("bob")) == 1
    world.check()


def test_a_named_member_must_be_free() -> None:
    world = led_world()
    world.submit("r2")
    world.offer("r2", START, "bob")
    world.no("overlap", AcceptOffer(offer_id=world.offer_of("ann"), volunteer="bob"), by("lea"))


def test_without_a_leader_the_volunteer_is_asked() -> None:
    world = World().settled()
    world.ok(ChangeCatalogue(service_types=(service("led", offered_to="leader"),)))
    world.submit("r1", service_type="led")
    world.offer("r1", START, "ann")
    assert offered(world).asked == "ann"


def test_a_withdrawn_seat_is_matched_again_while_the_others_stand() -> None:
    world = pair_world()
    world.offer("r1", START, "ann", "bob")
    world.accept("ann")
    world.accept("bob")
    world.no("not_yours", WithdrawSeat(request_id=R1, volunteer="ann"), by("bob"))
    events = world.ok(WithdrawSeat(request_id=R1, volunteer="ann", reason="ill"), by("ann"))
    assert [event.kind for event in events] == ["seat_vacated"]
    assert world.refusal(world.item("r1", START, "ann")) == "withdrew_before: ann"
    world.offer("r1", START, "cat")
    world.accept("cat")
    assert world.kinds() == ["seat_accepted", "crew_completed"]
    world.check()


def test_a_withdrawal_too_late_to_ask_anybody_moves_the_visit_for_those_who_stay() -> None:
    world = pair_world()
    world.offer("r1", START, "ann", "bob")
    world.accept("ann")
    world.accept("bob")
    world.until(START - minutes(8))  # half of eight minutes is less than the shortest expiry of an offer
    events = world.ok(WithdrawSeat(request_id=R1, volunteer="ann"), by("ann"))
    assert [event.kind for event in events] == ["seat_vacated", "visit_planned"]
    visit = world.state.requests[R1].visit
    assert visit is not None
    assert visit.window.start == START + minutes(2)  # five to answer, and as long again to tell everybody
    assert [seat.volunteer for seat in visit.seats] == [None, "bob"]
    assert [entry.start for entry in world.state.calendar("bob")] == [visit.window.start]
    world.offer("r1", visit.window.start, "cat")
    world.accept("cat")
    assert world.kinds() == ["seat_accepted", "crew_completed"]
    world.check()


def test_a_visit_is_given_up_when_nobody_who_accepted_can_come_later() -> None:
    brief = tuple(WeeklySlot(weekday=day, start_min=0, end_min=15 * 60 + 1) for day in range(7))  # START is at 14:00
    world = pair_world(volunteer("ann"), volunteer("bob", weekly=brief), volunteer("cat"))
    world.offer("r1", START, "ann", "bob")
    world.accept("ann")
    world.accept("bob")
    world.until(START - minutes(8))
    events = world.ok(WithdrawSeat(request_id=R1, volunteer="ann"), by("ann"))
    assert [event.kind for event in events] == ["seat_vacated", "seat_vacated", "visit_released", "request_queued"]
    assert world.state.requests[R1].visit is None
    world.check()


def test_a_crew_that_is_incomplete_at_the_cut_off_is_moved_with_those_who_accepted() -> None:
    world = pair_world()
    world.offer("r1", START, "ann", "bob")
    world.accept("ann")
    world.ok(DeclineOffer(offer_id=world.offer_of("bob")), by("bob"))
    assert world.state.next_due == START - hours(2)
    seen = world.until(START - hours(2))
    assert seen == ["alarm_raised", "visit_planned"]
    visit = world.state.requests[R1].visit
    assert visit is not None
    assert visit.window.start == START + minutes(5)
    assert world.refusal(world.item("r1", visit.window.start - minutes(1), "cat")) == "too_late"
    world.offer("r1", visit.window.start, "cat")
    world.check()


def test_who_is_still_asked_is_waited_for_before_a_visit_is_moved() -> None:
    world = pair_world(offer_expiry_min_s=1_200)
    world.until(START - minutes(40))
    world.submit("r2", service_type="pair")
    world.offer("r2", START, "ann", "bob")
    world.ok(DeclineOffer(offer_id=world.offer_of("ann")), by("ann"), after=minutes(5))
    assert world.kinds() == ["offer_ended"]  # too late for anybody else, but bob may say yes
    world.accept("bob")
    assert world.kinds() == ["seat_accepted", "visit_planned"]
    visit = world.state.requests[request("r2")].visit
    assert visit is not None
    assert visit.window.start == START + minutes(10)
    world.check()


def test_a_crew_that_nobody_can_complete_is_given_up_for_another() -> None:
    world = pair_world()
    world.offer("r1", START, "ann", "bob")
    assert world.plan(refer=(R1,)).refused[0].reason == "not_matchable"  # bob and ann may still say yes
    world.accept("ann")
    assert world.plan(refer=(R1,)).refused[0].reason == "not_matchable"
    world.ok(DeclineOffer(offer_id=world.offer_of("bob")), by("bob"))
    world.plan(refer=(R1,))
    assert world.kinds() == ["seat_vacated", "visit_released", "request_queued", "plan_adopted"]
    assert world.state.requests[R1].barred("ann") is None
    world.check()


def test_a_crew_that_is_incomplete_when_no_later_start_fits_leaves_the_request_unserved() -> None:
    world = World().settled()
    world.ok(ChangeCatalogue(service_types=(PAIR,)))
    world.submit("r1", window(START, hours(1)), service_type="pair")
    world.offer("r1", START, "ann", "bob")
    world.accept("ann")
    seen = world.until(START - hours(2))
    assert (
        seen[-4:] == ["alarm_raised", "seat_vacated", "visit_released", "request_ended"] or seen[-1] == "request_ended"
    )
    assert not world.state.requests
    assert not world.state.calendar("ann")
    world.check()


def test_a_no_show_is_replaced_while_the_one_who_came_waits() -> None:
    world = pair_world()
    world.offer("r1", START, "ann", "bob")
    world.accept("ann")
    world.accept("bob")
    world.no("too_early", ReportNoShow(request_id=R1, volunteer="bob"), by("ann"))
    world.until(START)
    world.ok(CheckIn(request_id=R1, volunteer="ann"), by("ann"))
    events = world.ok(ReportNoShow(request_id=R1, volunteer="bob"), by("ann"), after=minutes(10))
    assert [event.kind for event in events] == ["seat_vacated", "visit_planned"]
    record = world.state.requests[R1]
    assert record.visit is not None
    assert [seat.state for seat in record.visit.seats] == ["arrived", "empty"]
    assert record.visit.window.start == START + minutes(70)
    assert world.refusal(world.item("r1", record.visit.window.start, "bob")) == "withdrew_before: bob"
    world.offer("r1", record.visit.window.start, "cat")
    world.accept("cat")
    assert world.state.requests[R1].state is RequestState.UNDER_WAY
    world.check()


def test_a_no_show_ends_the_request_when_the_window_is_over() -> None:
    world = World().settled()
    world.submit("r1", window(START, hours(1)))
    world.offer("r1", START, "ann")
    world.accept("ann")
    world.until(START)
    events = world.ok(ReportNoShow(request_id=R1, volunteer="ann"), after=minutes(1))
    assert [event.kind for event in events] == ["seat_vacated", "visit_released", "request_ended"]
    world.check()


def test_nobody_checking_in_raises_an_alarm_and_then_ends_by_rule() -> None:
    world = World().settled()
    world.submit("r1", window(START, hours(1)))
    world.offer("r1", START, "ann")
    world.accept("ann")
    assert world.until(START + minutes(15)) == ["alarm_raised"]
    assert world.until(START + minutes(30)) == ["seat_vacated", "visit_released", "alarm_cleared", "request_ended"]


def test_a_visit_that_nobody_finishes_is_done_by_rule() -> None:
    world = World().settled()
    world.submit("r1", window(START, hours(1)))
    world.offer("r1", START, "ann")
    world.accept("ann")
    world.until(START)
    world.ok(CheckIn(request_id=R1, volunteer="ann"), by("ann"))
    assert world.until(START + hours(2)) == ["alarm_raised"]
    assert world.until(START + hours(3)) == ["visit_finished", "alarm_cleared", "request_ended"]
    assert world.state.done[R1].state is RequestState.DONE


def test_no_offers_at_night_and_expiries_stand_still() -> None:
    evening = MONDAY + hours(12) + minutes(50)  # 20:50 in Shanghai
    world = World(now=evening).settled()
    late = window(evening + hours(20), hours(4))
    world.submit("r1", late)
    world.submit("r2", late)
    world.offer("r1", late.start, "ann")
    assert offered(world).expires_at == MONDAY + hours(24) + minutes(20)  # ten minutes, the night, twenty minutes
    world.now = evening + minutes(10)
    assert world.refusal(world.item("r2", late.start, "bob")) == "quiet_hours"


def test_priority_five_is_asked_at_night() -> None:
    night = MONDAY + hours(15)
    world = World(now=night).settled()
    world.submit("r1", window(night + hours(8)), priority=5)
    world.offer("r1", night + hours(8), "ann")
    assert offered(world).expires_at == night + minutes(30)


def test_urgent_visits_have_a_cut_off_of_half_the_time_there_is() -> None:
    world = World().settled()
    world.submit("r1", window(MONDAY + hours(1), hours(2)))
    world.offer("r1", MONDAY + hours(1), "ann")
    assert offered(world).expires_at == MONDAY + minutes(10)  # a third of the half hour until the cut-off


def test_plans_are_refused_item_by_item() -> None:
    world = World().settled()
    world.submit("r1")
    world.submit("r2")
    world.submit("r3")
    stale = world.item("r2", START, "bob")
    world.offer("r3", START, "bob")
    good = world.item("r1", START, "ann")
    outcome = world.plan(stale, good, world.item("nobody", START, "cat"))
    assert [(item.request_id, item.reason) for item in outcome.refused] == [
        (request("r2"), "volunteer_changed: bob"),
        (request("nobody"), "unknown_request"),
    ]
    assert world.state.requests[R1].state is RequestState.OFFERED
    world.check()


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (lambda w: w.item("r1", START, "ann", "bob"), "seat_taken"),
        (lambda w: w.item("r1", START, "zoe"), "unknown_volunteer: zoe"),
        (lambda w: w.item("r1", START, "ann", team_id="t9"), "unknown_team"),
        (lambda w: w.item("r1", START + hours(4), "ann"), "window: ann"),
        (lambda w: w.item("r1", MONDAY + minutes(1), "ann"), "too_late"),
        (lambda w: w.item("r1", START + timedelta(microseconds=1), "ann"), "window"),
        (lambda w: w.item("far", MONDAY + hours(80), "ann"), "notice"),
        (lambda w: w.item("r1", START, "ann").changed(seen=1), "request_changed"),
    ],
)
def test_an_item_that_breaks_a_precondition_or_rule_is_refused_with_its_name(item: object, code: str) -> None:
    world = World().settled()
    world.submit("r1")
    world.submit("far", window(MONDAY + hours(80)))
    assert world.refusal(item(world)) == code  # type: ignore[operator]
    assert world.kinds() == ["plan_adopted"]


def test_nobody_is_offered_two_visits_that_overlap_with_the_way_between_them() -> None:
    world = World().settled()
    world.submit("r1")
    far = spec("r2").changed(place=spec("r2").place.changed(lon=121.42))  # about 1.4 km on: 28 minutes on foot
    world.ok(SubmitRequest(spec=far))
    world.offer("r1", START, "ann")
    assert world.refusal(world.item("r2", START + hours(1) + minutes(20), "ann")) == "overlap: ann"
    world.offer("r2", START + hours(1) + minutes(40), "ann")


def test_moving_a_visit_releases_who_was_told_first() -> None:
    world = pair_world()
    world.offer("r1", START, "ann", "bob")
    world.accept("ann")
    world.ok(DeclineOffer(offer_id=world.offer_of("bob")), by("bob"))
    world.offer("r1", START + hours(1), "ann", "cat")
    assert world.kinds() == [
        "seat_vacated",
        "visit_released",
        "visit_planned",
        "seat_offered",
        "seat_offered",
        "plan_adopted",
    ]
    world.check()
