"""Service types, sites, and the lists that sites offer."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Frozen, Identifier, Label, Metres, Priority, Seconds
from schemas.base import Level as SkillLevel
from schemas.place import Place

ZoneLevel = Literal["district", "subdistrict"]


class SkillDemand(Frozen):
    """How many heads of a crew must hold a skill at a level or above."""

    skill: Identifier
    level: SkillLevel = 1
    heads: Annotated[int, Field(ge=1, le=20)] = 1


class ServiceType(Frozen):
    """Catalogue item: what is done, by whom, how soon, how far.

    ``demands`` add up to the crew: each head sits for exactly one demand. ``featured_by`` is empty for common items.
    ``served_at`` names the zone level that serves it where that is not the zone that was asked.
    ``notice_s`` is how long before its start a visit is offered; ``reach_m`` bounds the way from home to the visit.
    """

    id: Identifier
    name: Label
    demands: Annotated[tuple[SkillDemand, ...], Field(min_length=1, max_length=10)]
    duration_s: Annotated[int, Field(ge=60, le=86_400)]
    priority: Priority = 2
    response_target_s: Seconds = 7_200
    completion_target_s: Seconds = 259_200
    reach_m: Metres | None = None
    notice_s: Seconds = 172_800
    quiet_hours: bool = True
    featured_by: Identifier | None = None
    served_at: ZoneLevel | None = None
    needs_triage: bool = False
    offered_to: Literal["volunteer", "leader"] = "volunteer"
    one_team: bool = True

    @property
    def crew(self) -> int:
        """Heads of the whole crew."""
        return sum(demand.heads for demand in self.demands)


class Site(Frozen):
    """A place inside a zone that takes requests or hosts visits, with its featured list (common items go without saying)."""

    id: Identifier
    zone: Identifier
    name: Label
    place: Place
    kind: Identifier = "neighbourhood"
    featured: tuple[Identifier, ...] = ()
