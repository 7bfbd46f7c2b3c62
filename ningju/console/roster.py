"""Rosters: teams and volunteers of a zone, whole or as a patch."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import JSONResponse, Response

from ningju.console.batches import Change, Intent, Part, as_seen, ask_all
from ningju.console.bodies import body, documented
from ningju.console.callers import Calling
from ningju.console.items import Items, Mode, Seen, Sieve, chunks
from ningju.console.problems import not_found
from ningju.console.sending import API
from ningju.console.services import AtSite, Site
from schemas.base import Frozen, Identifier
from schemas.commands import ChangeRoster
from schemas.person import Person
from schemas.roster import Team, Volunteer

router = APIRouter(prefix=API, tags=["rosters"])

ROSTER_LIMIT = 8_000_000


class VolunteerIn(Volunteer):
    """A volunteer with name and phone, which go into the person table and nowhere else."""

    name: Annotated[str, Field(max_length=200)] = ""
    phone: Annotated[str, Field(max_length=50)] = ""

    def split(self) -> tuple[Volunteer, Person | None]:
        """Divide what the zone may know (home to about a hundred metres) from what only the person table may."""
        fields = {name: getattr(self, name) for name in Volunteer.model_fields}
        volunteer = Volunteer(**fields | {"home": self.home.coarse()})
        told = self.name or self.phone
        return volunteer, Person(id=self.id, name=self.name, phone=self.phone) if told else None


class RosterIn(Frozen):
    """Teams and volunteers, each looked at by itself; the ``removed_*`` lists belong to a patch."""

    teams: Items = ()
    volunteers: Items = ()
    removed_teams: Annotated[tuple[Identifier, ...], Field(max_length=50_000)] = ()
    removed_volunteers: Annotated[tuple[Identifier, ...], Field(max_length=50_000)] = ()
    seen: Seen = None


@router.get("/zones/{zone}/roster")
async def show_roster(site: AtSite, zone: str) -> Response:
    """Teams and volunteers, and the zone's version that they reflect."""
    version = await site.version(zone)
    if version is None:
        raise not_found("zone", zone)
    teams, volunteers = await site.store.roster(zone)
    return JSONResponse(
        {
            "zone": zone,
            "version": version,
            "teams": [row.team.model_dump(mode="json") for row in teams],
            "volunteers": [row.volunteer.model_dump(mode="json") for row in volunteers],
        }
    )


@router.put("/zones/{zone}/roster", openapi_extra=documented(RosterIn))
async def put_roster(
    site: AtSite,
    caller: Calling,
    zone: str,
    told: Annotated[RosterIn, Depends(body(RosterIn, limit=ROSTER_LIMIT))],
    mode: Mode = "whole",
) -> Response:
    """Replace a roster (``mode=whole``: who is not named in a list that is sent leaves), or add, replace and remove (``mode=patch``)."""
    if await site.store.zone(zone) is None:
        raise not_found("zone", zone)
    sieve = Sieve()
    intent = await intend(site, zone, told, mode, sieve)
    await site.store.put_persons(intent.persons)
    parts = as_seen(intent.parts, {zone: told.seen} if told.seen is not None else {})
    return await ask_all(site, caller, parts, sieve, zone=zone, unchanged=intent.unchanged)


