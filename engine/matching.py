"""When a zone wants matching, what is asked of the solver, and what becomes of its plan: the matcher's pure half."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from engine.deadlines import askable, next_hop, next_start, seconds, wakes
from engine.eligibility import Frame, Places, build_commitments, build_team, build_visit, build_volunteer
from engine.hurry import kept_back, next_second_ask, open_again
from engine.ports import NewCommand, StoredPlan
from engine.quiet_hours import at_minute
from engine.zone import ASKED_KEPT, CalendarEntry, RequestRecord, Zone
from schemas import problem as p
from schemas.base import derive_id
from schemas.commands import ProposedSeat, ProposedVisit, ProposePlan
from schemas.envelope import Actor, CommandEnvelope
from schemas.events import (
    CatalogueChanged,
    Event,
    NoticeReached,
    OfferEnded,
    PlanAdopted,
    RequestChanged,
    RequestEnded,
    RequestQueued,
    RosterChanged,
    SeatAccepted,
    SeatOffered,
    SeatVacated,
    VisitReleased,
    ZoneConfigured,
)
from schemas.place import Place
from schemas.plan import Assignment, LeftOut, Plan
from schemas.problem import Limits, Problem
from schemas.request import Need, RequestState
from schemas.roster import Volunteer
from schemas.zone import Policy, Weights
from solvers import rules
from solvers.arrays import build

MATCHER = Actor(kind="system", id="matcher")

ITEMS_A_COMMAND = 200
"""Items of one proposal: with crews of four it stays well below 256 KB."""

TIGHT = timedelta(minutes=15)
"""Between an offer's expiry and the start: with less, whoever is asked as well has to be asked in the same breath."""

_STIRRING = (
    ZoneConfigured,
    CatalogueChanged,
    RosterChanged,
    RequestQueued,
    RequestChanged,
    RequestEnded,
    NoticeReached,
    OfferEnded,
    SeatAccepted,
    SeatVacated,
    VisitReleased,
)


def stirs(event: Event) -> bool:
    """Whether an event may change what could be matched; a plan that was refused in part is one such."""
    if isinstance(event, SeatOffered):
        return event.window.start - event.expires_at < TIGHT
    return isinstance(event, _STIRRING) or (isinstance(event, PlanAdopted) and bool(event.refused))


@dataclass(slots=True)
class Memory:
    """What one zone's problems have in common from solve to solve: people who have not changed are not built again.

    It changes nothing but the time it takes: an entry is used only for the same person, calendar, offers and days.
    """

    days: tuple[datetime, int] | None = None
    places: Places = field(default_factory=Places)
    people: dict[str, tuple[Volunteer, int, int, p.Volunteer]] = field(default_factory=dict)
    calendars: dict[str, tuple[tuple[CalendarEntry, ...], list[p.Commitment]]] = field(default_factory=dict)

    def wake(self, midnight: datetime) -> None:
        """Forget yesterday."""
        if self.days is not None and self.days[0] != midnight:
            self.days, self.places = None, Places()
            self.people.clear()
            self.calendars.clear()

    def start(self, frame: Frame) -> None:
        """Begin a problem; another number of days makes everybody new."""
        days = (frame.epoch, len(frame.days))
        if days != self.days:
            self.days = days
            self.people.clear()
            self.calendars.clear()

    def volunteer(self, person: Volunteer, frame: Frame) -> p.Volunteer:
        """The person as the problem's volunteer."""
        seen, asked = frame.zone.seen(person.id), frame.zone.asked_since(person.id, frame.now - ASKED_KEPT)
        known = self.people.get(person.id)
        if known is not None and known[0] is person and known[1:3] == (seen, asked):
            return known[3]
        built = build_volunteer(person, frame)
        self.people[person.id] = (person, seen, asked, built)
        return built

    def commitments(self, name: str, frame: Frame, without: Collection[UUID]) -> Iterator[p.Commitment]:
        """What blocks a person, but for those of the requests ``without``."""
        entries = frame.zone.calendar(name)
        if not entries:
            return
        known = self.calendars.get(name)
        if known is None or known[0] is not entries:
            known = self.calendars[name] = (entries, build_commitments(name, frame))
        for entry, built in zip(entries, known[1], strict=True):
            if entry.request_id not in without:
                yield built


