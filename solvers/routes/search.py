"""The compiled search as Python calls it: warmed in the background, on several cores, for seconds or a number of trials."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from schemas.place import Place
from schemas.problem import Demand, HeldSkill, Problem, Shift, Span, Visit, Volunteer
from solvers.arrays import Arrays, Bools, build
from solvers.candidates import Candidates, find
from solvers.costs import Choice, scarcity_of_skills
from solvers.diary import Diary
from solvers.routes import columns as c
from solvers.routes.anneal import account, anneal, construct, remember
from solvers.routes.columns import Layout, State
from solvers.routes.layout import ALLOWED_ENTRIES, Map, blank, lay_out, plan_of, size_of, start_from
from solvers.travel import Ints

HOTTEST, COLD = 5.0, 0.1
"""Highest first temperature, and the last one, as shares of what a served visit costs on average."""

TRIALS_AT_ONE = 100
"""Trials for each visit with which a search begins at one such share; with four times as many it begins at two."""

TRIALS_A_VISIT = 30_000
"""Trials for each visit after which the search heats up again rather than cooling more slowly."""
MOST_ROUNDS = 6

CHUNK = 64
CHUNK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Found:
    """The best plan of a search, and how many trials it took."""

    chosen: dict[int, Choice]
    trials: int


class _Warmth:
    """Whether the search is compiled."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.begun = threading.Lock()


_warmth = _Warmth()


def start_warming() -> None:
    """Begin to compile the search, or to read it from the disk, in the background; once is enough."""
    if _warmth.begun.acquire(blocking=False):
        threading.Thread(target=_compile, name="compile the search", daemon=True).start()


def warm(timeout: float | None = None) -> bool:
    """Wait until the search is compiled; false if it takes longer than ``timeout`` seconds."""
    start_warming()
    return _warmth.reached.wait(timeout)


def _compile() -> None:
    here = Place(lon=121.4, lat=31.2)
    demand = Demand(skill="any")
    visits = tuple(
        Visit(id=f"v{n}", location=0, windows=(Span(start=0, end=9),), duration=1, demands=(demand,)) for n in "ab"
    )
    people = tuple(
        Volunteer(id=f"p{n}", team="t", location=0, skills=(HeldSkill(skill="any"),), shifts=(Shift(start=0, end=9),))
        for n in "ab"
    )
    a = build(Problem(horizon=Span(start=0, end=9), locations=(here,), visits=visits, volunteers=people))
    improve(a, find(a), scarcity_of_skills(a), Diary(a), seed=1, workers=1, iterations=1, left=lambda: None)
    _warmth.reached.set()


def fits(a: Arrays, candidates: Candidates) -> bool:
    """Whether the search takes a problem of this size."""
    return size_of(a, candidates) <= ALLOWED_ENTRIES


def improve(
    a: Arrays,
    candidates: Candidates,
    rarity: Ints,
    diary: Diary,
    *,
    seed: int,
    workers: int,
    iterations: int | None,
    left: Callable[[], float | None],
    held: Diary | None = None,
    free: Bools | None = None,
) -> Found | None:
    """Search from a plan.

    Parameters
    ----------
    rarity
        How rare each skill is, see ``solvers.costs``.
    workers
        Searches side by side, each with its own seed; the best plan counts.
    iterations
        Trials of each search; nothing: as many as the time allows.
    left
        Seconds that are left, or nothing.
    held, free
        Only these visits may move; the others are held as they stand there.

    Returns
    -------
    Found or None
        Nothing where there is nothing to search. The plan may be worse than the diary's on lower levels.
    """
    m = Map(a, candidates, held, free)
    if not m.planned:
        return None
    d = lay_out(a, m, rarity)
    searches = [_Search(a, m, d, diary, seed + 7_919 * number, iterations, left) for number in range(workers)]
    threads = [threading.Thread(target=search.run, name="search") for search in searches[1:]]
    for thread in threads:
        thread.start()
    searches[0].run()
    for thread in threads:
        thread.join()
    best = min(searches, key=lambda search: float(search.state.best_cost[0]))
    return Found(plan_of(a, m, d, best.state), sum(search.trials for search in searches))


class _Search:
    """One search of several: the compiled trials let go of Python's lock, so that threads use all cores."""

    def __init__(
        self,
        a: Arrays,
        m: Map,
        d: Layout,
        diary: Diary,
        seed: int,
        iterations: int | None,
        left: Callable[[], float | None],
    ) -> None:
        self.d, self.iterations, self.left = d, iterations, left
        self.trials = 0
        self.state: State = blank(d, seed)
        start_from(a, m, d, self.state, diary)
        remember(self.state, account(d, self.state))

    def run(self) -> None:
        d, s = self.d, self.state
        construct(d, s)
        cost = account(d, s)
        if cost < s.best_cost[0]:
            remember(s, cost)
        scale = self._scale()
        chunk, rounds, hot = CHUNK, 1, 0.1
        began = time.monotonic()
        seconds = self.left() if self.iterations is None else None
        expected = self.iterations
        while True:
            share = self._share(began, seconds)
            if share >= 1:
                return
            if expected is None and self.trials:
                expected = int(
                    self.trials / max(1e-6, share)
                )  # the first trials, barely warm, tell how many there will be
            if expected is not None:
                rounds, hot = self._rounds(expected), self._hot(expected)
            at = share * rounds % 1.0
            if self.iterations is not None:
                chunk = min(CHUNK, self.iterations - self.trials)
            before = time.monotonic()
            anneal(d, s, chunk, scale * _temperature(hot, at), scale * _temperature(hot, min(1.0, at + 0.001)))
            self.trials += chunk
            if self.iterations is None:
                chunk = max(1, min(100_000, int(chunk * CHUNK_SECONDS / max(1e-6, time.monotonic() - before))))

    def _share(self, began: float, seconds: float | None) -> float:
        """How much of the budget is spent, 0-1; what is given as seconds bounds a number of trials, too."""
        left = self.left()
        if left is not None and left <= 0:
            return 1.0
        if self.iterations is not None:
            return self.trials / self.iterations if self.iterations else 1.0
        return 1.0 if not seconds else (time.monotonic() - began) / seconds

    def _rounds(self, trials: int) -> int:
        return max(1, min(MOST_ROUNDS, trials // (TRIALS_A_VISIT * self.d.to_plan)))

    def _hot(self, trials: int) -> float:
        return float(min(HOTTEST, max(COLD, (trials / (TRIALS_AT_ONE * self.d.to_plan)) ** 0.5)))

    def _scale(self) -> float:
        """What a served visit costs on average, beside keeping what people were told."""
        d, s = self.d, self.state
        served = np.flatnonzero(s.visit[: d.to_plan, c.SERVED] == 1)
        cost = float(s.sums[c.COST])
        for visit in served[d.visit[served, c.ITSELF] != served].tolist():
            for slot in range(d.visit[visit, c.FIRST_SLOT], d.visit[visit, c.END_SLOT]):
                cost -= min(0.0, float(d.candidate_cost[d.allowed[d.slot[slot, c.ROW], s.node[slot, c.NODE_TOUR]]]))
        return max(1.0, cost / max(1, len(served)))


def _temperature(hot: float, share: float) -> float:
    cold = min(COLD, hot / 10)
    return float(hot * (cold / hot) ** share)
