"""An event loop whose time is virtual, and of whose ready callbacks the seed says which runs next."""

import asyncio
import heapq
from asyncio import base_events
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, copy_context
from itertools import count
from random import Random
from typing import Any


class Asleep(Exception):
    """Nothing is left that could ever happen, and somebody still waits."""


class Restless(Exception):
    """More steps than any run needs: somebody turns in circles."""


class _NumberedTask(asyncio.Task):
    """A task that a set keeps in an order that is the same in every run."""

    def __init__(self, coro, *, loop, **options) -> None:
        self.number = next(loop.numbers)
        super().__init__(coro, loop=loop, **options)
        self._log_destroy_pending = False  # what dies with its process leaves its tasks as they are

    def __hash__(self) -> int:
        return self.number


class _NumberedFuture(asyncio.Future):
    """As `_NumberedTask`."""

    def __init__(self, *, loop) -> None:
        self.number = next(loop.numbers)
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self.number


class VirtualLoop(base_events.BaseEventLoop):
    """No sockets, no threads, no waiting: when nobody can go on, it is the next timer's time at once.

    asyncio runs what is ready in the order in which it became so. Here any of it may be next, for in production other
    machines' answers come in any order; what must not depend on the order is thereby tried in all of them.
    """

    def __init__(self, rng: Random, most_steps: int) -> None:
        super().__init__()
        self.numbers = count()
        self.steps = 0
        self._rng = rng
        self._most_steps = most_steps
        self._ready = []  # type: ignore[assignment]  # appended to alone, by the base class
        self._time = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []  # with a number, so that no two ever compare
        self.tasks: list[asyncio.Task] = []
        self.set_task_factory(self._make_task)

    def _make_task(self, loop, coro, **options) -> asyncio.Task:
        task = _NumberedTask(coro, loop=self, **options)
        self.tasks.append(task)
        return task

    def create_future(self) -> asyncio.Future:
        return _NumberedFuture(loop=self)

    def time(self) -> float:
        return self._time

    def call_at(self, when, callback, *args, context=None) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self.numbers), timer))
        return timer

    def _write_to_self(self) -> None:
        """There is no other thread that would have to wake this one."""

    def _run_once(self) -> None:
        ready, timers = self._ready, self._timers
        while timers and (not ready or timers[0][0] <= self._time):
            when, _, timer = heapq.heappop(timers)
            if not timer._cancelled:
                self._time = max(self._time, when)
                ready.append(timer)
        if not ready:
            raise Asleep("nothing is left that could ever happen, and somebody still waits")
        self.steps += 1
        if self.steps > self._most_steps:
            raise Restless(f"no rest after {self.steps} steps, at second {self._time:.0f}")
        chosen = int(self._rng.random() * len(ready))
        ready[chosen], ready[-1] = ready[-1], ready[chosen]
        handle = ready.pop()
        process = handle._context.get(PROCESS) if handle._context is not None else None
        if process is not None and process.frozen:
            process.parked.append(handle)
        elif not handle._cancelled and (process is None or process.alive):
            handle._run()

    def resume(self, process: "Process") -> None:
        """Let a process go on where it was frozen."""
        self._ready.extend(process.parked)
        process.parked.clear()

    def close(self) -> None:
        """End every coroutine that is left, without letting it run on."""
        self._ready.clear()
        self._timers.clear()
        asyncio._set_running_loop(self)  # what a `finally` starts becomes a task, to be ended like the others
        try:
            for task in self.tasks:
                if not task.done():
                    _close(task.get_coro())
                elif not task.cancelled():
                    task.exception()  # seen, so that nobody complains later
        finally:
            asyncio._set_running_loop(None)
        self.tasks.clear()
        super().close()


def _close(coro: Any) -> None:
    for _ in range(20):  # each `finally` that awaits something wants to be told again
        try:
            coro.close()
        except RuntimeError:
            continue
        except BaseException:
            return
        return


class Gone(Exception):
    """The process that was asked has died, hangs, or took too long."""


class Process:
    """Whatever runs on behalf of one process: it dies at once, wherever it is, and with it all that it knew.

    Attributes
    ----------
    serves
        Whether callers may come to it.
    store, pipeline
        Its parts, once it has put them together.
    """

    serves = False
    store: Any = None
    pipeline: Any = None

    def __init__(self, loop: VirtualLoop, name: str, incarnation: int) -> None:
        self._loop = loop
        self.name = name
        self.incarnation = incarnation
        self.alive = True
        self.frozen = False
        self.parked: list[asyncio.Handle] = []
        self.on_death: list[Callable[[], None]] = []

    def __str__(self) -> str:
        return f"{self.name}#{self.incarnation}"

    def spawn(self, coro: Coroutine[Any, Any, Any]) -> asyncio.Task:
        """Run something in this process; all that it starts belongs to the process, too."""
        context = copy_context()
        context.run(PROCESS.set, self)
        return self._loop.create_task(coro, context=context)

    def kill(self) -> None:
        """As by ``kill -9``: no more steps, no cleaning up."""
        if self.alive:
            self.alive = False
            self.frozen = False
            self.parked.clear()
            for tell in self.on_death:
                tell()

    def freeze(self) -> None:
        """As by ``SIGSTOP``."""
        self.frozen = self.alive

    def thaw(self) -> None:
        """As by ``SIGCONT``."""
        if self.frozen:
            self.frozen = False
            self._loop.resume(self)

    async def ask(self, serve: Callable[[], Coroutine[Any, Any, Any]], timeout_s: float) -> Any:
        """Have the process do something for somebody outside.

        Raises
        ------
        Gone
            When there is no answer; it may have been done.
        """
        if not self.alive:
            raise Gone(f"{self} is down")
        answer = self._loop.create_future()

        async def served() -> None:
            try:
                result = await serve()
            except Exception as error:
                if not answer.done():
                    answer.set_exception(error)
            else:
                if not answer.done():
                    answer.set_result(result)

        self.spawn(served())
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            raise Gone(f"{self} did not answer within {timeout_s:.0f} s") from None


PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)
"""Whose doing the running step is."""


def here() -> Process | None:
    """The process that runs just now, if it is not the world outside."""
    return PROCESS.get()
