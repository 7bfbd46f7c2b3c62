"""Many rows by one statement, at the driver's own speed.

SQLAlchemy turns each row's parameters into the driver's form, which costs more than the insert itself. Our columns need
no turning (see ``tables``), so a statement is compiled once for a dialect and rows go to the driver as plain tuples:
to SQLite one by one, to PostgreSQL as one array a column, for there each statement has its price.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, Table, delete, false, func, update
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.sql import ClauseElement, bindparam
from sqlalchemy.sql.compiler import SQLCompiler

Row = tuple[Any, ...]

_DIALECTS: dict[str, Dialect] = {
    "sqlite": SQLiteDialect(paramstyle="qmark"),
    "postgresql": PGDialect(paramstyle="format"),
}


def insert_into(connection: Connection, table: Table) -> SqliteInsert | PostgresInsert:
    """Begin an insert that understands ``ON CONFLICT`` in the connection's dialect."""
    return _insert(connection.dialect.name, table)


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows given in the order of the table's columns, a counter left out."""
    _many(connection, _insert_text(connection.dialect.name, table), rows)


def insert_new_rows(connection: Connection, table: Table, key: str, rows: Sequence[Row]) -> list[str]:
    """Insert rows whose unique ``key`` is not there; the keys of those that were written.

    On SQLite nobody else writes meanwhile: the caller has looked, and hands in new ones only.
    """
    if connection.dialect.name == "sqlite":
        insert_rows(connection, table, rows)
        place = _columns(table).index(key)
        return [row[place] for row in rows]
    if not rows:
        return []
    statement = _insert_new_text(connection.dialect.name, table, key)
    written = connection.exec_driver_sql(statement, tuple(list(column) for column in zip(*rows, strict=True)))
    return list(written.scalars())


def upsert_rows(
    connection: Connection,
    table: Table,
    rows: Sequence[Row],
    *,
    keep: tuple[str, ...] = (),
    fixed: tuple[str, ...] = (),
) -> None:
    """Insert rows or replace those with the same primary key; each key once.

    A ``keep`` column survives a new null. A ``fixed`` column never changes: it is left alone, and with it every index that
    has no other column, which the database would else write anew for each row.
    """
    _many(connection, _upsert_text(connection.dialect.name, table, keep, fixed), rows)


def delete_rows(connection: Connection, table: Table, keys: Sequence[Row]) -> None:
    """Delete rows by their primary keys."""
    if keys:
        connection.exec_driver_sql(_delete_text(connection.dialect.name, table), list(keys))


def update_row(connection: Connection, table: Table, where: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Set columns of the row whose columns are as told; whether there is one."""
    statement = _update_text(connection.dialect.name, table, tuple(where), tuple(values))
    return bool(connection.exec_driver_sql(statement, (*values.values(), *where.values())).rowcount)


def clear_flag(connection: Connection, table: Table, flag: str, key: str, keys: Sequence[str]) -> None:
    """Set a boolean column to false where ``key`` is one of ``keys``."""
    _many(connection, _clear_text(connection.dialect.name, table, flag, key), [(one,) for one in keys])


def _many(connection: Connection, statement: str, rows: Sequence[Row]) -> None:
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(statement, tuple(list(column) for column in zip(*rows, strict=True)))
    else:
        connection.exec_driver_sql(statement, list(rows))


def _insert(dialect: str, table: Table) -> SqliteInsert | PostgresInsert:
    return sqlite_insert(table).inline() if dialect == "sqlite" else postgres_insert(table).inline()


def _columns(table: Table) -> list[str]:
    return [column.name for column in table.columns if column is not table.autoincrement_column]


@cache
def _insert_text(dialect: str, table: Table) -> str:
    return _from_arrays(dialect, table, _text(dialect, _insert(dialect, table), _columns(table)))


@cache
def _insert_new_text(dialect: str, table: Table, key: str) -> str:
    insert = _insert(dialect, table).on_conflict_do_nothing(index_elements=[key]).returning(table.c[key])
    return _from_arrays(dialect, table, _text(dialect, insert, _columns(table)))


@cache
def _upsert_text(dialect: str, table: Table, keep: tuple[str, ...], fixed: tuple[str, ...]) -> str:
    statement = _insert(dialect, table)
    keys = [column.name for column in table.primary_key]
    alone = {*keys, *fixed}
    new: dict[str, ColumnElement[Any]] = {
        name: statement.excluded[name] for name in _columns(table) if name not in alone
    }
    for name in keep:
        new[name] = func.coalesce(statement.excluded[name], table.c[name])
    upsert = statement.on_conflict_do_update(index_elements=keys, set_=new)
    return _from_arrays(dialect, table, _text(dialect, upsert, _columns(table)))


@cache
def _delete_text(dialect: str, table: Table) -> str:
    keys = list(table.primary_key)
    statement = delete(table).where(*(column == bindparam(f"key_{column.name}") for column in keys))
    return _text(dialect, statement, None, [f"key_{column.name}" for column in keys])


@cache
def _update_text(dialect: str, table: Table, where: tuple[str, ...], values: tuple[str, ...]) -> str:
    statement = update(table).where(*(table.c[name] == bindparam(f"old_{name}") for name in where))
    order = [*(f"new_{name}" for name in values), *(f"old_{name}" for name in where)]
    return _text(dialect, statement.values({name: bindparam(f"new_{name}") for name in values}), None, order)


@cache
def _clear_text(dialect: str, table: Table, flag: str, key: str) -> str:
    statement = update(table).where(table.c[key] == bindparam("key")).values({flag: false()})
    words = _text(dialect, statement, None, ["key"])
    return words.replace("= %s", "= ANY(%s)") if dialect == "postgresql" else words


def _text(dialect: str, statement: ClauseElement, columns: list[str] | None, order: list[str] | None = None) -> str:
    compiled = statement.compile(dialect=_DIALECTS[dialect], column_keys=columns)
    assert isinstance(compiled, SQLCompiler)
    if compiled.positiontup != (order or columns):
        raise AssertionError(f"parameters of {compiled} come in another order: {compiled.positiontup}")
    return str(compiled)


def _from_arrays(dialect: str, table: Table, insert: str) -> str:
    """Turn PostgreSQL's ``VALUES`` of one row into a ``SELECT`` from an array a column."""
    if dialect != "postgresql":
        return insert
    columns = [table.c[name] for name in _columns(table)]
    one = f"VALUES ({', '.join('%s' for _ in columns)})"
    arrays = ", ".join(f"%s::{column.type.compile(_DIALECTS[dialect])}[]" for column in columns)
    head, found, tail = insert.partition(one)
    assert found, insert
    return f"{head}SELECT * FROM unnest({arrays}){tail}"  # noqa: S608 - all of it is ours, from the tables
