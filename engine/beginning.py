"""The commands that set a district's zones up."""

from collections.abc import Iterator

from schemas.commands import ChangeCatalogue, ChangeRoster, Command, ConfigureZone
from schemas.district import District

PEOPLE_A_COMMAND = 200
"""Volunteers of one command: it stays small on the wire."""


def beginning(district: District) -> Iterator[tuple[str, Command]]:
    """Yield zone and command, in an order in which each finds what it needs.

    Teams come before their members, so that leaders and members know their team. Homes are rounded as at every edge.
    """
    for config in district.zones:
        yield config.id, ConfigureZone(config=config, policy=district.policy)
        common = tuple(item for item in district.service_types if item.featured_by in {None, config.id})
        sites = tuple(site for site in district.sites if site.zone == config.id)
        yield config.id, ChangeCatalogue(service_types=common, sites=sites)
    for config in district.zones:
        teams = tuple(team for team in district.teams if team.zone == config.id)
        names = {team.id for team in teams}
        members = [
            volunteer.changed(home=volunteer.home.coarse())
            for volunteer in district.volunteers
            if volunteer.team in names
        ]
        yield config.id, ChangeRoster(teams=teams)
        for first in range(0, len(members), PEOPLE_A_COMMAND):
            yield config.id, ChangeRoster(volunteers=tuple(members[first : first + PEOPLE_A_COMMAND]))
