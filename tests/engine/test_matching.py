"""What becomes of a plan: offers, requests that are sent on, and those that wait for an answer to something else."""

from engine.matching import Memory, Posed, Proposal, pose, propose
from schemas.catalogue import SkillDemand
from schemas.commands import ChangeCatalogue, ConfigureZone, DeclineOffer
from schemas.place import Place
from schemas.problem import Limits
from schemas.roster import WeeklySlot
from solvers.solve import solve
from tests.engine.builders import (
    HERE,
    MONDAY,
    NEAR,
    World,
    by,
    config,
    hours,
    request,
    service,
    volunteer,
    window,
)

START = MONDAY + hours(6)
HOUR = window(START, hours(1))
R1, R2 = request("r1"), request("r2")


def world(*people: str, **fields: object) -> World:
    """A subdistrict with a parent to send requests to, and a service for two."""
    made = World().settled(*(volunteer(name) for name in people or ("ann",)), **fields)
    made.ok(ConfigureZone(config=config("z1", parent="dis"), policy=made.state.policy))
    made.ok(ChangeCatalogue(service_types=(service("pair", SkillDemand(skill="care", heads=2)),)))
    return made


def matched(made: World) -> Proposal:
    posed = pose(made.state, made.now)
    assert posed.problem is not None
    return propose(posed, solve(posed.problem, Limits(iterations=0, explain="counts")))


def sent_on(proposal: Proposal) -> list[object]:
    return [name for new in proposal.commands for name in getattr(new.envelope.command, "refer", ())]


def test_a_request_whose_only_person_is_asked_for_another_waits_for_the_answer() -> None:
    made = world()
    made.submit("r1", HOUR)
    made.offer("r1", START, "ann")
    made.submit("r2", HOUR)
    assert sent_on(matched(made)) == []
    made.accept("ann")
    assert sent_on(matched(made)) == [R2]


def test_nobody_waits_for_an_answer_that_comes_too_late() -> None:
    made = world(offer_expiry_s=4 * 3_600)
    made.submit("r1", HOUR)
    made.offer("r1", START, "ann")
    made.submit("r2", HOUR)
    assert sent_on(matched(made)) == [R2]


def test_life_and_health_waits_for_nobody() -> None:
    made = world()
    made.submit("r1", HOUR)
    made.offer("r1", START, "ann")
    made.submit("r2", HOUR, priority=5)
    assert sent_on(matched(made)) == [R2]


def test_a_request_that_nobody_can_serve_is_sent_on_at_once() -> None:
    made = world()
    made.submit("r1", HOUR, service_type="pair")
    assert sent_on(matched(made)) == [R1]


def test_a_crew_that_nobody_can_complete_is_given_up_once_everybody_has_answered() -> None:
    made = world("ann", "bob")
    made.submit("r1", HOUR, service_type="pair")
    made.offer("r1", START, "ann", "bob")
    made.ok(DeclineOffer(offer_id=made.offer_of("bob")), by("bob"))
    assert sent_on(matched(made)) == []
    made.accept("ann")
    assert sent_on(matched(made)) == [R1]


def test_a_start_that_leaves_time_to_replace_who_stays_away_is_worth_a_way() -> None:
    """Ann lives next door and comes when nobody could be asked any more after her; Bob comes from afar, but early."""
    late = WeeklySlot(weekday=0, start_min=(8 + 9) * 60, end_min=(8 + 10) * 60)
    far = Place(lon=HERE.lon + 0.02, lat=HERE.lat)  # two kilometres
    made = World().settled(volunteer("ann", weekly=(late,), home=NEAR), volunteer("bob", home=far))
    made.submit("r1", window(START))
    (item,) = matched(made).items
    assert (item.start, [seat.volunteer for seat in item.seats]) == (START, ["bob"])


def blocked(posed: Posed) -> list[tuple[str, Place, int, int]]:
    problem = posed.problem
    assert problem is not None
    return [(item.volunteer, problem.locations[item.location], item.start, item.end) for item in problem.commitments]


def test_what_is_remembered_of_earlier_problems_changes_nothing_in_the_next() -> None:
    """Ann is asked, says no, is asked for something else; a day goes by: each time she is blocked as if seen anew."""
    made, memory = world("ann", "bob"), Memory()
    for name in ("r1", "r2", "r3"):
        made.submit(name, window(START, hours(60)))
    seen = []
    for name, start in (("r1", START), ("r2", START + hours(1))):
        made.offer(name, start, "ann")
        seen.append(blocked(pose(made.state, made.now, memory=memory)))
        assert seen[-1] == blocked(pose(made.state, made.now)) != []
        made.ok(DeclineOffer(offer_id=made.offer_of("ann")), by("ann"))
        assert blocked(pose(made.state, made.now, memory=memory)) == []
    assert seen[0] != seen[1]
    made.until(MONDAY + hours(5))
    made.offer("r3", MONDAY + hours(28), "bob")
    made.accept("bob")
    assert blocked(pose(made.state, made.now, memory=memory)) != []
    made.until(MONDAY + hours(26))
    again = blocked(pose(made.state, made.now, memory=memory))
    assert again == blocked(pose(made.state, made.now)) != []


def test_no_start_is_hurried_where_there_is_time_to_spare() -> None:
    soon = WeeklySlot(weekday=0, start_min=(8 + 7) * 60, end_min=(8 + 10) * 60)
    far = Place(lon=HERE.lon + 0.02, lat=HERE.lat)
    made = World().settled(volunteer("ann", weekly=(soon,), home=NEAR), volunteer("bob", home=far))
    made.submit("r1", window(START))
    (item,) = matched(made).items
    assert (item.start, [seat.volunteer for seat in item.seats]) == (START + hours(1), ["ann"])