async def intend(site: Site, zone: str, told: RosterIn, mode: Mode, sieve: Sieve) -> Intent:
    """Write what differs from a zone's roster as commands; nothing is given yet."""
    old_teams, old_volunteers = await _roster(site, zone)
    teams, volunteers = _sift(zone, told, sieve, old_teams, old_volunteers, await _elsewhere(site, zone, told))

    removed_teams, removed_volunteers = set(told.removed_teams), set(told.removed_volunteers)
    if mode == "whole":
        removed_teams |= sieve.leaving("teams", told, old_teams, teams)
        removed_volunteers |= sieve.leaving("volunteers", told, old_volunteers, volunteers)
    removed_teams &= set(old_teams) - set(teams)
    removed_volunteers &= set(old_volunteers) - set(volunteers)
    removed_teams -= {old_volunteers[name].team for name in set(old_volunteers) - removed_volunteers - set(volunteers)}

    split = {name: (index, *item.split()) for name, (index, item) in volunteers.items()}
    changed = {name: one for name, one in split.items() if old_volunteers.get(name) != one[1]}
    new_teams = {name: one for name, one in teams.items() if old_teams.get(name) != one[1]}
    renamed = [who for name, (_, _, who) in split.items() if who is not None and name not in changed]

    parts = []
    waiting = dict(new_teams)
    for part in chunks(one[1] for one in changed.values()):
        # Commands of one batch may be decided in any order, so each brings the new teams of its own people.
        with_teams = {name: new_teams[name] for name in {item.team for item in part} if name in new_teams}
        items = [("teams", waiting.pop(name)[0], name) for name in sorted(with_teams) if name in waiting]
        items += [("volunteers", changed[item.id][0], item.id) for item in part]
        asked = ChangeRoster(teams=tuple(with_teams[name][1] for name in sorted(with_teams)), volunteers=tuple(part))
        persons = tuple(who for item in part if (who := changed[item.id][2]) is not None)
        parts.append(Part(zone, asked, tuple(items), persons))
    if waiting:
        asked = ChangeRoster(teams=tuple(item for _, item in waiting.values()))
        parts.append(Part(zone, asked, tuple(("teams", index, name) for name, (index, _) in waiting.items())))
    if removed_teams or removed_volunteers:
        asked = ChangeRoster(
            removed_teams=tuple(sorted(removed_teams)), removed_volunteers=tuple(sorted(removed_volunteers))
        )
        gone = [("removed_teams", None, name) for name in asked.removed_teams]
        gone += [("removed_volunteers", None, name) for name in asked.removed_volunteers]
        parts.append(Part(zone, asked, tuple(gone)))
    unchanged = len(teams) - len(new_teams) + len(volunteers) - len(changed)
    changes = [Change("teams", name, old_teams.get(name), one) for name, (_, one) in new_teams.items()]
    changes += [Change("volunteers", name, old_volunteers.get(name), one[1]) for name, one in changed.items()]
    changes += [Change("teams", name, old_teams[name], None) for name in sorted(removed_teams)]
    changes += [Change("volunteers", name, old_volunteers[name], None) for name in sorted(removed_volunteers)]
    return Intent(zone, tuple(parts), tuple(changes), unchanged, tuple(renamed))


def _sift(
    zone: str,
    told: RosterIn,
    sieve: Sieve,
    old_teams: dict[str, Team],
    old_volunteers: dict[str, Volunteer],
    elsewhere: dict[str, str],
) -> tuple[dict[str, tuple[int, Team]], dict[str, tuple[int, VolunteerIn]]]:
    """Keep the items that can stand together with what is there."""
    teams = sieve.read("teams", Team, told.teams)
    volunteers = sieve.read("volunteers", VolunteerIn, told.volunteers)
    for name, (index, team) in list(teams.items()):
        if team.zone != zone:
            sieve.refuse(
                "teams", index, name, "zone", "wrong_zone", f"is {team.zone!r}; this is the roster of {zone!r}"
            )
            del teams[name]
        elif name in elsewhere:
            reason = f"belongs to {elsewhere[name]!r}; remove the team there first"
            sieve.refuse("teams", index, name, "id", "belongs_elsewhere", reason)
            del teams[name]
        elif team.leader is not None and team.leader not in volunteers and team.leader not in old_volunteers:
            reason = f"{team.leader!r} is no volunteer of {zone!r}; send both together"
            sieve.refuse("teams", index, name, "leader", "unknown_volunteer", reason)
            del teams[name]
    for name, (index, volunteer) in list(volunteers.items()):
        if volunteer.team not in teams and volunteer.team not in old_teams:
            reason = f"{zone!r} has no team {volunteer.team!r}; send it with its people"
            sieve.refuse("volunteers", index, name, "team", "unknown_team", reason)
            del volunteers[name]
        elif name in elsewhere:
            reason = f"belongs to {elsewhere[name]!r}; remove the volunteer there first"
            sieve.refuse("volunteers", index, name, "id", "belongs_elsewhere", reason)
            del volunteers[name]
    return teams, volunteers


async def _roster(site: Site, zone: str) -> tuple[dict[str, Team], dict[str, Volunteer]]:
    teams, volunteers = await site.store.roster(zone)
    return {row.team.id: row.team for row in teams}, {row.volunteer.id: row.volunteer for row in volunteers}


async def _elsewhere(site: Site, zone: str, told: RosterIn) -> dict[str, str]:
    """Find teams and volunteers that another zone has: nobody may have two calendars."""
    found: dict[str, str] = {}
    if told.volunteers or told.teams:
        store = site.whole.store  # zones that the caller may not look into count as well
        for view in await store.zones():
            if view.zone != zone:
                teams, volunteers = await store.roster(view.zone)
                found.update((row.team.id, view.zone) for row in teams)
                found.update((row.volunteer.id, view.zone) for row in volunteers)
    return found
