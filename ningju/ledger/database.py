"""What the statements need from a database: transactions, a clock, and a way to say that outcomes were written."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from sqlalchemy import Connection

Result = TypeVar("Result")
Work = Callable[[Connection], Result]


class Database(Protocol):
    """One database. ``work`` runs in another thread, in one transaction, and must not keep the connection."""

    async def write(self, work: Work[Result]) -> Result:
        """Run ``work`` in a transaction of its own and return once that is durable.

        What ``work`` raises undoes what it wrote, and nothing else.

        Raises
        ------
        CommitUnknown
            When nobody knows whether it was written.
        Unavailable
            When the database is away; nothing was written.
        """
        ...

    async def read(self, work: Work[Result]) -> Result:
        """Run ``work`` on what is committed.

        Raises
        ------
        Unavailable
            When the database is away.
        """
        ...

    async def read_at_once(self, work: Work[Result]) -> Result:
        """Run ``work`` on what is committed at one instant, however many statements it takes."""
        ...

    def now(self, connection: Connection) -> datetime:
        """Tell the time that stamps what is written."""
        ...

    def before_numbering(self, connection: Connection) -> None:
        """Announce that this transaction is about to draw inbox numbers."""
        ...

    def numbered_up_to(self, connection: Connection) -> int | None:
        """Largest inbox number below which nothing can still appear; none when numbers appear in order anyway."""
        ...

    def announce(self, connection: Connection, command_ids: Collection[UUID]) -> None:
        """Tell waiting processes, when this transaction commits, that these commands have outcomes."""
        ...

    async def listen(self, heard: Callable[[Collection[UUID]], None]) -> None:
        """Call ``heard`` with what other processes announce, until cancelled; returns at once where nobody could."""
        ...

    async def scrub(self) -> None:
        """Let erased bytes go from where they may still linger, as far as that is in our hands."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of the database."""
        ...
