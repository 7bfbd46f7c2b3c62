"""Every hard rule, once, over broadcast index arrays.

A rule takes rows (demands of visits), people and starts that broadcast together, and says where it *fails*: the same
function serves a block of visits x volunteers, a list of pairs, and one visit with a handful of people.
"""

from collections.abc import Callable, Collection, Sequence

import numpy as np

from schemas.plan import Rule, RuleCount
from schemas.problem import Problem
from solvers.arrays import EXCLUSIONS, FAR, LIMIT_RULES, Arrays, Bools, build
from solvers.errors import InvalidProblem
from solvers.starts import possible_starts
from solvers.travel import Ints

Check = Callable[[Arrays, Ints, Ints, Ints], Bools]


def skill(a: Arrays, row: Ints, who: Ints, start: Ints) -> Bools:
    """The person does not hold the skill."""
    return np.asarray(a.held[who, a.row_skill[row]] == 0)


def level(a: Arrays, row: Ints, who: Ints, start: Ints) -> Bools:
    """The person does not hold the skill at the level."""
    return np.asarray(a.valid_until[a.held[who, a.row_skill[row]], a.row_level[row]] == -FAR)


def expired_qualification(a: Arrays, row: Ints, who: Ints, start: Ints) -> Bools:
    """The qualification ends before the visit does."""
    until = a.valid_until[a.held[who, a.row_skill[row]], a.row_level[row]]
    return np.asarray(until < start + a.row_duration[row])


def zone(a: Arrays, row: Ints, who: Ints, start: Ints) -> Bools:
    """The person's team does not serve this visit."""
    if a.team_allowed is None:
        return _nowhere(row, who)
    return np.asarray(~a.team_allowed[a.row_visit[row], a.team[who]])


def one_team(a: Arrays, row: Ints, who: Ints, start: Ints) -> Bools:
    """Another team has this visit already."""
    team = a.visit_team[a.row_visit[row]]
    return np.asarray((team >= 0) & (team != a.team[who]))


def _nowhere(row: Ints, who: Ints) -> Bools:
    return np.zeros(np.broadcast_shapes(np.shape(row), np.shape(who)), dtype=np.bool_)


def _excluded(code: int) -> Check:
    def fails(a: Arrays, row: Ints, who: Ints, start: Ints) -> Bools:
        if not len(a.excluded_key):
            return _nowhere(row, who)
        key = a.row_visit[row] * a.volunteers + who
        first = np.searchsorted(a.excluded_key, key, side="left")
        past = np.searchsorted(a.excluded_key, key, side="right")
        found = np.zeros(key.shape, dtype=np.bool_)
        for step in range(int((past - first).max(initial=0))):  # a pair may be excluded by several rules
            at = np.minimum(first + step, len(a.excluded_key) - 1)
            found |= (first + step < past) & (a.excluded_rule[at] == code)
        return found

    fails.__name__, fails.__doc__ = EXCLUSIONS[code], "The person must not be asked for this visit."
    return fails


blocked, declined_before, withdrew_before, kept_back = (_excluded(code) for code in range(len(EXCLUSIONS)))


def _way(a: Arrays, row: Ints, who: Ints) -> Ints:
    return a.travel.distance(a.mode[who], a.home[who], a.visit_place[a.row_visit[row]])


def reach(a: Arrays, row: Ints, who: Ints, start: Ints) -> Bools:
    """The way from home is longer than the person goes."""
    return np.asarray(_way(a, row, who) > a.reach[who])


def service_reach(a: Arrays, row: Ints, who: Ints, start: Ints) -> Bools:
    """The way from home is longer than the service allows."""
    return np.asarray(_way(a, row, who) > a.visit_reach[a.row_visit[row]])


def window(a: Arrays, row: Ints, who: Ints, start: Ints) -> Bools:
    """The visit may not start then."""
    visit = a.row_visit[row]
    when = np.asarray(start)[..., None]
    inside = ((a.window_low[visit] <= when) & (when <= a.window_high[visit])).any(-1)
    return np.broadcast_to(~inside, np.broadcast_shapes(inside.shape, np.shape(who)))


def quiet_hours(a: Arrays, row: Ints, who: Ints, start: Ints) -> Bools:
    """Nobody can be asked in waking hours any more for a start this early."""
    late = start < a.visit_answerable[a.row_visit[row]]
    return np.broadcast_to(late, np.broadcast_shapes(np.shape(late), np.shape(who)))


def _in_shift(a: Arrays, row: Ints, who: Ints, start: Ints) -> Bools:
    """Which shifts hold the visit, last axis the shifts; the way from and to a place other than home counts."""
    begin, end = np.asarray(start)[..., None], np.asarray(start + a.row_duration[row])[..., None]
    low, high = a.shift_start[who], a.shift_end[who]
    origin, target = a.shift_from[who], a.shift_to[who]
    if (origin >= 0).any():
        mode, place = np.asarray(a.mode[who])[..., None], np.asarray(a.visit_place[a.row_visit[row]])[..., None]
        low = low + np.where(origin >= 0, a.travel.time(mode, np.maximum(origin, 0), place), 0)
    if (target >= 0).any():
        mode, place = np.asarray(a.mode[who])[..., None], np.asarray(a.visit_place[a.row_visit[row]])[..., None]
        high = high - np.where(target >= 0, a.travel.time(mode, place, np.maximum(target, 0)), 0)
    return np.asarray((low <= begin) & (end <= high))


