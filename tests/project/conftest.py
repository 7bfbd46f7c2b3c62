"""A small tree with our configuration, in which a test can break one rule and look for the complaint."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "schemas",
    "solvers",
    "engine",
    "streams",
    "ningju",
    "ningju/bootstrap",
    "ningju/cli",
    "ningju/reading",
    "ningju/ledger",
    "ningju/console",
    "ningju/dispatch",
    "ningju/simulation",
    "deploy",
)

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def root() -> Path:
    return ROOT


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return the packages of the project, empty, under the project's own pyproject.toml."""
    for package in PACKAGES:
        (tmp_path / package).mkdir(parents=True)
        (tmp_path / package / "__init__.py").touch()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.fixture
def run(tree: Path) -> Run:
    """Run a tool of this environment inside the small tree."""

    def call(*command: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        # The tree comes first on the path, and nothing of the outer run (xdist, CI, caches) leaks in.
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "PYTHON", "COV"))}
        return subprocess.run(
            [sys.executable, *command],
            cwd=tree,
            env={**clean, "PYTHONPATH": str(tree), **(env or {})},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return call
