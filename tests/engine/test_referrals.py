"""Requests that another zone serves: one origin, one answer, whatever the order of things."""

from datetime import datetime

from schemas.commands import (
    AcceptOffer,
    CancelReferral,
    CancelRequest,
    ChangeCatalogue,
    ChangeRequest,
    ChangeRoster,
    CheckIn,
    ConfigureZone,
    EndReferral,
    FinishVisit,
    ProposedSeat,
    ProposedVisit,
    ProposePlan,
    RateVisit,
    SubmitRequest,
    Tick,
)
from schemas.request import RequestState
from schemas.zone import Policy
from tests.engine.builders import MONDAY, by, config, hours, minutes, request, service, spec, team, volunteer, window
from tests.engine.town import Town

R1 = request("r1")
START = MONDAY + hours(6)


def town(**policy: object) -> Town:
    """A subdistrict with parent ``dis`` and sibling ``sib``; only the guests have people."""
    made = Town("sub", "dis", "sib")
    rules = Policy(**policy)  # type: ignore[arg-type]
    made.ok("sub", ConfigureZone(config=config("sub", parent="dis", siblings=("sib",)), policy=rules))
    made.ok("dis", ConfigureZone(config=config("dis", level="district"), policy=rules))
    made.ok("sib", ConfigureZone(config=config("sib", parent="dis", siblings=("sub",)), policy=rules))
    for zone in ("sub", "dis", "sib"):
        made.ok(zone, ChangeCatalogue(service_types=(service(), service("talk", served_at="district"))))
    for zone in ("dis", "sib"):
        teams = (team(f"{zone}-t", zone, zones_served=("sub",)),)
        made.ok(zone, ChangeRoster(teams=teams, volunteers=(volunteer(f"{zone}-ann", team=f"{zone}-t"),)))
    return made


def submit(made: Town, **fields: object) -> None:
    made.ok("sub", SubmitRequest(spec=spec("r1", window(MONDAY + hours(4), hours(5)), **fields)))


def state_of(made: Town, zone: str) -> RequestState | None:
    record = made.states[zone].record(R1)
    return None if record is None else record.state


def ask(made: Town, zone: str, start: datetime = START) -> None:
    """The guest's volunteer is asked."""
    state = made.states[zone]
    who = f"{zone}-ann"
    seat = ProposedSeat(demand=0, volunteer=who, seen=state.seen(who))
    item = ProposedVisit(request_id=R1, seen=state.requests[R1].seen, team=f"{zone}-t", start=start, seats=(seat,))
    outcome = made.ok(zone, ProposePlan(plan_hash="h", solved_at_version=0, items=(item,)))
    assert not outcome.refused


def crew(made: Town, zone: str, start: datetime = START) -> None:
    """The guest's volunteer is asked and accepts."""
    ask(made, zone, start)
    (offer_id,) = made.states[zone].offers
    made.ok(zone, AcceptOffer(offer_id=offer_id), by(f"{zone}-ann"))


def serve(made: Town, zone: str, start: datetime = START) -> None:
    made.now = max(made.now, start)
    made.ok(zone, CheckIn(request_id=R1, volunteer=f"{zone}-ann"), by(f"{zone}-ann"))
    made.now += hours(1)
    made.ok(zone, FinishVisit(request_id=R1), by(f"{zone}-ann"))


def test_what_cannot_be_served_in_time_is_served_by_the_parent() -> None:
    made = town()
    submit(made)
    made.until(MONDAY + hours(4))  # half of the eight hours until the last possible start
    assert state_of(made, "sub") is RequestState.REFERRED
    assert state_of(made, "dis") is RequestState.QUEUED
    crew(made, "dis", START + hours(1))
    made.until(START + hours(1))
    serve(made, "dis", START + hours(1))
    made.deliver_all()
    assert state_of(made, "dis") is None
    assert state_of(made, "sub") is RequestState.DONE
    assert made.states["sub"].done[R1].served_by == "dis"
    made.ok("sub", RateVisit(request_id=R1, stars=5))
    made.drain()
    assert made.ends == {R1: 1}
    made.check_books()


def test_what_the_parent_cannot_serve_goes_to_a_sibling_and_then_to_its_end() -> None:
    made = town(referral_share=0.1)
    submit(made)
    made.until(MONDAY + minutes(48))
    assert state_of(made, "dis") is RequestState.QUEUED
    made.until(MONDAY + hours(4) + minutes(24))  # half of what was left
    assert state_of(made, "dis") is None
    assert state_of(made, "sib") is RequestState.QUEUED
    made.drain()
    assert made.end_of[R1] == "unserved"
    assert [line.split()[0] for line in made.log if "request_received" in line] == ["sub", "dis", "sib"]


def test_what_another_level_serves_is_referred_at_once() -> None:
    made = town()
    submit(made, service_type="talk")
    assert state_of(made, "sub") is RequestState.REFERRED
    made.deliver_all()
    assert state_of(made, "dis") is RequestState.QUEUED
    made.drain()
    assert made.end_of[R1] == "unserved"
    assert not made.states["sib"].closed_referrals  # siblings are of the level that does not serve it


