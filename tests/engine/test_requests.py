"""Requests: taken in, refused, triaged, changed, cancelled, and never left lying."""

import pytest

from engine.deadlines import next_hop
from schemas.catalogue import ServiceType, Site, SkillDemand
from schemas.commands import (
    CancelRequest,
    ChangeCatalogue,
    ChangeRequest,
    CheckIn,
    ConfigureZone,
    SubmitRequest,
    Tick,
    TriageRequest,
)
from schemas.events import RequestEnded, RequestReceived
from schemas.place import TimeWindow
from schemas.request import RequestSpec, RequestState
from schemas.zone import Policy
from tests.engine.builders import (
    MONDAY,
    NEAR,
    World,
    by,
    config,
    hours,
    minutes,
    request,
    service,
    spec,
    volunteer,
    window,
)

START = MONDAY + hours(6)
R1 = request("r1")


def end_of(world: World) -> tuple[str, str]:
    ends = [event for event in world.news() if isinstance(event, RequestEnded)]
    assert len(ends) == 1
    return ends[0].end.value, ends[0].reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"service_type": "nonsense"}, "unknown_service_type"),
        ({"service_type": "theirs"}, "not_offered_here"),
        ({"windows": (window(MONDAY - hours(5), hours(4)),)}, "window_past"),
        ({"windows": (window(START, minutes(59)),)}, "window_too_short"),
        ({"duration_s": 5 * 3_600}, "window_too_short"),
    ],
)
def test_what_cannot_be_served_here_for_good_is_refused_with_a_reason(changes: dict[str, object], reason: str) -> None:
    world = World().settled()
    world.ok(ChangeCatalogue(service_types=(service("theirs", featured_by="elsewhere"),)))
    world.ok(
        SubmitRequest(
            spec=RequestSpec(
                **(
                    spec().model_dump(exclude={"windows", "wishes", "place"})
                    | {"windows": spec().windows, "place": NEAR}
                    | changes
                )
            )
        )
    )
    assert world.kinds() == ["request_received", "request_ended"]
    assert end_of(world) == ("refused", reason)
    assert not world.state.requests
    world.check()


def test_a_zone_without_configuration_refuses_but_loses_nothing() -> None:
    world = World()
    world.ok(SubmitRequest(spec=spec()))
    assert end_of(world) == ("refused", "not_configured")


def test_a_featured_item_is_offered_by_the_site_that_lists_it() -> None:
    world = World().settled()
    site = Site(id="s2", zone="z1", name=service().name, place=NEAR, featured=("theirs",))
    world.ok(ChangeCatalogue(service_types=(service("theirs", featured_by="elsewhere"),), sites=(site,)))
    world.submit("r1", service_type="theirs", site="s2")
    assert world.state.requests[R1].state is RequestState.QUEUED


def test_the_same_request_twice_is_told_that_it_is_known() -> None:
    world = World().settled()
    world.submit("r1")
    world.no("already_known", SubmitRequest(spec=spec("r1")))


def test_the_need_is_resolved_once_and_later_catalogue_changes_do_not_bend_it() -> None:
    world = World().settled()
    events = world.submit("r1", tier=3)
    received = events[0]
    assert isinstance(received, RequestReceived)
    assert received.need is not None
    assert received.need.priority == 3  # the tier lifts the type's 2
    world.ok(ChangeCatalogue(service_types=(service("care", SkillDemand(skill="lift"), duration_s=60),)))
    assert world.state.requests[R1].need == received.need
    world.ok(ChangeCatalogue(removed_service_types=("care",)))
    world.offer("r1", START, "ann")


def triage_world() -> World:
    world = World().settled()
    careful: ServiceType = service("careful", needs_triage=True)
    world.ok(ChangeCatalogue(service_types=(careful,)))
    world.submit("r1", service_type="careful")
    return world


def test_triage_queues_or_refuses() -> None:
    world = triage_world()
    assert world.state.requests[R1].state is RequestState.RECEIVED
    world.submit("r2", service_type="careful")
    world.ok(TriageRequest(request_id=R1, accept=True))
    assert world.kinds() == ["request_queued"]
    world.ok(TriageRequest(request_id=request("r2"), accept=False, reason="not for volunteers"))
    assert end_of(world) == ("refused", "not for volunteers")
    world.no("not_in_triage", TriageRequest(request_id=R1, accept=True))
    world.no("unknown_request", TriageRequest(request_id=request("r2"), accept=True))


def test_nobody_triaging_leads_to_an_end_too() -> None:
    world = triage_world()
    seen = world.until(MONDAY + hours(9) + minutes(30))
    assert seen == ["alarm_raised", "request_ended"]
    assert end_of(world) == ("unserved", "not_triaged")


