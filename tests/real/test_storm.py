"""The short storm: everything that a city would run, each part of it broken once, and the checker that can fail."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.storm.checker import Evidence, check

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

SEED = 1
Json = dict[str, Any]


@pytest.fixture(scope="module")
def storm() -> Iterator[Path]:
    """Run it once, in a folder that PostgreSQL's own user may enter; its evidence."""
    with TemporaryDirectory(prefix="ningju-storm-") as name:
        command = ["-m", "tests.storm", "--short", "--seed", str(SEED), "--minutes", "1", "--requests", "150"]
        process = subprocess.Popen(
            [sys.executable, *command, "--folder", f"{name}/run"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            text = process.communicate()[0].decode()
        finally:
            process.terminate()
            process.wait()
        print(text)  # noqa: T201 - the figures, for -s
        assert process.returncode == 0, text[-5_000:]
        yield Path(name) / "run"


def test_nothing_acknowledged_is_lost_doubled_or_told_otherwise_while_every_part_is_broken_once(storm: Path) -> None:
    strikes = [json.loads(line) for line in (storm / "strikes.jsonl").read_text().splitlines()]
    assert [one for one in strikes if "harness" in one or "nobody" in one] == []
    assert len([one for one in strikes if one["strike"] == "kill"]) == 8
    assert not check(Evidence(storm))


def first(lines: list[Json], fits: Callable[[Json], bool]) -> int:
    return next(number for number, line in enumerate(lines) if fits(line))


def kind(name: str) -> Callable[[Json], bool]:
    return lambda line: bool(line["event"]["kind"] == name)


def _lost(lines: list[Json]) -> None:
    del lines[first(lines, kind("request_ended"))]


def _two_ends(lines: list[Json]) -> None:
    end = lines[first(lines, kind("request_ended"))]
    later = lines[first(lines, lambda line: line["zone"] == end["zone"] and line["version"] > end["version"])]
    later["event"] = end["event"]


def _too_late(lines: list[Json]) -> None:
    taken = lines[first(lines, kind("seat_accepted"))]
    offer = first(lines, lambda line: line["event"].get("offer_id") == taken["event"]["offer_id"])
    lines[offer]["event"]["expires_at"] = taken["now"]


def _double(lines: list[Json]) -> None:
    number = first(lines, kind("seat_offered"))
    other = json.loads(json.dumps(lines[number]))
    other["event"] |= {"request_id": "another", "offer_id": "another"}
    lines.insert(number + 1, other)


def _unsaid(lines: list[Json]) -> None:
    said = first(lines, lambda line: line.get("path", "").endswith("/accept") and line.get("http") == 200)
    lines[said]["command_id"] = "nobody's"


def _never_received(lines: list[Json]) -> None:
    lines[first(lines, lambda line: line.get("path") == "/requests")] |= {"key": "other", "id": "other"}


def _skipped(lines: list[Json]) -> None:
    del lines[first(lines, lambda line: line.get("version", 0) > 2)]


def _untold(lines: list[Json]) -> None:
    key = lines[first(lines, lambda line: line.get("action") == "notified")]["key"]
    lines[:] = [line for line in lines if line.get("key") != key]


@pytest.mark.parametrize(
    ("file", "wrong", "catches"),
    [
        ("events.jsonl", _lost, "requests"),
        ("events.jsonl", _lost, "chain"),
        ("events.jsonl", _two_ends, "requests"),
        ("events.jsonl", _too_late, "offers"),
        ("events.jsonl", _double, "bookings"),
        ("events.jsonl", _double, "messages"),
        ("told.jsonl", _unsaid, "verdicts"),
        ("told.jsonl", _never_received, "requests"),
        ("feed.jsonl", _skipped, "feed"),
        ("recorder/heard.jsonl", _skipped, "consumers"),
        ("dispatcher/log", _untold, "messages"),
    ],
)
def test_the_checker_objects_to_evidence_that_is_wrong(
    storm: Path, tmp_path: Path, file: str, wrong: Callable[[list[Json]], None], catches: str
) -> None:
    for one in ("events.jsonl", "told.jsonl", "feed.jsonl", "state.json", "recorder/heard.jsonl", "dispatcher/log"):
        (tmp_path / one).parent.mkdir(exist_ok=True)
        shutil.copy(storm / one, tmp_path / one)
    lines = [json.loads(line) for line in (tmp_path / file).read_text().splitlines() if line.startswith("{")]
    wrong(lines)
    (tmp_path / file).write_text("".join(f"{json.dumps(line)}{os.linesep}" for line in lines))
    assert catches in {name for name, _ in check(Evidence(tmp_path))}
