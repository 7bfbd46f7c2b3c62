"""Why many visits are left out, all at once: what each rule removes, and the smallest change that would do.

For visits that one person serves and nothing links, as ``reasons`` says it of one: there each person is judged alone.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from schemas.plan import LeftOut, Relaxation, RuleCount
from solvers.arrays import FAR, Arrays, Bools
from solvers.candidates import BLOCK, find
from solvers.diary import Diary
from solvers.openings import earliest_beside, first_starts, steps
from solvers.reasons import METRES, MINUTES, OF_LIMITS, OF_TIME, Kind
from solvers.rules import ALWAYS, ORDER, TIMED
from solvers.travel import Ints

NAMES = [rule for rule, _ in ORDER]
OUTCOMPETED = len(ORDER)
"""Column of those whom no rule removes."""


def plain(a: Arrays) -> Bools:
    """Visits that one person serves alone, that nothing links and that may start at some time."""
    rows = np.diff(a.first_row) == 1
    alone = np.zeros(a.visits, dtype=np.bool_)
    alone[rows] = a.row_heads[a.first_row[:-1][rows]] == 1
    held = [visit for visit, crew in enumerate(a.filled) if crew.seats or a.fixed[visit] is not None]
    linked = [a.visit_index[name] for link in a.problem.links for name in (link.earlier, link.later)]
    alone[held + linked] = False
    begin = np.maximum(a.window_low, a.visit_answerable[:, None])
    return np.asarray(alone & (begin <= a.window_high).any(axis=1))


def counts(a: Arrays, visits: Ints) -> Ints:
    """How many people each rule removes from each plain visit, by its place in the order of the rules; last, the rest."""
    out = np.zeros((len(visits), len(ORDER) + 1), dtype=np.int64)
    rows = a.first_row[visits]
    earliest = a.window_low[visits].min(axis=1)
    kinds, kind = np.unique(np.stack((a.row_skill[rows], a.row_level[rows])), axis=1, return_inverse=True)
    everyone = np.arange(a.volunteers)
    for number in range(kinds.shape[1]):
        some = np.flatnonzero(kind.ravel() == number)
        people = everyone
        for position in range(2):  # skill and level: the same for all rows of a kind
            fails = ALWAYS[position][1](a, rows[some[0]], people, earliest[some[0]])
            out[some, position] = int(fails.sum())
            people = people[~fails]
        step = max(1, BLOCK // max(1, len(people)))
        for at in range(0, len(some), step):
            part = some[at : at + step]
            _count(a, rows, np.repeat(part, len(people)), np.tile(people, len(part)), earliest, out)
    return out


def _count(a: Arrays, rows: Ints, line: Ints, who: Ints, earliest: Ints, out: Ints) -> None:
    for position, (_, check) in enumerate(ALWAYS[2:], start=2):
        fails = check(a, rows[line], who, earliest[line])
        if fails.any():
            np.add.at(out[:, position], line[fails], 1)
            line, who = line[~fails], who[~fails]
    step = steps(a)
    for at in range(0, len(line), step):
        _count_timed(a, rows, line[at : at + step], who[at : at + step], out)


def _count_timed(a: Arrays, rows: Ints, line: Ints, who: Ints, out: Ints) -> None:
    starts, inside = first_starts(a, rows[line], who)
    fine = np.ones(starts.shape, dtype=np.bool_)
    for rule, check in TIMED:
        fine &= inside if rule == "window" else ~check(a, rows[line][:, None], who[:, None], starts)
        gone = ~fine.any(axis=1)
        if gone.any():
            np.add.at(out[:, NAMES.index(rule)], line[gone], 1)
            line, who, starts, inside, fine = line[~gone], who[~gone], starts[~gone], inside[~gone], fine[~gone]
    np.add.at(out[:, OUTCOMPETED], line, 1)


def explain_all(a: Arrays, visits: Ints, diary: Diary, *, nearest: bool) -> list[LeftOut]:
    """Say why each of some plain visits is left out of the plan in the diary."""
    found = counts(a, visits)
    relaxed = _nearest(a, visits, found, diary) if nearest else [None] * len(visits)
    names = (*NAMES, "outcompeted")
    out = []
    for visit, line, change in zip(visits.tolist(), found.tolist(), relaxed, strict=True):
        why = tuple(RuleCount(rule=names[i], removed=count) for i, count in enumerate(line) if count)
        out.append(LeftOut(visit=a.problem.visits[visit].id, candidates=a.volunteers, reasons=why, nearest=change))
    return out


def _nearest(a: Arrays, visits: Ints, found: Ints, diary: Diary) -> list[Relaxation | None]:
    """Try each change for all visits that have found none so far."""
    out: list[Relaxation | None] = [None] * len(visits)
    todo = np.ones(len(visits), dtype=np.bool_)
    for kind, amount, may, relaxed in _relaxations(a, visits, found):
        asked = np.flatnonzero(may & todo)
        if not len(asked):
            continue
        if kind == "limit":
            diary.visits_left += 1
        pairs = find(relaxed, visits[asked])
        row = pairs.row
        served = a.row_visit[row[earliest_beside(relaxed, row, pairs.who, diary) < FAR]]
        if kind == "limit":
            diary.visits_left -= 1
        for at in asked[np.isin(visits[asked], served)].tolist():
            todo[at] = False
            out[at] = Relaxation(
                kind=kind, amount=amount, skill=_skill(a, visits[at]) * (kind == "level"), checked=True
            )
    for at in np.flatnonzero(todo).tolist():  # one who passes every rule serves it alone
        out[at] = Relaxation(kind="volunteer", amount=1, skill=_skill(a, visits[at]), checked=True)
    return out


def _skill(a: Arrays, visit: int) -> str:
    return a.problem.visits[visit].demands[0].skill


def _relaxations(a: Arrays, visits: Ints, found: Ints) -> Iterator[tuple[Kind, int, Bools, Arrays]]:
    """Changes, small ones first, each for whom it may help; each visit is changed by itself."""

    def seen(*rules: str) -> Bools:
        columns = [position for position, name in enumerate((*NAMES, "outcompeted")) if name in rules]
        return np.asarray(found[:, columns].any(axis=1))

    for size in range(len(MINUTES)):
        yield "window", MINUTES[size], seen(*OF_TIME, "outcompeted"), _wider(a, visits, 60 * MINUTES[size])
        yield "reach", METRES[size], seen("reach"), replace(a, reach=a.reach + METRES[size])
        reach = a.visit_reach.copy()
        reach[visits] += METRES[size]
        yield "service_reach", METRES[size], seen("service_reach"), replace(a, visit_reach=reach)
        if size == 0:
            rows, level = a.first_row[visits], a.row_level.copy()
            level[rows] -= 1
            yield "level", 1, seen("level") & (a.row_level[rows] > 1), replace(a, row_level=level)
            yield "limit", 1, seen(*OF_LIMITS), replace(a, limit_visits=a.limit_visits + 1)


def _wider(a: Arrays, visits: Ints, seconds: int) -> Arrays:
    low, high = a.window_low.copy(), a.window_high.copy()
    there = high[visits] > -FAR
    low[visits] = np.where(there, (low[visits] - seconds).clip(min=a.problem.horizon.start), low[visits])
    high[visits] = np.where(there, high[visits] + seconds, high[visits])
    return replace(a, window_low=low, window_high=high)
