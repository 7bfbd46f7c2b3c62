"""What the movers of the loop watch while they move."""

import asyncio
import threading

from benchmarks.movers import Stopwatch


async def test_a_stage_whose_thread_has_answered_and_not_yet_left_is_counted() -> None:
    watch, answered, leave = Stopwatch(), threading.Event(), threading.Event()

    def commit() -> None:
        answered.set()
        leave.wait()

    committing = asyncio.create_task(asyncio.to_thread(watch.timed("commit", commit)))
    await asyncio.to_thread(answered.wait)
    taking = asyncio.create_task(watch.taken())
    await asyncio.sleep(0.01)
    assert not taking.done()
    leave.set()
    assert set(await taking) == {"commit"}
    await committing
    assert await watch.taken() == {}
