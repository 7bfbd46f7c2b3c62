"""Plots as the server draws them: bars in SVG with a title, a description, and the same figures as a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width

WIDTH, ROW = 340, 48
"""Of the drawing, and of each bar with its name and figure above: narrow enough to be read on a phone as it is."""
LONGEST = 30
"""Columns of a name, of which a Chinese character takes two."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its name, what it says, and how long it is of the longest there can be."""

    name: str
    text: str
    share: float

    @property
    def width(self) -> int:
        """Its length in the drawing; what is more than nothing can be seen."""
        return max(2, round(WIDTH * min(1.0, self.share))) if self.share > 0 else 0

    @property
    def short(self) -> str:
        """The name, cut where it is too long to be drawn."""
        taken = 0
        for at, sign in enumerate(self.name):
            taken += 2 if east_asian_width(sign) in "WF" else 1
            if taken > LONGEST:
                return self.name[:at].rstrip() + "…"
        return self.name


@dataclass(frozen=True, slots=True)
class Plot:
    """Bars below each other. ``names`` and ``values`` head the columns of the table."""

    key: str
    title: str
    description: str
    names: str
    values: str
    bars: tuple[Bar, ...]
    row: int = ROW
    width: int = WIDTH

    @property
    def height(self) -> int:
        """Of the drawing."""
        return self.row * len(self.bars) + 8


def shared(names: Sequence[str], texts: Sequence[str], values: Sequence[float], most: float = 0) -> tuple[Bar, ...]:
    """Bars beside the longest of them, or beside ``most``."""
    longest = most or max(values, default=0)
    return tuple(
        Bar(name, text, value / longest if longest else 0.0)
        for name, text, value in zip(names, texts, values, strict=True)
    )
