"""Callers that wait for outcomes: woken by a commit in this process, by an announcement, or by looking now and then."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from uuid import UUID

from engine.ports import Unavailable
from schemas.envelope import Outcome

Lookup = Callable[[Collection[UUID]], Awaitable[dict[UUID, Outcome]]]
Listen = Callable[[Callable[[Collection[UUID]], None]], Awaitable[None]]

POLL_S = 0.25


class Waiters:
    """Futures by command id, all of one event loop.

    Parameters
    ----------
    lookup
        Reads stored outcomes.
    listen
        Reports announcements of other processes until cancelled; looking every ``POLL_S`` seconds goes on beside it,
        because announcements can be lost.
    """

    def __init__(self, lookup: Lookup, listen: Listen | None = None) -> None:
        self._lookup = lookup
        self._listen = listen
        self._futures: dict[UUID, set[asyncio.Future[Outcome]]] = {}
        self._heard: set[UUID] = set()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def wait(self, command_id: UUID, timeout: float) -> Outcome | None:
        """Wait for an outcome, at most ``timeout`` seconds; a timeout of zero only looks."""
        if timeout <= 0:
            return (await self._lookup([command_id])).get(command_id)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._futures.setdefault(command_id, set()).add(future)  # before looking: nothing can slip in between
        self._start()
        try:
            async with asyncio.timeout(timeout):
                found = (await self._lookup([command_id])).get(command_id)
                return found or await future
        except TimeoutError:
            return None
        finally:
            waiting = self._futures[command_id]
            waiting.discard(future)
            if not waiting:
                del self._futures[command_id]

    def tell(self, outcomes: Iterable[Outcome]) -> None:
        """Wake whoever waits for these."""
        if self._futures:
            for outcome in outcomes:
                for future in self._futures.get(outcome.command_id, ()):
                    if not future.done():
                        future.set_result(outcome)

    def heard(self, command_ids: Collection[UUID]) -> None:
        """Take an announcement: look soon for those that somebody here waits for."""
        mine = self._futures.keys() & command_ids
        if mine:
            self._heard |= mine
            self._wake.set()

    async def close(self) -> None:
        """Stop looking and listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def _start(self) -> None:
        if not self._tasks:
            self._tasks.append(asyncio.create_task(self._look()))
            if self._listen is not None:
                self._tasks.append(asyncio.create_task(self._hear(self._listen)))

    async def _hear(self, listen: Listen) -> None:
        await listen(self.heard)

    async def _look(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._wake.wait()
            self._wake.clear()
            wanted, self._heard = (self._heard or set(self._futures)), set()
            if wanted:
                with suppress(Unavailable):  # it will be back, or the waiting callers time out
                    self.tell((await self._lookup(wanted)).values())
