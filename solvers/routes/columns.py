"""Names of the columns of the blocks that the compiled search reads and writes.

Blocks of many columns instead of many arrays: what is read together lies together, and numba compiles functions of few
arguments much faster.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Int32s = NDArray[np.int32]
Floats = NDArray[np.float64]

FAR = 2**50
"""Beyond every time; sums of it still fit."""

# visits: those to plan come first, then the events that stand, each as a visit with one slot that never moves.
# People were told of some: such a visit has a TWIN that starts when they were told; one of the two is served, and
# ITSELF is the number under which both wait.
PLACE, FIRST_SLOT, END_SLOT, FIRST_WINDOW, END_WINDOW = 0, 1, 2, 3, 4
DUE, LOAD, TEAMED, FIRST_LINK, END_LINK, PARTNER, STANDS, LOW = 5, 6, 7, 8, 9, 10, 11, 12
TWIN, ITSELF = 13, 14
VISIT_COLUMNS = 15

# slots: a head of a demand
VISIT, ROW, DURATION, SLOT_PLACE = 0, 1, 2, 3

# tours: a shift of a person
WHO, BEGIN, END, FROM, TO, ORIGIN, TARGET, MODE, CAPACITY = 0, 1, 2, 3, 4, 5, 6, 7, 8

# people, limits
BURDEN, FIRST_LIMIT, END_LIMIT = 0, 1, 2
LIMIT_START, LIMIT_END, LIMIT_VISITS, LIMIT_SECONDS = 0, 1, 2, 3

# links, in both directions: the other starts at least OUT after this one, this one at least IN after the other
OTHER, OUT, IN, CREW = 0, 1, 2, 3
ANY, SAME, DIFFERENT = 0, 1, 2

# candidates of a row, by team and cost; groups: the candidates of a row from one team
TOUR, UNTIL = 0, 1
GROUP_TEAM, GROUP_BEGIN, GROUP_END = 0, 1, 2

# weights
PER_SECOND, PER_METRE, PER_LATE, PER_MAX_LATE, PER_LOAD = 0, 1, 2, 3, 4

# state: nodes (slots, then the two ends of each tour as one), visits, tours, sums
NEXT, PREV, NODE_TOUR = 0, 1, 2
START, LATE, SERVED = 0, 1, 2
COUNT, CARRIED = 0, 1
COST, LOST, LATENESS, MAX_LATENESS = 0, 1, 2, 3
SLOT, SEAT_TOUR, SEAT_PREV, SEAT_CANDIDATE, SEAT_START = 0, 1, 2, 3, 4


class Layout(NamedTuple):
    """What does not change during a search. Sizes: V visits, S slots, T tours, P people, R rows, N places, M modes.

    ``allowed`` (R, T) is the candidate of a row and a tour, -1 for none. ``times`` and ``costs`` (M, N, N) are empty where
    travel is computed from ``xyz`` (N, 3) and ``pace`` (M).
    """

    visit: Ints
    lost: Floats
    window: Ints
    slot: Ints
    tour: Ints
    person: Ints
    limit: Ints
    link: Ints
    group_first: Ints
    group: Ints
    candidate: Ints
    candidate_cost: Floats
    allowed: Int32s
    near: Int32s
    key: Floats
    times: Int32s
    costs: Int32s
    xyz: Floats
    pace: Floats
    weight: Floats
    to_plan: int
    hard: bool
    soft: bool


class State(NamedTuple):
    """A plan in the making, with what is needed to take a trial back.

    ``sums``: cost of the seats and the ways, cost of what is left out. ``seed`` is the state of the random numbers.
    The ``*_log`` hold what a trial has changed: how many, then index and old values.
    """

    node: Ints
    visit: Ints
    tour: Ints
    person: Ints
    limit: Ints
    sums: Floats
    sums_before: Floats
    seed: NDArray[np.uint64]
    node_log: Ints
    visit_log: Ints
    tour_log: Ints
    person_log: Ints
    limit_log: Ints
    stamp: Ints
    mark: Ints
    queue: Ints
    trial: Ints
    option: Ints
    option_cost: Floats
    chosen: Ints
    kept: Ints
    first: Ints
    crew: Ints
    busy: Ints
    torn: Ints
    absent: Ints
    fate: Floats
    best_node: Ints
    best_visit: Ints
    best_cost: Floats
