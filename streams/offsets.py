"""What may be committed of one partition."""

from heapq import heappop, heappush


class InFlight:
    """The messages of one partition that were delivered and not yet acknowledged.

    Notes
    -----
    Offsets are delivered in rising order, with holes where a broker has dropped or compacted records; nothing is inferred
    about a hole. A partition that was sought back is delivered again: offsets below the highest delivered count again.
    """

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._heap: list[int] = []
        self._next: int | None = None

    def deliver(self, offset: int) -> None:
        """Note that the message at ``offset`` is about to be handed to an agent."""
        if offset not in self._open:
            self._open.add(offset)
            heappush(self._heap, offset)
        if self._next is None or offset >= self._next:
            self._next = offset + 1

    def acknowledge(self, offset: int) -> None:
        """Note that the message at ``offset`` is dealt with; unknown offsets are ignored."""
        self._open.discard(offset)

    @property
    def committable(self) -> int | None:
        """Offset that the group may restart from: the lowest open one, else the one after the highest delivered."""
        while self._heap and self._heap[0] not in self._open:
            heappop(self._heap)
        return self._heap[0] if self._heap else self._next

    def __len__(self) -> int:
        return len(self._open)
