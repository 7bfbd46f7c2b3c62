"""SQL of the truth: compare and set of zones, events, outcomes, snapshots, timers."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, TextClause, delete, func, select, text, update
from sqlalchemy.exc import IntegrityError

from engine.ports import Conflict, DueZone, Loaded, Record, Snapshot, ZoneAppend
from ningju.ledger import appends as batch
from ningju.ledger import tables
from ningju.ledger.bulk import clear_flag, insert_into, insert_rows, update_row, upsert_rows
from ningju.ledger.inbox import outcomes
from ningju.ledger.read_model import request, write_rows
from ningju.ledger.tables import event, micros, moment, snapshot, zone
from schemas.envelope import EventEnvelope, Outcome
from schemas.events import request_of


def commit(connection: Connection, appends: Sequence[ZoneAppend]) -> None:
    """Write everything that the appends bring, or raise ``Conflict`` with nothing written by this transaction."""
    ordered = sorted(appends, key=lambda append: append.zone)  # every writer locks zones in the same order
    behind = batch.repeated(ordered)
    behind |= {append.zone for append in ordered if not _advance(connection, append)}
    told = batch.outcomes(ordered)
    if connection.dialect.name == "postgresql":  # which would end the transaction at the first key that is there
        behind |= _told_before(connection, told)
    if behind:
        raise Conflict(behind)
    records = [
        (record.zone, record.version, record.data)
        for append in ordered
        for decided in append.decided
        for record in decided.records
    ]
    keyed = [(str(one.command_id), one) for one in told]
    try:
        insert_rows(connection, event, records)
        insert_rows(connection, tables.outcome, [(command_id, one.zone, one.dump()) for command_id, one in keyed])
    except IntegrityError as error:  # on PostgreSQL, the same command decided in two zones at the same moment
        known = set() if connection.dialect.name == "postgresql" else _told_before(connection, told)
        raise Conflict(known or {append.zone for append in ordered}) from error
    clear_flag(connection, tables.inbox, "open", "command_id", [command_id for command_id, _ in keyed])
    write_rows(connection, [(append.zone, row) for append in ordered for row in batch.last_rows(append).values()])
    save_snapshots(connection, [append.snapshot for append in ordered if append.snapshot is not None])


def _told_before(connection: Connection, told: Sequence[Outcome]) -> set[str]:
    """Zones in which some of these commands have an outcome already."""
    return {outcome.zone for outcome in outcomes(connection, [one.command_id for one in told]).values()}


def _advance(connection: Connection, append: ZoneAppend) -> bool:
    """Move a zone from its expected version on; whether it was there."""
    version = batch.check(append)
    due = None if append.next_due is None else micros(append.next_due)
    expected = {"zone": append.zone, "version": append.expected_version}
    if update_row(connection, zone, expected, {"version": version, "next_due": due}):
        return True
    if append.expected_version:
        return False
    first = insert_into(connection, zone).values(zone=append.zone, version=version, next_due=due)
    return connection.execute(first.on_conflict_do_nothing().returning(zone.c.zone)).first() is not None


def lock_at(connection: Connection, name: str, version: int) -> bool:
    """Hold a zone where it is until the transaction ends; whether it is at ``version``."""
    held = update(zone).where(zone.c.zone == name, zone.c.version == version).values(version=version)
    return bool(connection.execute(held).rowcount)


def save_snapshots(connection: Connection, snapshots: Sequence[Snapshot]) -> None:
    """Keep the newest snapshot of each zone; older schemas' are thrown away with it."""
    for one in snapshots:
        connection.execute(delete(snapshot).where(snapshot.c.zone == one.zone, snapshot.c.schema < one.schema))
    upsert_rows(connection, snapshot, [(one.zone, one.schema, one.version, one.data) for one in snapshots])


