"""When inbox rows are published: as they come, or round by round (ADR-0004)."""

from collections.abc import Iterable
from typing import Protocol

from engine.ports import OpenCommand


class Release(Protocol):
    """Which open rows may be published now, and in which order."""

    def pick(self, rows: Iterable[OpenCommand]) -> list[OpenCommand]:
        """Choose from rows that were not published yet."""
        ...


class ImmediateRelease:
    """Every row at once, by order of arrival."""

    def pick(self, rows: Iterable[OpenCommand]) -> list[OpenCommand]:
        """Choose all."""
        return list(rows)


class SteppedRelease:
    """Nothing, until a round is released: then all that is open, by zone and command id, whatever order it came in."""

    def __init__(self) -> None:
        self._open = False

    def open(self) -> None:
        """Let one round through."""
        self._open = True

    def pick(self, rows: Iterable[OpenCommand]) -> list[OpenCommand]:
        """Choose all or nothing."""
        if not self._open:
            return []
        self._open = False
        return sorted(rows, key=lambda row: (row.zone, row.command_id))