def test_the_matcher_may_refer() -> None:
    made = town()
    submit(made)
    outcome = made.ok("sub", ProposePlan(plan_hash="h", solved_at_version=0, refer=(R1, request("r9"))))
    assert [item.reason for item in outcome.refused] == ["unknown_request"]
    assert state_of(made, "sub") is RequestState.REFERRED
    made.send("sub", ChangeRequest(request_id=R1, priority=5))
    assert list(made.outcomes.values())[-1].code == "referred"


def referred(**policy: object) -> Town:
    made = town(**policy)
    submit(made)
    made.ok("sub", ProposePlan(plan_hash="h", solved_at_version=0, refer=(R1,)))
    return made


def test_a_cancel_is_asked_of_the_guest() -> None:
    made = referred()
    made.deliver_all()
    crew(made, "dis")
    made.ok("sub", CancelRequest(request_id=R1, reason="moved"))
    assert state_of(made, "sub") is RequestState.REFERRED
    assert made.send("sub", CancelRequest(request_id=R1)).code == "cancel_asked"
    made.deliver_all()
    assert made.end_of[R1] == "cancelled"
    assert not made.states["dis"].calendar("dis-ann")


def test_a_cancel_that_comes_too_late_does_not_undo_the_visit() -> None:
    made = referred()
    made.deliver_all()
    crew(made, "dis")
    made.until(START)
    made.ok("dis", CheckIn(request_id=R1, volunteer="dis-ann"), by("dis-ann"))
    made.ok("sub", CancelRequest(request_id=R1))
    made.deliver_all()
    assert not made.ends
    made.ok("dis", FinishVisit(request_id=R1))
    made.deliver_all()
    assert made.end_of[R1] == "done"


def test_a_cancel_that_overtakes_the_admission_holds() -> None:
    made = referred()
    made.ok("sub", CancelRequest(request_id=R1))
    assert isinstance(made.way[1].command, CancelReferral)
    made.deliver(1)  # the cancellation first
    made.deliver_all()
    assert state_of(made, "dis") is None
    assert made.end_of[R1] == "cancelled"
    made.drain()


def test_the_guest_s_answer_counts_however_late_it_comes() -> None:
    made = referred()
    made.deliver_all()
    crew(made, "dis")
    made.until(START)
    serve(made, "dis")
    assert isinstance(made.way[0].command, EndReferral)
    for _ in range(3):  # days go by; the answer lies somewhere; the origin asks and waits
        made.now += hours(30)
        made.ok("sub", Tick(due=made.now))
    assert state_of(made, "sub") is RequestState.REFERRED
    assert "needs_operator" in made.states["sub"].requests[R1].alarms
    made.drain()
    assert made.end_of[R1] == "done"
    made.check_books()


def test_an_answer_that_was_lost_is_given_again_when_the_origin_asks() -> None:
    made = referred()
    made.deliver_all()
    crew(made, "dis")
    made.until(START)
    serve(made, "dis")
    made.way.clear()  # the answer became a dead letter
    made.drain()
    assert made.end_of[R1] == "done"


def test_a_guest_without_a_team_for_the_origin_answers_at_once() -> None:
    made = town()
    made.ok("dis", ChangeRoster(teams=(team("dis-t", "dis"),)))
    submit(made)
    made.ok("sub", ProposePlan(plan_hash="h", solved_at_version=0, refer=(R1,)))
    made.deliver_all()
    assert state_of(made, "dis") is None
    assert state_of(made, "sib") is RequestState.QUEUED


def test_a_guest_that_finds_nobody_gives_the_request_back_for_the_next_zone() -> None:
    made = referred()
    made.deliver_all()
    made.ok("dis", ProposePlan(plan_hash="h", solved_at_version=0, refer=(R1,)))
    assert state_of(made, "dis") is None
    made.deliver_all()
    assert state_of(made, "sib") is RequestState.QUEUED
    made.ok("sib", ProposePlan(plan_hash="h", solved_at_version=0, refer=(R1,)))
    made.deliver_all()
    assert state_of(made, "sub") is RequestState.QUEUED  # no zone is left, but time is
    made.drain()
    assert made.end_of[R1] == "unserved"


def test_a_crew_of_the_guest_s_that_stands_at_the_expiry_goes_on() -> None:
    made = referred()
    made.deliver_all()
    record = made.states["dis"].requests[R1]
    assert record.referral is not None
    crew(made, "dis", START + hours(1))
    made.until(record.referral.expires_at + minutes(1))
    assert state_of(made, "dis") is RequestState.ACCEPTED


def test_a_guest_s_time_is_not_over_while_somebody_is_asked() -> None:
    made = referred(cut_off_share=0.1)
    made.deliver_all()
    record = made.states["dis"].requests[R1]
    assert record.referral is not None
    made.until(record.referral.expires_at - minutes(10))
    ask(made, "dis", START + hours(2))
    made.until(record.referral.expires_at + minutes(1))
    assert state_of(made, "dis") is RequestState.OFFERED
    (offer,) = made.states["dis"].offers.values()
    made.until(offer.expires_at)
    assert state_of(made, "dis") is None
    assert state_of(made, "sib") is RequestState.QUEUED


def test_a_guest_is_not_asked_what_only_the_origin_may_decide() -> None:
    made = referred()
    made.deliver_all()
    assert made.send("dis", CancelRequest(request_id=R1)).code == "not_origin"
    assert made.send("dis", ChangeRequest(request_id=R1, priority=5)).code == "not_origin"