def test_nobody_asked_leads_to_unserved_at_the_last_window_plus_grace() -> None:
    world = World().settled()
    world.submit("r1")
    last = MONDAY + hours(9)
    assert world.until(last + minutes(29)) == ["alarm_raised"]  # the response is overdue
    world.until(last + minutes(30))
    assert end_of(world) == ("unserved", "nobody_asked")
    assert world.state.next_due is None
    world.check()


def test_a_cancelled_request_releases_everybody() -> None:
    world = World().settled()
    world.ok(ChangeCatalogue(service_types=(service("pair", SkillDemand(skill="care", heads=2)),)))
    world.submit("r1", service_type="pair")
    world.offer("r1", START, "ann", "bob")
    world.accept("ann")
    world.ok(CancelRequest(request_id=R1, reason="moved away"))
    assert world.kinds() == ["seat_vacated", "offer_ended", "visit_released", "request_ended"]
    assert end_of(world) == ("cancelled", "moved away")
    assert not world.state.offers
    assert not world.state.calendar("ann")
    assert not world.state.calendar("bob")
    world.no("unknown_request", CancelRequest(request_id=R1))
    world.check()


def test_what_is_under_way_can_be_neither_cancelled_nor_changed() -> None:
    world = World().settled()
    world.submit("r1")
    world.offer("r1", START, "ann")
    world.accept("ann")
    world.until(START - minutes(61))
    world.no("too_early", CheckIn(request_id=R1, volunteer="ann"), by("ann"))
    world.until(START)
    world.ok(CheckIn(request_id=R1, volunteer="ann"), by("ann"))
    world.no("under_way", CancelRequest(request_id=R1))
    world.no("under_way", ChangeRequest(request_id=R1, priority=5))


def test_a_change_that_the_visit_fits_keeps_it_and_one_that_it_does_not_gives_it_up() -> None:
    world = World().settled()
    world.submit("r1")
    world.offer("r1", START, "ann")
    world.accept("ann")
    world.no("nothing_to_change", ChangeRequest(request_id=R1, priority=2))
    world.ok(ChangeRequest(request_id=R1, priority=4))
    assert world.kinds() == ["request_changed"]
    later = TimeWindow(start=START + hours(1), end=START + hours(9))
    world.ok(ChangeRequest(request_id=R1, windows=(later,), reason="later"))
    assert world.kinds() == ["seat_vacated", "visit_released", "request_changed", "request_queued"]
    world.offer("r1", START + hours(3), "ann")  # released, not refused: the same person may be asked again
    world.no("window_past", ChangeRequest(request_id=R1, windows=(window(MONDAY - hours(9)),)))
    world.check()


def test_notice_is_reached_when_a_start_comes_within_it() -> None:
    world = World().settled()
    far = window(MONDAY + hours(72), hours(2))
    world.submit("r1", far)
    assert world.refusal(world.item("r1", far.start, "ann")) == "notice"
    world.until(MONDAY + hours(23))
    assert "notice_reached" not in world.kinds()
    world.until(MONDAY + hours(24))
    assert world.kinds() == ["notice_reached"]
    world.offer("r1", far.start, "ann")


def test_a_window_longer_than_the_notice_is_noticed_once_a_day() -> None:
    world = World().settled()
    world.submit("r1", window(MONDAY + hours(1), hours(96)))
    seen = world.until(MONDAY + hours(47))
    assert seen.count("notice_reached") == 2


def test_a_new_policy_moves_the_timers() -> None:
    world = World().settled()
    world.submit("r1")
    world.ok(ConfigureZone(config=config(), policy=Policy(last_window_grace_s=0)))
    world.until(MONDAY + hours(9))
    assert end_of(world) == ("unserved", "nobody_asked")
    world.check()


def test_siblings_are_not_asked_for_what_another_level_serves() -> None:
    world = World().settled()
    world.ok(ConfigureZone(config=config(siblings=("z2",), parent="dis"), policy=Policy(referral_hops=5)))
    world.submit("r1")
    record = world.state.requests[R1]
    tried = record.changed(tried=("dis",))
    assert next_hop(world.state, tried) == "z2"
    world.ok(ChangeCatalogue(service_types=(service(served_at="district"),)))
    assert next_hop(world.state, tried) is None
    world.check()


def test_a_tick_carries_no_decision() -> None:
    world = World().settled()
    before = world.state
    world.ok(Tick(due=MONDAY))
    assert world.state == before


def test_time_never_goes_back_in_a_zone() -> None:
    world = World().settled()
    world.submit("r1")
    world.now -= hours(5)
    world.offer("r1", START, "ann")
    assert world.records[-1].envelope.now == MONDAY


def test_blocked_people_are_not_asked() -> None:
    world = World().settled(volunteer("ann"))
    base = spec("r1")
    world.ok(SubmitRequest(spec=base.changed(wishes=base.wishes.changed(blocked=("ann",)))))
    assert world.refusal(world.item("r1", START, "ann")) == "blocked: ann"
