"""Those who ask: they send their requests when the time has come, and remember what was acknowledged."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from ningju.simulation.arrivals import Arrival
from ningju.simulation.calls import Call, Line


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that was not taken in, with the answer."""

    arrival: Arrival
    status: int
    detail: str


@dataclass(slots=True)
class Book:
    """Which request id stands for which arrival: all that was acknowledged, in the order sent."""

    arrivals: dict[UUID, Arrival] = field(default_factory=dict)


class Residents:
    """Send a stream of requests by REST.

    Parameters
    ----------
    arrivals
        Sorted by time.
    """

    def __init__(self, arrivals: Sequence[Arrival], line: Line, book: Book) -> None:
        self._arrivals = tuple(arrivals)
        self._line = line
        self._book = book
        self._sent = 0
        self.refused: list[Refusal] = []

    @property
    def total(self) -> int:
        """How many requests there are in all."""
        return len(self._arrivals)

    @property
    def acknowledged(self) -> int:
        """How many requests the system has taken in."""
        return len(self._book.arrivals)

    @property
    def next_due(self) -> datetime | None:
        """When the next request is sent; None when all are."""
        return self._arrivals[self._sent].at if self._sent < len(self._arrivals) else None

    async def act(self, now: datetime) -> int:
        """Send every request that is due; those that the system puts off stay due.

        Returns
        -------
        int
            How many requests were answered for good.
        """
        due: list[Arrival] = []
        while self._sent + len(due) < len(self._arrivals) and self._arrivals[self._sent + len(due)].at <= now:
            due.append(self._arrivals[self._sent + len(due)])
        calls = [
            Call("/requests", f"external:{arrival.request.source}", arrival.idempotency_key, arrival.request.dump())
            for arrival in due
        ]
        done = 0
        for arrival, reply in zip(due, await self._line.post(calls), strict=True):
            if reply.again:
                break  # the rest are sent again under the same keys: nothing is doubled
            done += 1
            if reply.status == 202:
                self._book.arrivals[UUID(str(reply.content["id"]))] = arrival
            else:
                self.refused.append(Refusal(arrival, reply.status, str(reply.content)))
        self._sent += done
        return done
