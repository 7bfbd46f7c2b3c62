"""While something takes long, the event loop goes on: heartbeats are sent by it, and who sends none is put out of the group."""

import asyncio
import time

from schemas.problem import Limits
from streams.solver_pool import SolverPool

SOLVE_S = 2.0
LONGEST_S = 1.5
"""Of a pause that harms nobody: a member may be silent for ten seconds, and this machine may be busy."""


def busy(problem, limits):
    """Hold the interpreter for two seconds, as a solver may that never lets go of it."""
    end = time.monotonic() + SOLVE_S
    while time.monotonic() < end:
        sum(range(1_000))
    return "a plan"


async def pauses(until: asyncio.Future) -> list[float]:
    found, last = [], time.monotonic()
    while not until.done():
        await asyncio.sleep(0.01)
        now = time.monotonic()
        found.append(now - last)
        last = now
    return found


async def test_heartbeats_go_on_under_a_long_solve() -> None:
    pool = SolverPool(solve=busy)
    try:
        began = time.monotonic()
        solving = asyncio.ensure_future(pool.solve(None, Limits()))
        found = await pauses(solving)
        assert await solving == "a plan"
        assert time.monotonic() - began >= SOLVE_S
        assert max(found) < LONGEST_S
    finally:
        pool.close()


async def test_a_solve_in_the_loop_itself_would_be_noticed() -> None:
    async def solve() -> str:
        await asyncio.sleep(0.05)
        return busy(None, Limits())

    assert max(await pauses(asyncio.ensure_future(solve()))) >= LONGEST_S
