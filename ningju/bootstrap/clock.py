"""Clocks of a running system."""

from datetime import UTC, datetime, timedelta
from time import monotonic


class SystemClock:
    """The wall's time, in UTC."""

    def now(self) -> datetime:
        """Tell the time."""
        return datetime.now(UTC)


class ContinuedClock:
    """Time that goes on from a moment at its usual speed: a system after its simulated day.

    Parameters
    ----------
    start
        What the clock says now.
    """

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._began = monotonic()

    def now(self) -> datetime:
        """Tell the time."""
        return self._start + timedelta(seconds=monotonic() - self._began)
