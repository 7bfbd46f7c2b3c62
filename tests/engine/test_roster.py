"""Roster and catalogue changes, item by item, and what they make impossible."""

from collections.abc import Callable

import pytest

from engine.handling import handle
from schemas.base import derive_id
from schemas.catalogue import Site, SkillDemand
from schemas.commands import AcceptOffer, ChangeCatalogue, ChangeRoster, ConfigureZone
from schemas.envelope import CommandEnvelope
from schemas.events import OfferEnded, SeatVacated
from schemas.place import Place, TimeWindow
from schemas.request import RequestState
from schemas.roster import Exemption, SkillHeld, Volunteer
from schemas.zone import Policy
from tests.engine.builders import MONDAY, OPERATOR, World, config, hours, label, request, service, team, volunteer

START = MONDAY + hours(6)
R1 = request("r1")
ANN = volunteer("ann")

IMPOSSIBLE: list[tuple[str, Callable[[], ChangeRoster]]] = [
    ("left", lambda: ChangeRoster(removed_volunteers=("ann",))),
    ("paused", lambda: ChangeRoster(volunteers=(ANN.changed(paused=True),))),
    ("skill", lambda: ChangeRoster(volunteers=(ANN.changed(skills=(SkillHeld(skill="lift"),)),))),
    (
        "expired_qualification",
        lambda: ChangeRoster(volunteers=(ANN.changed(skills=(SkillHeld(skill="care", level=3, expires=START),)),)),
    ),
    (
        "availability",
        lambda: ChangeRoster(
            volunteers=(ANN.changed(exemptions=(Exemption(window=TimeWindow(start=START, end=START + hours(1))),)),)
        ),
    ),
    ("reach", lambda: ChangeRoster(volunteers=(ANN.changed(home=Place(lon=121.6, lat=31.2)),))),
    ("moved_team", lambda: ChangeRoster(volunteers=(ANN.changed(team="t2"),))),
]


def world_with_seat(accepted: bool) -> World:
    world = World().settled(ANN, volunteer("bob"), teams=(team(), team("t2")))
    world.submit("r1")
    world.offer("r1", START, "ann")
    if accepted:
        world.accept("ann")
    return world


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize(("reason", "change"), IMPOSSIBLE, ids=[reason for reason, _ in IMPOSSIBLE])
def test_a_change_withdraws_what_it_makes_impossible_in_the_same_commit(
    reason: str, change: Callable[[], ChangeRoster], accepted: bool
) -> None:
    world = world_with_seat(accepted)
    events = world.ok(change())
    ending = "seat_vacated" if accepted else "offer_ended"
    assert [event.kind for event in events] == ["roster_changed", ending, "visit_released", "request_queued"]
    ended = events[1]
    assert isinstance(ended, SeatVacated | OfferEnded)
    assert (ended.how, ended.reason) == ("roster" if accepted else "rescinded", reason)
    assert not world.state.calendar("ann")
    world.offer("r1", START, "bob")
    world.check()


def test_a_change_that_leaves_the_seat_possible_withdraws_nothing() -> None:
    world = world_with_seat(True)
    away = Exemption(window=TimeWindow(start=START + hours(1), end=START + hours(30)))
    world.ok(ChangeRoster(volunteers=(ANN.changed(exemptions=(away,), offers_per_week=0),)))
    assert world.kinds() == ["roster_changed"]


def test_an_item_that_does_not_stand_is_refused_and_the_rest_is_taken() -> None:
    world = World().settled()
    outcome = world.send(
        ChangeRoster(
            teams=(team("t2"), team("far", "z9")),
            volunteers=(volunteer("dan", team="t2"), volunteer("eve", team="nowhere")),
            removed_teams=("t1", "t8"),
            removed_volunteers=("cat", "zoe"),
        )
    )
    assert outcome.status == "accepted"
    assert {item.item: item.reason for item in outcome.refused} == {
        "far": "other_zone: z9",
        "eve": "unknown_team: nowhere",
        "t1": "has_members",
        "t8": "unknown",
        "zoe": "unknown",
    }
    assert sorted(world.state.teams) == ["t1", "t2"]
    assert world.state.members["t1"] == ("ann", "bob")
    assert world.state.members["t2"] == ("dan",)
    world.check()


