"""Notices a consumer that has stopped getting anywhere, so that its process can end and be started again."""

from collections.abc import Mapping
from typing import NamedTuple

from faust.types import TP


class Stalled(RuntimeError):
    """There are records to consume and nothing has been committed for too long.

    Attributes
    ----------
    partition
        Where, or ``None`` when the broker does not answer at all.
    seconds
        For how long.
    """

    def __init__(self, partition: TP | None, seconds: float) -> None:
        where = (
            "the broker does not answer, or does not let us into the group,"
            if partition is None
            else f"no commit on {partition.topic}[{partition.partition}]"
        )
        super().__init__(f"{where} for {seconds:.0f} s; ending, so that the supervisor starts this role again")
        self.partition = partition
        self.seconds = seconds


class Mark(NamedTuple):
    """How far a partition is consumed (next offset to commit) and where it ends."""

    committed: int
    end: int


class Watchdog:
    """Compares marks over time.

    Parameters
    ----------
    patience_s
        Seconds, > 0, of lag without a commit, or without an answer, before `Stalled` is raised.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._since: dict[TP | None, tuple[int, float]] = {}

    def forgive(self) -> None:
        """Start counting anew: there was a known reason (a rebalance, a database that is away)."""
        self._since.clear()

    def observe(self, now: float, marks: Mapping[TP, Mark] | None) -> None:
        """Take in what is known at ``now`` (monotonic seconds); ``None``: the broker did not answer.

        Raises
        ------
        Stalled
            When a partition's lag or the broker's silence has lasted for longer than the patience.
        """
        stuck: dict[TP | None, int] = {None: 0}
        if marks is not None:
            stuck = {tp: mark.committed for tp, mark in marks.items() if mark.end > mark.committed}
        for tp in [tp for tp in self._since if tp not in stuck]:
            del self._since[tp]
        for tp, committed in stuck.items():
            before, since = self._since.setdefault(tp, (committed, now))
            if committed != before:
                self._since[tp] = (committed, now)
            elif now - since > self._patience_s:
                raise Stalled(tp, now - since)