@dataclass(frozen=True, slots=True)
class Posed:
    """What the solver is asked for a zone at one moment. No problem: nothing can be asked of anybody now.

    ``wake`` is when to look again though nothing happens: the end of quiet hours.
    """

    zone: Zone
    now: datetime
    frame: Frame
    problem: Problem | None
    limits: Limits
    wake: datetime | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What becomes of a plan: its evidence, what is offered now, and the commands that say so."""

    plan: StoredPlan
    items: tuple[ProposedVisit, ...]
    commands: tuple[NewCommand, ...]


def pose(zone: Zone, now: datetime, *, seed: int = 1, memory: Memory | None = None) -> Posed:
    """Pose the matching problem of a zone: every request with an empty seat, everybody on its roster, what stands.

    Parameters
    ----------
    now
        The moment for which people could be asked.
    seed
        Of the solve.
    memory
        Of this zone's earlier problems.
    """
    memory = memory if memory is not None else Memory()
    policy = zone.policy
    again = _again(zone, now)
    matchable = sorted(
        (*zone.matchable(), *(zone.requests[name] for name in again)), key=lambda r: (r.created_at, r.request_id)
    )
    waiting = [record for record in matchable if _possible(policy, record, now)]
    asleep = [record for record in waiting if record.need is not None and askable(policy, record.need, now) > now]
    wakes_at = [askable(policy, record.need, now) for record in asleep if record.need is not None]
    if policy.matching == "ningju" and (second := next_second_ask(zone, now)) is not None:
        wakes_at.append(second)
    wake = min(wakes_at, default=None)
    records = [record for record in waiting if record not in asleep and not _held_back(policy, record)]
    ends = [window.end for record in records if record.need is not None for window in record.need.windows]
    last = max((min(end, now + _horizon(policy)) for end in ends), default=now)
    memory.wake(at_minute(policy, now, 0))
    frame = Frame(zone, now, now, last, memory.places)
    limits = Limits(
        iterations=policy.solver_iterations,
        seed=seed,
        method="auto" if policy.matching == "ningju" else "nearest_first",
        explain="counts",  # what would have let it be served is worked out for whoever asks
    )
    if not records or not zone.volunteers:
        return Posed(zone, now, frame, None, limits, wake)
    memory.start(frame)
    posed_ids = {record.request_id for record in records}
    kept = tuple(p.Exclusion(volunteer=name, rule="kept_back") for name in kept_back(zone, now)) if again else ()
    visits = tuple(build_visit(record, frame, again=again.get(record.request_id, ()), kept=kept) for record in records)
    # Who is asked for a seat that is open again holds no seat in the problem: the calendar keeps them from it.
    asked_already = {
        name: record.request_id
        for record in records
        if record.visit is not None
        for index in again.get(record.request_id, ())
        for name, _ in record.visit.seats[index].asked
    }
    people = [zone.volunteers[name] for name in sorted(zone.volunteers)]
    volunteers = tuple(memory.volunteer(person, frame) for person in people)
    commitments = tuple(
        commitment
        for person in people
        for commitment in memory.commitments(
            person.id, frame, posed_ids - {asked_already[person.id]} if person.id in asked_already else posed_ids
        )
    )
    teams = tuple(build_team(zone.teams[name], frame) for name in sorted(zone.teams))
    problem = frame.problem(visits, volunteers, teams, commitments, levels(policy.weights))
    return Posed(zone, now, frame, problem, limits, wake)


def levels(weights: Weights) -> tuple[p.CostLevel, ...]:
    """Ordered cost levels with a zone's weights."""
    return (
        p.CostLevel(name="service", terms=(p.Term(name="left_out"),)),
        p.CostLevel(name="promises", terms=(p.Term(name="told_otherwise", weight=weights.told_otherwise),)),
        p.CostLevel(
            name="quality",
            terms=(
                p.Term(name="lateness_total", weight=weights.lateness),
                p.Term(name="continuity", weight=weights.continuity),
                p.Term(name="preference", weight=weights.preference),
                p.Term(name="fairness", weight=weights.fairness),
                *([p.Term(name="travel_time", weight=weights.travel)] if weights.travel else []),
                p.Term(name="travel_distance", weight=weights.distance),
                p.Term(name="scarcity", weight=weights.scarcity),
            ),
        ),
    )


def propose(posed: Posed, plan: Plan) -> Proposal:
    """Turn a plan into commands: what is within its notice is offered, what nobody here could ever do is referred.

    The rest of the plan stays tentative, in the plan table.
    """
    zone, now = posed.zone, posed.now
    data = plan.changed(seconds=0.0).dump()
    plan_hash = sha256(data).hexdigest()
    stored = StoredPlan(plan_hash, zone.zone, zone.version, now, data)
    by_id = {str(record.request_id): record for record in zone.requests.values()}
    items = tuple(
        item
        for assignment in plan.assignments
        if (item := _item(posed, by_id[assignment.visit], assignment)) is not None
    )
    hopeless = [by_id[left.visit] for left in plan.left_out if _hopeless(zone, by_id[left.visit], left)]
    waiting = _waiting(posed, hopeless)
    refer = tuple(record.request_id for record in hopeless if record.request_id not in waiting)
    chunks = [items[i : i + ITEMS_A_COMMAND] for i in range(0, len(items), ITEMS_A_COMMAND)]
    if refer and not chunks:
        chunks = [()]
    commands = tuple(
        NewCommand(
            CommandEnvelope(
                command_id=(command_id := derive_id("plan", zone.zone, zone.version, plan_hash, index)),
                zone=zone.zone,
                actor=MATCHER,
                correlation_id=command_id,
                received_at=now,
                command=ProposePlan(
                    plan_hash=plan_hash,
                    solved_at_version=zone.version,
                    items=chunk,
                    refer=refer if index == 0 else (),
                ),
            )
        )
        for index, chunk in enumerate(chunks)
    )
    return Proposal(stored, items, commands)


