"""What a store may be told: limits, retention, the release's snapshot schema."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Limits and retention of a store.

    ``inbox_limit`` bounds open commands of people and other systems; ``retry_after`` is what they are told when it is
    reached. Bytes of dead letters are dropped after ``letter_expiry``. Snapshots of another ``snapshot_schema`` are not
    used; none takes whatever is there. ``database_clock``: PostgreSQL stamps with its own clock, which all processes
    share; off when the clock is stepped.
    """

    inbox_limit: int = 10_000
    retry_after: timedelta = timedelta(seconds=5)
    letter_expiry: timedelta = timedelta(days=30)
    snapshot_schema: int | None = None
    database_clock: bool = True
