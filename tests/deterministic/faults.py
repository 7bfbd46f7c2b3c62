"""What goes wrong in a run, as its seed says: most runs have some kinds of trouble, and have them badly."""

import asyncio
from dataclasses import dataclass, fields
from random import Random

from tests.deterministic.loop import here


@dataclass(frozen=True)
class Faults:
    """Chances for each operation, and how many of the larger accidents a run has.

    Attributes
    ----------
    slow
        That a call to the store or the broker takes its time.
    lost, twice, late
        That a record gets lost on the way, comes twice, or after those that were sent later.
    refused
        That the broker does not take a batch, or part of it.
    away
        That a call to the store fails without having written anything.
    unknown
        That a write's answer gets lost: the write before it happened, after it, or it happens later still.
    killed
        That a process dies at a call to the store, before it or after it.
    uncommitted
        That a group's offsets are not committed.
    undelivered
        That a message to a person fails.
    kills, freezes, wipes, outages
        How many there are of each.
    skewed
        Whether the processes' clocks are minutes apart. The store's clock is right.
    """

    slow: float = 0.1
    lost: float = 0.0
    twice: float = 0.0
    late: float = 0.0
    refused: float = 0.0
    away: float = 0.0
    unknown: float = 0.0
    killed: float = 0.0
    uncommitted: float = 0.0
    undelivered: float = 0.0
    kills: int = 0
    freezes: int = 0
    wipes: int = 0
    outages: int = 0
    skewed: bool = False


def drawn(rng: Random) -> Faults:
    """Draw what a run has to go through."""

    def some(share: float, worst: float) -> float:
        return rng.uniform(worst / 5, worst) if rng.random() < share else 0.0

    return Faults(
        slow=rng.uniform(0.02, 0.3),
        lost=some(0.4, 0.4),
        twice=some(0.4, 0.4),
        late=some(0.4, 0.4),
        refused=some(0.3, 0.3),
        away=some(0.3, 0.05),
        unknown=some(0.4, 0.3),
        killed=some(0.3, 0.01),
        uncommitted=some(0.3, 0.5),
        undelivered=some(0.2, 0.5),
        kills=rng.choice([0, 0, 1, 2, 4]),
        freezes=rng.choice([0, 0, 1, 2, 3]),
        wipes=rng.choice([0, 0, 0, 1, 2]),
        outages=rng.choice([0, 0, 0, 1]),
        skewed=rng.random() < 0.2,
    )


class Chance:
    """The dice of one run. Once it is `healed`, nothing goes wrong any more."""

    def __init__(self, rng: Random, faults: Faults) -> None:
        self.rng = rng
        self.faults = faults
        self.healed = False
        self._shares: dict[str, float] = vars(faults).copy()
        self.store_away = False

    def heal(self) -> None:
        self.healed = True
        self._shares = dict.fromkeys(self._shares, 0.0)
        self.store_away = False

    def of(self, kind: str) -> bool:
        """Whether this kind of thing happens now."""
        share = self._shares[kind]
        return share > 0 and self.rng.random() < share

    async def pause(self) -> None:
        """Let others go first, now and then for long."""
        if self.of("slow"):
            await asyncio.sleep(self.rng.choice((0.0, 0.0, 0.01, 0.3, 2.0)))

    async def perhaps_die(self) -> None:
        """End the running process here, never to return."""
        process = here()
        if process is not None and self.of("killed"):
            process.kill()
            await asyncio.get_running_loop().create_future()

    def describe(self) -> str:
        return ", ".join(
            f"{field.name} {value:.3g}" for field in fields(Faults) if (value := getattr(self.faults, field.name))
        )