def _again(zone: Zone, now: datetime) -> dict[UUID, tuple[int, ...]]:
    """Requests in a hurry whose seats have all been offered, and the seats for which somebody else is sought as well."""
    if zone.policy.matching != "ningju":
        return {}
    return {
        record.request_id: seats
        for record in zone.requests.values()
        if record.state is RequestState.OFFERED and not record.matchable and (seats := open_again(zone, record, now))
    }


def _horizon(policy: Policy) -> timedelta:
    return seconds(policy.horizon_s)


def _possible(policy: Policy, record: RequestRecord, now: datetime) -> bool:
    """Whether a start is left, within the horizon."""
    if record.visit is not None and record.visit.occupied:
        return True
    start = next_start(policy, record, now)
    return start is not None and start <= now + _horizon(policy)


def _held_back(policy: Policy, record: RequestRecord) -> bool:
    """Whether one seat at a time is asked for and one is under way."""
    if policy.matching != "alert-next" or record.visit is None:
        return False
    return any(seat.state == "offered" for seat in record.visit.seats)


def _item(posed: Posed, record: RequestRecord, assignment: Assignment) -> ProposedVisit | None:
    """What is offered now of an assignment; nothing while its start is beyond its notice."""
    start = posed.frame.moment(assignment.start)
    need = record.need
    if need is None or start - seconds(need.notice_s) > posed.now:
        return None
    zone = posed.zone
    held = {seat.volunteer for seat in record.visit.seats if seat.volunteer} if record.visit is not None else set()
    fresh = [seat for seat in assignment.crew if seat.volunteer not in held]
    if zone.policy.matching == "alert-next":
        fresh = _nearest(zone, need, fresh)
    if not fresh:
        return None
    return ProposedVisit(
        request_id=record.request_id,
        seen=record.seen,
        team=assignment.team or zone.volunteers[fresh[0].volunteer].team,
        start=start,
        seats=tuple(
            ProposedSeat(demand=seat.demand, volunteer=seat.volunteer, seen=zone.seen(seat.volunteer)) for seat in fresh
        ),
    )


def squared_way(home: Place, place: Place) -> float:
    """How far apart two places are, squared, as flat as a district is: good for comparing alone."""
    east, north = (home.lon - place.lon) * 0.855, home.lat - place.lat
    return east * east + north * north


def _nearest(zone: Zone, need: Need, seats: Iterable[p.FilledSeat]) -> list[p.FilledSeat]:
    """The one seat whose person lives nearest."""

    def way(seat: p.FilledSeat) -> tuple[float, str]:
        return (squared_way(zone.volunteers[seat.volunteer].home, need.place), seat.volunteer)

    return sorted(seats, key=way)[:1]


def _hopeless(zone: Zone, record: RequestRecord, left: LeftOut) -> bool:
    """Whether nobody here could serve it, whoever else is left out, and something else may be tried.

    A crew that nobody of its team can complete any more is given up for another one, a request with no crew is sent on.
    """
    if any(count.rule == "outcompeted" for count in left.reasons):
        return False
    if record.visit is not None:
        visit = record.visit
        return not visit.begun and not visit.pinned and all(seat.state != "offered" for seat in visit.seats)
    return record.guest or next_hop(zone, record) is not None


def _waiting(posed: Posed, records: Sequence[RequestRecord]) -> set[UUID]:
    """Those whom somebody could serve who is asked for another visit, where there is time to hear the answer."""
    zone, policy, frame = posed.zone, posed.zone.policy, posed.frame
    later = posed.now + seconds(policy.offer_expiry_s)
    names = {
        str(record.request_id)
        for record in records
        if record.need is not None and not wakes(record.need) and next_start(policy, record, later) is not None
    }
    if not names or not zone.offers or posed.problem is None:
        return set()
    asked: dict[str, set[UUID]] = {}
    for offer in zone.offers.values():
        asked.setdefault(offer.volunteer, set()).add(offer.request_id)
    freed = posed.problem.changed(
        visits=tuple(visit for visit in posed.problem.visits if visit.id in names),
        volunteers=tuple(
            build_volunteer(zone.volunteers[person.id], frame, without=asked[person.id])
            if person.id in asked
            else person
            for person in posed.problem.volunteers
        ),
        commitments=(
            *(item for item in posed.problem.commitments if item.volunteer not in asked),
            *(item for name in sorted(asked) for item in build_commitments(name, frame, without=asked[name])),
        ),
    )
    arrays = build(freed)
    return {
        UUID(visit.id)
        for index, visit in enumerate(freed.visits)
        if all(rules.survey(arrays, row)[0] >= arrays.row_heads[row] for row in arrays.rows_of(index))
    }
