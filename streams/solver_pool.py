"""Solving outside the event loop: processes that are nice, mind a deadline and die with their parent."""

import asyncio
import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Final

import structlog

from engine.ports import Unavailable
from schemas.plan import Plan
from schemas.problem import Limits, Problem

log = structlog.get_logger(__name__)

NICENESS: Final = 10
TRIES: Final = 3
_PR_SET_PDEATHSIG: Final = 1

Solve = Callable[[Problem, Limits], Plan]


def solve_here(problem: Problem, limits: Limits) -> Plan:
    """Solve in this process."""
    from solvers.solve import solve

    return solve(problem, limits)


class SolverPool:
    """A pool of solver processes.

    Parameters
    ----------
    workers
        Processes, at least 1.
    deadline_s
        Seconds after which a solve that has no time limit is given up; one that has gets ``grace_s`` on top of it.
    solve
        What the processes run: a function of a module, so that it can be named to them.
    """

    def __init__(
        self, workers: int = 1, *, deadline_s: float = 120.0, grace_s: float = 30.0, solve: Solve = solve_here
    ) -> None:
        self._workers = workers
        self._deadline_s = deadline_s
        self._grace_s = grace_s
        self._solve = solve
        self._pool: ProcessPoolExecutor | None = None
        self.solving = 0

    async def solve(self, problem: Problem, limits: Limits) -> Plan:
        """Solve in a process of the pool.

        Raises
        ------
        engine.ports.Unavailable
            When the deadline passed or processes died again and again. The pool is new afterwards.
        """
        deadline_s = self._deadline_s if limits.seconds is None else limits.seconds + self._grace_s
        self.solving += 1
        try:
            for _ in range(TRIES):
                pool = self._ready()
                try:
                    future = asyncio.get_running_loop().run_in_executor(pool, self._solve, problem, limits)
                    async with asyncio.timeout(deadline_s):
                        return await future
                except BrokenProcessPool:
                    log.warning("a solver process died and is replaced", action="solver_replaced")
                    self._discard(pool)
                except TimeoutError as late:
                    self._discard(pool)
                    raise Unavailable(f"no plan after {deadline_s:.0f} s; the solver processes were replaced") from late
            raise Unavailable(f"solver processes died {TRIES} times; look for what kills them (memory?)")
        finally:
            self.solving -= 1

    def pids(self) -> list[int]:
        """Process ids of the pool, for the supervisor and for tests."""
        return sorted(getattr(self._pool, "_processes", None) or {})

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._discard(self._pool)

    def _ready(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Spawned: a fork would take over sockets, locks and threads of the event loop.
            self._pool = ProcessPoolExecutor(
                self._workers,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_settle_in,
                initargs=(os.getpid(),),
            )
        return self._pool

    def _discard(self, pool: ProcessPoolExecutor) -> None:
        if self._pool is pool:
            self._pool = None
        processes = list((getattr(pool, "_processes", None) or {}).values())
        for process in processes:
            process.kill()
        pool.shutdown(wait=True, cancel_futures=True)  # quick: it sees that they are gone, and lets go of its pipes


def _settle_in(parent: int) -> None:
    from solvers.routes.search import start_warming

    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent ends us
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_die_with_parent, daemon=True, name="parent-watch").start()
    start_warming()
    if os.getppid() != parent:  # it died before we could ask to be told
        os._exit(1)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
