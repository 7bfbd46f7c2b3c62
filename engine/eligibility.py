"""A zone's people and requests as the solvers' problem sees them, and the hard rules asked about a few of them.

``matching`` poses whole problems with these builders; ``decide`` asks :func:`judge` about one visit and its people.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from engine.deadlines import earliest_start, seconds, spare_until
from engine.quiet_hours import at_minute, local
from engine.zone import ASKED_KEPT, RequestRecord, Zone
from schemas import problem as p
from schemas.place import Place
from schemas.plan import Rule
from schemas.roster import Team, TravelMode, Volunteer
from schemas.zone import Policy
from solvers import rules

LimitRule = Literal["daily_limit", "weekly_limit", "offers_limit"]
MODES: tuple[TravelMode, ...] = ("walk", "bicycle", "transit", "car")
SECOND = timedelta(seconds=1)
DAY_S = 86_400
RELUCTANCE_M = 30
"""How much farther somebody may live who was asked once less in the last week, in metres."""

ROUND_M = 9_000
"""How much farther somebody may live who spares a whole round of asking, in metres: a no costs half an hour."""

USUAL_YES, USUAL_ASKED = 5.5, 10.0
"""What is thought of a person before anything is known: as if they had said yes so often of so many times."""

USUAL_STAKE = 2
"""Weight of leaving out a request of usual priority: a no costs it what ``ROUND_M`` says, and others in proportion."""

ALWAYS = p.Span(start=-p.FOREVER, end=p.FOREVER)


def travel_modes(policy: Policy) -> tuple[p.Travel, ...]:
    """Ways of travelling in the order of ``MODES``, which :func:`build_volunteer` indexes."""
    speeds = policy.speeds
    return tuple(p.Travel(speed_kmh=getattr(speeds, mode), detour=speeds.detour) for mode in MODES)


def serves(team: Team, origin: str) -> bool:
    """Whether a team serves requests of zone ``origin``: its home zone and those that it names."""
    return origin == team.zone or origin in team.zones_served


@dataclass(frozen=True, slots=True)
class LocalDay:
    """One local day on the problem's axis."""

    start: int
    end: int
    weekday: int
    midnight: datetime


class Places:
    """A problem's locations: each place once, in the order in which they were named."""

    def __init__(self) -> None:
        self.known: list[Place] = []
        self._index: dict[tuple[float, float], int] = {}

    def index(self, place: Place) -> int:
        """Index of a place, new or known."""
        key = (place.lon, place.lat)
        index = self._index.get(key)
        if index is None:
            index = self._index[key] = len(self.known)
            self.known.append(place)
        return index


class Frame:
    """The axis, places and local days of one problem; it shares what many people have in common.

    Parameters
    ----------
    now
        The moment at which people could be asked.
    first, last
        Availability and limits are spelled out for the local days from the one of ``first`` to that of ``last``. The
        axis starts at the first local midnight, so that what is known of a person reads the same all day.
    places
        Places of an earlier frame of the same day, whose indexes stay.
    """

    def __init__(
        self, zone: Zone, now: datetime, first: datetime, last: datetime, places: Places | None = None
    ) -> None:
        self.zone = zone
        self.now = now
        self.epoch = at_minute(zone.policy, first, 0)
        self.places = Places() if places is None else places
        self._limits: dict[tuple[str, int, int], p.LoadLimit] = {}
        self._shifts: dict[tuple[int, int], p.Shift] = {}
        self._served: dict[str, tuple[str, ...] | None] = {}
        policy = zone.policy
        self.days: list[LocalDay] = []
        midnight = at_minute(policy, first, 0)
        while not self.days or midnight <= last:
            following = at_minute(policy, midnight, 0, days=1)
            weekday = local(policy, midnight).weekday()
            self.days.append(LocalDay(self.second(midnight), self.second(following), weekday, midnight))
            midnight = following
        weeks: dict[int, p.Span] = {}
        for day in self.days:
            monday = self.second(at_minute(policy, day.midnight, 0, days=-day.weekday))
            if monday not in weeks:
                sunday = self.second(at_minute(policy, day.midnight, 0, days=7 - day.weekday))
                weeks[monday] = p.Span(start=monday, end=sunday)
        self.weeks = list(weeks.values())
        self._periods = {
            "daily_limit": [p.Span(start=day.start, end=day.end) for day in self.days],
            "weekly_limit": self.weeks,
            "offers_limit": [ALWAYS],
        }

    def problem(
        self,
        visits: tuple[p.Visit, ...],
        volunteers: tuple[p.Volunteer, ...],
        teams: tuple[p.Team, ...],
        commitments: tuple[p.Commitment, ...],
        levels: tuple[p.CostLevel, ...] = p.DEFAULT_LEVELS,
    ) -> p.Problem:
        """The problem of parts that were built on this frame."""
        return p.Problem(
            epoch=self.epoch,
            horizon=p.Span(start=self.days[0].start, end=self.days[-1].end),
            locations=tuple(self.places.known),
            travel=travel_modes(self.zone.policy),
            visits=visits,
            teams=teams,
            volunteers=volunteers,
            commitments=commitments,
            levels=levels,
        )

    def second(self, moment: datetime) -> int:
        """Whole seconds from the epoch, rounded down."""
        return (moment - self.epoch) // SECOND

    def moment(self, second: int) -> datetime:
        """The moment at a second of the axis."""
        return self.epoch + seconds(second)

    def place(self, place: Place) -> int:
        """Index of a place among the problem's locations."""
        return self.places.index(place)

    def shift(self, start: int, end: int) -> p.Shift:
        """A shift, shared by all who have the same."""
        found = self._shifts.get((start, end))
        if found is None:
            found = self._shifts[start, end] = p.Shift(start=start, end=end)
        return found

    def limits(self, rule: LimitRule, used: Sequence[int], allowed: int) -> Iterable[p.LoadLimit]:
        """What is left of a limit in each of its periods, shared by all who have as much left."""
        for index, (period, count) in enumerate(zip(self._periods[rule], used, strict=True)):
            left = max(0, allowed - count)
            found = self._limits.get((rule, index, left))
            if found is None:
                found = self._limits[rule, index, left] = p.LoadLimit(period=period, visits=left, rule=rule)
            yield found

    def teams_for(self, record: RequestRecord) -> tuple[str, ...] | None:
        """Teams that serve the request's zone of origin, or nothing when all do."""
        origin = self.zone.zone if record.referral is None else record.referral.origin
        if origin not in self._served:
            teams = self.zone.teams
            allowed = tuple(sorted(name for name, team in teams.items() if serves(team, origin)))
            self._served[origin] = None if len(allowed) == len(teams) else allowed
        return self._served[origin]


