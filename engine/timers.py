"""A zone's timers: a persistent map of what is due when, and a persistent heap that knows the first of them."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from typing import Self
from uuid import UUID

from immutables import Map


class TimerKind(IntEnum):
    """What a timer is about. Of timers due at the same instant the lower one fires first."""

    OFFER_EXPIRY = 1
    RESPONSE = 2
    NOTICE = 3
    CUT_OFF = 4
    CHECK_IN = 5
    FINISH = 6
    REFERRAL_EXPIRY = 7
    REFER = 8
    LAST_WINDOW = 9
    ASK_GUEST = 10
    RATING = 11


TimerKey = tuple[TimerKind, UUID]
"""Kind and the id of the offer (``OFFER_EXPIRY``) or request (all others)."""


@dataclass(frozen=True, slots=True, order=True)
class Timer:
    """One timer that is set. The order is that of firing."""

    due: datetime
    kind: TimerKind
    id: UUID

    @property
    def key(self) -> TimerKey:
        """What the timer is set for; setting it again moves it."""
        return (self.kind, self.id)


@dataclass(frozen=True, slots=True)
class _Node:
    """Leftist heap: the shorter spine is on the right, so merging is logarithmic and shares all it does not touch."""

    rank: int
    timer: Timer
    left: "_Node | None"
    right: "_Node | None"


def _merge(a: "_Node | None", b: "_Node | None") -> "_Node | None":
    if a is None:
        return b
    if b is None:
        return a
    if b.timer < a.timer:
        a, b = b, a
    right = _merge(a.right, b)
    left = a.left
    if left is None or (right is not None and left.rank < right.rank):
        left, right = right, left
    return _Node(1 if right is None else right.rank + 1, a.timer, left, right)


@dataclass(frozen=True, slots=True)
class Timers:
    """Persistent timers. The heap forgets lazily: an entry counts only while the map still has its due time."""

    due: Map[TimerKey, datetime] = Map()
    heap: _Node | None = None
    entries: int = 0

    def first(self) -> Timer | None:
        """The timer that fires next, or nothing."""
        return None if self.heap is None else self.heap.timer

    def updated(self, changes: dict[TimerKey, datetime | None]) -> Self:
        """Set (a due time) or cancel (nothing) several timers at once."""
        due, heap, entries = self.due, self.heap, self.entries
        for key, moment in changes.items():
            if moment is None:
                if key in due:
                    due = due.delete(key)
            elif due.get(key) != moment:
                due = due.set(key, moment)
                heap = _merge(heap, _Node(1, Timer(moment, *key), None, None))
                entries += 1
        if entries > 4 * len(due) + 64:
            return self.of(due)
        while heap is not None and due.get(heap.timer.key) != heap.timer.due:
            heap = _merge(heap.left, heap.right)
            entries -= 1
        return replace(self, due=due, heap=heap, entries=entries)

    @classmethod
    def of(cls, due: Map[TimerKey, datetime]) -> Self:
        """Build the heap anew from the map alone."""
        nodes: list[_Node | None] = [_Node(1, Timer(moment, *key), None, None) for key, moment in due.items()]
        entries = len(nodes)
        while len(nodes) > 1:
            nodes = [_merge(nodes[i], nodes[i + 1] if i + 1 < len(nodes) else None) for i in range(0, len(nodes), 2)]
        return cls(due=due, heap=nodes[0] if nodes else None, entries=entries)
