import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from engine.ports import Unavailable
from schemas.problem import Limits
from streams.solver_pool import NICENESS, SolverPool


def where(problem, limits):
    return os.getpid(), os.nice(0)


def sleep_long(problem, limits):
    time.sleep(60)


def die_once(problem, limits):
    marker = Path(problem)
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def die(problem, limits):
    os.kill(os.getpid(), signal.SIGKILL)


async def test_problems_are_solved_in_a_nice_process_of_their_own() -> None:
    pool = SolverPool(solve=where)
    try:
        pid, niceness = await pool.solve(None, Limits())
        assert pid != os.getpid()
        assert pool.pids() == [pid]
        assert niceness == min(19, os.nice(0) + NICENESS)
    finally:
        pool.close()
    assert not psutil.pid_exists(pid)


async def test_a_solve_past_its_deadline_is_given_up_and_the_pool_goes_on() -> None:
    pool = SolverPool(solve=sleep_long, grace_s=1.0)
    try:
        with pytest.raises(Unavailable, match="no plan"):
            await pool.solve(None, Limits(seconds=0.0))
        assert pool.pids() == []
        pool._solve = where
        assert await pool.solve(None, Limits())
    finally:
        pool.close()


async def test_a_process_that_is_killed_is_replaced_and_the_problem_solved_all_the_same(tmp_path) -> None:
    pool = SolverPool(solve=die_once)
    try:
        assert await pool.solve(str(tmp_path / "killed"), Limits()) == "alive"
    finally:
        pool.close()


async def test_a_problem_that_kills_every_process_is_not_tried_for_ever() -> None:
    pool = SolverPool(solve=die)
    try:
        with pytest.raises(Unavailable, match="died"):
            await pool.solve(None, Limits())
    finally:
        pool.close()


PARENT = """
import asyncio, sys
from tests.streams.test_solver_pool import sleep_long, where
from streams.solver_pool import SolverPool
from schemas.problem import Limits

async def main():
    pool = SolverPool(solve=where)
    print((await pool.solve(None, Limits()))[0], flush=True)
    pool._solve = sleep_long
    await pool.solve(None, Limits())

if __name__ == "__main__":
    asyncio.run(main())
"""


async def test_solvers_die_with_their_parent_however_it_ends(tmp_path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    root = Path(__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(root)}
    )
    try:
        solver = psutil.Process(int(parent.stdout.readline()))
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
    async with asyncio.timeout(40):
        while solver.is_running() and solver.status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.05)
