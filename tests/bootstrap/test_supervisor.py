"""What the supervisor makes of the ways in which a process ends."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ningju.bootstrap import supervisor
from ningju.settings import Settings


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for the process that is supervised; says that it runs by a file."""
    program = tmp_path / "child"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path / 'runs'}\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    return tmp_path / "runs"


def test_a_process_that_our_own_signal_ended_before_or_after_it_listened_has_drained(child: Path) -> None:
    def stop() -> None:
        while not child.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop).start()
    assert supervisor.supervise(Settings(drain_s=5)) == supervisor.DONE


def test_secrets_reach_the_child_as_they_are(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    told = supervisor.environment(
        Settings(
            database="postgresql://ningju:secret@db/ningju",  # type: ignore[arg-type]
            broker_ca=ca,
            broker_user="ningju-zones",
            broker_password="hunter2",  # type: ignore[arg-type]
            roles=("zones",),
        )
    )
    assert told["NINGJU_DATABASE"] == "postgresql://ningju:secret@db/ningju"
    assert told["NINGJU_BROKER_PASSWORD"] == "hunter2"
    assert told["NINGJU_ROLES"] == '["zones"]'
    assert told["NINGJU_BROKER_TLS"] == "False"


def test_settings_with_parts_reach_the_child_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"the 'chiefs'": "admin", '主管 "一"': "zone_lead"}
    told = supervisor.environment(Settings(role_names=names, hosts=("a.example", "*.b.example")))  # type: ignore[arg-type]
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    read = Settings()
    assert (read.role_names, read.hosts) == (names, ("a.example", "*.b.example"))
