"""SQL of what is kept beside the events: plans, dead letters, persons."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, delete, select, update

from engine.ports import DeadLetter, StoredPlan
from ningju.ledger.bulk import insert_into, upsert_rows
from ningju.ledger.tables import dead_letter, micros, moment, person, plan
from schemas.person import Person


def put_plan(connection: Connection, new: StoredPlan) -> None:
    """Store a plan unless its hash is known."""
    values = {
        "plan_hash": new.plan_hash,
        "zone": new.zone,
        "solved_at_version": new.solved_at_version,
        "created_at": micros(new.created_at),
        "data": new.data,
    }
    connection.execute(
        insert_into(connection, plan).on_conflict_do_nothing(index_elements=["plan_hash"]).values(values)
    )


def find_plan(connection: Connection, where: ColumnElement[bool]) -> StoredPlan | None:
    """The plan stored last of those that match."""
    row = connection.execute(select(plan).where(where).order_by(plan.c.seq.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    return StoredPlan(row.plan_hash, row.zone, row.solved_at_version, moment(row.created_at), row.data)


def put_dead_letter(connection: Connection, letter: DeadLetter, now: datetime, expiry: timedelta) -> None:
    """Keep a letter or count it again, and drop the bytes of those that have expired."""
    expired = dead_letter.c.expires_at <= micros(now)
    connection.execute(update(dead_letter).where(expired, dead_letter.c.raw != b"").values(raw=b""))
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


def dead_letters(connection: Connection, limit: int, now: datetime) -> list[DeadLetter]:
    """Letters, newest first; expired bytes are not shown, even if they were not dropped yet."""
    rows = connection.execute(select(dead_letter).order_by(dead_letter.c.seq.desc()).limit(limit))
    return [
        DeadLetter(
            source=row.source,
            partition=row.partition,
            offset=row.offset,
            reason=row.reason,
            raw=row.raw if row.expires_at > micros(now) else b"",
            zone=row.zone,
            command_id=None if row.command_id is None else UUID(row.command_id),
        )
        for row in rows
    ]


def put_persons(connection: Connection, persons: Sequence[Person]) -> None:
    """Write persons; the last of several with one id counts."""
    last = {one.id: one.dump() for one in persons}
    upsert_rows(connection, person, sorted(last.items()))


def find_person(connection: Connection, person_id: str) -> Person | None:
    """A person's data."""
    data = connection.execute(select(person.c.data).where(person.c.id == person_id)).scalar_one_or_none()
    return None if data is None else Person.read(data)


def erase_person(connection: Connection, person_id: str) -> bool:
    """Delete a person's row; whether there was one."""
    return bool(connection.execute(delete(person).where(person.c.id == person_id)).rowcount)
