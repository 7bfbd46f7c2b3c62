"""Why a visit is left out: what each rule removes, and the smallest change that would let it be served."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import numpy as np

from schemas.plan import LeftOut, Relaxation, RuleCount
from solvers.arrays import FAR, Arrays
from solvers.candidates import find
from solvers.diary import Diary
from solvers.insertion import Insertion
from solvers.rules import survey

MINUTES = (30, 60, 120)
METRES = (400, 1_000, 2_000)
OF_TIME = frozenset({"window", "availability", "overlap", "quiet_hours", "daily_limit"})
OF_LIMITS = frozenset({"daily_limit", "weekly_limit", "offers_limit"})

Kind = Literal["window", "reach", "service_reach", "level", "volunteer", "team", "limit", "none"]


def _bottleneck(a: Arrays, visit: int) -> tuple[int, int, list[RuleCount]]:
    """The demand with the fewest people to spare: its row, who passes, and what rules removed."""
    best: tuple[int, int, list[RuleCount]] | None = None
    for row in a.rows_of(visit):
        if a.row_heads[row] > 0:
            passing, counts = survey(a, row)
            if best is None or passing - a.row_heads[row] < best[1] - a.row_heads[best[0]]:
                best = (row, passing, counts)
    assert best is not None
    return best


def _servable(a: Arrays, visit: int, diary: Diary) -> bool:
    """Whether the visit can be served beside the plan, by the rules of ``a``."""
    return Insertion(a, find(a, visit), bare=True).best(visit, diary) is not None


def _wider(a: Arrays, visit: int, seconds: int) -> Arrays:
    low, high = a.window_low.copy(), a.window_high.copy()
    there = high[visit] > -FAR
    low[visit, there] = (low[visit, there] - seconds).clip(min=a.problem.horizon.start)
    high[visit, there] += seconds
    return replace(a, window_low=low, window_high=high)


def _relaxations(a: Arrays, visit: int, row: int, seen: set[str]) -> Iterator[tuple[Kind, int, Arrays]]:
    """Single changes that touch a rule which removed somebody, small ones first."""
    crowd = a.row_heads[row] > 1 or len(a.rows_of(visit)) > 1
    for size in range(len(MINUTES)):
        if (seen & OF_TIME or "outcompeted" in seen) and a.fixed[visit] is None:
            yield "window", MINUTES[size], _wider(a, visit, 60 * MINUTES[size])
        if "reach" in seen:
            yield "reach", METRES[size], replace(a, reach=a.reach + METRES[size])
        if "service_reach" in seen:
            reach = a.visit_reach.copy()
            reach[visit] += METRES[size]
            yield "service_reach", METRES[size], replace(a, visit_reach=reach)
        if size == 0:
            if "level" in seen and a.row_level[row] > 1:
                level = a.row_level.copy()
                level[row] -= 1
                yield "level", 1, replace(a, row_level=level)
            if seen & OF_LIMITS:
                yield "limit", 1, replace(a, limit_visits=a.limit_visits + 1)
    if a.one_team[visit] and crowd:
        one_team, team = a.one_team.copy(), a.visit_team.copy()
        one_team[visit], team[visit] = False, -1
        yield "team", 1, replace(a, one_team=one_team, visit_team=team)
    heads = a.row_heads.copy()
    heads[row] -= 1
    if crowd:
        yield "volunteer", 1, replace(a, row_heads=heads)


def _nearest(a: Arrays, visit: int, row: int, diary: Diary, seen: set[str]) -> Relaxation:
    skill = a.problem.visits[visit].demands[row - int(a.first_row[visit])].skill
    for kind, amount, relaxed in _relaxations(a, visit, row, seen):
        if kind == "limit":
            diary.visits_left += 1
        found = _servable(relaxed, visit, diary)
        if kind == "limit":
            diary.visits_left -= 1
        if found:
            named = skill if kind in ("level", "volunteer") else ""
            return Relaxation(kind=kind, amount=amount, skill=named, checked=True)
    open_to_all = bool((np.maximum(a.window_low[visit], a.visit_answerable[visit]) <= a.window_high[visit]).any())
    if a.row_heads[row] == 1 and len(a.rows_of(visit)) == 1 and open_to_all:
        return Relaxation(kind="volunteer", amount=1, skill=skill, checked=True)  # one who passes serves it alone
    return Relaxation(kind="none")


def explain(
    a: Arrays, visit: int, insertion: Insertion | None = None, diary: Diary | None = None, *, nearest: bool = True
) -> LeftOut:
    """Say why a visit is left out: from the rules and the final plan alone.

    The counts are those of the demand with the fewest people to spare. Where enough people pass every rule, the rest
    is ``one_team`` (no team has them together) or ``outcompeted``. A visit whose seats are all taken has no reasons.

    Parameters
    ----------
    insertion, diary
        What the plan was made with; without them the visit is judged beside what stands alone.
    nearest
        Whether to look for the nearest relaxation, too.
    """
    name = a.problem.visits[visit].id
    if not any(a.row_heads[row] > 0 for row in a.rows_of(visit)):
        return LeftOut(visit=name, candidates=a.volunteers, reasons=())
    insertion = Insertion(a, find(a, visit), bare=True) if insertion is None else insertion
    diary = Diary(a) if diary is None else diary
    row, passing, counts = _bottleneck(a, visit)
    if passing >= a.row_heads[row]:
        apart = insertion.impossible(visit) and bool(a.one_team[visit])
        counts = [*counts, RuleCount(rule="one_team" if apart else "outcompeted", removed=passing)]
    seen: set[str] = {count.rule for count in counts}
    relaxed = _nearest(a, visit, row, diary, seen) if nearest else None
    return LeftOut(visit=name, candidates=a.volunteers, reasons=tuple(counts), nearest=relaxed)
