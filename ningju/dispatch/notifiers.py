"""Notifiers: how a message leaves the system. Ids only; names and phones are looked up by whoever really sends."""

import structlog

from engine.ports import Notifier
from schemas.views import Notification

log = structlog.get_logger(__name__)


class LogNotifier:
    """Delivers to the log: what a street office sees before it has a channel."""

    async def deliver(self, notification: Notification) -> None:
        """Write one line."""
        log.info(
            "notification",
            action="notified",
            key=str(notification.key),
            kind=notification.kind,
            to=notification.to,
            zone=notification.zone,
            request_id=str(notification.request_id),
        )


class Fanout:
    """Delivers to several notifiers; one that fails has the message tried again with all, by its key."""

    def __init__(self, *notifiers: Notifier) -> None:
        self._notifiers = notifiers

    async def deliver(self, notification: Notification) -> None:
        """Deliver to each in turn."""
        for notifier in self._notifiers:
            await notifier.deliver(notification)