def availability(a: Arrays, row: Ints, who: Ints, start: Ints) -> Bools:
    """No shift holds the whole visit."""
    return np.asarray(~_in_shift(a, row, who, start).any(-1))


def shift_of(a: Arrays, row: Ints, who: Ints, start: Ints) -> Ints:
    """First shift that holds the visit, -1 for none."""
    held = _in_shift(a, row, who, start)
    if not held.shape[-1]:
        return np.full(held.shape[:-1], -1, dtype=np.int64)
    return np.where(held.any(-1), held.argmax(-1), -1).astype(np.int64)


def clashes(a: Arrays, row: Ints, who: Ints, start: Ints, busy_start: Ints, busy_end: Ints, busy_place: Ints) -> Bools:
    """Whether the visit clashes with events (last axis of the three blocks), travel to and from them included."""
    begin, end = np.asarray(start)[..., None], np.asarray(start + a.row_duration[row])[..., None]
    mode, place = np.asarray(a.mode[who])[..., None], np.asarray(a.visit_place[a.row_visit[row]])[..., None]
    after = busy_end + a.travel.time(mode, busy_place, place) <= begin
    before = end + a.travel.time(mode, place, busy_place) <= busy_start
    return np.asarray((~(after | before)).any(-1))


def overlap(a: Arrays, row: Ints, who: Ints, start: Ints) -> Bools:
    """The person is elsewhere then, or on the way."""
    if not a.busy_start.shape[1]:
        return np.zeros(np.broadcast_shapes(np.shape(row), np.shape(who), np.shape(start)), dtype=np.bool_)
    return clashes(a, row, who, start, a.busy_start[who], a.busy_end[who], a.busy_place[who])


def limits_hit(a: Arrays, row: Ints, who: Ints, start: Ints, visits_left: Ints, seconds_left: Ints) -> Bools:
    """Which limits (last axis) the visit would break, given what is left of each."""
    when = np.asarray(start)[..., None]
    inside = (a.limit_start[who] <= when) & (when < a.limit_end[who])
    spent = (visits_left < 1) | (seconds_left < np.asarray(a.row_duration[row])[..., None])
    return np.asarray(inside & spent)


def any_limit(a: Arrays, row: Ints, who: Ints, start: Ints) -> Bools:
    """The person has had as many as some limit allows."""
    return np.asarray(limits_hit(a, row, who, start, a.limit_visits[who], a.limit_seconds[who]).any(-1))


def _limit(code: int) -> Check:
    def fails(a: Arrays, row: Ints, who: Ints, start: Ints) -> Bools:
        if not (a.limit_rule[who] == code).any():
            return _nowhere(row, who)
        hit = limits_hit(a, row, who, start, a.limit_visits[who], a.limit_seconds[who])
        return np.asarray((hit & (a.limit_rule[who] == code)).any(-1))

    fails.__name__, fails.__doc__ = LIMIT_RULES[code], "The person has had as many as the limit allows."
    return fails


daily_limit, weekly_limit, offers_limit = (_limit(code) for code in range(len(LIMIT_RULES)))


def capacity(a: Arrays, row: Ints, who: Ints, start: Ints) -> Bools:
    """The load is more than the person carries."""
    return np.asarray(a.visit_load[a.row_visit[row]] > a.capacity[who])


ALWAYS: tuple[tuple[Rule, Check], ...] = (
    ("skill", skill),
    ("level", level),
    ("expired_qualification", expired_qualification),
    ("zone", zone),
    ("one_team", one_team),
    ("blocked", blocked),
    ("declined_before", declined_before),
    ("withdrew_before", withdrew_before),
    ("kept_back", kept_back),
    ("reach", reach),
    ("service_reach", service_reach),
    ("capacity", capacity),
)
"""Rules that do not ask when (a qualification: judged at the earliest start)."""

TIMED: tuple[tuple[Rule, Check], ...] = (
    ("window", window),
    ("quiet_hours", quiet_hours),
    ("expired_qualification", expired_qualification),
    ("availability", availability),
    ("overlap", overlap),
    ("daily_limit", daily_limit),
    ("weekly_limit", weekly_limit),
    ("offers_limit", offers_limit),
)
"""Rules that depend on the start."""

ORDER: tuple[tuple[Rule, Check], ...] = ALWAYS + tuple(item for item in TIMED if item not in ALWAYS)


def first_failing(a: Arrays, row: Ints, who: Ints, start: Ints, waived: Collection[Rule] = ()) -> Ints:
    """Position in ``ORDER`` of the first rule that fails and is not waived, -1 where none does; arrays broadcast."""
    shape = np.broadcast_shapes(np.shape(row), np.shape(who), np.shape(start))
    found = np.full(shape, -1, dtype=np.int64)
    for position, (rule, check) in enumerate(ORDER):
        if rule in waived:
            continue
        fails = check(a, row, who, start)
        if fails.any():
            found[np.broadcast_to(fails, shape) & (found < 0)] = position
    return found


