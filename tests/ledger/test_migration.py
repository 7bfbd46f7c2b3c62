"""Migrations lead to the tables that the code uses."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from engine.ports import Unavailable
from ningju.ledger import tables
from ningju.ledger.opening import open_store
from tests.ledger.builders import StandingClock
from tests.ledger.conftest import Ledgers


@pytest.mark.parametrize("ledgers", ["sqlite", "postgres"], indirect=True)
async def test_the_migrated_tables_are_those_of_the_code(ledgers: Ledgers) -> None:
    await ledgers.open()
    engine = create_engine(ledgers.url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
        for table in tables.metadata.sorted_tables:
            found = [column["name"] for column in inspect(connection).get_columns(table.name)]
            assert found == [column.name for column in table.columns], "rows are written in the order of the columns"
            primary = inspect(connection).get_pk_constraint(table.name)["constrained_columns"]
            assert primary == [column.name for column in table.primary_key]
    engine.dispose()


@pytest.mark.parametrize("ledgers", ["sqlite", "postgres"], indirect=True)
async def test_tables_of_a_newer_release_are_left_alone(ledgers: Ledgers) -> None:
    await (await ledgers.open()).close()
    engine = create_engine(ledgers.url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(Unavailable, match="does not know"):
        await ledgers.open()


async def test_open_rows_are_found_by_their_index(tmp_path: Path) -> None:
    """The index holds open rows only, and SQLite takes it only for the very same words."""
    store = await open_store(f"sqlite:///{tmp_path / 'l.db'}", StandingClock())
    await store.close()
    engine = create_engine(f"sqlite:///{tmp_path / 'l.db'}")
    with engine.connect() as connection:
        from sqlalchemy import select

        query = select(tables.inbox.c.seq).where(tables.inbox.c.open, tables.inbox.c.seq > 5)
        words = str(query.compile(engine, compile_kwargs={"literal_binds": True}))
        plan = connection.execute(text(f"EXPLAIN QUERY PLAN {words}")).all()
    engine.dispose()
    assert "ix_inbox_open" in str(plan)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y"])
async def test_an_address_that_is_no_ledger_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"ledger"):
        await open_store(url, StandingClock())
