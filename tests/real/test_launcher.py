"""The launcher: up, status and down by process ids, and nothing left behind however its owner ends."""

import json
import subprocess
import sys

import psutil
import pytest

pytestmark = pytest.mark.real

OWNER = """
import sys, time
from pathlib import Path
from deploy.kafka.cluster import Cluster
with Cluster(Path(sys.argv[1])) as cluster:
    print(cluster.processes[0].pid, flush=True)
    time.sleep(600)
"""


def test_up_status_and_down_leave_nothing_behind(tmp_path, root) -> None:
    run = tmp_path / "run"

    def call(command: str) -> tuple[int, str]:
        line = [sys.executable, "-m", "deploy.kafka", "--folder", run, command]
        done = subprocess.run(line, cwd=root, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout

    assert call("status") == (1, "down\n")
    code, address = call("up")
    try:
        assert code == 0
        ((pid, _),) = json.loads((run / "cluster.json").read_text())["processes"]
        assert call("status") == (0, f"{address.strip()}  1 of 1 brokers answer\n")
        assert call("up")[0] == 1  # one at a time
    finally:
        assert call("down")[0] == 0
    assert call("status") == (1, "down\n")
    assert not run.exists()
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process when its parent is killed")
def test_a_broker_ends_with_its_owner_even_when_that_is_killed(tmp_path, root) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, tmp_path / "kafka"], cwd=root, stdout=subprocess.PIPE)
    try:
        assert owner.stdout is not None
        broker = psutil.Process(int(owner.stdout.readline()))
        assert broker.is_running()
    finally:
        owner.kill()
        owner.communicate()
    broker.wait(10)
