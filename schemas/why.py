"""Why a visit is left out of a plan, and why another has the crew that it has."""

from typing import Annotated

from pydantic import Field

from schemas.base import Frozen, Level
from schemas.difference import Difference, TermChange
from schemas.plan import Assignment, Relaxation, RuleCount
from schemas.problem import Index, Name

Count = Annotated[int, Field(ge=0)]


class DemandCount(Frozen):
    """For one demand with open heads: how many people pass every rule, and how many each rule removes, in its order."""

    demand: Index
    skill: Name
    level: Level
    heads: Count
    passing: Count
    removed: tuple[RuleCount, ...] = ()


class Price(Frozen):
    """What serving a visit would cost others, found by solving again with the visit forced in.

    ``difference`` is from the plan to that one, the visit itself included. ``checked``: that plan breaks no rule.
    """

    difference: Difference
    checked: bool = False


class WhyLeftOut(Frozen):
    """Why a visit is not served.

    ``fits``: it could be served beside the plan as it is, so that nothing but time keeps it out. ``relaxations``: for
    each kind of change the smallest one that lets it be served with the rest of the plan held, the nearest first; each
    was solved again and checked. ``price`` is there where people pass every rule, but the plan needs them elsewhere.
    """

    visit: Name
    candidates: Count
    demands: tuple[DemandCount, ...] = ()
    fits: bool = False
    relaxations: tuple[Relaxation, ...] = ()
    price: Price | None = None


class RunnerUp(Frozen):
    """The second best way to serve a visit with the rest of the plan held, and what it would cost more, term by term.

    Less than nothing in ``terms``: there it is cheaper than what was chosen.
    """

    instead: Assignment
    terms: tuple[TermChange, ...]


class WhyAssigned(Frozen):
    """Why a visit has this team and this crew: who could have had it, and the next best of each.

    ``team`` is the cheapest of all other teams, ``crew`` the cheapest of the same team's other crews; nothing where
    there is none. ``standing`` counts seats that were filled before and were not to be given again.
    """

    assignment: Assignment
    candidates: Count
    demands: tuple[DemandCount, ...] = ()
    standing: Count = 0
    team: RunnerUp | None = None
    crew: RunnerUp | None = None
