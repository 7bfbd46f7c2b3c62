"""Fetches the libraries of the operators' pages by npm and puts what the pages load where they find it.

Needs node with npm; where the machine has none, a wheel brings it. Without them, or without a network, the pages still
read and every form works: so this says what is missing and ends well, unless it is told to insist.

Usage: python -m deploy.front [--insist] [--all]
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FRONT = ROOT / "ningju/console/front"
WHEEL = ROOT / "requirements-front.lock"
BUILT = ROOT / "ningju/console/static/vendor/.built"
LIMIT_S = 300


class Missing(Exception):
    """What keeps the libraries from being built."""


def build(*, everything: bool = False) -> None:
    """Install by the lock, with hashes, and copy.

    Parameters
    ----------
    everything
        Also what only tests want.

    Raises
    ------
    Missing
        When npm is not there, or cannot fetch.
    """
    path = _path()
    npm = shutil.which("npm", path=path)
    if npm is None:
        raise Missing("there is no npm")
    for command in ([npm, "ci", "--silent", *([] if everything else ["--omit=dev"])], ["node", "build.mjs"]):
        _run(command, cwd=FRONT, env={**os.environ, "PATH": path})
    BUILT.touch()


def _path() -> str:
    """Where node and npm are: on this machine, or in a wheel beside this Python."""
    path = os.environ.get("PATH", "")
    if shutil.which("npm", path=path) and shutil.which("node", path=path):
        return path
    beside = str(Path(sys.executable).parent)
    if not (Path(beside) / "npm").exists():
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", str(WHEEL)]
        _run(install, cwd=ROOT, env=dict(os.environ))
    return beside + os.pathsep + path


def _run(command: list[str], *, cwd: Path, env: dict[str, str]) -> None:
    try:
        done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{Path(command[0]).name}: {error}") from error
    if done.returncode:
        raise Missing(f"{Path(command[0]).name} {command[1]}: {(done.stderr or done.stdout).strip()[-500:]}")


def main() -> int:
    """Build, or say why not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--insist", action="store_true", help="fail where the libraries cannot be had")
    parser.add_argument("--all", action="store_true", help="what tests want, too")
    options = parser.parse_args()
    try:
        build(everything=options.all)
    except Missing as missing:
        print(
            f"The pages go without JavaScript, since their libraries could not be fetched: {missing}", file=sys.stderr
        )
        return 1 if options.insist else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
