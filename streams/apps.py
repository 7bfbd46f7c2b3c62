"""One Faust app for each role, each with a consumer group of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import faust
import structlog
from faust.sensors.monitor import Monitor
from faust.types import StreamT
from faust.types.transports import TransportT

from streams.driver import Consumer, Transport
from streams.security import OPEN, Security

log = structlog.get_logger(__name__)

SESSION_S = 10.0
"""Seconds after which a member that was killed is forgotten: so long its partitions stand still. Faust would wait 60."""

STOP_S = 8.0
"""Seconds that a role may take to stop. Faust waits for its consumer's thread without end, whatever has become of it."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the broker is and how to consume from it.

    Parameters
    ----------
    bootstrap
        ``host:port``, several divided by commas.
    fetch_max_wait_ms
        How long the broker may hold a fetch that finds nothing. The embedded broker holds it to the end whatever comes in.
    watchdog_s
        Seconds of lag without a commit after which the role ends.
    commit_s
        Seconds between commits of offsets.
    join_s
        Seconds that a role may be out of its group, at start and later, before it ends.
    join_first
        Whether a role is ready only when its group has let it in. The embedded broker takes three seconds for that, and
        cannot go away meanwhile without us.
    security
        How the broker is spoken to.
    """

    bootstrap: str
    fetch_max_wait_ms: int = 500
    watchdog_s: float = 60.0
    commit_s: float = 1.0
    join_s: float = 60.0
    join_first: bool = True
    security: Security = OPEN

    @classmethod
    def embedded(cls, bootstrap: str, *, watchdog_s: float = 60.0) -> "Connection":
        """Return what suits the embedded broker."""
        return cls(bootstrap, fetch_max_wait_ms=10, watchdog_s=watchdog_s, join_first=False)


class QuietMonitor(Monitor):
    """Faust's statistics without their cost for every message; nothing reads them."""

    def on_message_in(self, tp: Any, offset: int, message: Any) -> None:
        """Do nothing."""

    def on_stream_event_in(self, tp: Any, offset: int, stream: Any, event: Any) -> None:
        """Do nothing."""

    def on_stream_event_out(self, tp: Any, offset: int, stream: Any, event: Any, state: Any = None) -> None:
        """Do nothing."""

    def on_message_out(self, tp: Any, offset: int, message: Any) -> None:
        """Do nothing."""

    def track_tp_end_offset(self, tp: Any, offset: int) -> None:
        """Do nothing."""


class RawTopic(faust.Topic):
    """A topic of raw bytes: nothing is decoded, and no settings are asked how, which takes longer than handing over."""

    def _compile_decode(self) -> None:
        """Leave the channel's own ``decode``, which takes key and value as they are."""


class RoleApp(faust.App):
    """A Faust app with the hardened driver, no web server, no tables, no files, and an end that says why.

    Parameters
    ----------
    role
        Its group is ``ningju-<role>``.
    """

    def __init__(self, role: str, connection: Connection, *, group: str | None = None) -> None:
        self.fetch_max_wait_ms = connection.fetch_max_wait_ms
        self.watchdog_s = connection.watchdog_s
        self.join_s = connection.join_s
        self.excuse: Callable[[], bool] | None = None
        super().__init__(
            group or f"ningju-{role}",
            broker=[f"kafka://{address}" for address in connection.bootstrap.split(",")],
            broker_credentials=connection.security.credentials(),
            autodiscover=False,
            origin=None,
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            processing_guarantee="at_least_once",
            consumer_auto_offset_reset="earliest",
            broker_session_timeout=SESSION_S,
            broker_heartbeat_interval=SESSION_S / 4,
            broker_commit_interval=connection.commit_s,
            broker_commit_every=1_000_000,  # by time alone: committing inside the fetch loop holds up the fetching
            key_serializer="raw",
            value_serializer="raw",
            stream_wait_empty=False,  # else a stop waits for ever for what cannot be acknowledged
            Monitor=QuietMonitor,
            Topic=RawTopic,
        )

    @property
    def joined(self) -> bool:
        """Whether the role is in its group, with partitions or without."""
        return cast(Consumer, self.consumer).joined

    def excused(self) -> bool:
        """Tell whether standing still has a known reason just now."""
        return self.excuse is not None and self.excuse()

    def _new_transport(self) -> TransportT:
        return Transport(self.conf.broker_consumer, self, loop=self.loop)

    def _new_producer_transport(self) -> TransportT:
        return Transport(self.conf.broker_producer, self, loop=self.loop)

    async def _on_agent_error(self, agent: Any, exc: BaseException) -> None:
        # Stock acknowledges the message and starts the agent again behind it.
        await self.crash(exc)

    def _create_directories(self) -> None:
        """Do nothing: there are no tables, so there is nothing to keep in files."""

    def consume(self, topic: str, agent: Callable[[StreamT[Any]], Awaitable[None]]) -> None:
        """Bind ``agent`` to ``topic``: it gets raw bytes, acknowledges by itself, and an error in it ends the role."""

        async def run(stream: StreamT[Any]) -> None:
            await agent(stream.noack())  # type: ignore[attr-defined]

        channel = self.topic(topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
        self.agent(channel, name=f"{self.conf.id}:{topic}", concurrency=1)(run)

    async def stop(self) -> None:
        """Stop, however far the start had come; a consumer that no longer answers is left behind."""
        stopping = asyncio.create_task(super().stop())
        try:
            await asyncio.wait({stopping}, timeout=STOP_S)
        finally:
            if not stopping.done():
                log.warning("a role did not stop in time", action="stop_given_up", role=self.conf.id)
                stopping.cancel()
        if stopping.done():
            stopping.result()
        if self._consumer is not None:
            cast(Consumer, self._consumer).let_go()

    async def until_ended(self) -> None:
        """Wait until the app is stopped.

        Raises
        ------
        BaseException
            Whatever ended it, when it did not end by `stop`.
        """
        await self.wait_until_stopped()
        if self.crash_reason is not None:
            raise self.crash_reason
