"""Delivering notification rows through the notifier: at least once, each with its key."""

import asyncio
from uuid import UUID

import structlog

from engine.ports import Consumers, Delivery, Notifier
from streams.backoff import Backoff
from streams.publishing import Stirred

log = structlog.get_logger(__name__)


class Postman:
    """Takes notification rows to the notifier. A delivery that fails is tried again after a while.

    Parameters
    ----------
    retry_s
        Seconds between looks, and before a failed delivery is tried again.
    at_once
        Deliveries under way at the same time. With 1, they go out in order.
    """

    def __init__(self, consumers: Consumers, notifier: Notifier, *, retry_s: float = 2.0, at_once: int = 1) -> None:
        self._consumers = consumers
        self._notifier = notifier
        self._at_once = at_once
        self._stirred = Stirred(retry_s)
        self._backoff = Backoff()
        self._lock = asyncio.Lock()

    def stir(self) -> None:
        """Tell that there are new rows."""
        self._stirred.stir()

    async def deliver(self) -> int:
        """Try every pending notification once; return how many were delivered."""
        async with self._lock:
            total = 0
            while True:
                rows = await self._consumers.pending_notifications()
                done = await self._deliver(rows)
                if done:
                    await self._consumers.delivered(done)
                total += len(done)
                if not rows or len(done) < len(rows):
                    return total

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            await self._backoff.insist(self.deliver)
            await self._stirred.wait()

    async def _deliver(self, rows: list[Delivery]) -> list[UUID]:
        gate = asyncio.Semaphore(self._at_once)

        async def one(row: Delivery) -> UUID | None:
            async with gate:
                try:
                    await self._notifier.deliver(row.notification)
                except Exception as error:  # noqa: BLE001 - whatever a gateway raises, the row stays and others go on
                    log.warning(
                        "a notification was not delivered",
                        action="notification_failed",
                        key=str(row.notification.key),
                        reason=type(error).__name__,
                    )
                    return None
                return row.notification.key

        return [key for key in await asyncio.gather(*(one(row) for row in rows)) if key is not None]
