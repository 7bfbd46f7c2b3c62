"""The stepping of a simulated run: time moves on only when everything is idle."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ningju.simulation.clock import SteppedClock
from ningju.simulation.people import People
from ningju.simulation.ports import Runtime, Tally
from ningju.simulation.residents import Residents
from schemas.request import ENDS, RequestState

STEP = timedelta(minutes=5)
ROUNDS = 1_000


class Stuck(Exception):
    """The system keeps putting people off, so simulated time cannot go on."""

    def __init__(self, now: datetime) -> None:
        super().__init__(f"calls are still put off after {ROUNDS} rounds at {now:%FT%TZ}; look at the inbox limit")


@dataclass(frozen=True)
class Progress:
    """Where a run is."""

    now: datetime
    started: datetime
    wall_s: float
    step_s: float
    steps: int
    total: int
    arrived: int
    counts: Mapping[str, Mapping[RequestState, int]]
    people: Mapping[str, int]

    @property
    def simulated_s(self) -> float:
        """Simulated seconds so far."""
        return (self.now - self.started).total_seconds()

    @property
    def speed(self) -> float:
        """Simulated seconds in a second."""
        return self.simulated_s / self.wall_s if self.wall_s > 0 else 0.0

    def state(self, state: RequestState) -> int:
        """How many requests are in a state, over all zones."""
        return sum(zone.get(state, 0) for zone in self.counts.values())

    @property
    def ended(self) -> int:
        """How many requests have reached one of their ends."""
        return sum(self.state(state) for state in sorted(ENDS))


class Pace:
    """Drive a system through a scenario, step by step.

    In each step timers fire first, then people answer, then new requests come in; whatever that causes is handled
    before the clock moves. Stretches in which nothing is due are jumped over in whole steps.

    Parameters
    ----------
    until
        When to give up on requests that do not end; the last window and two days when None.
    """

    def __init__(
        self,
        runtime: Runtime,
        tally: Tally,
        clock: SteppedClock,
        people: People,
        residents: Residents,
        *,
        until: datetime,
        step: timedelta = STEP,
    ) -> None:
        if not timedelta(0) < step <= STEP:
            raise ValueError(f"a step is at most {STEP}, and more than nothing")
        self._runtime = runtime
        self._tally = tally
        self._clock = clock
        self._people = people
        self._residents = residents
        self._until = until
        self._step = step
        self._started = clock.now()
        self._steps = 0

    async def run(self, watch: Callable[[Progress], None] = lambda progress: None) -> Progress:
        """Go on until every request that was acknowledged has ended; tell ``watch`` after each step."""
        began = time.monotonic()
        while True:
            await self._one_step()
            self._steps += 1
            progress = await self._progress(time.monotonic() - began)
            watch(progress)
            if self._residents.next_due is None and progress.ended >= self._residents.acknowledged:
                return progress
            following = await self._next()
            if following is None:
                return progress
            self._clock.advance(following)

    async def _one_step(self) -> None:
        now = self._clock.now()
        await self._runtime.settle()
        for _ in range(ROUNDS):
            await self._people.act(now)
            await self._residents.act(now)
            await self._runtime.settle()
            if not any(due is not None and due <= now for due in (self._people.next_due, self._residents.next_due)):
                return
        raise Stuck(now)

    async def _next(self) -> datetime | None:
        """Tell the end of the step in which something is due next; None when nothing is, or it would be too late."""
        waits = (self._residents.next_due, self._people.next_due, await self._runtime.next_wake())
        due = [moment for moment in waits if moment is not None]
        if not due:
            return None
        now = self._clock.now()
        steps = max(1, -((now - min(due)) // self._step))
        following = now + steps * self._step
        return following if following <= self._until else None

    async def _progress(self, wall_s: float) -> Progress:
        return Progress(
            now=self._clock.now(),
            started=self._started,
            wall_s=wall_s,
            step_s=self._step.total_seconds(),
            steps=self._steps,
            total=self._residents.total,
            arrived=self._residents.acknowledged + len(self._residents.refused),
            counts=await self._tally.counts(),
            people=Counter(self._people.log),
        )
