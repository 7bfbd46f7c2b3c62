"""Each benchmark's quick twin goes the whole way and tells what it is to tell; how fast it was is nobody's business here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import COMMANDS

ROOT = Path(__file__).parents[2]


def call(*arguments: str) -> list[dict[str, object]]:
    """Run a benchmark as a user would; its JSON lines."""
    command = [sys.executable, "-m", "benchmarks", *arguments, "--quick", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_the_loop_moves_the_same_commands_in_all_three_ways() -> None:
    (report,) = call("loop")
    assert set(report["ways"]) == {"raw", "faust", "ningju"}
    assert report["events"] > report["commands"] > 0
    assert all(way["commands_per_s"] > 0 and way["cpu_us_per_command"] > 0 for way in report["ways"].values())
    stages = report["stages_cpu_us"]
    assert stages["validate"] > 0
    assert stages["decide, evolve, write events and rows"] > 0
    assert stages["SQL: writing thread"] > 0
    assert report["goals"] == {"of_raw": 0.10, "of_faust": 0.5}


@pytest.mark.slow
def test_matching_tells_times_and_gap_of_the_day_and_of_growth() -> None:
    day, *growth = call("matching")
    assert day["instance"] == "tiny, zone by zone"
    assert day["visits"] == 20
    assert [row["visits"] for row in growth] == [100, 100, 200, 200]
    for row in (day, *growth):
        assert 0 <= row["bound"] <= row["cost"] <= row["asked"]
        assert 0.0 <= row["gap"] <= 1.0
        assert row["served"] <= row["visits"]
    for row in growth:
        # The bare flow ignores that one person's visits must not overlap, so it never serves fewer.
        assert row["served"] <= row["flow_served"] <= row["visits"]


@pytest.mark.slow
def test_replanning_is_told_beside_scratch_and_beside_leaving_the_plan_alone() -> None:
    *rows, sums = call("replan")
    assert len(rows) == sums["disruptions"] == 2
    for row in rows:
        assert row["valid"]
        assert (
            row["left_out"] <= row["left_alone"]
        )  # what is left alone is one of the plans that re-planning could give
        assert row["changed"] <= row["told"]
        assert row["replan_s"] > 0
    assert sums["left_out"] == sum(row["left_out"] for row in rows)
    assert sums["goals"] == {"time": 0.05, "changes": 1 / 3, "quality": 1.01}


@pytest.mark.slow
def test_every_accept_by_rest_is_answered_with_its_verdict() -> None:
    (report,) = call("accept")
    assert report["calls"] == 40
    assert report["answers"] == {"200": 40}
    for name in ("accept_ms", "two_hops_ms"):
        assert 0 < report[name]["p50"] <= report[name]["p99"] <= report[name]["max"]


@pytest.mark.slow
def test_a_start_on_a_history_is_timed_with_snapshots_and_without() -> None:
    (report,) = call("restore")
    assert report["events"] == 4_000
    for start in (report["with_snapshots"], report["without"]):
        assert 0 < start["ready_s"] <= start["all_zones_answered_s"]
        assert start["cpu_s"] > 0
    assert report["cpu_us_an_event"]["fold"] > 0
    assert report["goals"] == {"with_snapshots_s": 60, "without_s": 300}


def test_every_command_says_what_it_does() -> None:
    for name in COMMANDS:
        command = [sys.executable, "-m", "benchmarks", name, "--help"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert COMMANDS[name].split(",")[0] in " ".join(done.stdout.split())


@pytest.mark.slow
def test_the_console_tells_what_a_page_costs_as_the_queue_grows_and_how_often_streams_push() -> None:
    page, streams = call("console")
    assert set(page["cpu_ms"]) == {"100 open", "1000 open", "bare"}
    assert page["bytes"] > 10_000
    assert page["of_100_open"] > 0
    assert streams["listeners"] == 10
    assert streams["fewest_pushes"] > 0
    assert streams["lag_p99_s"] > 0
