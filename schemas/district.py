"""All that a fresh system starts from: zones, catalogue, teams and people, in one file."""

from typing import Annotated

from pydantic import Field

from schemas.base import Frozen
from schemas.catalogue import ServiceType, Site
from schemas.person import Person
from schemas.roster import Team, Volunteer
from schemas.zone import Policy, ZoneConfig


class District(Frozen):
    """Zones with their catalogue and roster, as ``ningju up --roster`` reads them.

    Service types without ``featured_by`` go to every zone. ``persons`` carries names and phones; they go into the person
    table and nowhere else.
    """

    zones: Annotated[tuple[ZoneConfig, ...], Field(min_length=1)]
    policy: Policy = Policy()
    service_types: tuple[ServiceType, ...] = ()
    sites: tuple[Site, ...] = ()
    teams: tuple[Team, ...] = ()
    volunteers: tuple[Volunteer, ...] = ()
    persons: tuple[Person, ...] = ()
