"""A service request as people and other systems send it, before the door splits personal data off."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from schemas.base import Frozen, Identifier, Priority
from schemas.catalogue import SkillDemand
from schemas.place import Place
from schemas.request import Windows


class BeneficiaryIn(Frozen):
    """Who is helped. ``id`` is the sender's own key for the person, if it has one."""

    id: Identifier | None = None
    name: Annotated[str, Field(max_length=200)] = ""
    phone: Annotated[str, Field(max_length=50)] = ""
    address: Annotated[str, Field(max_length=500)] = ""
    tier: Annotated[int, Field(ge=0, le=5)] = 0


class RequestIn(Frozen):
    """One need: a service type, a place or a site, and when. Everything else has a default."""

    service_type: Identifier
    site: Identifier | None = None
    place: Place | None = None
    windows: Windows
    beneficiary: BeneficiaryIn | None = None
    preferred: Annotated[tuple[Identifier, ...], Field(max_length=20)] = ()
    blocked: Annotated[tuple[Identifier, ...], Field(max_length=50)] = ()
    priority: Priority | None = None
    demands: Annotated[tuple[SkillDemand, ...], Field(max_length=10)] = ()
    duration_s: Annotated[int, Field(ge=60, le=86_400)] | None = None
    load: Annotated[int, Field(ge=0, le=10_000)] = 0
    note: Annotated[str, Field(max_length=4_000)] = ""
    source: Identifier = "api"

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.site is None and self.place is None:
            raise ValueError("give a site or a place")
        return self
