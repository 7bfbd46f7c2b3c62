"""Why a request is where it is: waiting, planned, asked for, left out, ended."""

from engine.explaining import explain
from schemas.catalogue import SkillDemand
from schemas.commands import ChangeCatalogue
from schemas.explanation import Explanation
from schemas.roster import SkillHeld
from solvers.why import why
from tests.engine.builders import MONDAY, World, hours, request, service, volunteer, window

START = MONDAY + hours(6)
HOUR = window(START, hours(1))


def explained(made: World, name: str = "r1") -> Explanation:
    found = explain(made.state, request(name), made.now, why)
    assert found is not None
    return found


def test_who_could_be_asked_is_planned_for_and_needs_no_relaxation() -> None:
    made = World().settled(volunteer("ann"), volunteer("bob"))
    made.submit("r1", HOUR)
    found = explained(made)
    assert found.tentative
    assert found.nearest is None
    assert found.left_out is None
    assert found.passing == 2
    assert found.summary == "2 people could be asked; planned for t1 at 2026-11-02T06:00Z"
    assert found.assigned is not None
    assert found.assigned.crew is not None
    crews = {found.assigned.assignment.crew[0].volunteer, found.assigned.crew.instead.crew[0].volunteer}
    assert crews == {"ann", "bob"}


def test_a_request_that_nobody_can_serve_names_the_nearest_relaxation_that_was_checked() -> None:
    made = World().settled(volunteer("ann", skills=()), volunteer("bob", reach_m=300))
    made.submit("r1", HOUR)
    found = explained(made)
    assert {count.rule: count.removed for count in found.removed} == {"skill": 1, "reach": 1}
    assert found.nearest is not None
    assert (found.nearest.kind, found.nearest.amount, found.nearest.checked) == ("reach", 400, True)
    assert found.left_out is not None
    assert [one.kind for one in found.left_out.relaxations] == ["reach", "volunteer"]
    assert found.summary == "nobody can be asked: most fail 'skill' (1)"
    said = [text.en for text in found.texts]
    assert "1 live farther away than they go" in said
    assert "it could be served with volunteers who go 400 m farther" in said
    assert all(text.zh != text.en for text in found.texts)


def test_a_request_whose_people_are_needed_elsewhere_names_what_that_would_cost() -> None:
    made = World().settled(volunteer("ann", visits_per_day=1))
    made.ok(ChangeCatalogue(service_types=(service("urgent", SkillDemand(skill="care"), priority=5),)))
    made.submit("r1", HOUR)
    made.submit("r2", HOUR, service_type="urgent")
    found = explained(made)
    assert found.nearest is None
    assert found.left_out is not None
    assert found.left_out.price is not None
    changed = {change.visit: change.kind for change in found.left_out.price.difference.changes}
    assert changed == {str(request("r1")): "added", str(request("r2")): "dropped"}
    assert found.summary == (
        "1 person could be asked, but others need them more: serving it would change 1 other visit"
    )


def test_a_crew_that_is_asked_is_explained_with_its_runner_up() -> None:
    made = World().settled(volunteer("ann"), volunteer("bob"), volunteer("cat", skills=("law",)))
    made.submit("r1", HOUR)
    made.offer("r1", START, "ann")
    found = explained(made)
    assert not found.tentative
    assert found.assigned is not None
    assert [seat.volunteer for seat in found.assigned.assignment.crew] == ["ann"]
    assert found.assigned.demands[0].passing == 2
    assert found.assigned.crew is not None
    assert [seat.volunteer for seat in found.assigned.crew.instead.crew] == ["bob"]
    assert found.summary.startswith("team t1 at 2026-11-02T06:00Z: 0 of 1 seats taken, 1 offered")


def test_a_level_too_high_is_named_with_its_skill() -> None:
    made = World().settled(volunteer("ann").changed(skills=(SkillHeld(skill="care", level=2),)))
    made.ok(ChangeCatalogue(service_types=(service("hard", SkillDemand(skill="care", level=3)),)))
    made.submit("r1", HOUR, service_type="hard")
    found = explained(made)
    assert found.nearest is not None
    assert (found.nearest.kind, found.nearest.amount, found.nearest.skill) == ("level", 1, "care")
