"""Why a request is where it is, as ``ningju explain`` and ``/why`` answer it."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from schemas.base import Frozen, Identifier, Label, Moment
from schemas.plan import Relaxation, Rule, RuleCount
from schemas.request import AlarmKind, RequestState
from schemas.why import WhyAssigned, WhyLeftOut


class Candidate(Frozen):
    """A person, how far away, and the first rule that fails for them (none: could be asked)."""

    volunteer: Identifier
    team: Identifier
    metres: Annotated[int, Field(ge=0)]
    rule: Rule | None = None


class Explanation(Frozen):
    """Rule by rule: how many candidates each removed, who comes nearest, and the nearest relaxation.

    ``summary`` says in a sentence where the request stands. ``passing`` counts people for whom every rule passes for some
    seat and start. ``version`` is the zone's version that this reflects. ``nearest`` is there only where nobody could be
    asked. ``assigned`` is about the crew that is asked or has accepted, or (``tentative``) about the one that the plan
    of this moment would ask; ``left_out`` is there where that plan leaves the request out. ``texts`` says it in sentences.
    """

    request_id: UUID
    zone: Identifier
    version: int
    now: Moment
    state: RequestState
    summary: str
    volunteers: int = 0
    passing: int = 0
    removed: tuple[RuleCount, ...] = ()
    nearest: Relaxation | None = None
    candidates: tuple[Candidate, ...] = ()
    alarms: tuple[AlarmKind, ...] = ()
    offers: int = 0
    referred_to: Identifier | None = None
    assigned: WhyAssigned | None = None
    tentative: bool = False
    left_out: WhyLeftOut | None = None
    texts: tuple[Label, ...] = ()
