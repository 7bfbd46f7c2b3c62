"""Zones' states in memory: a snapshot, the tail of the ledger, and what was decided since."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from engine.ports import Decided, Ledger, Loaded, Record, Snapshot
from schemas.envelope import CommandEnvelope

PAGE = 1_000
"""Records that are read and folded at once; between two pages the event loop gets a turn."""


class State(Protocol):
    """What a zone's state tells of itself."""

    @property
    def version(self) -> int:
        """Version of its last event."""
        ...

    @property
    def clock(self) -> datetime:
        """Time of its last event."""
        ...

    @property
    def next_due(self) -> datetime | None:
        """When its next timer is due."""
        ...


S = TypeVar("S", bound=State)


class ZoneLogic(Protocol[S]):
    """The engine's pure functions on a zone's state."""

    def load(self, zone: str, loaded: Loaded) -> S:
        """The state of what a ledger holds."""
        ...

    def extend(self, state: S, records: Sequence[Record]) -> S:
        """The state after ``records``, which follow it without a gap."""
        ...

    def handle(self, state: S, envelope: CommandEnvelope) -> tuple[S, Decided]:
        """Fire what is due, then decide."""
        ...

    def failed(self, state: S, envelope: CommandEnvelope, error: Exception) -> Decided:
        """The outcome of a command on which `handle` raised."""
        ...

    def snapshot(self, state: S) -> Snapshot:
        """The state as bytes."""
        ...


class ZoneStates(Generic[S]):
    """A cache over the ledger. States are immutable, so whoever has one may keep it.

    Parameters
    ----------
    alone
        Whether nobody but this cache's owner appends to these zones; if so, a cached state is the newest. Otherwise the
        ledger is asked each time for what came after it.
    """

    def __init__(self, ledger: Ledger, logic: ZoneLogic[S], *, alone: bool) -> None:
        self._ledger = ledger
        self._logic = logic
        self._alone = alone
        self._states: dict[str, S] = {}
        self._written: dict[str, int] = {}
        self._restoring: dict[str, asyncio.Lock] = {}

    async def state(self, zone: str) -> S:
        """The zone as its ledger stands."""
        state = self._states.get(zone)
        if state is None:
            return await self._restored(zone)
        if self._alone:
            return state
        return self.put(zone, await self._followed(zone, state))

    async def _restored(self, zone: str) -> S:
        """Fold a zone from its snapshot; whoever asks meanwhile waits, for it may take a minute."""
        async with self._restoring.setdefault(zone, asyncio.Lock()):
            if (state := self._states.get(zone)) is not None:
                return state if self._alone else self.put(zone, await self._followed(zone, state))
            loaded = await self._ledger.load(zone, PAGE)
            state = self._logic.load(zone, loaded)
            self._written[zone] = loaded.snapshot.version if loaded.snapshot is not None else 0
            if len(loaded.records) == PAGE:
                state = await self._followed(zone, state)
            return self._states.setdefault(zone, state) if self._alone else self.put(zone, state)

    async def _followed(self, zone: str, state: S) -> S:
        """The state after what came since, page by page: a long history needs no more memory than a short one."""
        while records := await self._ledger.events(zone, state.version, PAGE):
            state = self._logic.extend(state, records)
            if len(records) < PAGE:
                break
        return state

    def written(self, zone: str) -> int | None:
        """Version of the snapshot that a zone was restored from, 0 for none; ``None`` if nobody has asked for it yet."""
        return self._written.get(zone)

    def put(self, zone: str, state: S) -> S:
        """Keep a newer state."""
        self._states[zone] = state
        return state

    def drop(self, zones: Iterable[str]) -> None:
        """Forget zones; they are loaded anew when next asked for."""
        for zone in zones:
            self._states.pop(zone, None)
