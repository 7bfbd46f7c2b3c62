"""Where a ledger is opened: the address says which."""

import asyncio
from pathlib import Path

from sqlalchemy import create_engine, make_url

from engine.ports import Clock
from ningju.ledger.inspection import InspectableStore
from ningju.ledger.memory import MemoryStore
from ningju.ledger.migration import migrate
from ningju.ledger.settings import StoreSettings
from ningju.ledger.sql import SqlStore
from ningju.ledger.sqlite import SqliteDatabase, sqlite_engine


async def open_store(url: str, clock: Clock, settings: StoreSettings | None = None) -> InspectableStore:
    """Open the ledger and bring its tables up to this release.

    Parameters
    ----------
    url
        ``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``postgresql://user@host/name`` or ``memory:``.
    clock
        Stamps what enters; with PostgreSQL only where ``settings.database_clock`` is off.

    Raises
    ------
    ValueError
        When the address names no database that the ledger can stand on.
    engine.ports.Unavailable
        When the database is away, or written by a newer release.
    """
    chosen = settings or StoreSettings()
    if url == "memory:":
        return MemoryStore(clock, chosen)
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        if not address.database or address.database == ":memory:":
            raise ValueError("a SQLite ledger needs a file; `memory:` is the ledger that forgets")
        sqlite = SqliteDatabase(Path(address.database), clock)
        try:
            await asyncio.to_thread(migrate, sqlite.writer)
        except BaseException:
            await sqlite.close()
            raise
        return SqlStore(sqlite, chosen)
    if address.get_backend_name() == "postgresql":
        from ningju.ledger.postgres import PostgresDatabase

        postgres = PostgresDatabase(address, None if chosen.database_clock else clock)
        try:
            await asyncio.to_thread(migrate, postgres.engine)
        except BaseException:
            await postgres.close()
            raise
        return SqlStore(postgres, chosen)
    raise ValueError(f"no ledger stands on {address.get_backend_name()}; use sqlite or postgresql")


def migrate_store(url: str, to: str) -> None:
    """Bring a ledger's tables to a revision, earlier or later.

    Raises
    ------
    engine.ports.Unavailable
        When the database is away, or knows no such revision.
    """
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        engine = sqlite_engine(Path(address.database or ""), "BEGIN IMMEDIATE", query_only=False)
    else:
        engine = create_engine(address.set(drivername="postgresql+psycopg"))
    try:
        migrate(engine, to)
    finally:
        engine.dispose()
