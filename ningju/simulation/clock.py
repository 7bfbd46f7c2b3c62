"""A clock that moves only when it is told to."""

from datetime import UTC, datetime


class SteppedClock:
    """Simulated time: the same for whoever asks between two steps.

    Parameters
    ----------
    start
        First reading, aware.
    """

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Tell the simulated time, in UTC."""
        return self._now

    def advance(self, moment: datetime) -> None:
        """Move to a later moment.

        Raises
        ------
        ValueError
            When the clock would go back.
        """
        if moment < self._now:
            raise ValueError(f"the clock cannot go back from {self._now:%FT%TZ} to {moment:%FT%TZ}")
        self._now = moment.astimezone(UTC)
