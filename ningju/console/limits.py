"""How often somebody may call: a moving window for each caller, in this process's memory."""

import math
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from ningju.console.problems import Problem


class Limit:
    """So many calls in so much time, for each caller.

    Parameters
    ----------
    rate
        Such as ``10/minute``; several divided by semicolons are not meant.
    what
        What is being limited, as the refusal says it.
    """

    def __init__(self, rate: str, what: str) -> None:
        self._rate: RateLimitItem = parse(rate)
        self._what = what
        self._window = MovingWindowRateLimiter(MemoryStorage())

    def take(self, caller: str) -> None:
        """Count one call.

        Raises
        ------
        Problem
            429 with the seconds until there is room again.
        """
        if self._window.hit(self._rate, caller):
            return
        room_at = self._window.get_window_stats(self._rate, caller).reset_time
        seconds = max(1, math.ceil(room_at - time.time()))
        raise Problem(429, "too-many", f"{self._what}: at most {self._rate}", headers={"Retry-After": str(seconds)})
