"""The blocks of docs/operations.md, as an engineer would type them."""

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/operations.md"
PART = re.compile(r"^## (.*)$", re.MULTILINE)
FENCE = re.compile(r"^```sh( stopped)?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(part: str, *, stopped: bool = False) -> list[str]:
    """Blocks of one part of the page, in order: those to be typed while the system runs, or when it is stopped."""
    pieces = PART.split(PAGE.read_text(encoding="utf-8"))
    text = pieces[pieces.index(part) + 1]
    return [block for mark, block in FENCE.findall(text) if bool(mark) == stopped]


def type_in(blocks: list[str], folder: Path, environment: Mapping[str, str], timeout_s: float = 150) -> str:
    """Run blocks in one shell that stops at the first fault; what it printed."""
    shell = subprocess.Popen(
        ["bash", "-ceuo", "pipefail", "\n".join(["set -x", *blocks])],
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        told, _ = shell.communicate(timeout=timeout_s)
    finally:
        if shell.poll() is None:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.communicate()
    assert shell.returncode == 0, told
    return told
