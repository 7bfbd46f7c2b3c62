"""The roles under one seeded scheduler: whatever goes wrong on the way, every promise is kept."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from random import Random

import pytest

from schemas.commands import Command
from schemas.events import Event
from tests.deterministic import __main__ as runner
from tests.deterministic.checker import CHECKS
from tests.deterministic.faults import Faults
from tests.deterministic.loop import Asleep, Process, VirtualLoop
from tests.deterministic.world import clocks, simulate
from tests.schemas.samples import kinds

BY_HAND = {"assign_crew", "release_visit", "release_seat", "pin_visit", "refer_request", "take_alarms"}
"""What operators decide instead of the matcher: nobody does so here."""

PINNED = {"visit_pinned", "alarms_taken"}
"""What only operators cause."""

SEEDS = range(1, int(os.environ.get("SIMULATED_SEEDS", "60")) + 1)


def test_every_seed_keeps_every_promise_and_all_kinds_of_things_happen() -> None:
    events: Counter[str] = Counter()
    commands: Counter[str] = Counter()
    for seed in SEEDS:
        run = simulate(seed)
        assert run.faulty() == [], f"python -m tests.deterministic --seeds {seed} --trace"
        events.update(json.loads(line)["event"]["kind"] for lines in run.events.values() for line in lines)
        commands.update(row["command"]["command"]["kind"] for row in run.inbox)
    assert kinds(Event) - set(events) <= PINNED
    assert kinds(Command) - set(commands) <= BY_HAND


def test_a_run_without_faults_is_quiet() -> None:
    run = simulate(1, Faults(slow=0.0))
    assert run.faulty() == []
    assert run.kills == 0
    assert run.ended == []


def test_the_same_seed_is_the_same_run_in_any_process() -> None:
    here = [simulate(seed).digest() for seed in (3, 4, 5, 6)]
    assert len(set(here)) == 4
    for hashes in ("1", "2"):
        told = subprocess.run(
            [sys.executable, "-m", "tests.deterministic", "--seeds", "3:7", "--trace"],
            env=os.environ | {"PYTHONHASHSEED": hashes},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert [line.split()[1] for line in told.splitlines() if line.startswith("  digest")] == here


def test_a_seed_at_fault_says_how_to_run_it_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(CHECKS, "rest", lambda evidence: iter(["it is never good enough"]))
    monkeypatch.setattr(sys, "argv", ["tests.deterministic", "--seeds", "7", "--workers", "1"])
    assert runner.main() == 1
    assert "python -m tests.deterministic --seeds 7 --trace" in capsys.readouterr().out


def test_time_is_virtual_wherever_our_modules_read_a_clock() -> None:
    assert {module.__name__ for module, _ in clocks()} >= {
        "streams.publishing",
        "streams.batch_role",
        "streams.zone_worker",
    }


def test_a_killed_process_takes_no_further_step_and_a_frozen_one_goes_on_where_it_was() -> None:
    loop = VirtualLoop(Random(1), 10_000)
    steps: dict[str, int] = {"killed": 0, "frozen": 0}

    async def walk(name: str) -> None:
        try:
            while True:
                await asyncio.sleep(1)
                steps[name] += 1
        finally:
            steps[name] += 1_000  # no cleaning up, either

    async def story() -> None:
        killed, frozen = Process(loop, "killed", 0), Process(loop, "frozen", 0)
        killed.spawn(walk("killed"))
        frozen.spawn(walk("frozen"))
        await asyncio.sleep(10.5)
        killed.kill()
        frozen.freeze()
        assert steps == {"killed": 10, "frozen": 10}
        await asyncio.sleep(10)
        assert steps == {"killed": 10, "frozen": 10}
        frozen.thaw()
        await asyncio.sleep(4.7)
        assert steps == {"killed": 10, "frozen": 15}
        frozen.kill()

    loop.run_until_complete(story())
    loop.close()


def test_somebody_who_waits_for_nothing_is_noticed() -> None:
    loop = VirtualLoop(Random(1), 10_000)

    async def wait() -> None:
        await loop.create_future()

    with pytest.raises(Asleep):
        loop.run_until_complete(wait())
    loop.close()
