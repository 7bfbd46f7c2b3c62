"""When the matcher proposes, and when it keeps quiet."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from engine.ports import NewCommand, Stats
from engine.zone import Zone
from ningju.ledger.memory import MemoryStore
from ningju.simulation.clock import SteppedClock
from schemas.plan import Plan
from schemas.problem import Limits, Problem
from solvers.solve import solve
from streams.match_loop import MatchLoop
from tests.engine.builders import World


class Counting:
    def __init__(self) -> None:
        self.solves = 0

    async def solve(self, problem: Problem, limits: Limits) -> Plan:
        self.solves += 1
        return solve(problem, limits)


class Hand:
    """States as a test sets them, and what was sent in."""

    def __init__(self, state: Zone) -> None:
        self.zone = state
        self.sent: list[NewCommand] = []

    async def state(self, zone: str) -> Zone:
        return self.zone

    async def enqueue(self, commands: Sequence[NewCommand]) -> list[object]:
        self.sent += commands
        return []


async def test_what_was_refused_is_not_proposed_again_until_something_changes() -> None:
    world = World().settled(debounce_s=0)
    world.submit("r1")
    hand, planner, clock = Hand(world.state), Counting(), SteppedClock(world.now)
    stats = Stats()
    loop = MatchLoop(states=hand, planner=planner, door=hand, archive=MemoryStore(clock), clock=clock, stats=stats)  # type: ignore[arg-type]

    async def look(now: datetime) -> int:
        loop.mark("z1", now)
        return await loop.run_due()

    assert await look(world.now) == 1
    world.plan(world.item("r1", world.now + timedelta(days=9), "ann"))  # refused: the state is a version on
    hand.zone = world.state
    assert await look(world.now) == 0
    assert planner.solves == 1
    world.submit("r2")
    hand.zone = world.state
    assert await look(world.now) == 1
    clock.advance(world.now + timedelta(minutes=5))
    assert await look(clock.now()) == 1
    assert planner.solves == 3
    assert stats.values["solves"] == 3
    assert stats.solved["z1"].at == clock.now()


async def test_zones_wait_for_their_turn_before_they_are_posed() -> None:
    world = World().settled(debounce_s=0)
    world.submit("r1")
    free = asyncio.Event()

    class Busy(Counting):
        async def solve(self, problem: Problem, limits: Limits) -> Plan:
            await free.wait()
            return await super().solve(problem, limits)

    class Asked(Hand):
        zones: tuple[str, ...] = ()

        async def state(self, zone: str) -> Zone:
            self.zones += (zone,)
            return await super().state(zone)

    hand, clock = Asked(world.state), SteppedClock(world.now)
    loop = MatchLoop(states=hand, planner=Busy(), door=hand, archive=MemoryStore(clock), clock=clock, at_once=2)  # type: ignore[arg-type]
    loop.mark_all(["a", "b", "c", "d"], world.now)
    running = asyncio.create_task(loop.run_due())
    await asyncio.sleep(0.01)
    assert hand.zones == ("a", "b")
    free.set()
    await running
    assert hand.zones == ("a", "b", "c", "d")


async def test_a_loop_that_is_ended_in_the_moment_in_which_it_is_stirred_ends() -> None:
    """The matcher's handler marks a zone, then its cursor cannot be written: the role ends, and the loop with it."""
    clock = SteppedClock(World().now)
    hand = Hand(World().state)
    loop = MatchLoop(states=hand, planner=Counting(), door=hand, archive=MemoryStore(clock), clock=clock)  # type: ignore[arg-type]
    running = asyncio.create_task(loop.run())
    await asyncio.sleep(0.01)
    loop.mark("z1", clock.now() + timedelta(hours=1))
    await asyncio.sleep(0)
    running.cancel()
    done, _ = await asyncio.wait({running}, timeout=0.5)
    running.cancel()
    assert done
