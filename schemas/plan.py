"""What a solver answers: who goes where and when, at what cost, how good that is, and why the rest is left out."""

from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.base import Frozen
from schemas.problem import FilledSeat, Name, TermName, Time

Rule = Literal[
    "skill",
    "level",
    "expired_qualification",
    "availability",
    "overlap",
    "reach",
    "service_reach",
    "zone",
    "daily_limit",
    "weekly_limit",
    "offers_limit",
    "blocked",
    "declined_before",
    "withdrew_before",
    "kept_back",
    "quiet_hours",
    "one_team",
    "window",
    "capacity",
    "outcompeted",
]
"""Names that say *why not*. ``outcompeted``: every rule passes, but serving this visit would have cost others more."""

WaivableRule = Literal[
    "zone",
    "one_team",
    "declined_before",
    "withdrew_before",
    "reach",
    "service_reach",
    "quiet_hours",
    "availability",
    "daily_limit",
    "weekly_limit",
    "offers_limit",
]
"""Rules that an operator may waive with a reason; the others keep people safe, or are the request's own."""

Status = Literal["optimal", "feasible", "empty"]


class Assignment(Frozen):
    """A visit that is served: its team, its start, and the whole crew (seats that were filled before included)."""

    visit: Name
    team: Name | None
    start: Time
    end: Time
    crew: tuple[FilledSeat, ...]


class RuleCount(Frozen):
    """How many candidates a rule removed, applied in the order of the list (each candidate counts once, at its first)."""

    rule: Rule
    removed: Annotated[int, Field(ge=0)]


class Relaxation(Frozen):
    """The smallest single change found that would let the visit be served."""

    kind: Literal["window", "reach", "service_reach", "level", "volunteer", "team", "limit", "none"]
    amount: int = 0
    skill: str = ""
    checked: bool = False


class LeftOut(Frozen):
    """A visit that is not served, and why."""

    visit: Name
    candidates: Annotated[int, Field(ge=0)]
    reasons: tuple[RuleCount, ...]
    nearest: Relaxation | None = None


class TermCost(Frozen):
    """One named cost, unweighted and weighted."""

    name: TermName
    value: int
    weighted: int


class LevelCost(Frozen):
    """A level's cost and a valid lower bound for it (given the levels above), with how the bound was got."""

    name: Name
    cost: int
    bound: int
    bound_by: str
    terms: tuple[TermCost, ...]


class Step(Frozen):
    """One stage of the solve: what ran on how much, and what it reached at the first level."""

    method: str
    visits: int
    cost: int
    proved: bool = False


class Plan(Frozen):
    """The answer. ``seconds`` is the only thing in it that depends on the machine."""

    status: Status
    assignments: tuple[Assignment, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    levels: tuple[LevelCost, ...] = ()
    steps: tuple[Step, ...] = ()
    seconds: float = 0.0

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process as JSON, like the problem."""
        return type(self).read, (self.dump(),)
