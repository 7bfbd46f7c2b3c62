"""A disk without room puts writing off; nothing is half written, and with room again it goes on."""

from pathlib import Path

import pytest

from engine.ports import Unavailable
from ningju.ledger.opening import open_store
from ningju.ledger.sql import SqlStore
from ningju.ledger.sqlite import SqliteDatabase
from schemas.person import Person
from tests.ledger.builders import StandingClock, command, submission


def limit(store: object, pages: int) -> int:
    """Let the file have so many pages at most, as a disk without room does; how many it has."""
    assert isinstance(store, SqlStore)
    assert isinstance(store._database, SqliteDatabase)
    with store._database.writer.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        return int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())


async def test_what_finds_no_room_is_told_so_undone_whole_and_taken_once_there_is_room(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'ledger.db'}", StandingClock())
    await store.enqueue([command("before")])
    pages = limit(store, 1_000_000)
    limit(store, pages)
    big = submission("big", persons=(Person(id="p1", name="王", note="x" * 400),))
    many = [big, *(submission(n) for n in range(500))]
    with pytest.raises(Unavailable, match="full"):
        await store.enqueue(many)
    assert await store.open_count() == 1
    assert await store.person("p1") is None
    limit(store, 1_000_000)
    answers = await store.enqueue(many)
    assert {answer.status for answer in answers} == {"new"}
    assert await store.person("p1") is not None
    await store.close()