def newest_snapshot(connection: Connection, name: str, schema: int | None) -> Snapshot | None:
    """Newest snapshot of a schema; of any, when none is named."""
    rows = select(snapshot).where(snapshot.c.zone == name).order_by(snapshot.c.version.desc()).limit(1)
    if schema is not None:
        rows = rows.where(snapshot.c.schema == schema)
    row = connection.execute(rows).one_or_none()
    return None if row is None else Snapshot(row.zone, row.version, row.schema, row.data)


def drop_snapshots(connection: Connection) -> None:
    """Throw all snapshots away."""
    connection.execute(delete(snapshot))


def head(connection: Connection, name: str) -> tuple[int, datetime | None]:
    """Version and next timer of one zone."""
    row = connection.execute(select(zone.c.version, zone.c.next_due).where(zone.c.zone == name)).one_or_none()
    return (0, None) if row is None else (row.version, None if row.next_due is None else moment(row.next_due))


def heads(connection: Connection) -> dict[str, int]:
    """Versions of all zones that have events."""
    rows = select(zone.c.zone, zone.c.version).where(zone.c.version > 0).order_by(zone.c.zone)
    return {row.zone: row.version for row in connection.execute(rows)}


def load(connection: Connection, name: str, schema: int | None, limit: int | None) -> Loaded:
    """Snapshot and what came after it; records are only ever added, so reading them later skips nothing."""
    newest = newest_snapshot(connection, name, schema)
    return Loaded(newest, tuple(events(connection, name, newest.version if newest else 0, limit)))


def events(connection: Connection, name: str, after: int, limit: int | None) -> list[Record]:
    """Records of a zone after a version."""
    rows = select(event.c.version, event.c.data).where(event.c.zone == name, event.c.version > after)
    rows = rows.order_by(event.c.version).limit(limit)
    return [Record(name, version, data, EventEnvelope.read(data)) for version, data in connection.execute(rows)]


def history(connection: Connection, request_id: UUID) -> list[Record]:
    """Records that name a request, by time.

    No index leads there, for it would cost each event something: time never goes back in a zone, so the first record is
    found by halving, and between it and the last change of the request's row the bytes are searched.
    """
    found: list[Record] = []
    for row in request(connection, request_id):
        first = _version_at(connection, row.zone, row.created_at, row.version)
        rows = select(event.c.version, event.c.data).where(
            event.c.zone == row.zone, event.c.version >= first, event.c.version <= row.version, _holds(connection)
        )
        for version, data in connection.execute(rows.order_by(event.c.version), {"needle": str(request_id).encode()}):
            record = Record(row.zone, version, data, EventEnvelope.read(data))
            if request_of(record.envelope.event) == request_id:
                found.append(record)
    return sorted(found, key=lambda record: record.envelope.now)


def _holds(connection: Connection) -> TextClause:
    postgres = connection.dialect.name == "postgresql"
    return text("position(CAST(:needle AS bytea) IN data) > 0" if postgres else "instr(data, :needle) > 0")


def _version_at(connection: Connection, name: str, when: datetime, last: int) -> int:
    """The first version at or after a moment, at most ``last``."""
    low, high = 1, last
    while low < high:
        middle = (low + high) // 2
        data = connection.execute(
            select(event.c.data).where(event.c.zone == name, event.c.version == middle)
        ).scalar_one_or_none()
        if data is not None and EventEnvelope.read(data).now < when:
            low = middle + 1
        else:
            high = middle
    return low


def due_zones(connection: Connection, now: datetime) -> list[DueZone]:
    """Zones with a timer due by now, the longest overdue first."""
    rows = select(zone).where(zone.c.next_due <= micros(now)).order_by(zone.c.next_due, zone.c.zone)
    return [DueZone(row.zone, moment(row.next_due), row.version) for row in connection.execute(rows)]


def next_due(connection: Connection) -> datetime | None:
    """Earliest timer of all zones."""
    due = connection.execute(select(func.min(zone.c.next_due))).scalar_one_or_none()
    return None if due is None else moment(due)
