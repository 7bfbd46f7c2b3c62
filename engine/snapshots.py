"""A zone's state as bytes and back, and the fold of what a store loaded.

The bytes are canonical: equal states give equal bytes. Timers are not in them, for they follow from the rest.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from immutables import Map
from pydantic import TypeAdapter

from engine.evolve import all_timers, evolve, fold_untimed, owners, reset_timers
from engine.ports import Loaded, Record
from engine.zone import CalendarEntry, ClosedReferral, LastChange, OfferRecord, RequestRecord, Zone
from schemas.base import Moment
from schemas.catalogue import ServiceType, Site
from schemas.envelope import record_hash
from schemas.roster import Team, Volunteer
from schemas.zone import Policy, ZoneConfig

SCHEMA = 5
"""Version of the state's form: raise it with every change to ``engine.zone`` or to what ``evolve`` makes of an event."""


@dataclass(frozen=True, slots=True)
class _Stored:
    zone: str
    version: int
    clock: Moment
    head_hash: str
    config: ZoneConfig | None
    policy: Policy
    service_types: list[ServiceType]
    sites: list[Site]
    teams: list[Team]
    volunteers: list[Volunteer]
    requests: list[RequestRecord]
    done: list[RequestRecord]
    offers: list[OfferRecord]
    calendars: list[tuple[str, tuple[CalendarEntry, ...]]]
    asked: list[tuple[str, tuple[Moment, ...]]]
    volunteer_seen: list[tuple[str, int]]
    closed_referrals: list[tuple[UUID, ClosedReferral]]
    roster_change: LastChange
    catalogue_change: LastChange


_STORED = TypeAdapter(_Stored)
_PEOPLE = TypeAdapter(list[Volunteer])


Rosters = dict[str, tuple[Map[str, Volunteer], bytes]]
"""Zone → a roster and its bytes, as they were last written: most of a snapshot, and seldom another than last time."""

_NOBODY = b'"volunteers":[]'  # in a string its quotes would be escaped


def dump(state: Zone, rosters: Rosters | None = None) -> bytes:
    """Write a state as canonical JSON.

    Parameters
    ----------
    rosters
        What earlier calls wrote; kept up. It changes nothing but the time it takes.
    """
    written = None if rosters is None else rosters.get(state.zone)
    if written is None or written[0] is not state.volunteers:
        written = (state.volunteers, _PEOPLE.dump_json(_values(state.volunteers)))
        if rosters is not None:
            rosters[state.zone] = written
    before, _, after = _but_the_roster(state).partition(_NOBODY)
    return b'%b"volunteers":%b%b' % (before, written[1], after)


def _but_the_roster(state: Zone) -> bytes:
    return _STORED.dump_json(
        _Stored(
            zone=state.zone,
            version=state.version,
            clock=state.clock,
            head_hash=state.head_hash,
            config=state.config,
            policy=state.policy,
            service_types=_values(state.service_types),
            sites=_values(state.sites),
            teams=_values(state.teams),
            volunteers=[],
            requests=_values(state.requests),
            done=_values(state.done),
            offers=_values(state.offers),
            calendars=sorted(state.calendars.items()),
            asked=sorted(state.asked.items()),
            volunteer_seen=sorted(state.volunteer_seen.items()),
            closed_referrals=sorted(state.closed_referrals.items()),
            roster_change=state.roster_change,
            catalogue_change=state.catalogue_change,
        )
    )


K = TypeVar("K", str, UUID)
V = TypeVar("V")


def _values(entries: Map[K, V]) -> list[V]:
    return [entries[key] for key in sorted(entries)]


def restore(data: bytes) -> Zone:
    """Read a state that :func:`dump` of the same ``SCHEMA`` wrote.

    Raises
    ------
    pydantic.ValidationError
        When the bytes are something else: throw the snapshot away and fold from the first event.
    """
    stored = _STORED.validate_json(data)
    members: dict[str, list[str]] = {team.id: [] for team in stored.teams}
    for person in stored.volunteers:
        members.setdefault(person.team, []).append(person.id)
    zone = Zone(
        zone=stored.zone,
        version=stored.version,
        clock=stored.clock,
        head_hash=stored.head_hash,
        config=stored.config,
        policy=stored.policy,
        service_types=Map((item.id, item) for item in stored.service_types),
        sites=Map((item.id, item) for item in stored.sites),
        teams=Map((item.id, item) for item in stored.teams),
        volunteers=Map((item.id, item) for item in stored.volunteers),
        members=Map((team, tuple(sorted(names))) for team, names in members.items() if names),
        requests=Map((item.request_id, item) for item in stored.requests),
        done=Map((item.request_id, item) for item in stored.done),
        offers=Map((item.offer_id, item) for item in stored.offers),
        calendars=Map(stored.calendars),
        asked=Map(stored.asked),
        volunteer_seen=Map(stored.volunteer_seen),
        closed_referrals=Map(stored.closed_referrals),
        roster_change=stored.roster_change,
        catalogue_change=stored.catalogue_change,
    )
    return zone.changed(timers=all_timers(zone))


def append(state: Zone, record: Record) -> Zone:
    """Fold one stored record, its hash included."""
    return evolve(state, record.envelope).changed(head_hash=record_hash(record.data))


def extend(state: Zone, records: Iterable[Record]) -> Zone:
    """Fold records that follow a state; what of them it has already is passed over.

    Timers and hash are set once, after the last of them: nothing in between reads them, and that halves the time.

    Raises
    ------
    ValueError
        When a record is missing in between: a state with a hole in its past must decide nothing.
    """
    touched: dict[UUID, None] = {}
    last: Record | None = None
    for record in records:
        if record.version <= state.version:
            continue
        if record.version != state.version + 1:
            raise ValueError(f"zone {state.zone} has no record between versions {state.version} and {record.version}")
        state, last = fold_untimed(state, record.envelope), record
        touched.update(dict.fromkeys(owners(record.envelope.event)))
    if last is None:
        return state
    return state.changed(timers=reset_timers(state, touched), head_hash=record_hash(last.data))


def fold(zone_id: str, loaded: Loaded) -> Zone:
    """Build a zone's state from its newest usable snapshot and every record after it.

    Raises
    ------
    ValueError
        When a record is missing in between: a state with a hole in its past must decide nothing.
    """
    snapshot = loaded.snapshot
    usable = snapshot is not None and snapshot.schema == SCHEMA
    state = restore(snapshot.data) if snapshot is not None and usable else Zone.empty(zone_id)
    return extend(state, loaded.records)
