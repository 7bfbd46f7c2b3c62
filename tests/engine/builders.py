"""A small world with defaults: one zone, its roster, and a hand that carries commands to it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from engine.handling import Handled, handle
from engine.ports import Decided, Loaded, Record
from engine.snapshots import dump, fold, restore
from engine.zone import Zone
from schemas.base import Label, derive_id
from schemas.catalogue import ServiceType, Site, SkillDemand
from schemas.commands import (
    AcceptOffer,
    ChangeCatalogue,
    ChangeRoster,
    Command,
    ConfigureZone,
    ProposedSeat,
    ProposedVisit,
    ProposePlan,
    SubmitRequest,
    Tick,
)
from schemas.envelope import Actor, CommandEnvelope, Outcome
from schemas.events import Event
from schemas.place import Place, TimeWindow
from schemas.request import RequestSpec, Wishes
from schemas.roster import SkillHeld, Team, Volunteer, WeeklySlot
from schemas.zone import Policy, ZoneConfig

MONDAY = datetime(2026, 11, 2, 0, 0, tzinfo=UTC)
"""08:00 on a Monday in Shanghai: the quiet hours are just over."""

HERE = Place(lon=121.400, lat=31.210)
NEAR = Place(lon=121.405, lat=31.210)
OPERATOR = Actor(kind="operator", id="op")


def hours(n: float) -> timedelta:
    return timedelta(hours=n)


def minutes(n: float) -> timedelta:
    return timedelta(minutes=n)


def label(text: str) -> Label:
    return Label(zh=text, en=text)


def config(zone: str = "z1", **fields: Any) -> ZoneConfig:
    return ZoneConfig(**({"id": zone, "name": label(zone), "level": "subdistrict"} | fields))


def service(name: str = "care", *demands: SkillDemand, **fields: Any) -> ServiceType:
    base: dict[str, Any] = {
        "id": name,
        "name": label(name),
        "demands": demands or (SkillDemand(skill="care"),),
        "duration_s": 3_600,
    }
    return ServiceType(**(base | fields))


ALL_WEEK = tuple(WeeklySlot(weekday=day, start_min=0, end_min=1_440) for day in range(7))


def volunteer(name: str, *, team: str = "t1", skills: tuple[str, ...] = ("care",), **fields: Any) -> Volunteer:
    base: dict[str, Any] = {
        "id": name,
        "team": team,
        "home": HERE,
        "skills": tuple(SkillHeld(skill=skill, level=3) for skill in skills),
        "weekly": ALL_WEEK,
        "visits_per_day": 5,
        "visits_per_week": 20,
        "offers_per_week": 20,
    }
    return Volunteer(**(base | fields))


def team(name: str = "t1", zone: str = "z1", **fields: Any) -> Team:
    return Team(**({"id": name, "zone": zone, "name": label(name), "base": HERE} | fields))


def window(start: datetime, length: timedelta = timedelta(hours=4)) -> TimeWindow:
    return TimeWindow(start=start, end=start + length)


def spec(name: str = "r1", *windows: TimeWindow, **fields: Any) -> RequestSpec:
    base: dict[str, Any] = {
        "request_id": request(name),
        "service_type": "care",
        "place": NEAR,
        "windows": windows or (window(MONDAY + hours(5)),),
    }
    return RequestSpec(**(base | fields))


def request(name: str) -> UUID:
    return derive_id("request", name)


def by(volunteer_id: str) -> Actor:
    return Actor(kind="volunteer", id=volunteer_id)


class World:
    """One zone under a hand-driven clock; every state is checked against its snapshot and the fold of its records."""

    def __init__(self, zone: str = "z1", now: datetime = MONDAY) -> None:
        self.now = now
        self.state = Zone.empty(zone)
        self.records: list[Record] = []
        self.count = 0
        self.last: Decided | None = None

    def send(self, command: Command, actor: Actor = OPERATOR, *, after: timedelta = timedelta(0)) -> Outcome:
        self.now += after
        self.count += 1
        envelope = CommandEnvelope(
            command_id=derive_id("test", self.state.zone, self.count),
            zone=self.state.zone,
            actor=actor,
            correlation_id=derive_id("life", self.state.zone, self.count),
            received_at=self.now,
            command=command,
        )
        return self.take(handle(self.state, envelope))

    def take(self, handled: Handled) -> Outcome:
        self.state, self.last = handled.state, handled.decided
        self.records += handled.decided.records
        return handled.decided.outcome

    def ok(self, command: Command, actor: Actor = OPERATOR, *, after: timedelta = timedelta(0)) -> list[Event]:
        outcome = self.send(command, actor, after=after)
        assert outcome.status == "accepted", (outcome.code, outcome.detail)
        assert not outcome.refused, outcome.refused
        return self.news()

    def no(self, code: str, command: Command, actor: Actor = OPERATOR, *, after: timedelta = timedelta(0)) -> Outcome:
        outcome = self.send(command, actor, after=after)
        assert (outcome.status, outcome.code) == ("rejected", code), outcome
        assert outcome.detail
        return outcome

    def news(self) -> list[Event]:
        assert self.last is not None
        return [record.envelope.event for record in self.last.records]

    def kinds(self) -> list[str]:
        return [event.kind for event in self.news()]

    def until(self, moment: datetime) -> list[str]:
        """Let the clock run; every timer on the way fires in a tick of its own."""
        seen = []
        while (due := self.state.next_due) is not None and due <= moment:
            self.now = max(self.now, due)
            self.ok(Tick(due=due))
            seen += self.kinds()
        self.now = moment
        return seen

    def drain(self) -> None:
        while (due := self.state.next_due) is not None:
            self.until(due)

    def settled(self, *volunteers: Volunteer, teams: tuple[Team, ...] = (), **policy: Any) -> "World":
        """Configured, with a catalogue and a roster."""
        zone = self.state.zone
        self.ok(ConfigureZone(config=config(zone), policy=Policy(**policy)))
        self.ok(
            ChangeCatalogue(service_types=(service(),), sites=(Site(id="s1", zone=zone, name=label("s1"), place=NEAR),))
        )
        people = volunteers or (volunteer("ann"), volunteer("bob"), volunteer("cat"))
        self.ok(ChangeRoster(teams=teams or (team(zone=zone),), volunteers=people))
        return self

    def submit(self, name: str = "r1", *windows: TimeWindow, **fields: Any) -> list[Event]:
        return self.ok(SubmitRequest(spec=spec(name, *windows, **fields)))

    def item(
        self, name: str, start: datetime, *who: str, team_id: str = "t1", demands: tuple[int, ...] = ()
    ) -> ProposedVisit:
        record = self.state.requests.get(request(name))
        return ProposedVisit(
            request_id=request(name),
            seen=self.state.version if record is None else record.seen,
            team=team_id,
            start=start,
            seats=tuple(
                ProposedSeat(demand=demands[i] if demands else 0, volunteer=v, seen=self.state.seen(v))
                for i, v in enumerate(who)
            ),
        )

    def plan(self, *items: ProposedVisit, refer: tuple[UUID, ...] = ()) -> Outcome:
        return self.send(ProposePlan(plan_hash="h", solved_at_version=self.state.version, items=items, refer=refer))

    def offer(self, name: str, start: datetime, *who: str, **fields: Any) -> None:
        outcome = self.plan(self.item(name, start, *who, **fields))
        assert not outcome.refused, outcome.refused

    def refusal(self, *items: ProposedVisit) -> str:
        outcome = self.plan(*items)
        assert len(outcome.refused) == 1, outcome.refused
        return outcome.refused[0].reason

    def offer_of(self, volunteer_id: str) -> UUID:
        found = [offer.offer_id for offer in self.state.offers.values() if offer.volunteer == volunteer_id]
        assert len(found) == 1, found
        return found[0]

    def accept(self, volunteer_id: str) -> list[Event]:
        return self.ok(AcceptOffer(offer_id=self.offer_of(volunteer_id)), by(volunteer_id))

    def check(self) -> None:
        """The fold of the records and the restored snapshot are this very state."""
        assert dump(fold(self.state.zone, Loaded(None, tuple(self.records)))) == dump(self.state)
        again = restore(dump(self.state))
        assert dump(again) == dump(self.state)
        assert again.next_due == self.state.next_due
        assert again.timers.of == self.state.timers.of
        assert again.members == self.state.members


def wishes(**fields: Any) -> Wishes:
    return Wishes(**fields)
