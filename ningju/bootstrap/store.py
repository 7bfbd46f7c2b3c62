"""Opening the ledger as settings say."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from engine.ports import Clock, Enqueued, NewCommand, Store
from engine.snapshots import SCHEMA
from ningju.ledger.inspection import InspectableStore
from ningju.ledger.opening import open_store as open_ledger
from ningju.ledger.settings import StoreSettings
from ningju.settings import Settings


async def open_store(settings: Settings, clock: Clock, *, stepped: bool = False) -> InspectableStore:
    """Open the ledger and bring its tables up to this release.

    Parameters
    ----------
    stepped
        Whether ``clock`` is simulated: then it stamps what enters, on PostgreSQL too.

    Raises
    ------
    engine.ports.Unavailable
        When the database is away, or written by a newer release.
    """
    if settings.database is None:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    return await open_ledger(
        settings.database_url,
        clock,
        StoreSettings(inbox_limit=settings.inbox_limit, snapshot_schema=SCHEMA, database_clock=not stepped),
    )


Enqueue = Callable[[Sequence[NewCommand]], Awaitable[list[Enqueued]]]


class RingingStore:
    """A store whose door has a bell: what the console writes is published at once, and not with the next sweep."""

    def __init__(self, store: Store, enqueue: Enqueue) -> None:
        self._store = store
        self._enqueue = enqueue

    @classmethod
    def of(cls, store: Store, enqueue: Enqueue) -> Store:
        """Put the bell on; everything else is the store's own."""
        return cast(Store, cls(store, enqueue))

    async def enqueue(self, commands: Sequence[NewCommand]) -> list[Enqueued]:
        """Write commands and have them published."""
        return await self._enqueue(commands)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        """Everything else is the store's own."""
        return cast(Callable[..., Awaitable[Any]], getattr(self._store, name))
