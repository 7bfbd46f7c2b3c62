"""Local improvement: take out what competes, put it back in another order, keep what is not worse."""

import random
from collections.abc import Callable

from solvers.arrays import Arrays
from solvers.costs import Choice, vector
from solvers.diary import Diary
from solvers.greedy import insert_all
from solvers.insertion import Insertion
from solvers.travel import Ints

CLOSELY = 300
"""Visits up to which each trial is judged on all levels."""

RUIN = 4
"""Visits taken out at once, at most."""


def _rivals(a: Arrays, insertion: Insertion, diary: Diary, visit: int) -> list[int]:
    """Served visits that hold people whom the visit could have, or all with new seats where nothing is known."""
    block = insertion.block(visit)
    if block is None:
        return []
    able = set(block.who.tolist())
    return [v for v, (_, seats) in diary.chosen.items() if any(who in able for _, who in seats)]


def _judge(
    a: Arrays, insertion: Insertion, diary: Diary, best: dict[int, Choice], best_cost: tuple[int, ...]
) -> tuple[int, ...]:
    """Level costs; in large problems that leave no less out than the best so far, without looking further: worse."""
    if a.visits > CLOSELY and all(term.name == "left_out" for term in a.problem.levels[0].terms):
        gained = sum(int(a.visit_cost[v]) for v in diary.chosen if v not in best)
        if gained <= sum(int(a.visit_cost[v]) for v in best if v not in diary.chosen):
            return (best_cost[0] + 1, *best_cost[1:])
    return vector(a, diary.chosen, insertion.rarity)


def improve(
    a: Arrays,
    insertion: Insertion,
    diary: Diary,
    order: Ints,
    *,
    seed: int,
    iterations: int,
    done: Callable[[], bool],
    floor: int,
) -> tuple[Diary, int]:
    """Ruin and recreate.

    Parameters
    ----------
    iterations
        Insertions to try.
    done
        Says when the time is up.
    floor
        A bound for the first level: once reached, a quarter of the iterations goes to the other levels.

    Returns
    -------
    tuple
        The best diary (the same object, changed) and the insertions that were tried.
    """
    rng = random.Random(seed)
    rank = {int(visit): position for position, visit in enumerate(order)}
    open_visits = [v for v in rank if insertion.block(v) is not None and not insertion.impossible(v)]
    if not open_visits:
        return diary, 0
    best: dict[int, Choice] = dict(diary.chosen)
    best_cost = vector(a, best, insertion.rarity)
    reached: int | None = 0 if best_cost[0] <= floor else None
    tried = fruitless = 0
    while tried < iterations and not done():
        if reached is not None and tried - reached >= iterations // 4:
            break
        left = [v for v in open_visits if v not in best]
        if reached is None and not left:
            break
        seek = left if left and (reached is None or rng.random() < 0.3) else open_visits
        centre = seek[rng.randrange(len(seek))]
        rivals = [v for v in _rivals(a, insertion, diary, centre) if v != centre and diary.chosen[v][1]]
        tried += 1  # finding rivals costs time, too
        if centre not in best and not rivals:
            fruitless += 1
            if fruitless > 4 * len(open_visits):
                break
            continue
        rng.shuffle(rivals)
        out = rivals[: rng.randint(1, RUIN)]
        if centre in diary.chosen:
            out.append(centre)
        for visit in out:
            if visit in diary.chosen and diary.chosen[visit][1]:
                diary.remove(visit)
        back = sorted((v for v in open_visits if v not in diary.chosen), key=lambda v: rank[v] + rng.random() * 8)
        again = [
            centre,
            *(v for v in back if v != centre and v in out),
            *(v for v in back if v in left and v != centre),
        ]
        tried += insert_all(a, insertion, diary, again[: len(out) + 4])
        cost = _judge(a, insertion, diary, best, best_cost)
        if cost <= best_cost:
            fruitless = 0 if cost < best_cost else fruitless + 1
            best, best_cost = dict(diary.chosen), cost
            if reached is None and cost[0] <= floor:
                reached = tried
        else:
            fruitless += 1
            diary.replace(best)
        if fruitless > (len(open_visits) + 4 if reached is not None else 4 * len(open_visits) + 20):
            break
    diary.replace(best)
    return diary, tried
