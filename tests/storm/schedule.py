"""What is broken when: drawn from a seed alone, so that the same seed breaks the same."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random

from tests.storm.roles import MEMBERS

BROKERS = ("broker-1", "broker-2", "broker-3")
CALM_S = 8.0
"""Nothing is broken so long at the beginning, and nothing new at the end."""

WEIGHTS = {
    "kill": 50,
    "freeze": 12,
    "drain": 6,
    "broker-kill": 6,
    "broker-roll": 3,
    "database-restart": 4,
    "database-kill": 3,
    "cut": 8,
    "stall": 5,
    "disk-full": 3,
}


@dataclass(frozen=True, slots=True)
class Strike:
    """One thing that is done, some seconds from the beginning; ``seconds`` is how long it lasts where that can be said."""

    at: float
    what: str
    whom: str
    seconds: float = 0.0

    def __str__(self) -> str:
        lasts = f" for {self.seconds:.0f} s" if self.seconds else ""
        return f"{self.at:7.1f} s  {self.what} {self.whom}{lasts}"


def draw(
    seed: int, minutes: float, *, every_s: float, only: Collection[str] = (), members: Sequence[str] = MEMBERS
) -> list[Strike]:
    """Draw a run's strikes.

    Parameters
    ----------
    every_s
        Mean seconds between two strikes.
    only
        Kinds that may be drawn; none: all.
    members
        Processes that may be struck.
    """
    rng = Random(f"{seed}:strikes")
    kinds = {kind: weight for kind, weight in WEIGHTS.items() if not only or kind in only}
    found, at = [], CALM_S
    while at < minutes * 60 - CALM_S:
        what = rng.choices(list(kinds), list(kinds.values()))[0]
        found.append(_strike(rng, what, at, members))
        at = round(at + rng.uniform(0.4, 1.6) * every_s, 1)
    return found


def _strike(rng: Random, what: str, at: float, members: Sequence[str]) -> Strike:
    match what:
        case "kill" | "drain":
            return Strike(at, what, rng.choice(members))
        case "freeze":
            return Strike(at, what, rng.choice(members), round(rng.uniform(12, 25), 1))
        case "broker-kill":
            return Strike(at, what, rng.choice(BROKERS), round(rng.uniform(1, 8), 1))
        case "broker-roll":
            return Strike(at, what, "all")
        case "database-restart":
            return Strike(at, what, rng.choice(("fast", "immediate")), round(rng.uniform(0, 5), 1))
        case "database-kill":
            return Strike(at, what, "database", round(rng.uniform(0, 5), 1))
        case "disk-full":
            return Strike(at, what, "database", round(rng.uniform(3, 10), 1))
        case _:
            return Strike(at, what, rng.choice((*BROKERS, *members)), round(rng.uniform(1, 15), 1))


def short(seed: int) -> list[Strike]:
    """A run that fits into CI: one kill a process, one broker, one restart of the database, one cut, one freeze."""
    rng = Random(f"{seed}:short")
    order = list(MEMBERS)
    rng.shuffle(order)
    others = [
        Strike(0, "broker-kill", rng.choice(BROKERS), 3.0),
        Strike(0, "database-restart", "immediate", 1.0),
        Strike(0, "cut", rng.choice(("zones-1", "zones-2", *BROKERS)), 4.0),
        Strike(0, "freeze", rng.choice(("zones-1", "zones-2", "dispatcher")), 13.0),
    ]
    rng.shuffle(others)
    drawn = [Strike(0, "kill", name) for name in order]
    for number, other in enumerate(others):
        drawn.insert(3 * number + 1, other)
    return [Strike(CALM_S + 4.0 * number, one.what, one.whom, one.seconds) for number, one in enumerate(drawn)]