def build_visit(
    record: RequestRecord,
    frame: Frame,
    *,
    asking: bool = True,
    again: Collection[int] = (),
    kept: tuple[p.Exclusion, ...] = (),
) -> p.Visit:
    """A request as the problem's visit, named by its id; seats that are offered or taken are filled and stay.

    Parameters
    ----------
    asking
        Whether people are to be asked: then the start must leave them time to answer, and nobody is asked twice.
        Without it, what remains are the rules for somebody who holds a seat already.
    again
        Offered seats for which somebody else is sought; that counts as little as the lowest priority.
    kept
        Who is kept back from being asked ``again``.
    """
    need, visit = record.need, record.visit
    assert need is not None
    held = visit is not None and visit.occupied
    windows = tuple(
        p.Span(start=_ceil(frame, w.start), end=end)
        for w in need.windows
        if (end := frame.second(w.end)) >= _ceil(frame, w.start)
    )
    excluded = tuple(p.Exclusion(volunteer=name, rule=rule) for name, rule in record.excluded)
    if again and visit is not None:
        excluded += tuple(one for one in kept if visit.seat_of(one.volunteer) is None)
    spare = spare_until(frame.zone.policy, need)
    answerable = frame.second(earliest_start(frame.zone.policy, record, frame.now))
    return p.Visit(
        id=str(record.request_id),
        location=frame.place(need.place),
        windows=windows or (p.Span(start=-p.FOREVER, end=-p.FOREVER),),
        duration=need.duration_s,
        demands=tuple(p.Demand(skill=d.skill, level=d.level, heads=d.heads) for d in need.demands),
        left_out_cost=1 if again else frame.zone.policy.weights.left_out[need.priority - 1],
        stake=max(1, frame.zone.policy.weights.left_out[need.priority - 1] // USUAL_STAKE),
        priority=need.priority,
        due=min(
            frame.second(spare) if spare is not None else p.FOREVER, frame.second(need.complete_by) - need.duration_s
        ),
        answerable_from=answerable if asking else None,
        reach=need.reach_m,
        one_team=need.one_team,
        teams=frame.teams_for(record),
        preferred=need.wishes.preferred,
        excluded=excluded if asking else (),
        fixed_start=frame.second(visit.window.start) if visit is not None and held else None,
        team=visit.team if visit is not None and held and need.one_team else None,
        filled=tuple(
            p.FilledSeat(demand=seat.demand, volunteer=seat.volunteer)
            for index, seat in enumerate(visit.seats if visit is not None else ())
            if seat.volunteer is not None and index not in again
        ),
        load=need.load,
    )


def _ceil(frame: Frame, moment: datetime) -> int:
    return -((frame.epoch - moment) // SECOND)


def build_volunteer(
    volunteer: Volunteer, frame: Frame, *, without: Collection[object] = (), asking: bool = True
) -> p.Volunteer:
    """A person as the problem's volunteer: shifts and what is left of each limit, over the frame's days.

    Parameters
    ----------
    without
        Requests whose calendar entries do not count: those in which the person is a filled seat of the problem, or
        that are about to be moved.
    asking
        Whether the limit of offers counts.
    """
    zone = frame.zone
    entries = [entry for entry in zone.calendar(volunteer.id) if entry.request_id not in without]
    limits: list[p.LoadLimit] = []
    if entries:
        starts = [frame.second(entry.start) for entry in entries]
        by_day = [sum(1 for s in starts if day.start <= s < day.end) for day in frame.days]
        by_week = [sum(1 for s in starts if week.start <= s < week.end) for week in frame.weeks]
    else:
        by_day, by_week = [0] * len(frame.days), [0] * len(frame.weeks)
    limits.extend(frame.limits("daily_limit", by_day, volunteer.visits_per_day))
    limits.extend(frame.limits("weekly_limit", by_week, volunteer.visits_per_week))
    asked = zone.asked_since(volunteer.id, frame.now - ASKED_KEPT)
    if asking:
        limits.extend(frame.limits("offers_limit", [asked], volunteer.offers_per_week))
    return p.Volunteer(
        id=volunteer.id,
        team=volunteer.team,
        location=frame.place(volunteer.home),
        skills=tuple(
            p.HeldSkill(
                skill=held.skill,
                level=held.level,
                expires=None if held.expires is None else frame.second(held.expires),
            )
            for held in volunteer.skills
        ),
        shifts=() if volunteer.paused else tuple(frame.shift(a, b) for a, b in _available(volunteer, frame)),
        limits=tuple(limits),
        reach=volunteer.reach_m,
        travel=MODES.index(volunteer.travel),
        load=len(entries),
        reluctance=_reluctance(volunteer, asked),
    )


def _reluctance(volunteer: Volunteer, asked: int) -> int:
    """What asking a person costs, in metres: the rounds that their noes are likely to take, and what they bore lately."""
    yes = (volunteer.answers.accepted + USUAL_YES) / (volunteer.answers.asked + USUAL_ASKED)
    return round(ROUND_M * (1 / yes - 1)) + RELUCTANCE_M * asked


def _available(volunteer: Volunteer, frame: Frame) -> list[tuple[int, int]]:
    """Weekly slots of the frame's days, then the dated exceptions in order, joined where they touch."""
    policy = frame.zone.policy
    spans: list[tuple[int, int]] = []
    for day in frame.days:
        for slot in volunteer.weekly:
            if slot.weekday != day.weekday:
                continue
            if day.end - day.start == DAY_S:
                spans.append((day.start + 60 * slot.start_min, day.start + 60 * slot.end_min))
            else:  # the clocks change on this day
                first, last = (at_minute(policy, day.midnight, minute) for minute in (slot.start_min, slot.end_min))
                spans.append((frame.second(first), frame.second(last)))
    for exemption in volunteer.exemptions:
        start, end = frame.second(exemption.window.start), frame.second(exemption.window.end)
        if exemption.available:
            spans.append((start, end))
        else:
            spans = [part for a, b in spans for part in ((a, min(b, start)), (max(a, end), b)) if part[0] < part[1]]
    joined: list[tuple[int, int]] = []
    for a, b in sorted(spans):
        if joined and a <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], b))
        else:
            joined.append((a, b))
    return joined


