"""A SQLite ledger has one writing process: a second start is refused, whatever became of the first is forgotten."""

import subprocess
import sys
from pathlib import Path

import pytest

from ningju.bootstrap.clock import SystemClock
from ningju.bootstrap.demo import fresh_folder
from ningju.bootstrap.lock import LedgerTaken, sole_writer
from ningju.bootstrap.store import open_store
from ningju.bootstrap.system import System
from ningju.settings import DemoSettings, Settings

HOLD = """
import sys
from ningju.bootstrap.lock import sole_writer
with sole_writer(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_ledger_is_refused_while_another_process_runs_on_it_and_free_once_that_one_is_killed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deep' / 'ningju.db'}"
    command = [sys.executable, "-c", HOLD, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            with pytest.raises(LedgerTaken, match=f"process {other.pid} runs on .*; stop it, or .* --data"):
                sole_writer(url).__enter__()
        finally:
            other.kill()
    with sole_writer(url):
        pass


def test_a_ledger_of_several_writers_takes_no_lock() -> None:
    for url in ("postgresql://nobody@nowhere/ningju", "memory:"):
        with sole_writer(url), sole_writer(url):
            pass


async def test_a_system_starts_on_nobody_elses_ledger_and_lets_go_of_its_own(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, port=0, solver_processes=0)
    with sole_writer(settings.database_url):
        system = System(settings, SystemClock())
        with pytest.raises(LedgerTaken):
            await system.start()
        assert not (tmp_path / "ningju.db").exists()
    for _ in range(2):
        system = System(settings, SystemClock())
        await system.start()
        try:
            with pytest.raises(LedgerTaken):
                sole_writer(settings.database_url).__enter__()
        finally:
            await system.stop()


def test_a_new_demo_does_not_replace_the_ledger_of_one_that_still_runs(tmp_path: Path) -> None:
    settings = DemoSettings(data=tmp_path / "demo")
    fresh_folder(settings)
    ledger = settings.data / "ningju.db"
    ledger.write_text("a day's events")
    with sole_writer(settings.database_url), pytest.raises(LedgerTaken):
        fresh_folder(settings)
    assert ledger.exists()
    fresh_folder(settings)
    assert not ledger.exists()


async def test_the_folder_of_a_ledger_is_its_owners_alone_since_names_and_phones_lie_in_it(tmp_path: Path) -> None:
    started, opened, day = (
        Settings(data=tmp_path / "a"),
        Settings(data=tmp_path / "b"),
        DemoSettings(data=tmp_path / "c"),
    )
    with sole_writer(started.database_url):
        pass
    await (await open_store(opened, SystemClock())).close()
    fresh_folder(day)
    assert {oct(one.data.stat().st_mode & 0o777) for one in (started, opened, day)} == {"0o700"}
