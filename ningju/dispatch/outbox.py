"""The outbox: notification rows that were committed with their cause are delivered until they are, at least once."""

import asyncio
import contextlib

import structlog

from engine.ports import Consumers, Notifier, PortError

log = structlog.get_logger(__name__)

PAGE = 500


class Outbox:
    """Delivers what the dispatcher wrote.

    Parameters
    ----------
    consumers
        Where the rows stand.
    notifier
        How messages reach people; what it raises has the row tried again after ``retry_s``.
    retry_s
        Seconds between looks when nobody stirs.
    """

    def __init__(self, consumers: Consumers, notifier: Notifier, *, retry_s: float = 5.0) -> None:
        self._consumers = consumers
        self._notifier = notifier
        self._retry_s = retry_s
        self._stirred = asyncio.Event()
        self._stirred.set()
        self._busy = False
        self.delivered = 0
        self.failed = 0

    @property
    def idle(self) -> bool:
        """Whether nothing is in hand and nobody has stirred."""
        return not self._busy and not self._stirred.is_set()

    def stir(self) -> None:
        """Tell that rows were written."""
        self._stirred.set()

    async def run(self) -> None:
        """Deliver until cancelled; what was left over comes first."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._retry_s):
                    await self._stirred.wait()
            self._busy = True
            self._stirred.clear()
            try:
                while await self.deliver():
                    pass
            except PortError as fault:
                log.warning("outbox waits for the store", action="outbox_waits", reason=str(fault))
            finally:
                self._busy = False

    async def deliver(self) -> int:
        """Deliver one page.

        Returns
        -------
        int
            How many rows were delivered; those that failed stay.
        """
        rows = await self._consumers.pending_notifications(PAGE)
        done = []
        for row in rows:
            message = row.notification
            try:
                await self._notifier.deliver(message)
            except Exception as error:  # noqa: BLE001 - one message that cannot go out must not hold up the rest
                self.failed += 1
                log.warning(
                    "notification failed and is tried again",
                    action="notification_failed",
                    key=str(message.key),
                    kind=message.kind,
                    error=type(error).__name__,
                )
            else:
                done.append(message.key)
        if done:
            await self._consumers.delivered(done)
            self.delivered += len(done)
        return len(done)
