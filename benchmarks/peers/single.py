"""What peers can do of a problem: visits of one person, one window, one shift, one way of travelling."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.sets.instance import Routes
from schemas.problem import Problem, Shift, Visit, Volunteer
from solvers.travel import Ints


class BeyondPeersError(ValueError):
    """The problem has something that the peer cannot express."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may take: seconds by the clock, one seed, threads where the peer has them."""

    seconds: float
    seed: int = 1
    threads: int = 1


Peer = Callable[["Single", Budget], Routes]


@dataclass(frozen=True)
class Single:
    """A problem as vehicle routing libraries see it: matrices, windows of starts, who may serve what, prizes."""

    problem: Problem

    def __post_init__(self) -> None:
        problem = self.problem
        one = all(len(v.demands) == 1 and v.demands[0].heads == 1 and len(v.windows) == 1 for v in problem.visits)
        if not one or problem.links:
            raise BeyondPeersError("visits that need two people, several windows or links are beyond the peers")
        shifts = all(
            len(p.shifts) == 1 and p.shifts[0].start_location is not None and p.shifts[0].end_location is not None
            for p in problem.volunteers
        )
        if not shifts or len(problem.travel) != 1 or problem.commitments or problem.standing:
            raise BeyondPeersError("each person needs one shift from a depot to a depot, and all travel alike")

    @cached_property
    def time(self) -> Ints:
        return np.array(self.problem.travel[0].time, dtype=np.int64)

    @cached_property
    def distance(self) -> Ints:
        given = self.problem.travel[0].distance
        return self.time if given is None else np.array(given, dtype=np.int64)

    @staticmethod
    def start(visit: Visit) -> tuple[int, int]:
        """First and last start."""
        (window,) = visit.windows
        return window.start, window.end - (1 if visit.fit == "start" else visit.duration)

    @staticmethod
    def ends(person: Volunteer) -> tuple[Shift, int, int]:
        """The shift, where it starts and where it ends."""
        (shift,) = person.shifts
        assert shift.start_location is not None, "looked at when it was made"
        assert shift.end_location is not None, "looked at when it was made"
        return shift, shift.start_location, shift.end_location

    def able(self, visit: Visit) -> list[int]:
        """People who have what the visit asks for, by index."""
        (demand,) = visit.demands
        return [
            number
            for number, person in enumerate(self.problem.volunteers)
            if any(held.skill == demand.skill and held.level >= demand.level for held in person.skills)
        ]

    @cached_property
    def kinds(self) -> list[list[int]]:
        """People who differ in nothing but their name, by index."""
        alike: dict[Volunteer, list[int]] = {}
        for number, person in enumerate(self.problem.volunteers):
            alike.setdefault(person.changed(id="anybody"), []).append(number)
        return list(alike.values())
