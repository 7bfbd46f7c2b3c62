"""Real faults: transactions held open, connections that break at the commit, processes killed while they write."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError

from engine.ports import CommitUnknown, Conflict, Unavailable
from ningju.ledger import inbox
from ningju.ledger.inspection import InspectableStore
from ningju.ledger.sql import SqlStore
from ningju.ledger.sqlite import SqliteDatabase
from schemas.base import derive_id
from tests.ledger.builders import append, command, request_view, row
from tests.ledger.conftest import Ledgers

DATABASES = ["sqlite", "postgres"]


def database(store: InspectableStore) -> Any:
    assert isinstance(store, SqlStore)
    return store._database


@pytest.mark.parametrize("ledgers", ["postgres"], indirect=True)
async def test_no_cursor_passes_a_transaction_that_is_held_open_while_others_commit(ledgers: Ledgers) -> None:
    store, other = await ledgers.open(), await ledgers.open()
    await store.enqueue([command("before")])
    after = (await store.open_commands())[-1].seq
    written, release = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        database(store).before_numbering(connection)
        limit = inbox.InboxLimit(10, timedelta(seconds=1))
        inbox.enqueue(connection, [command("held 1"), command("held 2")], ledgers.clock.now(), limit)
        written.set()
        assert release.wait(60)

    held = asyncio.create_task(database(store).write(hold))
    await asyncio.to_thread(written.wait, 60)
    (answer,) = await asyncio.wait_for(other.enqueue([command("after")]), 30)
    assert answer.status == "new", "others commit meanwhile"
    assert await other.open_count() == 2
    assert await other.open_commands(after) == [], "the later number is there, but an earlier one is still to come"
    release.set()
    await held
    rows = await other.open_commands(after)
    assert [one.command_id for one in rows] == [derive_id("command", name) for name in ("held 1", "held 2", "after")]
    assert [one.seq for one in rows] == sorted(one.seq for one in rows)


@pytest.mark.parametrize("ledgers", ["postgres"], indirect=True)
async def test_a_transaction_that_was_undone_does_not_hold_readers_back(ledgers: Ledgers) -> None:
    store = await ledgers.open()

    def undone(connection: Connection) -> None:
        database(store).before_numbering(connection)
        connection.execute(text("SELECT nextval('inbox_seq_seq')"))
        raise KeyError("changed my mind")

    with pytest.raises(KeyError):
        await database(store).write(undone)
    await store.enqueue([command("a")])
    assert len(await store.open_commands()) == 1


@pytest.mark.parametrize("ledgers", DATABASES, indirect=True)
async def test_a_cursor_over_the_inbox_skips_nothing_while_many_write(ledgers: Ledgers) -> None:
    stores = [await ledgers.open() for _ in range(3)]
    seen: list[object] = []
    done = asyncio.Event()

    async def follow() -> None:
        after = 0
        while True:
            last_round = done.is_set()
            for one in await stores[0].open_commands(after, limit=7):
                assert one.seq > after
                after = one.seq
                seen.append(one.command_id)
            if last_round and len(await stores[0].open_commands(after)) == 0:
                return

    follower = asyncio.create_task(follow())
    writers = (stores[n % 3].enqueue([command((n, k)) for k in range(3)]) for n in range(120))
    await asyncio.gather(*writers)
    done.set()
    await follower
    assert sorted(map(str, seen)) == sorted(str(derive_id("command", (n, k))) for n in range(120) for k in range(3))


def break_commit(store: InspectableStore, *, written: bool) -> None:
    """Break the connection at the next commit, before it is written or after."""
    inner = database(store)
    engine = inner.writer if isinstance(inner, SqliteDatabase) else inner.engine

    armed = [True]

    def at_commit(connection: Connection) -> None:
        if not armed:
            return
        armed.clear()
        driver: Any = connection.connection.dbapi_connection
        if isinstance(driver, sqlite3.Connection):
            driver.commit() if written else driver.rollback()
            raise OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))
        if written:
            driver.commit()
            driver.close()  # the answer is lost
            return
        with psycopg.connect(inner._conninfo, autocommit=True) as killer:
            killer.execute("SELECT pg_terminate_backend(%s)", [driver.info.backend_pid])

    event.listen(engine, "commit", at_commit)


@pytest.mark.parametrize("ledgers", DATABASES, indirect=True)
@pytest.mark.parametrize("written", [False, True])
async def test_a_commit_of_unknown_outcome_says_so_and_can_be_looked_up(ledgers: Ledgers, written: bool) -> None:
    store = await ledgers.open()
    await store.enqueue([command("a")])
    batch = [append("east", 0, "a", rows=(row(request_view("a")),))]
    break_commit(store, written=written)
    with pytest.raises(CommitUnknown):
        await store.commit(batch)
    known = await store.outcomes([derive_id("command", "a")])
    assert bool(known) is written
    assert await store.heads() == ({"east": 1} if written else {})
    if written:
        with pytest.raises(Conflict):
            await store.commit(batch)
    else:
        await store.commit(batch)
    assert len(await store.events("east")) == 1


@pytest.mark.parametrize("ledgers", DATABASES, indirect=True)
@pytest.mark.parametrize("written", [False, True])
async def test_the_door_finds_out_by_itself_whether_its_commit_was_written(ledgers: Ledgers, written: bool) -> None:
    store = await ledgers.open()
    await store.enqueue([command("a")])
    break_commit(store, written=written)
    (answer,) = await store.enqueue([command("b")])
    assert answer.status == ("known" if written else "new")
    assert await store.open_count() == 2


@pytest.mark.parametrize("ledgers", ["postgres"], indirect=True)
async def test_a_connection_that_broke_while_idle_is_replaced_unnoticed(ledgers: Ledgers) -> None:
    store = await ledgers.open()
    await store.enqueue([command("a")])
    with psycopg.connect(database(store)._conninfo, autocommit=True) as killer:
        killer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await store.enqueue([command("b")])
    assert await store.open_count() == 2


@pytest.mark.parametrize("ledgers", ["postgres"], indirect=True)
async def test_a_database_that_is_away_is_unavailable(ledgers: Ledgers) -> None:
    store = await ledgers.open()
    inner = database(store)
    name = inner.engine.url.database
    with psycopg.connect(ledgers.url.replace(f"/{name}?", "/postgres?"), autocommit=True) as killer:
        killer.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        killer.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        for call in (store.enqueue([command("a")]), store.commit([append("east", 0, 1)]), store.heads()):
            with pytest.raises(Unavailable):
                await call
        killer.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
    await store.enqueue([command("a")])
    assert await store.open_count() == 1


@pytest.mark.parametrize("ledgers", ["sqlite"], indirect=True)
async def test_a_locked_file_is_unavailable_and_comes_back(ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ningju.ledger.sqlite.BUSY_MS", 50)
    store = await ledgers.open()
    blocker = sqlite3.connect(ledgers.url.removeprefix("sqlite:///"), isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        await store.enqueue([command("a")])
    blocker.execute("ROLLBACK")
    blocker.close()
    await store.enqueue([command("a")])
    assert await store.open_count() == 1


@pytest.mark.parametrize("ledgers", DATABASES, indirect=True)
async def test_everything_is_there_after_a_restart(ledgers: Ledgers) -> None:
    store = await ledgers.open()
    await store.enqueue([command("a"), command("b")])
    await store.commit([append("east", 0, "a", rows=(row(request_view("a")),))])
    await store.settle("d", {"east": 1})
    await store.close()
    with pytest.raises(Unavailable):
        await store.heads()
    again = await ledgers.open()
    assert await again.heads() == {"east": 1}
    assert [one.command_id for one in await again.open_commands()] == [derive_id("command", "b")]
    assert await again.cursors("d") == {"east": 1}
    assert await again.request(derive_id("request", "a")) == (request_view("a"),)


@pytest.mark.parametrize("ledgers", DATABASES, indirect=True)
async def test_a_writer_that_is_killed_loses_nothing_that_it_acknowledged(ledgers: Ledgers, tmp_path: Path) -> None:
    await (await ledgers.open()).close()
    for life in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-m", "tests.ledger.writing", ledgers.url, str(life)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert writer.stdout is not None
        told = [writer.stdout.readline() for _ in range(25 + 7 * life)]
        os.kill(writer.pid, signal.SIGKILL)
        told += writer.stdout.readlines()
        writer.stdout.close()
        writer.wait()
        acknowledged = [line.split() for line in told if line.endswith(b"\n")]
        store = await ledgers.open()
        heads = await store.heads()
        for kind, name in acknowledged:
            if kind == b"enqueued":
                assert await store.command(derive_id("command", name.decode())) is not None
            else:
                zone, version = name.decode().rsplit("/", 1)
                assert heads[zone] >= int(version)
                assert await store.outcomes([derive_id("command", name.decode())])
        for zone, head in heads.items():
            events = await store.events(zone, limit=10_000)
            assert [one.version for one in events] == list(range(1, head + 1))
            outcomes = await store.outcomes([derive_id("command", f"{zone}/{n}") for n in range(1, head + 2)])
            assert len(outcomes) == head, "events and outcomes came together"
        await store.close()
