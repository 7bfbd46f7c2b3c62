"""What an operator decides instead of the matcher: who goes, that nobody goes yet, that another zone should."""

from collections.abc import Collection
from datetime import datetime

from engine.deadlines import open_hops, seconds
from engine.decide.crews import complete, give_up, release, rescind, settle, too_late_to_ask, vacate, visit_of
from engine.decide.draft import Draft, Refused
from engine.decide.offers import STAFF
from engine.decide.plans import heads, next_visit_id, offer
from engine.decide.referrals import refer
from engine.eligibility import judge
from engine.zone import RequestRecord, VisitRecord, Zone
from schemas.commands import (
    WAIVABLE,
    AssignCrew,
    AssignedSeat,
    PinVisit,
    ReferRequest,
    ReleaseSeat,
    ReleaseVisit,
    TakeAlarms,
)
from schemas.envelope import Actor
from schemas.events import AlarmsTaken, SeatAccepted, VisitPinned, VisitPlanned
from schemas.place import TimeWindow
from schemas.plan import Rule, WaivableRule
from schemas.request import Need, RequestState

FOLLOWS: dict[Rule, tuple[Rule, ...]] = {"skill": ("level", "expired_qualification")}
"""Who lacks the first lacks the others, too: they need not be named."""

HERE = frozenset({RequestState.QUEUED, RequestState.OFFERED, RequestState.ACCEPTED})


def broken(
    zone: Zone,
    record: RequestRecord,
    now: datetime,
    *,
    team: str,
    start: datetime,
    seats: Collection[AssignedSeat],
    agreed: bool = False,
) -> dict[str, tuple[Rule, ...]]:
    """Every rule that an assignment would break, by person; who breaks none is not named."""
    crew = [(seat.volunteer, seat.demand) for seat in seats]
    waived: set[Rule] = set()
    found: dict[str, list[Rule]] = {}
    while failing := {
        name: rule
        for name, rule in judge(
            zone, record, now, team=team, start=start, crew=crew, asking=not agreed, waived=waived
        ).items()
        if rule
    }:
        for name, rule in failing.items():
            if rule not in found.setdefault(name, []):
                found[name].append(rule)
        if set(failing.values()) <= waived:  # two seats for one person: no rule to leave out
            break
        waived |= set(failing.values())
    return {
        name: tuple(rule for rule in rules if rule not in FOLLOWS.get(rules[0], ())) for name, rules in found.items()
    }


def assign(draft: Draft, actor: Actor, command: AssignCrew) -> None:
    """Have these people go: asked for it, or seated at once where they have agreed."""
    record = _unchanged(draft, actor, command)
    need, visit = record.need, record.visit
    if need is None or record.state not in HERE or (visit is not None and visit.begun):
        raise Refused("under_way" if visit is not None and visit.begun else "not_waiting", f"it is {record.state}")
    if command.team not in draft.zone.teams:
        raise Refused("unknown_team", f"there is no team {command.team} here")
    names = [seat.volunteer for seat in command.seats]
    if unknown := [name for name in names if name not in draft.zone.volunteers]:
        raise Refused("unknown_volunteer", f"there is no volunteer {', '.join(unknown)} here")
    start = command.start.replace(microsecond=0)
    window = TimeWindow(start=start, end=start + seconds(need.duration_s))
    if not any(one.start <= window.start and window.end <= one.end for one in need.windows) or start < draft.now:
        raise Refused("window", "the start lies in no window of the request; change the window first")
    planned = VisitRecord(next_visit_id(record), command.team, window, ())
    if not command.agreed and too_late_to_ask(draft, record, planned):
        raise Refused("too_late", "they could not answer in time; call them, and say that they have agreed")
    if any(seat.demand >= len(need.demands) for seat in command.seats):
        raise Refused("seat_taken", "the request has no such demand")
    found = _check(draft, record, command, start)
    same = visit is not None and (visit.team, visit.window.start) == (command.team, start)
    if not same:
        release(draft, command.request_id, command.reason or "reassigned")
        draft.emit(
            VisitPlanned(
                request_id=command.request_id,
                visit_id=planned.visit_id,
                team=command.team,
                window=window,
                seats=tuple(heads(need)),
            )
        )
    for seat, name in _seats(draft, command):
        _seat(draft, command, need, seat, name, found.get(name, ()))
    complete(draft, command.request_id)
    draft.clear(command.request_id, "needs_operator", "response_overdue")
    if any(one.state == "empty" for one in visit_of(draft, command.request_id).seats):
        settle(draft, command.request_id, "crew_incomplete")


def _check(
    draft: Draft, record: RequestRecord, command: AssignCrew, start: datetime
) -> dict[str, tuple[WaivableRule, ...]]:
    """Refuse what breaks a rule that was not waived, naming every rule of every person; else what is waived for whom."""
    found = broken(
        draft.zone, record, draft.now, team=command.team, start=start, seats=command.seats, agreed=command.agreed
    )
    left = {name: [rule for rule in rules if rule not in command.waived] for name, rules in found.items()}
    left = {name: rules for name, rules in left.items() if rules}
    if not left:
        if found and not command.reason.strip():
            raise Refused("no_reason", "say why these rules may be broken")
        return {name: tuple(rule for rule in command.waived if rule in rules) for name, rules in found.items()}
    safe = any(rule not in WAIVABLE for rules in left.values() for rule in rules)
    said = "; ".join(f"{name}: {', '.join(rules)}" for name, rules in sorted(left.items()))
    raise Refused("safety" if safe else "rules_broken", said)