def build_commitments(volunteer: str, frame: Frame, *, without: Collection[object] = ()) -> list[p.Commitment]:
    """What blocks a person: live offers and visits, but for those of the requests ``without``."""
    return [
        p.Commitment(
            volunteer=volunteer,
            location=frame.place(entry.place),
            start=frame.second(entry.start),
            end=frame.second(entry.end),
        )
        for entry in frame.zone.calendar(volunteer)
        if entry.request_id not in without
    ]


def build_team(team: Team, frame: Frame) -> p.Team:
    """A team as the problem's team."""
    return p.Team(id=team.id, location=frame.place(team.base))


def judge(
    zone: Zone,
    record: RequestRecord,
    now: datetime,
    *,
    team: str,
    start: datetime,
    crew: Sequence[tuple[str, int]],
    asking: bool = True,
    waived: Collection[Rule] = (),
) -> dict[str, Rule | None]:
    """Ask every hard rule about people for seats of one visit.

    Parameters
    ----------
    crew
        Pairs (volunteer, demand); all must be in the roster.
    waived
        Rules that are not asked.

    Returns
    -------
    dict
        For each person the first rule that fails, or nothing. What the person holds of this very request does not
        count against them.
    """
    assert record.need is not None
    frame = Frame(zone, now, start, start + seconds(record.need.duration_s))
    visit = build_visit(record, frame, asking=asking)
    visit = visit.changed(filled=(), fixed_start=None, team=team if record.need.one_team else None)
    without = (record.request_id,)
    names = list(dict.fromkeys(name for name, _ in crew))
    people = tuple(build_volunteer(zone.volunteers[name], frame, without=without, asking=asking) for name in names)
    teams = sorted({person.team for person in people} | {team})
    commitments = tuple(item for name in names for item in build_commitments(name, frame, without=without))
    problem = frame.problem((visit,), people, tuple(p.Team(id=name) for name in teams), commitments)
    return rules.violations(problem, visit.id, frame.second(start), crew, waived)
