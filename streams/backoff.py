"""Waiting for what is away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from engine.ports import Unavailable

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Backoff:
    """Tries again, ever more slowly, while something is away.

    Parameters
    ----------
    first_s, longest_s
        Seconds before the second try, and the most between two tries.
    """

    def __init__(self, first_s: float = 0.05, longest_s: float = 5.0) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._waiting = 0

    @property
    def waiting(self) -> bool:
        """Whether somebody is waiting just now."""
        return self._waiting > 0

    async def wait(self, tries: int) -> None:
        """Wait as long as suits after ``tries`` failures, 1 or more."""
        self._waiting += 1
        try:
            await asyncio.sleep(min(self._longest_s, self._first_s * 2 ** min(tries - 1, 20)))
        finally:
            self._waiting -= 1

    async def insist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Run ``attempt`` until it does not raise `engine.ports.Unavailable`."""
        tries = 0
        while True:
            try:
                return await attempt()
            except Unavailable as fault:
                tries += 1
                log.warning("waiting for what is away", action="backoff", tries=tries, reason=str(fault))
                await self.wait(tries)
