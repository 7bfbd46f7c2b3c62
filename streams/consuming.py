"""Consuming events: each one once, in order, without a gap, however the topic lost, repeated or mixed them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from engine.ports import Consumers, Ledger, NewCommand, Record
from schemas.envelope import EventEnvelope
from schemas.views import Notification
from streams.backoff import Backoff
from streams.door import Note

log = structlog.get_logger(__name__)

PAGE = 500
"""Records read from the ledger at a time."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What a consumer asks for in return; written in one transaction with its cursor."""

    commands: tuple[NewCommand, ...] = ()
    notifications: tuple[Notification, ...] = ()


class Handler(Protocol):
    """What a consumer does with events that are new to it."""

    def __call__(self, events: Sequence[EventEnvelope]) -> Effects:
        """Handle events, of each zone in order and without a gap."""
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """An event as the topic brought it; the envelope is read only if it is new."""

    zone: str
    version: int
    data: bytes


class EventConsumer:
    """Hands new events to a handler and keeps ``cursor(consumer, zone, version)``.

    Parameters
    ----------
    name
        Of the consumer, in the cursor table.
    on_advance
        Told the cursors after each step.
    on_commands
        Told the commands that were written, and the door's answers.
    """

    def __init__(
        self,
        name: str,
        handler: Handler,
        *,
        ledger: Ledger,
        consumers: Consumers,
        on_advance: Callable[[str, Mapping[str, int]], None] = lambda name, cursors: None,
        on_commands: Note = lambda commands, answers: None,
        backoff: Backoff | None = None,
    ) -> None:
        self.name = name
        self._handler = handler
        self._ledger = ledger
        self._consumers = consumers
        self._on_advance = on_advance
        self._on_commands = on_commands
        self._backoff = backoff or Backoff()
        self._cursors: dict[str, int] = {}
        self._cursors_read = False
        self._lock = asyncio.Lock()

    @property
    def cursors(self) -> Mapping[str, int]:
        """Version of each zone up to which this consumer is done, as far as this process knows."""
        return self._cursors

    @property
    def busy(self) -> bool:
        """Whether events are in hand."""
        return self._lock.locked()

    @property
    def waiting(self) -> bool:
        """Whether the database is away and the consumer waits for it."""
        return self._backoff.waiting

    async def catch_up(self) -> None:
        """Consume from the ledger everything that is behind the cursors, as at start."""
        async with self._lock:
            await self._refresh()
            for zone, head in sorted((await self._backoff.insist(self._ledger.heads)).items()):
                await self._read(zone, head)

    async def hear(self, batch: Sequence[Heard]) -> None:
        """Take in what the topic brought; return when it is dealt with."""
        async with self._lock:
            if not self._cursors_read:  # the topic may be quicker than catching up
                await self._refresh()
            by_zone: dict[str, list[Heard]] = {}
            for heard in batch:
                if heard.version > self._cursors.get(heard.zone, 0):
                    by_zone.setdefault(heard.zone, []).append(heard)
            fresh: list[EventEnvelope] = []
            upto: dict[str, int] = {}
            gaps: dict[str, int] = {}
            for zone, heards in by_zone.items():
                reached = self._cursors.get(zone, 0)
                for heard in sorted(heards, key=lambda one: one.version):
                    if heard.version == reached + 1:
                        fresh.append(EventEnvelope.read(heard.data))
                        reached = upto[zone] = heard.version
                    elif heard.version > reached + 1:
                        gaps[zone] = max(heard.version, gaps.get(zone, 0))
            await self._settle(fresh, upto)
            if gaps:
                log.info("events are missing", action="event_gap", consumer=self.name, zones=sorted(gaps))
                await self._refresh()  # perhaps another process has been here
                for zone, version in sorted(gaps.items()):
                    await self._read(zone, version)

    async def _read(self, zone: str, upto: int) -> None:
        while (after := self._cursors.get(zone, 0)) < upto:
            records = await self._backoff.insist(lambda: self._ledger.events(zone, after, PAGE))
            if not records:
                return
            await self._settle(_envelopes(records), {zone: records[-1].version})

    async def _settle(self, events: Sequence[EventEnvelope], cursors: Mapping[str, int]) -> None:
        if not cursors:
            return
        effects = self._handler(events)
        answers = await self._backoff.insist(
            lambda: self._consumers.settle(self.name, cursors, effects.commands, effects.notifications)
        )
        self._cursors.update(cursors)
        self._on_advance(self.name, cursors)
        if effects.commands:
            self._on_commands(effects.commands, answers)

    async def _refresh(self) -> None:
        for zone, version in (await self._backoff.insist(lambda: self._consumers.cursors(self.name))).items():
            self._cursors[zone] = max(version, self._cursors.get(zone, 0))
        self._cursors_read = True
        self._on_advance(self.name, self._cursors)


def _envelopes(records: Sequence[Record]) -> list[EventEnvelope]:
    return [record.envelope for record in records]
