"""When the matcher solves: a dirty mark for each zone, a debounce, one solve at a time for each zone."""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from engine.matching import Memory, Proposal, pose, propose
from engine.ports import Archive, Clock, Door, Planner, PortError, Solved, Stats
from engine.zone import Zone
from schemas.plan import Plan
from schemas.problem import Problem

log = structlog.get_logger(__name__)

LONGEST_NAP_S = 1.0


class ZoneStates(Protocol):
    """Where the newest state of a zone is to be had."""

    async def state(self, zone: str) -> Zone:
        """The zone as its ledger stands."""
        ...


@dataclass(frozen=True, slots=True)
class Solve:
    """One solve in figures; ``gap`` is the first level's relative distance to its bound."""

    zone: str
    seconds: float
    gap: float
    offered: int
    left_out: int


class MatchLoop:
    """Level-triggered matching: marks may come twice or for nothing; a lost one is mended by :meth:`mark_all`.

    Parameters
    ----------
    states, planner, door, archive, clock
        The ports.
    stats
        Counts solves.
    seed
        Seed of every solve.
    at_once
        Zones in hand at a time, as many as are solved at once: posing takes the event loop's time, so it is spread.
    """

    def __init__(
        self,
        *,
        states: ZoneStates,
        planner: Planner,
        door: Door,
        archive: Archive,
        clock: Clock,
        stats: Stats | None = None,
        seed: int = 1,
        at_once: int = 2,
    ) -> None:
        self._states = states
        self._planner = planner
        self._door = door
        self._archive = archive
        self._clock = clock
        self._stats = stats or Stats()
        self._seed = seed
        self._due: dict[str, datetime] = {}
        self._debounce: dict[str, timedelta] = {}
        self._memories: dict[str, Memory] = {}
        self._proposed: dict[str, tuple[datetime, Problem, object]] = {}
        self._solving = 0
        self._hands = asyncio.Semaphore(at_once)
        self._stirred = asyncio.Event()
        self.solves: list[Solve] = []

    @property
    def solving(self) -> int:
        """How many zones are being solved right now."""
        return self._solving

    def mark(self, zone: str, at: datetime) -> None:
        """Mark a zone dirty: it is solved a debounce after the first mark."""
        self._wake(zone, at + self._debounce.get(zone, timedelta()))

    def mark_all(self, zones: Iterable[str], at: datetime) -> None:
        """Mark every zone, as at start."""
        for zone in zones:
            self.mark(zone, at)

    def next_wake(self) -> datetime | None:
        """When the next solve is due."""
        return min(self._due.values(), default=None)

    async def run_due(self) -> int:
        """Solve every zone that is due and send the proposals in.

        Returns
        -------
        int
            How many commands were sent in.
        """
        now = self._clock.now()
        due = sorted(zone for zone, at in self._due.items() if at <= now)
        for zone in due:
            del self._due[zone]
        self._solving += len(due)
        try:
            return sum(await asyncio.gather(*(self._in_turn(zone) for zone in due)))
        finally:
            self._solving -= len(due)

    async def run(self) -> None:
        """Solve as it falls due, until cancelled."""
        while True:
            wake = self.next_wake()
            nap = LONGEST_NAP_S
            if wake is not None:
                nap = min(nap, max(0.0, (wake - self._clock.now()).total_seconds()))
            if nap > 0:
                self._stirred.clear()
                with contextlib.suppress(TimeoutError):
                    # Not wait_for: before Python 3.12 it takes no notice of being cancelled when it is stirred just then.
                    async with asyncio.timeout(nap):
                        await self._stirred.wait()
                continue
            await self.run_due()

    def _wake(self, zone: str, at: datetime) -> None:
        known = self._due.get(zone)
        if known is None or at < known:
            self._due[zone] = at
            self._stirred.set()

    async def _in_turn(self, zone: str) -> int:
        async with self._hands:
            return await self._solve(zone, self._clock.now())

    async def _solve(self, zone: str, now: datetime) -> int:
        try:
            state = await self._states.state(zone)
            self._debounce[zone] = timedelta(seconds=state.policy.debounce_s)
            posed = pose(state, now, seed=self._seed, memory=self._memories.setdefault(zone, Memory()))
            if posed.wake is not None:
                self._wake(zone, posed.wake)
            if posed.problem is None:
                return 0
            seen = (now, posed.problem, state.offers)
            if self._proposed.get(zone) == seen:
                return 0  # nothing has changed since it was proposed: what was refused would be refused again
            plan = await self._planner.solve(posed.problem, posed.limits)
            proposal = propose(posed, plan)
            self._keep(zone, plan, proposal)
            await self._archive.put_plan(proposal.plan)
            if proposal.commands:
                await self._door.enqueue(proposal.commands)
            self._proposed[zone] = seen
            return len(proposal.commands)
        except PortError as fault:
            # The store is away or full: the zone stays dirty and is tried again.
            log.warning("match put off", action="match_put_off", zone=zone, reason=str(fault))
            self._wake(zone, now + timedelta(seconds=LONGEST_NAP_S))
            return 0

    def _keep(self, zone: str, plan: Plan, proposal: Proposal) -> None:
        first = plan.levels[0] if plan.levels else None
        gap = (first.cost - first.bound) / first.cost if first is not None and first.cost > 0 else 0.0
        offered = sum(len(item.seats) for item in proposal.items)
        self._stats.add("solves")
        self._stats.add("solve_seconds", plan.seconds)
        self._stats.solved[zone] = Solved(self._clock.now(), plan.seconds)
        self.solves.append(Solve(zone, plan.seconds, gap, offered, len(plan.left_out)))
        log.info(
            "zone matched",
            action="match_solved",
            zone=zone,
            visits=len(plan.assignments) + len(plan.left_out),
            offered=offered,
            left_out=len(plan.left_out),
        )
