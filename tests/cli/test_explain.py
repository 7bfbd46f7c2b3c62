"""What ``ningju explain`` prints, in both languages: as the golden files say, word for word."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from engine.explaining import explain
from ningju.cli.asking import Language, reasons
from schemas.catalogue import SkillDemand
from schemas.commands import ChangeCatalogue
from schemas.zone import Weights
from solvers.why import why
from tests.engine.builders import MONDAY, NEAR, World, hours, request, service, team, volunteer, window

GOLDEN = Path(__file__).parent / "golden"
START = MONDAY + hours(6)
HOUR = window(START, hours(1))
WEIGHTS = Weights(preference=0)  # what a person is thought of is tuned elsewhere


def planned() -> World:
    people = (volunteer("ann"), volunteer("bob", home=NEAR), volunteer("cat", team="t2"), volunteer("dan", skills=()))
    made = World().settled(*people, teams=(team("t1"), team("t2")), weights=WEIGHTS)
    made.submit("r1", HOUR)
    return made


def asked() -> World:
    made = planned()
    made.offer("r1", START, "ann")
    return made


def left_out() -> World:
    made = World().settled(volunteer("ann", skills=()), volunteer("bob", reach_m=300), volunteer("cat", reach_m=100))
    made.submit("r1", HOUR)
    return made


def outcompeted() -> World:
    made = World().settled(volunteer("ann", visits_per_day=1), weights=WEIGHTS)
    made.ok(ChangeCatalogue(service_types=(service("urgent", SkillDemand(skill="care"), priority=5),)))
    made.submit("r1", HOUR)
    made.submit("r2", HOUR, service_type="urgent")
    return made


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("world", [planned, asked, left_out, outcompeted], ids=lambda world: world.__name__)
def test_an_explanation_is_printed_as_it_was(world: object, language: Language) -> None:
    made = world()  # type: ignore[operator]
    found = explain(made.state, request("r1"), made.now, why)
    assert found is not None
    out = StringIO()
    Console(file=out, width=100, highlight=False, soft_wrap=True).print(reasons(json.loads(found.dump()), language))
    expected = GOLDEN / f"explain.{world.__name__}.{language.value}.txt"  # type: ignore[attr-defined]
    told = "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
    assert told == expected.read_text(encoding="utf-8")
