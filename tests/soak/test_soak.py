"""The soak's own parts: its slope is right, and a run of seconds goes the whole way."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.soak.meter import Reading, slopes

ROOT = Path(__file__).parents[2]


def test_the_slope_is_that_of_the_time_after_warming_up() -> None:
    # 60 MB while it warms up, then 1 MB a minute: 60 MB/h; the second process stands still.
    memory = [0.0, 60.0, 61.0, 62.0, 63.0]
    readings = [Reading(60.0 * n, {"a 1": mb, "b 2": 5.0}, {}, 0, 0) for n, mb in enumerate(memory)]
    found = slopes(readings, warm_s=60)
    assert found["a 1"] == pytest.approx(60)
    assert found["b 2"] == pytest.approx(0, abs=1e-9)


@pytest.mark.slow
def test_a_soak_of_seconds_tells_memory_and_lag_and_ends_with_a_ledger_that_verifies() -> None:
    command = [sys.executable, "-m", "tests.soak", "--hours", "0.002", "--pace", "3", "--every", "1", "--most", "1e9"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    for told in ("serving", "MB/h", "lag: matcher", "requests 202", "verify: ok"):
        assert told in done.stdout
