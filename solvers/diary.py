"""What a plan in the making has given to whom: events, what is left of limits and of capacity."""

import numpy as np

from solvers.arrays import FAR, Arrays
from solvers.costs import tour_key, tour_keys
from solvers.rules import availability, clashes, limits_hit
from solvers.travel import Ints

Seats = tuple[tuple[int, int], ...]


class Diary:
    """Mutable state of a search over plans; events of a person stand in no order, pads never match."""

    def __init__(self, a: Arrays) -> None:
        self.a = a
        self.chosen: dict[int, tuple[int, Seats]] = {}
        people = a.volunteers
        width = a.busy_start.shape[1]
        self.start = np.full((people, width + 2), FAR, dtype=np.int64)
        self.end = np.full((people, width + 2), -FAR, dtype=np.int64)
        self.place = np.zeros((people, width + 2), dtype=np.int64)
        self.tour = np.full((people, width + 2), -1, dtype=np.int64)
        self.start[:, :width], self.end[:, :width], self.place[:, :width] = a.busy_start, a.busy_end, a.busy_place
        self.events = (a.busy_end > -FAR).sum(axis=1)
        for who in np.flatnonzero(self.events).tolist():
            for slot in range(int(self.events[who])):
                self.tour[who, slot] = tour_key(a, who, int(self.start[who, slot]))
        self.new = np.zeros(people, dtype=np.int64)
        self.visits_left, self.seconds_left = a.limit_visits.copy(), a.limit_seconds.copy()
        self.loads = bool(a.visit_load.any())
        self.load_left = np.repeat(a.capacity[:, None], max(1, a.shift_start.shape[1]), axis=1) if self.loads else None
        if self.load_left is not None:
            for visit, crew in enumerate(a.filled):
                for _, who, _ in crew.seats:
                    fixed = a.fixed[visit]
                    if who >= 0 and fixed is not None:
                        self.load_left[who, tour_key(a, who, fixed)] -= a.visit_load[visit]

    def add(self, visit: int, start: int, seats: Seats) -> None:
        """Give a visit its start and its new seats."""
        a = self.a
        place, first = int(a.visit_place[visit]), int(a.first_row[visit])
        for demand, who in seats:
            length = int(a.row_duration[first + demand])
            slot = int(self.events[who])
            if slot >= self.start.shape[1]:
                self._widen()
            tour = tour_key(a, who, start)
            self.start[who, slot], self.end[who, slot] = start, start + length
            self.place[who, slot], self.tour[who, slot] = place, tour
            self.events[who] += 1
            self.new[who] += 1
            self._spend(visit, who, start, length, tour, 1)
        self.chosen[visit] = (start, seats)

    def add_each(self, row: Ints, who: Ints, start: Ints) -> None:
        """Give each row's visit, which has one seat, its person and start."""
        a, order = self.a, np.argsort(who, kind="stable")
        row, who, start = row[order], who[order], start[order]
        visit, end = a.row_visit[row], start + a.row_duration[row]
        slot = self.events[who] + np.arange(len(who)) - np.searchsorted(who, who)
        while int(slot.max(initial=0)) >= self.start.shape[1]:
            self._widen()
        tour = tour_keys(a, who, start)
        self.start[who, slot], self.end[who, slot] = start, end
        self.place[who, slot], self.tour[who, slot] = a.visit_place[visit], tour
        count = np.bincount(who, minlength=a.volunteers)
        self.events += count
        self.new += count
        inside = (a.limit_start[who] <= start[:, None]) & (start[:, None] < a.limit_end[who])
        at, limit = np.nonzero(inside)
        np.subtract.at(self.visits_left, (who[at], limit), 1)
        np.subtract.at(self.seconds_left, (who[at], limit), a.row_duration[row[at]])
        if self.load_left is not None:
            np.subtract.at(self.load_left, (who, tour), a.visit_load[visit])
        columns = (column.tolist() for column in (visit, start, row - a.first_row[visit], who))
        for key, begin, demand, person in zip(*columns, strict=True):
            self.chosen[key] = (begin, ((demand, person),))

    def open_for(self, row: int, who: int, start: int) -> bool:
        """Whether a candidate could take one more seat at this start."""
        a = self.a
        there, person, when = np.array([row]), np.array([who]), np.array([start])
        left = self.visits_left[person], self.seconds_left[person]
        if availability(a, there, person, when)[0] or limits_hit(a, there, person, when, *left).any():
            return False
        if self.load_left is not None and self.load_left[who, tour_key(a, who, start)] < a.visit_load[a.row_visit[row]]:
            return False
        return not clashes(a, there, person, when, self.start[person], self.end[person], self.place[person])[0]

    def remove(self, visit: int) -> None:
        """Take a visit out again."""
        a = self.a
        start, seats = self.chosen.pop(visit)
        place, first = int(a.visit_place[visit]), int(a.first_row[visit])
        for demand, who in seats:
            length = int(a.row_duration[first + demand])
            last = int(self.events[who]) - 1
            found = (self.start[who] == start) & (self.end[who] == start + length) & (self.place[who] == place)
            slot = last - int(found[last::-1].argmax())
            for column, pad in ((self.start, FAR), (self.end, -FAR), (self.place, 0), (self.tour, -1)):
                column[who, slot] = column[who, last]
                column[who, last] = pad
            self.events[who] = last
            self.new[who] -= 1
            self._spend(visit, who, start, length, tour_key(a, who, start), -1)

    def _spend(self, visit: int, who: int, start: int, length: int, tour: int, times: int) -> None:
        a = self.a
        inside = (a.limit_start[who] <= start) & (start < a.limit_end[who])
        self.visits_left[who, inside] -= times
        self.seconds_left[who, inside] -= times * length
        if self.load_left is not None:
            self.load_left[who, tour] -= times * a.visit_load[visit]

    def _widen(self) -> None:
        def more(block: Ints, pad: int) -> Ints:
            return np.pad(block, ((0, 0), (0, max(2, block.shape[1]))), constant_values=pad)

        self.start, self.end = more(self.start, FAR), more(self.end, -FAR)
        self.place, self.tour = more(self.place, 0), more(self.tour, -1)
