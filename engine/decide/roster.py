"""What a zone is made of: configuration, catalogue, teams and people; and what a change makes impossible."""

from zoneinfo import ZoneInfoNotFoundError

from engine.decide.crews import rescind, settle, vacate
from engine.decide.draft import Draft, Refused
from engine.eligibility import judge
from engine.quiet_hours import local_zone
from engine.zone import LastChange, RequestRecord, Zone
from schemas.commands import ChangeCatalogue, ChangeRoster, ConfigureZone
from schemas.events import CatalogueChanged, ItemRefused, RosterChanged, ZoneConfigured


def configure(draft: Draft, command: ConfigureZone) -> None:
    """Set the zone's place in the tree and its policy."""
    if command.config.id != draft.zone.zone:
        raise Refused("other_zone", f"this is zone {draft.zone.zone}, not {command.config.id}")
    try:
        local_zone(command.policy.timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Refused("unknown_timezone", f"{command.policy.timezone} is no IANA time zone") from error
    if (draft.zone.config, draft.zone.policy) != (command.config, command.policy):
        draft.emit(ZoneConfigured(config=command.config, policy=command.policy))


def change_catalogue(draft: Draft, command: ChangeCatalogue) -> tuple[ItemRefused, ...]:
    """Change service types and sites, item by item; what is open keeps the need it was resolved to."""
    if _overtaken(draft, draft.zone.catalogue_change, command.seen):
        raise Refused("catalogue_changed", "somebody else has changed the catalogue meanwhile; look at it again")
    zone, refused = draft.zone, []
    sites = []
    for site in command.sites:
        if site.zone != zone.zone:
            refused.append(ItemRefused(item=site.id, reason=f"other_zone: {site.zone}"))
        elif zone.sites.get(site.id) != site:
            sites.append(site)
    types = tuple(item for item in command.service_types if zone.service_types.get(item.id) != item)
    gone_types = _known(command.removed_service_types, zone.service_types, refused)
    gone_sites = _known(command.removed_sites, zone.sites, refused)
    if types or sites or gone_types or gone_sites:
        draft.emit(
            CatalogueChanged(
                service_types=types,
                sites=tuple(sites),
                removed_service_types=gone_types,
                removed_sites=gone_sites,
            )
        )
    return tuple(refused)


def change_roster(draft: Draft, command: ChangeRoster) -> tuple[ItemRefused, ...]:
    """Change teams and people, item by item, and withdraw in the same commit what that makes impossible."""
    if _overtaken(draft, draft.zone.roster_change, command.seen):
        raise Refused("roster_changed", "somebody else has changed the roster meanwhile; look at it again")
    before = draft.zone
    refused: list[ItemRefused] = []
    gone = _known(command.removed_volunteers, before.volunteers, refused)
    teams = []
    for team in command.teams:
        if team.zone != before.zone:
            refused.append(ItemRefused(item=team.id, reason=f"other_zone: {team.zone}"))
        elif before.teams.get(team.id) != team:
            teams.append(team)
    known = (set(before.teams) | {team.id for team in teams}) - set(command.removed_teams)
    people = []
    for person in command.volunteers:
        if person.team not in known:
            refused.append(ItemRefused(item=person.id, reason=f"unknown_team: {person.team}"))
        elif person.id in gone:
            refused.append(ItemRefused(item=person.id, reason="removed_too"))
        elif before.volunteers.get(person.id) != person:
            people.append(person)
    leaving = set(gone) | {person.id for person in people}
    arriving = {person.team for person in people}
    gone_teams = []
    for name in _known(command.removed_teams, before.teams, refused):
        if name in arriving or not leaving.issuperset(before.members.get(name, ())):
            refused.append(ItemRefused(item=name, reason="has_members"))
        else:
            gone_teams.append(name)
    if not (teams or people or gone or gone_teams):
        return tuple(refused)
    draft.emit(
        RosterChanged(
            teams=tuple(teams),
            volunteers=tuple(people),
            removed_teams=tuple(gone_teams),
            removed_volunteers=gone,
        )
    )
    touched = leaving.union(*(before.members.get(team.id, ()) for team in teams))
    _withdraw_impossible(draft, before, sorted(touched))
    _withdraw_from_leaders(draft, {team.id for team in teams})
    return tuple(refused)


def _overtaken(draft: Draft, last: LastChange, seen: int | None) -> bool:
    """Whether a change came in between that nobody has looked at; a call's own commands do not stand in its way."""
    return seen is not None and last.version > seen and last.by != draft.correlation_id


def _known(names: tuple[str, ...], there: object, refused: list[ItemRefused]) -> tuple[str, ...]:
    """Those that are there to be removed; the others are refused."""
    found = []
    for name in dict.fromkeys(names):
        if name in there:  # type: ignore[operator]
            found.append(name)
        else:
            refused.append(ItemRefused(item=name, reason="unknown"))
    return tuple(found)


def _withdraw_impossible(draft: Draft, before: Zone, people: list[str]) -> None:
    """Take back the offers and seats of people who can no longer go; who has arrived stays."""
    touched = []
    for name in people:
        for entry in before.calendar(name):
            record = draft.zone.requests.get(entry.request_id)
            if record is None or record.visit is None:
                continue
            seat = record.visit.seat_of(name)
            if seat is None or record.visit.seats[seat].state == "arrived":
                continue
            reason = _impossible(draft, record, name, record.visit.seats[seat].demand)
            if reason is not None and entry.offer_id is not None:
                rescind(draft, entry.offer_id, reason)
                touched.append(entry.request_id)
            elif reason is not None:
                vacate(draft, entry.request_id, seat, "roster", reason)
                touched.append(entry.request_id)
    for request_id in dict.fromkeys(touched):
        settle(draft, request_id, "roster")


def _impossible(draft: Draft, record: RequestRecord, name: str, demand: int) -> str | None:
    visit, person = record.visit, draft.zone.volunteers.get(name)
    assert visit is not None
    assert record.need is not None
    if person is None:
        return "left"
    if person.paused:
        return "paused"
    waived = record.waived_for(name)
    if record.need.one_team and person.team != visit.team and "one_team" not in waived:
        return "moved_team"
    start, crew = visit.window.start, [(name, demand)]
    judged = judge(draft.zone, record, draft.now, team=visit.team, start=start, crew=crew, asking=False, waived=waived)
    return judged[name]


def _withdraw_from_leaders(draft: Draft, teams: set[str]) -> None:
    """Take back offers that were put to somebody who leads the team no more."""
    touched = []
    for offer_id in sorted(draft.zone.offers):
        offer = draft.zone.offers[offer_id]
        visit = draft.zone.requests[offer.request_id].visit
        if visit is None or visit.team not in teams or offer.asked == offer.volunteer:
            continue
        if offer.asked != draft.zone.teams[visit.team].leader:
            rescind(draft, offer_id, "leader_changed")
            touched.append(offer.request_id)
    for request_id in dict.fromkeys(touched):
        settle(draft, request_id, "roster")
