"""What ``verify`` and ``rebuild`` need beyond the ports: a zone at one instant, the whole inbox, rows replaced at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.ports import OpenCommand, RowChange, Snapshot, Store
from schemas.envelope import Outcome

RowKey = tuple[str, str]
"""Table of the read model, and key in it."""


@dataclass(frozen=True, slots=True)
class ZoneImage:
    """A zone at one instant: head, timer, newest usable snapshot with the records after it, documents of its rows."""

    version: int
    next_due: datetime | None
    snapshot: Snapshot | None
    rows: dict[RowKey, bytes]


@dataclass(frozen=True, slots=True)
class InboxRow:
    """A command as the inbox has it, and what became of it."""

    command: OpenCommand
    open: bool
    outcome: Outcome | None


class InspectableStore(Store, Protocol):
    """A store that can be looked through and repaired."""

    async def image(self, zone: str) -> ZoneImage:
        """A zone at one instant."""
        ...

    async def inbox_rows(self, after: int = 0, limit: int = 1_000) -> list[InboxRow]:
        """All inbox rows with ``seq > after``, in order."""
        ...

    async def replace_rows(
        self, zone: str, version: int, rows: Sequence[RowChange], snapshot: Snapshot | None = None
    ) -> None:
        """Throw a zone's rows away and write these, made from its events up to ``version``; the snapshot with them.

        A key may come twice: the later row counts, and the visit of the earlier one still leads to it.

        Raises
        ------
        Conflict
            When the zone has gone on meanwhile; nothing was written.
        """
        ...
