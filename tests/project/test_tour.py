"""What the tour tells a newcomer is true: its blocks run, in order, in one shell."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.slow
def test_every_block_of_the_tour_runs(tmp_path: Path) -> None:
    blocks = FENCE.findall((ROOT / "docs/tour.md").read_text(encoding="utf-8"))
    assert len(blocks) >= 5
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("NINGJU_")},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NINGJU_PORT": str(port),
        "NINGJU_URL": f"http://127.0.0.1:{port}",
    }
    shell = subprocess.Popen(
        ["bash", "-ceuo", "pipefail", "\n".join(blocks)],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        told, _ = shell.communicate(timeout=150)
    finally:
        if shell.poll() is None:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.communicate()
    assert shell.returncode == 0, told
    assert " queued " in told
    assert "huayang: " in told  # explain says state and zone
    assert "\nok\n" in told
    log = (tmp_path / "up.log").read_text(encoding="utf-8")
    assert "王阿姨" not in log
    assert "5555" not in log
