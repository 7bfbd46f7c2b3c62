"""``ningju backup``, ``restore`` and ``migrate`` on an embedded ledger."""

import asyncio
import json
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from ningju.bootstrap.clock import SystemClock
from ningju.bootstrap.lock import sole_writer
from ningju.bootstrap.store import open_store
from ningju.ledger import backup as copying
from ningju.settings import Settings
from tests.cli.conftest import Cli
from tests.cli.test_ledger import _write as write_zones
from tests.ledger.builders import submission


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "ledger"
    asyncio.run(write_zones(folder))
    monkeypatch.setenv("NINGJU_DATA", str(folder))
    return folder


def test_a_backup_is_one_file_of_its_owner_that_becomes_the_same_ledger_again(
    cli: Cli, data: Path, tmp_path: Path
) -> None:
    file = tmp_path / "ledger.backup"
    done = cli("backup", file, "--json")
    told = json.loads(done.out)
    assert (done.code, told["ok"], told["open_commands"]) == (0, True, 0)
    assert told["events"] == len(cli("export", "events").out.splitlines())
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["ledger.backup"]
    assert file.stat().st_mode & 0o077 == 0

    events, elsewhere = cli("export", "events").out, tmp_path / "elsewhere"
    assert cli("restore", file, "--data", elsewhere).code == 0
    assert cli("export", "events", "--data", elsewhere).out == events
    assert {path.name for path in elsewhere.iterdir()} == {"ningju.db", "ningju.db.lock"}
    assert elsewhere.stat().st_mode & 0o077 == 0


def test_a_backup_is_of_one_instant_while_the_ledger_is_written(cli: Cli, data: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    written = 0

    def write() -> None:
        async def run() -> None:
            nonlocal written
            store = await open_store(Settings(data=data), SystemClock())
            while not stop.is_set():
                await store.enqueue([submission(written + n) for n in range(10)])
                written += 10
            await store.close()

        asyncio.run(run())

    writer = threading.Thread(target=write)
    writer.start()
    try:
        before = -1
        for turn in range(3):
            told = json.loads(cli("backup", tmp_path / f"{turn}.backup", "--json").out)
            assert told["ok"], told
            assert before < told["open_commands"] <= written + 10
            before = told["open_commands"]
    finally:
        stop.set()
        writer.join()


def test_nothing_is_written_over(cli: Cli, data: Path, tmp_path: Path) -> None:
    file = tmp_path / "ledger.backup"
    file.write_text("mine")
    refused = cli("backup", file)
    assert (refused.code, file.read_text()) == (2, "mine")
    file.unlink()
    assert cli("backup", file).code == 0
    refused = cli("restore", file)
    assert refused.code == 2
    assert "move the folder away" in refused.err
    (data / "ningju.db").unlink()
    (data / "ningju.db-wal").write_text("left by a crash")
    assert cli("restore", file).code == 2


def test_a_system_that_runs_on_the_folder_is_in_the_way(cli: Cli, data: Path, tmp_path: Path) -> None:
    file, empty = tmp_path / "ledger.backup", tmp_path / "empty"
    assert cli("backup", file).code == 0
    with sole_writer(Settings(data=empty).database_url):
        refused = cli("restore", file, "--data", empty)
        assert (refused.code, str(os.getpid()) in refused.err) == (2, True)
    with sole_writer(Settings(data=data).database_url):
        assert cli("migrate", "--to", "0001").code == 2


def test_a_backup_that_does_not_hold_is_kept_and_not_restored(cli: Cli, data: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(data / "ningju.db")) as db, db:
        db.execute("DELETE FROM event WHERE zone = 'north' AND version = 2")
    file, elsewhere = tmp_path / "ledger.backup", tmp_path / "elsewhere"
    done = cli("backup", file)
    assert (done.code, file.exists(), "north" in done.err) == (1, True, True)
    refused = cli("restore", file, "--data", elsewhere)
    assert refused.code == 1
    assert [path.name for path in elsewhere.iterdir()] == ["ningju.db.lock"]


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough to look like a header of one" * 20])
def test_what_is_no_backup_is_refused_and_leaves_nothing(cli: Cli, data: Path, tmp_path: Path, content: bytes) -> None:
    file, elsewhere = tmp_path / "garbage", tmp_path / "elsewhere"
    file.write_bytes(content)
    assert cli("restore", file, "--data", elsewhere).code == 2
    assert cli("restore", tmp_path / "nowhere", "--data", elsewhere).code == 2
    assert [path.name for path in elsewhere.iterdir()] == ["ningju.db.lock"]


def test_what_is_missing_or_for_another_database_says_what_to_do(cli: Cli, tmp_path: Path) -> None:
    assert cli("backup", tmp_path / "b", "--data", tmp_path / "typo").code == 3
    assert cli("migrate", "--data", tmp_path / "typo").code == 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NINGJU_DATABASE", "postgresql://ningju@db/ningju")
        refused = cli("backup", tmp_path / "b")
    assert (refused.code, "pg_dump" in refused.err) == (2, True)


def test_a_copy_that_cannot_be_finished_leaves_nothing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copying, "flush", full)
    with pytest.raises(OSError, match="No space"):
        copying.copy(data / "ningju.db", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_the_tables_go_back_for_an_earlier_release_and_forth_again(cli: Cli, data: Path) -> None:
    assert cli("migrate", "--to", "0001").code == 0
    with closing(sqlite3.connect(data / "ningju.db")) as db:
        assert db.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
    assert cli("migrate", "--to", "nonsense").code == 3
    assert cli("migrate").code == 0
    (data / "demo").touch()
    assert cli("verify").out == "ok\n"
