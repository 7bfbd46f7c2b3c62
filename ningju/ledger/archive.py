"""SQL of what is kept beside the events: plans, persons, and who saw whose data."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, delete, select

from engine.ports import Look, StoredPlan
from ningju.ledger.bulk import insert_into, insert_rows, upsert_rows
from ningju.ledger.tables import look, micros, moment, person, plan
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


def note_looks(connection: Connection, looks: Sequence[Look]) -> None:
    """Write down who saw whose data."""
    rows = [
        (micros(one.at), one.actor, one.person, None if one.request_id is None else str(one.request_id))
        for one in looks
    ]
    insert_rows(connection, look, rows)


def looks(connection: Connection, before: int | None, limit: int) -> list[Look]:
    """Who saw whose data, newest first."""
    rows = select(look).order_by(look.c.seq.desc()).limit(limit)
    if before is not None:
        rows = rows.where(look.c.seq < before)
    return [
        Look(row.actor, row.person, None if row.request_id is None else UUID(row.request_id), moment(row.at), row.seq)
        for row in connection.execute(rows)
    ]