def violations(
    problem: Problem | Arrays,
    visit_id: str,
    start: int,
    crew: Sequence[tuple[str, int]],
    waived: Collection[Rule] = (),
) -> dict[str, Rule | None]:
    """Judge people for seats of one visit at a given start.

    Parameters
    ----------
    problem
        The problem, or its arrays where many visits of one problem are judged.
    crew
        Pairs (volunteer, demand) that are to be added. Who holds the same seat already is not judged again.
    waived
        Rules that are not asked.

    Returns
    -------
    dict
        For each person of ``crew`` the first rule that fails, or nothing.

    Raises
    ------
    InvalidProblem
        When the visit, a person or a demand is not in the problem.
    """
    a = problem if isinstance(problem, Arrays) else build(problem)
    visit = a.visit_index.get(visit_id)
    if visit is None:
        raise InvalidProblem("visits", f"there is no visit {visit_id!r}")
    held = {(demand, name) for demand, _, name in a.filled[visit].seats}
    asked = [(name, demand) for name, demand in crew if (demand, name) not in held]
    found: dict[str, Rule | None] = {name: None for name, _ in crew}
    for name, demand in asked:
        if name not in a.volunteer_index:
            raise InvalidProblem("volunteers", f"there is no volunteer {name!r}")
        if demand >= len(a.rows_of(visit)):
            raise InvalidProblem("crew", f"demand {demand} is out of range")
    if not asked:
        return found
    who = np.array([a.volunteer_index[name] for name, _ in asked], dtype=np.int64)
    row = np.array([demand for _, demand in asked], dtype=np.int64) + a.first_row[visit]
    failing = first_failing(a, row, who, np.full(len(asked), start, dtype=np.int64), waived)
    lead = int(a.team[who[0]])
    seated = {name for _, _, name in a.filled[visit].seats}
    for (name, _), person, position in zip(asked, who.tolist(), failing.tolist(), strict=True):
        if position >= 0:
            found[name] = ORDER[position][0]
        elif name in seated:
            found[name] = found[name] or "overlap"
        elif a.one_team[visit] and "one_team" not in waived and int(a.team[person]) != lead:
            found[name] = found[name] or "one_team"
        seated.add(name)
    return found


def passing(a: Arrays, row: int, who: Ints, starts: Ints) -> Bools:
    """Which candidates (n) could sit for the row at which of its possible starts (T), as a block (n, T)."""
    there, people, when = np.array(row), who[:, None], starts[None, :]
    fails = availability(a, there, people, when) | any_limit(a, there, people, when)
    fails |= expired_qualification(a, there, people, when)
    if a.busy_start.shape[1]:
        busy = np.flatnonzero((a.busy_end[who] > -FAR).any(1))
        if len(busy):
            fails[busy] |= overlap(a, there, people[busy], when)
    return ~fails


def survey(a: Arrays, row: int) -> tuple[int, list[RuleCount]]:
    """Count what each rule removes from the people for one demand, when the visit's start is free.

    Returns
    -------
    tuple
        How many pass every rule at some start (what a plan takes of them not counted), and how many each rule removed,
        in the order of the rules; each person counts once.
    """
    seats = a.filled[int(a.row_visit[row])].seats
    everyone = np.arange(a.volunteers, dtype=np.int64)
    if seats:
        everyone = everyone[~np.isin(everyone, [who for _, who, _ in seats])]
    done = len(ORDER)
    counts = np.bincount(judge(a, row, everyone), minlength=done + 1).tolist()
    reasons = [RuleCount(rule=ORDER[i][0], removed=counts[i]) for i in range(done) if counts[i]]
    return counts[done], reasons


def judge(a: Arrays, row: int, who: Ints) -> Ints:
    """Position in ``ORDER`` of the rule that removes each person for the row at every start; its length if none does."""
    there = np.array(row)
    visit = int(a.row_visit[row])
    found = np.full(len(who), len(ORDER), dtype=np.int64)
    low = a.window_low[visit]
    earliest = np.asarray(low.min() if low.size and low.min() < FAR else 0)
    alive = np.arange(len(who))
    for position, (_, check) in enumerate(ALWAYS):
        fails = np.broadcast_to(check(a, there, who[alive], earliest), alive.shape)
        found[alive[fails]] = position
        alive = alive[~fails]
    if not len(alive):
        return found
    people = who[alive]
    starts = possible_starts(a, visit, people)
    if not len(starts):
        starts = np.array([a.visit_answerable[visit] if low.size == 0 or low.min() >= FAR else low.min()])
    fine = np.ones((len(people), len(starts)), dtype=np.bool_)
    names = [rule for rule, _ in ORDER]
    for rule, check in TIMED:
        before = fine.any(1)
        fine &= ~check(a, there, people[:, None], starts[None, :])
        found[alive[before & ~fine.any(1)]] = names.index(rule)
    return found
