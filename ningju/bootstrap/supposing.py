"""What if, with solver and state: two problems are solved as the matcher's are, under a deadline; nothing is written."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from engine.ports import Clock, Planner, Unavailable
from engine.supposing import Orders, Outlook, Supposed, Supposition, compare, orders, suppose
from engine.zone import Zone
from schemas.plan import Plan
from schemas.problem import Limits, Problem

SOLVE_S: Final = 10.0
"""Seconds after which a solve answers with what it has; the matcher's own trials are mostly over long before."""
WAIT_S: Final = 40.0
"""Seconds after which a plan is not waited for any more: the pool may be busy with the matcher's."""


class WhatIf:
    """Tries things on zones' states, one at a time, so that the matcher is not kept from solving.

    Parameters
    ----------
    state
        Gives a zone as its ledger stands.
    planner
        Gives where problems are solved; it is made later than the pages are wired.
    seed
        Of both solves: the matcher's.
    """

    def __init__(
        self,
        state: Callable[[str], Awaitable[Zone]],
        planner: Callable[[], Planner],
        clock: Clock,
        *,
        seed: int = 1,
        wait_s: float = WAIT_S,
    ) -> None:
        self._state = state
        self._planner = planner
        self._clock = clock
        self._seed = seed
        self._wait_s = wait_s
        self._turn = asyncio.Lock()

    async def orders(self, zone: str, what: Supposition) -> Orders:
        """What would be ordered, without a plan.

        Raises
        ------
        engine.supposing.Impossible
            When the zone has no such thing.
        """
        return orders(await self._state(zone), what, self._clock.now())

    async def look(self, zone: str, what: Supposition) -> Outlook:
        """Solve the zone as it is and as it would be.

        Raises
        ------
        engine.supposing.Impossible
            When the zone has no such thing.
        engine.ports.Unavailable
            When there was no plan in time.
        """
        async with self._turn:
            state = await self._state(zone)
            supposed = await asyncio.to_thread(suppose, state, what, self._clock.now(), seed=self._seed)
            before, after = await self._plans(supposed)
            return await asyncio.to_thread(compare, supposed, before, after)

    async def _plans(self, supposed: Supposed) -> tuple[Plan, Plan]:
        try:
            async with asyncio.timeout(self._wait_s):
                before = await self._plan(supposed.before.problem, supposed.before.limits)
                if supposed.after is supposed.before:
                    return before, before
                return before, await self._plan(supposed.after.problem, supposed.after.limits)
        except TimeoutError as late:
            raise Unavailable(f"no plan after {self._wait_s:.0f} s") from late

    async def _plan(self, problem: Problem | None, limits: Limits) -> Plan:
        if problem is None:
            return Plan(status="empty")
        return await self._planner().solve(problem, limits.changed(seconds=SOLVE_S))