def _seats(draft: Draft, command: AssignCrew) -> list[tuple[int, str]]:
    """A seat of the visit for each chosen person; whoever was asked for it instead need not answer any more."""
    visit = visit_of(draft, command.request_id)
    free = [index for index, seat in enumerate(visit.seats) if not seat.taken]
    free.sort(key=lambda index: visit.seats[index].state != "empty")
    chosen: list[tuple[int, str]] = []
    for seat in command.seats:
        held = visit.seat_of(seat.volunteer)
        if held is not None and visit.seats[held].taken:
            raise Refused("already_in_crew", f"{seat.volunteer} has a seat of this visit already")
        found = held if held in free else next((n for n in free if visit.seats[n].demand == seat.demand), None)
        if found is None:
            raise Refused(
                "seat_taken", "no seat of this kind is free; put the request back first, or choose fewer people"
            )
        free.remove(found)
        chosen.append((found, seat.volunteer))
    return chosen


def _seat(
    draft: Draft, command: AssignCrew, need: Need, seat: int, name: str, waived: tuple[WaivableRule, ...]
) -> None:
    vacate(draft, command.request_id, seat, "released", command.reason or "reassigned")
    offer_id = offer(draft, command.request_id, need, seat, name, None, agreed=command.agreed, waived=waived)
    if command.agreed:
        draft.emit(SeatAccepted(request_id=command.request_id, offer_id=offer_id, seat=seat, volunteer=name))


def put_back(draft: Draft, actor: Actor, command: ReleaseVisit) -> None:
    """Give the visit up, and have the request matched anew."""
    record = _unchanged(draft, actor, command)
    if record.visit is None:
        raise Refused("no_visit", "nobody was asked yet; there is nothing to give up")
    if record.visit.begun:
        raise Refused("under_way", "the visit has begun; finish it")
    give_up(draft, command.request_id, command.reason or "put_back")


def take_off(draft: Draft, actor: Actor, command: ReleaseSeat) -> None:
    """Take one person off the visit; the others stay while the empty seat can be filled in time."""
    record = _unchanged(draft, actor, command)
    visit, name = record.visit, command.volunteer
    seat = None if visit is None else visit.seat_of(name)
    if visit is None or seat is None:
        raise Refused("not_in_crew", f"{name} has no seat of this request, and is not asked for one")
    held, reason = visit.seats[seat], command.reason or "taken_off"
    if held.state == "arrived":
        raise Refused("already_arrived", f"{name} has checked in; finish the visit")
    if held.taken:
        vacate(draft, command.request_id, seat, "released", reason, barred=True)
    for who, offer_id in held.asked:
        if who == name:
            rescind(draft, offer_id, reason, barred=True)
    settle(draft, command.request_id, reason)


def pin(draft: Draft, actor: Actor, command: PinVisit) -> None:
    """Have the visit stay as it is, whatever the engine would rather do; or no longer."""
    record = _unchanged(draft, actor, command)
    if record.visit is None:
        raise Refused("no_visit", "nobody was asked yet; there is nothing to pin")
    if record.visit.pinned is command.pinned:
        raise Refused("nothing_to_change", f"the visit is {'pinned' if command.pinned else 'not pinned'} already")
    draft.emit(VisitPinned(request_id=command.request_id, visit_id=record.visit.visit_id, pinned=command.pinned))


def take_alarms(draft: Draft, actor: Actor, command: TakeAlarms) -> None:
    """Note who sees to what wants a person; somebody who does already is not passed over unseen."""
    if actor.kind not in STAFF:
        raise Refused("not_yours", "only an operator may do this")
    record = draft.open(command.request_id)
    if not record.alarms:
        raise Refused("no_alarm", "nothing about the request wants a person any more")
    taken = record.taken
    keeper = taken.by if taken is not None and set(record.alarms) <= set(taken.alarms) else ""
    if keeper == actor.key:
        raise Refused("nothing_to_change", "you see to it already")
    if keeper and keeper != command.instead_of:
        raise Refused("already_taken", f"{keeper} sees to it already; ask there, or take it over")
    draft.emit(AlarmsTaken(request_id=command.request_id, alarms=record.alarms, by=actor.key))


def hand_on(draft: Draft, actor: Actor, command: ReferRequest) -> None:
    """Ask another zone, the next one or the one that is named; a guest has to answer its origin instead."""
    record = _unchanged(draft, actor, command)
    if record.guest:
        raise Refused("not_origin", "the request belongs to another zone; ask there")
    if record.state not in HERE or (record.visit is not None and record.visit.begun):
        raise Refused("not_waiting", f"the request is {record.state}")
    left = open_hops(draft.zone, record)
    if command.to is not None and command.to not in left:
        raise Refused(
            "not_next", f"{command.to} cannot be asked for this request; name one of: {', '.join(left) or '–'}"
        )
    if not left or not refer(draft, command.request_id, command.to):
        raise Refused("no_zone_left", "no other zone is left that could serve it in time")
    draft.clear(command.request_id, "needs_operator")


def _unchanged(
    draft: Draft, actor: Actor, command: AssignCrew | ReleaseVisit | ReleaseSeat | PinVisit | ReferRequest
) -> RequestRecord:
    """The open request, if it is as the operator saw it."""
    if actor.kind not in STAFF:
        raise Refused("not_yours", "only an operator may do this")
    return draft.open(command.request_id, command.seen)
