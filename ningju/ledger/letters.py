"""SQL of dead letters: kept with their bytes for a while, and for ever without; closed by whoever dealt with them."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, func, select, tuple_, update

from engine.ports import ClosedQuery, DeadLetter
from ningju.ledger.bulk import insert_into
from ningju.ledger.inspection import Closing, KeptLetter
from ningju.ledger.tables import dead_letter, micros, moment


def put(connection: Connection, letter: DeadLetter, now: datetime, expiry: timedelta) -> None:
    """Keep a letter or count it again."""
    statement = insert_into(connection, dead_letter).values(
        source=letter.source,
        partition=letter.partition,
        offset=letter.offset,
        reason=letter.reason,
        zone=letter.zone,
        command_id=None if letter.command_id is None else str(letter.command_id),
        count=1,
        first_at=micros(now),
        last_at=micros(now),
        expires_at=micros(now + expiry),
        raw=letter.raw,
    )
    again = {"count": dead_letter.c.count + 1, "last_at": statement.excluded.last_at}
    connection.execute(statement.on_conflict_do_update(index_elements=["source", "partition", "offset"], set_=again))


def newest(connection: Connection, limit: int, now: datetime, *, closed: bool) -> list[KeptLetter]:
    """Letters, newest first; those that are closed as well, or not."""
    rows = select(dead_letter).order_by(dead_letter.c.seq.desc()).limit(limit)
    if not closed:
        rows = rows.where(dead_letter.c.closed.is_(None))
    return [_kept(row, now) for row in connection.execute(rows)]


def count_open(connection: Connection) -> int:
    """How many letters nobody has dealt with."""
    rows = select(func.count()).select_from(dead_letter).where(dead_letter.c.closed.is_(None))
    return int(connection.execute(rows).scalar_one())


def closed(connection: Connection, query: ClosedQuery, now: datetime) -> list[KeptLetter]:
    """Letters that somebody has dealt with, the last one first."""
    at, number = dead_letter.c.closed_at, dead_letter.c.seq
    rows = select(dead_letter).where(at.is_not(None)).order_by(at.desc(), number.desc()).limit(query.limit)
    if query.by is not None:
        rows = rows.where(dead_letter.c.closed_by == query.by)
    if query.how:
        rows = rows.where(dead_letter.c.closed.in_(sorted(query.how)))
    if query.since is not None:
        rows = rows.where(at >= micros(query.since))
    if query.until is not None:
        rows = rows.where(at < micros(query.until))
    if query.within is not None:
        rows = rows.where(dead_letter.c.zone.in_(sorted(query.within)))
    if query.before is not None:
        rows = rows.where(tuple_(at, number) < tuple_(micros(query.before[0]), query.before[1]))
    return [_kept(row, now) for row in connection.execute(rows)]


def find(connection: Connection, number: int, now: datetime) -> KeptLetter | None:
    """One letter."""
    row = connection.execute(select(dead_letter).where(dead_letter.c.seq == number)).one_or_none()
    return None if row is None else _kept(row, now)


def close(connection: Connection, number: int, closing: Closing, now: datetime) -> bool:
    """Note how a letter was dealt with, unless it is closed; whether it was noted."""
    values = {
        "closed": closing.how,
        "closed_at": micros(now),
        "closed_by": closing.by,
        "closed_reason": closing.reason,
        "replayed_as": None if closing.replayed_as is None else str(closing.replayed_as),
    }
    still_open = (dead_letter.c.seq == number) & dead_letter.c.closed.is_(None)
    return bool(connection.execute(update(dead_letter).where(still_open).values(values)).rowcount)


def any_expired(connection: Connection, now: datetime) -> bool:
    """Whether there are bytes to drop: looking costs no write."""
    return connection.execute(select(dead_letter.c.seq).where(_expired(now)).limit(1)).first() is not None


def expire(connection: Connection, now: datetime) -> int:
    """Drop the bytes of letters that have expired; of how many."""
    return connection.execute(update(dead_letter).where(_expired(now)).values(raw=b"")).rowcount


def _expired(now: datetime) -> ColumnElement[bool]:
    return (dead_letter.c.expires_at <= micros(now)) & (dead_letter.c.raw != b"")


def _kept(row: Row[tuple[object, ...]], now: datetime) -> KeptLetter:
    letter = DeadLetter(
        source=row.source,
        partition=row.partition,
        offset=row.offset,
        reason=row.reason,
        raw=row.raw if row.expires_at > micros(now) else b"",  # not shown even if they were not dropped yet
        zone=row.zone,
        command_id=None if row.command_id is None else UUID(row.command_id),
    )
    closing = None
    if row.closed is not None:
        replayed_as = None if row.replayed_as is None else UUID(row.replayed_as)
        closing = Closing(row.closed, row.closed_by, row.closed_reason, replayed_as)
    return KeptLetter(
        number=row.seq,
        letter=letter,
        count=row._mapping["count"],  # row.count is a sequence's own
        first_at=moment(row.first_at),
        last_at=moment(row.last_at),
        expires_at=moment(row.expires_at),
        closing=closing,
        closed_at=None if row.closed_at is None else moment(row.closed_at),
    )
