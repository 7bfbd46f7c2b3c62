"""A tour as a circuit: from where a shift starts, through what stands and what is chosen, to where it ends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ortools.sat.python import cp_model

from solvers.travel import Ints

Sum = cp_model.LinearExpr | int
Literal = cp_model.IntVar | cp_model.NotBooleanVariable | int


@dataclass(frozen=True, slots=True)
class Leg:
    """A way that a tour has where the literal holds."""

    literal: Literal
    seconds: int
    metres: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Something on a tour: its place in the table of ways, and when it begins and ends.

    ``on`` says whether it is on the tour, nothing for what stands; ``soonest`` is the least end, ``latest`` the last begin;
    ``now`` is when it begins in the plan at hand, if it does.
    """

    at: int
    visit: int
    on: cp_model.IntVar | None
    begin: Sum
    end: Sum
    soonest: int
    latest: int
    now: int | None


def circuit(
    model: cp_model.CpModel,
    boolean: Callable[[bool], cp_model.IntVar],
    stops: Sequence[Stop],
    ends: tuple[int, int],
    times: Ints,
    metres: Ints,
) -> list[Leg]:
    """Let a tour be a circuit, and its stops keep their times.

    Parameters
    ----------
    boolean
        Makes a literal, given its value in the plan at hand.
    stops
        What stands comes in the order in which it is passed.
    ends
        Where the tour begins and ends.

    Returns
    -------
    list
        All ways; with what stands counted off, their sum is what the chosen stops add.
    """
    now = sorted((stop.now, number) for number, stop in enumerate(stops) if stop.now is not None)
    used = any(stops[number].on is not None for _, number in now)
    standing = [number for number, stop in enumerate(stops) if stop.on is None]
    following = set(pairwise([-1, *(number for _, number in now), -1])) if now else set()
    legs: list[Leg] = []
    arcs: list[cp_model.ArcT] = []

    def arc(tail: int, head: int) -> None:
        one = ends[0] if tail < 0 else stops[tail].at
        two = ends[1] if head < 0 else stops[head].at
        literal = boolean((tail, head) in following)
        arcs.append((tail + 1, head + 1, literal))
        legs.append(Leg(literal, int(times[one, two]), int(metres[one, two])))
        if min(tail, head) >= 0 and not (stops[tail].on is None and stops[head].on is None):
            model.add(stops[head].begin >= stops[tail].end + int(times[one, two])).only_enforce_if(literal)

    for number, stop in enumerate(stops):
        if stop.on is not None:
            arcs.append((number + 1, number + 1, stop.on.negated()))
            arc(-1, number)
            arc(number, -1)
        for other, after in enumerate(stops):
            if stop.visit == after.visit or (stop.on is None and after.on is None):
                continue
            if stop.soonest + times[stop.at, after.at] <= after.latest:
                arc(number, other)
    for one, two in pairwise([-1, *standing, -1] if standing else []):
        arc(one, two)
    if standing:
        before = pairwise([ends[0], *(stops[number].at for number in standing), ends[1]])
        for one, two in before:
            legs.append(Leg(1, -int(times[one, two]), -int(metres[one, two])))
    else:
        empty = boolean(not used)
        arcs.append((0, 0, empty))
        for stop in stops:
            assert stop.on is not None
            model.add_implication(stop.on, empty.negated())
    model.add_circuit(arcs)
    return legs
