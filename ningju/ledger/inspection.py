"""What looking after a ledger needs beyond the ports: a zone at one instant, the whole inbox, dead letters dealt with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from engine.ports import ClosedQuery, DeadLetter, OpenCommand, RowChange, Snapshot, Store
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


@dataclass(frozen=True, slots=True)
class Closing:
    """How a dead letter was dealt with, by whom and why; ``replayed_as`` is the new command."""

    how: Literal["replayed", "discarded"]
    by: str
    reason: str = ""
    replayed_as: UUID | None = None


@dataclass(frozen=True, slots=True)
class KeptLetter:
    """A dead letter as it is kept; its bytes are empty once they have expired."""

    number: int
    letter: DeadLetter
    count: int
    first_at: datetime
    last_at: datetime
    expires_at: datetime
    closing: Closing | None = None
    closed_at: datetime | None = None


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

    async def letters(self, limit: int = 100, *, closed: bool = False) -> list[KeptLetter]:
        """Dead letters, newest first: those nobody has dealt with, or with ``closed`` all of them."""
        ...

    async def closed_letters(self, query: ClosedQuery) -> list[KeptLetter]:
        """Dead letters that somebody has dealt with, the last one first."""
        ...

    async def letter(self, number: int) -> KeptLetter | None:
        """One dead letter."""
        ...

    async def close_letter(self, number: int, closing: Closing) -> bool:
        """Note how a dead letter was dealt with; false when it is unknown or was closed before."""
        ...

    async def expire_letters(self) -> int:
        """Drop the bytes of dead letters that have expired; of how many."""
        ...