def test_the_same_roster_again_changes_nothing() -> None:
    world = World().settled()
    people: tuple[Volunteer, ...] = tuple(world.state.volunteers.values())
    assert world.ok(ChangeRoster(teams=(team(),), volunteers=people)) == []
    assert world.ok(ConfigureZone(config=config(), policy=Policy())) == []
    assert world.ok(ChangeCatalogue(service_types=(service(),))) == []


def test_a_new_leader_is_asked_in_place_of_the_old_one() -> None:
    people = [volunteer(name) for name in ("ann", "bob", "lea", "max")]
    world = World().settled(*people, teams=(team(leader="lea"),))
    world.ok(ChangeCatalogue(service_types=(service("led", SkillDemand(skill="care", heads=2), offered_to="leader"),)))
    world.submit("r1", service_type="led")
    world.offer("r1", START, "ann", "bob")
    world.ok(AcceptOffer(offer_id=world.offer_of("ann")))
    world.ok(ChangeRoster(teams=(team(leader="max"),)))
    assert world.kinds() == ["roster_changed", "offer_ended"]
    world.offer("r1", START, "bob")
    assert world.state.offers[world.offer_of("bob")].asked == "max"
    assert world.state.requests[R1].state is RequestState.OFFERED
    world.check()


def test_a_zone_is_not_configured_as_another_or_without_a_time_zone() -> None:
    world = World()
    world.no("other_zone", ConfigureZone(config=config("z2"), policy=Policy()))
    world.no("unknown_timezone", ConfigureZone(config=config(), policy=Policy(timezone="Mars/Olympus")))


def test_sites_of_another_zone_are_refused() -> None:
    world = World().settled()
    site = Site(id="s9", zone="z9", name=label("x"), place=Place(lon=121.4, lat=31.2))
    outcome = world.send(ChangeCatalogue(sites=(site,), removed_service_types=("care", "none")))
    assert {item.item: item.reason for item in outcome.refused} == {"s9": "other_zone: z9", "none": "unknown"}
    assert not world.state.service_types


def test_what_somebody_else_has_changed_since_is_not_overwritten() -> None:
    world = World().settled(volunteer("ann"))
    seen = world.state.version
    world.submit("r1")  # of no roster's and no catalogue's concern
    world.ok(ChangeRoster(volunteers=(volunteer("ann", visits_per_day=1),), seen=seen))
    world.no("roster_changed", ChangeRoster(volunteers=(volunteer("ann"),), seen=seen))
    world.no("roster_changed", ChangeRoster(removed_volunteers=("ann",), seen=seen))
    assert world.state.volunteers["ann"].visits_per_day == 1
    world.ok(ChangeCatalogue(service_types=(service("care", duration_s=1_800),), seen=seen))
    world.no("catalogue_changed", ChangeCatalogue(removed_service_types=("care",), seen=seen))
    world.ok(ChangeRoster(removed_volunteers=("ann",), seen=world.state.version))
    world.no("roster_changed", ChangeRoster(volunteers=(volunteer("ann"),), seen=world.state.version - 1))
    world.ok(ChangeRoster(volunteers=(volunteer("ann"),)))  # whoever does not say what they saw is not held to it
    world.check()


def test_the_commands_of_one_call_do_not_stand_in_each_others_way() -> None:
    world = World().settled(volunteer("ann"))
    seen, call = world.state.version, derive_id("call")
    for name in ("bob", "cat"):
        envelope = CommandEnvelope(
            command_id=derive_id("part", name),
            zone="z1",
            actor=OPERATOR,
            correlation_id=call,
            received_at=world.now,
            command=ChangeRoster(volunteers=(volunteer(name),), seen=seen),
        )
        assert world.take(handle(world.state, envelope)).status == "accepted"
    assert {"bob", "cat"} <= set(world.state.volunteers)
    world.check()
