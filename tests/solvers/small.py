"""Builders with defaults: everybody lives at one point unless said, one degree of longitude apart never matters."""

from typing import Any

from schemas.problem import (
    CostLevel,
    Demand,
    HeldSkill,
    Problem,
    Shift,
    Span,
    Team,
    Term,
    Travel,
    Visit,
    Volunteer,
)

HOUR = 3600
DAY = 24 * HOUR


def matrix(*metres_from_origin: int) -> Travel:
    """Points on a line; a second for each metre."""
    rows = tuple(tuple(abs(a - b) for b in metres_from_origin) for a in metres_from_origin)
    return Travel(time=rows, distance=rows)


def visit(name: str = "v", **fields: Any) -> Visit:
    given: dict[str, Any] = {
        "location": 0,
        "windows": (Span(start=9 * HOUR, end=12 * HOUR),),
        "duration": HOUR,
        "demands": (Demand(skill="care"),),
    }
    return Visit(id=name, **(given | fields))


def person(name: str = "p", **fields: Any) -> Volunteer:
    given: dict[str, Any] = {
        "team": "t",
        "location": 0,
        "skills": (HeldSkill(skill="care", level=3),),
        "shifts": (Shift(start=8 * HOUR, end=18 * HOUR),),
    }
    return Volunteer(id=name, **(given | fields))


def level(name: str, weight: int = 1) -> tuple[CostLevel, ...]:
    """Leaving out first, then one term."""
    return (
        CostLevel(name="service", terms=(Term(name="left_out"),)),
        CostLevel(name="quality", terms=(Term(name=name, weight=weight),)),  # type: ignore[arg-type]
    )


def problem(visits: Any = (), volunteers: Any = (), **fields: Any) -> Problem:
    given: dict[str, Any] = {
        "horizon": Span(start=0, end=7 * DAY),
        "size": 4,
        "travel": (matrix(0, 600, 1200, 6000),),
        "teams": (Team(id="t"), Team(id="u")),
        "visits": tuple(visits),
        "volunteers": tuple(volunteers),
    }
    return Problem(**(given | fields))
