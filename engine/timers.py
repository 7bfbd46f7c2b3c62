"""A zone's timers: a persistent map of what is due when, and a persistent heap that knows the first of them."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple, Self, TypeAlias
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


class Timer(NamedTuple):
    """One timer that is set, of an offer (``OFFER_EXPIRY``) or a request (all others). The order is that of firing.

    ``number`` is the id as a whole number: it orders timers of the same instant without asking the id in Python.
    """

    due: datetime
    kind: TimerKind
    number: int
    id: UUID

    @classmethod
    def at(cls, due: datetime, kind: TimerKind, owner: UUID) -> "Timer":
        """Set a timer for an offer or request."""
        return cls(due, kind, owner.int, owner)


_Node: TypeAlias = "tuple[int, Timer, _Node | None, _Node | None]"
_Heap: TypeAlias = "_Node | None"
"""Leftist heap of nodes (rank, timer, left, right): the shorter spine is on the right, so merging is logarithmic and
shares all that it does not touch."""

NONE: tuple[Timer, ...] = ()


def _merge(a: _Heap, b: _Heap) -> _Heap:
    if a is None:
        return b
    if b is None:
        return a
    if b[1] < a[1]:
        a, b = b, a
    left, right = a[2], _merge(a[3], b)
    if left is None or (right is not None and left[0] < right[0]):
        left, right = right, left
    return (1 if right is None else right[0] + 1, a[1], left, right)


@dataclass(frozen=True, slots=True)
class Timers:
    """Persistent timers.

    Attributes
    ----------
    of
        Offer or request → its timers.
    heap
        Forgets lazily: an entry counts only while its owner still has that very timer. How it lies depends on what was set
        before, so it is no part of what makes timers equal.
    """

    of: Map[UUID, tuple[Timer, ...]] = Map()
    heap: _Heap = field(default=None, compare=False)
    entries: int = field(default=0, compare=False)

    def first(self) -> Timer | None:
        """The timer that fires next, or nothing."""
        return None if self.heap is None else self.heap[1]

    def is_set(self, timer: Timer) -> bool:
        """Whether this very timer is still to fire."""
        return timer in self.of.get(timer.id, NONE)

    def updated(self, owner: UUID, wanted: tuple[Timer, ...]) -> Self:
        """Give an offer or request exactly these timers."""
        had = self.of.get(owner, NONE)
        if had == wanted:
            return self
        of = self.of.set(owner, wanted) if wanted else self.of.delete(owner)
        heap, entries = self.heap, self.entries
        for timer in wanted:
            if timer not in had:
                heap = _merge(heap, (1, timer, None, None))
                entries += 1
        while heap is not None and heap[1] not in of.get(heap[1].id, NONE):
            heap = _merge(heap[2], heap[3])
            entries -= 1
        if entries > 16 * len(of) + 64:
            return self.build(of)
        return type(self)(of, heap, entries)

    @classmethod
    def build(cls, of: Map[UUID, tuple[Timer, ...]]) -> Self:
        """Build the heap anew from the map alone."""
        nodes: list[_Heap] = [(1, timer, None, None) for timers in of.values() for timer in timers]
        entries = len(nodes)
        while len(nodes) > 1:
            nodes = [_merge(nodes[i], nodes[i + 1] if i + 1 < len(nodes) else None) for i in range(0, len(nodes), 2)]
        return cls(of=of, heap=nodes[0] if nodes else None, entries=entries)
