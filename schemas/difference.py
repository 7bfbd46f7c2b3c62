"""What two plans for one problem differ in: visits, people, and every term of the cost."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Frozen
from schemas.plan import Assignment
from schemas.problem import Name, TermName

ChangeKind = Literal["added", "dropped", "moved", "reteamed", "recrewed"]
"""Served only now, served only before, another start, the same start with another team, the same team with other people."""


class VisitChange(Frozen):
    """A visit that the two plans treat differently; ``told``: people of its crew had been told the former."""

    visit: Name
    kind: ChangeKind
    before: Assignment | None = None
    after: Assignment | None = None
    told: bool = False


class Touched(Frozen):
    """Somebody whose visits change: which come, which go, which start at another time.

    ``told_otherwise`` counts the visits that the person had been told of and that go or move.
    """

    volunteer: Name
    gains: tuple[Name, ...] = ()
    loses: tuple[Name, ...] = ()
    moves: tuple[Name, ...] = ()
    told_otherwise: Annotated[int, Field(ge=0)] = 0


class TermChange(Frozen):
    """One term under both plans, unweighted, and what the change weighs; less than nothing is a gain."""

    level: Name
    name: TermName
    before: int
    after: int
    weighted: int


class Difference(Frozen):
    """All of it. ``terms`` has every term of the problem's levels, in their order, whether it changed or not."""

    changes: tuple[VisitChange, ...] = ()
    people: tuple[Touched, ...] = ()
    terms: tuple[TermChange, ...] = ()
