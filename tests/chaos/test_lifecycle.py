"""From start to drain: what scripts and platforms lean on."""

import os
import signal
import socket
import time
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.chaos.processes import Ningju, free_port, kill, left_behind, nobody_left, until
from tests.chaos.town import needs, write_town

pytestmark = pytest.mark.slow


def answer(ningju: Ningju) -> int | None:
    try:
        return httpx2.get(f"{ningju.url}/healthz/ready", timeout=5).status_code
    except httpx2.TransportError:
        return None


def test_ready_means_that_calls_are_taken_and_sigterm_drains_in_less_than_ten_seconds(tmp_path: Path, run: str) -> None:
    ningju = Ningju(["up"], folder=tmp_path, run=run, port=free_port(), roster=write_town(tmp_path))
    assert until(lambda: answer(ningju), "an answer") in {200, 503}
    ningju.until_ready()
    taken = httpx2.post(f"{ningju.url}/api/v1/requests", json=next(needs()), timeout=60)
    assert taken.status_code == 202, taken.text
    began = time.monotonic()
    assert ningju.terminate() == 0
    assert time.monotonic() - began < 10
    nobody_left(run)


def test_a_process_that_crashes_is_started_again_each_time_after_a_longer_pause(tmp_path: Path, run: str) -> None:
    ningju = Ningju(["up"], folder=tmp_path, run=run, port=free_port(), scenario="tiny")
    killed: set[int] = set()
    for _ in range(2):
        ningju.until_ready()
        (child,) = ningju.serving()
        assert child.pid not in killed
        killed.add(child.pid)
        kill(child)
        until(lambda: len(ningju.actions("restarted")) == len(killed), "a restart")
    pauses = [line["wait_s"] for line in ningju.actions("restarted")]
    assert pauses[0] < pauses[1]
    ningju.until_ready()
    assert ningju.terminate() == 0
    nobody_left(run)


def test_a_child_drains_by_itself_when_its_parent_is_killed(tmp_path: Path, run: str) -> None:
    ningju = Ningju(["up"], folder=tmp_path, run=run, port=free_port(), scenario="tiny")
    ningju.until_ready()
    kill(psutil.Process(ningju.process.pid))
    assert ningju.process.wait() == -signal.SIGKILL
    nobody_left(run)
    assert ningju.actions("ended")


def test_a_start_can_be_told_to_end_before_it_is_ready(tmp_path: Path, run: str) -> None:
    ningju = Ningju(["up"], folder=tmp_path, run=run, port=free_port(), scenario="tiny")
    until(ningju.serving, "a child")
    assert ningju.terminate() in {0, 1}  # 1: it had not even learnt to listen to signals
    nobody_left(run)


def test_nothing_listens_off_the_loopback(tmp_path: Path, run: str) -> None:
    ningju = Ningju(["up"], folder=tmp_path, run=run, port=free_port(), host="0.0.0.0")
    assert ningju.process.wait(timeout=60) == 2
    assert "127.0.0.1" in ningju.text()
    nobody_left(run)


def test_a_taken_port_is_wrong_use_and_the_message_names_it(tmp_path: Path, run: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ningju = Ningju(["up"], folder=tmp_path, run=run, port=port)
        assert ningju.process.wait(timeout=60) == 2
    assert f"127.0.0.1:{port} is in use" in ningju.text()
    nobody_left(run)


@pytest.mark.parametrize("what", ["database", "broker"])
def test_what_is_missing_at_the_start_is_named_and_not_waited_for(tmp_path: Path, run: str, what: str) -> None:
    nowhere = free_port()
    there = {
        "database": f"postgresql://nobody@127.0.0.1:{nowhere}/ningju",
        "broker": f"127.0.0.1:{nowhere}",
    }
    ningju = Ningju(["up"], folder=tmp_path, run=run, port=free_port(), **{what: there[what]})
    assert ningju.process.wait(timeout=120) == 3
    (line,) = ningju.actions("missing")
    assert str(nowhere) in line["reason"] or what in line["reason"].lower()
    assert not ningju.actions("restarted")
    nobody_left(run)


def test_a_test_of_orphans_can_fail(tmp_path: Path, run: str) -> None:
    ningju = Ningju(["schema"], folder=tmp_path, run=run)
    ningju.process.wait()
    env = os.environ | {"CHAOS_TEST_RUN": run}
    orphan = psutil.Popen(["sleep", "60"], env=env)
    try:
        until(lambda: left_behind(run), "the orphan's environment can be read")  # a moment after it started
        with pytest.raises(AssertionError, match="processes of"):
            nobody_left(run, timeout_s=0.5)
    finally:
        orphan.kill()
        orphan.wait()
