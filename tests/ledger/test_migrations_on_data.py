"""Migrations on tables that hold data: up, down and up again, and while a process of the release before goes on writing."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, Table, create_engine, event, insert, select
from sqlalchemy.types import BigInteger, Boolean, Integer, LargeBinary

import ningju.ledger
from engine.ports import DeadLetter
from ningju.ledger.inspection import Closing
from ningju.ledger.migration import migrate
from tests.ledger.builders import append, submission
from tests.ledger.conftest import Ledgers

SCRIPTS = ScriptDirectory(f"{ningju.ledger.__path__[0]}/migrations")
REVISIONS = [script.revision for script in reversed(list(SCRIPTS.walk_revisions()))]
STEPS = list(pairwise(REVISIONS))


def test_the_revisions_are_one_line() -> None:
    assert len(SCRIPTS.get_heads()) == 1
    assert STEPS


@pytest.fixture(params=["sqlite", "postgres"])
def ledgers(request: pytest.FixtureRequest, tmp_path: Any) -> Ledgers:
    if request.param == "sqlite":
        return Ledgers("sqlite", f"sqlite:///{tmp_path / 'ledger.db'}")
    return Ledgers("postgres", request.getfixturevalue("postgres_url"))


@pytest.fixture
def engine(ledgers: Ledgers) -> Iterator[Engine]:
    engine = create_engine(ledgers.url.replace("postgresql:", "postgresql+psycopg:"))
    if ledgers.kind == "sqlite":

        @event.listens_for(engine, "connect")
        def own_begin(driver: Any, _entry: object) -> None:
            driver.isolation_level = None

        @event.listens_for(engine, "begin")
        def begin(connection: Any) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    yield engine
    engine.dispose()


def tables_of(engine: Engine) -> dict[str, Table]:
    """The tables as a release of this revision knows them."""
    metadata = MetaData()
    metadata.reflect(engine)
    return {name: table for name, table in metadata.tables.items() if name != "alembic_version"}


def a_row(table: Table, number: int) -> dict[str, Any]:
    """A row with something in every column."""

    def value(kind: Any) -> Any:
        match kind:
            case Boolean():
                return True
            case Integer() | BigInteger():
                return number
            case LargeBinary():
                return b"%d" % number
            case _:
                return f"text-{number}"

    return {column.name: value(column.type) for column in table.columns}


def contents(engine: Engine, tables: dict[str, Table]) -> dict[str, list[tuple[Any, ...]]]:
    with engine.connect() as connection:
        return {
            name: [tuple(row) for row in connection.execute(select(*table.columns).order_by(*table.primary_key))]
            for name, table in tables.items()
        }


@pytest.mark.parametrize(("before", "after"), STEPS)
def test_each_step_keeps_every_row_up_down_and_up_again(engine: Engine, before: str, after: str) -> None:
    migrate(engine, before)
    old = tables_of(engine)
    with engine.begin() as connection:
        for table in old.values():
            connection.execute(insert(table), [a_row(table, 1), a_row(table, 2)])
    written = contents(engine, old)
    for target in (after, before, after):
        migrate(engine, target)
        assert contents(engine, old) == written
    migrate(engine, before)
    assert {name: table.columns.keys() for name, table in tables_of(engine).items()} == {
        name: table.columns.keys() for name, table in old.items()
    }


@pytest.mark.parametrize(("before", "after"), STEPS)
def test_the_release_before_goes_on_writing_and_reading_after_each_step(
    engine: Engine, before: str, after: str
) -> None:
    migrate(engine, before)
    old = tables_of(engine)
    with engine.connect() as running:  # a process that was there before, with statements it compiled before
        for table in old.values():
            running.execute(insert(table), a_row(table, 1))
        running.commit()
        migrate(engine, after)
        for table in old.values():
            running.execute(insert(table), a_row(table, 2))
        running.commit()
        for table in old.values():
            assert len(running.execute(select(*table.columns)).all()) == 2


async def test_a_ledger_in_use_goes_back_and_forth_and_loses_only_what_the_older_one_does_not_know(
    ledgers: Ledgers, engine: Engine
) -> None:
    store = await ledgers.open()
    await store.enqueue([submission("a")])
    await store.commit([append("east", 0, "a")])
    await store.dead_letter(DeadLetter("ningju.requests", 0, 1, "not JSON", b"raw"))
    (letter,) = await store.letters()
    await store.close_letter(letter.number, Closing("discarded", "operator:li", "a test"))
    await store.close()
    migrate(engine, REVISIONS[0])
    migrate(engine)
    store = await ledgers.open()
    assert await store.heads() == {"east": 1}
    assert await store.open_count() == 0
    assert [(kept.letter.raw, kept.closing) for kept in await store.letters()] == [(b"raw", None)]
    await store.close()
