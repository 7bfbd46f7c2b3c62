"""What the simulation needs of the system that it drives."""

from datetime import datetime
from typing import Protocol

from schemas.request import RequestState


class Runtime(Protocol):
    """The whole system under a stepped clock."""

    async def settle(self) -> None:
        """Release what waits and let it be handled, until inbox, cursors, matcher and notifications are all idle.

        Commands of one round are released in the order of (zone, command id), so it does not matter in which order
        they were sent.
        """
        ...

    async def next_wake(self) -> datetime | None:
        """Tell when the system itself has something to do next: its earliest timer or debounced match."""
        ...


class Tally(Protocol):
    """How many requests are in which state; ``engine.ports.ReadModel`` is one."""

    async def counts(self) -> dict[str, dict[RequestState, int]]:
        """Count the origins' requests by zone and state."""
        ...
