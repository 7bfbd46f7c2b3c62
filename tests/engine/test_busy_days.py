"""Busy days in three zones: people answer late or never, fall ill, do not come; what zones tell each other is delayed,
reordered and repeated. Every request ends once, nobody is booked twice, and each kind of event has its turn."""

from collections import Counter
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest

from engine.quiet_hours import quiet_until
from schemas.catalogue import SkillDemand
from schemas.commands import (
    AcceptOffer,
    AdmitReferral,
    CancelRequest,
    ChangeCatalogue,
    ChangeRequest,
    ChangeRoster,
    CheckIn,
    ConfigureZone,
    DeclineOffer,
    FinishVisit,
    PinVisit,
    RateVisit,
    ReleaseSeat,
    ReportNoShow,
    SubmitRequest,
    TakeAlarms,
    Tick,
    TriageRequest,
    WithdrawSeat,
)
from schemas.events import Event
from schemas.place import Place, TimeWindow
from schemas.request import RequestState
from schemas.roster import Volunteer
from schemas.zone import Policy
from tests.engine.builders import MONDAY, OPERATOR, by, config, request, service, spec, team, volunteer
from tests.engine.crew_finder import propose_crew
from tests.engine.town import Town
from tests.schemas.samples import kinds

ZONES = ("dis", "sub", "sib")
STEP = timedelta(minutes=10)
PLACES = [Place(lon=121.40 + 0.008 * i, lat=31.21) for i in range(4)]
TYPES = (
    service("one"),
    service("pair", SkillDemand(skill="care"), SkillDemand(skill="lift")),
    service("three", SkillDemand(skill="care", heads=3)),
    service("led", SkillDemand(skill="care", heads=2), offered_to="leader"),
    service("careful", needs_triage=True),
    service("talk", served_at="district"),
    service("urgent", priority=5, duration_s=1_800),
    service("soon", notice_s=7_200),
)


class BusyDays:
    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.town = Town(*ZONES, twin_every=7)
        self.arrivals = 0
        self.answers: dict[UUID, tuple[int, str]] = {}
        self.people: dict[str, list[Volunteer]] = {}
        policy = Policy(referral_share=0.4, rating_window_s=36_000)
        for zone in ZONES:
            level = "district" if zone == "dis" else "subdistrict"
            others = tuple(other for other in ZONES if other != zone)
            siblings = tuple(other for other in others if other != "dis")
            parent = None if zone == "dis" else "dis"
            tree = config(zone, level=level, parent=parent, siblings=siblings)
            self.town.ok(zone, ConfigureZone(config=tree, policy=policy))
            self.town.ok(zone, ChangeCatalogue(service_types=TYPES))
            teams = tuple(team(f"{zone}-t{n}", zone, leader=f"{zone}-{n}", zones_served=others) for n in (0, 1))
            self.people[zone] = [
                volunteer(
                    f"{zone}-{n}",
                    team=f"{zone}-t{n % 2}",
                    skills=("care", "lift") if n % 3 else ("care",),
                    home=PLACES[n % 4],
                    visits_per_day=2,
                )
                for n in range(5 if zone == "sub" else 10)
            ]
            self.town.ok(zone, ChangeRoster(teams=teams, volunteers=tuple(self.people[zone])))

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.town.now += STEP
            self.arrive()
            self.mail()
            for zone in ZONES:
                self.town.ok(zone, Tick(due=self.town.now))
                self.crews(zone)
                self.disturb(zone)
                self.match(zone)
                self.answer(zone)
        self.town.drain()
        self.town.check_books()

    def arrive(self) -> None:
        for _ in range(self.random.choice([0, 0, 1, 1, 2])):
            self.arrivals += 1
            start = self.town.now + timedelta(minutes=self.random.choice([20, 120, 180, 400, 1_400]))
            window = TimeWindow(start=start, end=start + timedelta(minutes=self.random.choice([65, 180, 300, 900])))
            kind = self.random.choice(TYPES).id
            made = spec(f"r{self.arrivals}", window, service_type=kind, place=self.random.choice(PLACES))
            self.town.ok(self.random.choice(["sub", "sub", "sib", "dis"]), SubmitRequest(spec=made))

    def mail(self) -> None:
        """What is on the way comes in any order, some of it later, some of it twice."""
        for _ in range(len(self.town.way)):
            if self.chance(0.7):
                self.town.deliver(self.random.randrange(100))
        if self.town.delivered and self.chance(0.2):
            again = self.random.choice(self.town.delivered)
            # The second copy of an admission comes while the first one's outcome is known: that is the ledger's part.
            forgotten = not isinstance(again.command, AdmitReferral) and self.chance(0.5)
            self.town.take(again.changed(received_at=self.town.now), again=forgotten)

    def match(self, zone: str) -> None:
        if quiet_until(self.town.states[zone].policy, self.town.now) is not None and self.chance(0.9):
            return
        for record in list(self.town.states[zone].matchable()):
            now = self.town.states[zone].requests.get(record.request_id)
            if now is not None and now.matchable and self.chance(0.8):
                propose_crew(self.town, zone, now, partly=self.chance(0.3), late=self.random.choice([0, 0, 30, 120]))

    def answer(self, zone: str) -> None:
        for offer_id in sorted(self.town.states[zone].offers):
            offer = self.town.states[zone].offers.get(offer_id)
            if offer is None:
                continue
            wait, word = self.answers.setdefault(
                offer_id, (self.random.randrange(3), self.random.choice(["yes", "yes", "yes", "no", "silence"]))
            )
            if wait > 0:
                self.answers[offer_id] = (wait - 1, word)
            elif word == "yes":
                self.town.send(zone, AcceptOffer(offer_id=offer_id), by(offer.asked))
            elif word == "no":
                self.town.send(zone, DeclineOffer(offer_id=offer_id), by(offer.asked))

    def crews(self, zone: str) -> None:
        for request_id in sorted(self.town.states[zone].requests):
            record = self.town.states[zone].requests.get(request_id)
            if record is None or record.visit is None or self.town.now < record.visit.window.start:
                continue
            for seat in record.visit.seats:
                if seat.state == "accepted" and seat.volunteer is not None:
                    if self.chance(0.6):
                        self.town.send(
                            zone, CheckIn(request_id=request_id, volunteer=seat.volunteer), by(seat.volunteer)
                        )
                    elif self.chance(0.3):
                        self.town.send(zone, ReportNoShow(request_id=request_id, volunteer=seat.volunteer))
            if self.town.now >= record.visit.window.end and self.chance(0.5):
                self.town.send(zone, FinishVisit(request_id=request_id))
        for request_id in sorted(self.town.states[zone].done):
            if self.chance(0.05):
                self.town.send(zone, RateVisit(request_id=request_id, stars=4))

    def disturb(self, zone: str) -> None:
        state = self.town.states[zone]
        if state.requests and self.chance(0.3):
            record = state.requests[self.random.choice(sorted(state.requests))]
            if record.state is RequestState.RECEIVED:
                self.town.send(zone, TriageRequest(request_id=record.request_id, accept=self.chance(0.8)))
            elif record.alarms and self.chance(0.3):
                self.town.send(zone, TakeAlarms(request_id=record.request_id), OPERATOR)
            elif self.chance(0.2):
                self.town.send(zone, CancelRequest(request_id=record.request_id))
            elif self.chance(0.3) and record.need is not None:
                later = tuple(
                    TimeWindow(start=w.start + timedelta(hours=1), end=w.end + timedelta(hours=2))
                    for w in record.need.windows
                )
                self.town.send(zone, ChangeRequest(request_id=record.request_id, windows=later))
            elif record.visit is not None:
                if self.chance(0.3):
                    self.town.send(
                        zone, PinVisit(request_id=record.request_id, pinned=not record.visit.pinned), OPERATOR
                    )
                holders = [seat.volunteer for seat in record.visit.seats if seat.volunteer is not None]
                if holders and self.chance(0.2):
                    off = ReleaseSeat(request_id=record.request_id, volunteer=self.random.choice(holders))
                    self.town.send(zone, off, OPERATOR)
                for seat in record.visit.seats:
                    if seat.taken and seat.volunteer is not None and self.chance(0.2):
                        self.town.send(
                            zone,
                            WithdrawSeat(request_id=record.request_id, volunteer=seat.volunteer),
                            by(seat.volunteer),
                        )
        if self.chance(0.03):
            person = self.random.choice(self.people[zone])
            if self.chance(0.3):
                self.town.send(zone, ChangeRoster(removed_volunteers=(person.id,)), OPERATOR)
            else:
                self.town.send(zone, ChangeRoster(volunteers=(person.changed(paused=self.chance(0.3)),)), OPERATOR)


def run(seed: int, steps: int) -> Town:
    days = BusyDays(seed)
    days.run(steps)
    town = days.town
    assert {request(f"r{n}") for n in range(1, days.arrivals + 1)} == town.submitted
    assert dict(town.ends) == dict.fromkeys(town.submitted, 1)
    for state in town.states.values():
        assert not state.requests
        assert not state.done
        assert not state.offers
    return town


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_busy_days_keep_the_promises(seed: int) -> None:
    town = run(seed, 160)
    seen = Counter(line.split()[-1] for line in town.log)
    assert kinds(Event) - set(seen) <= {"alarm_cleared"}, kinds(Event) - set(seen)
    ends = Counter(town.end_of.values())
    assert ends["done"] > 10
    assert ends["unserved"] > 5
    served_elsewhere = [
        r for records in town.records.values() for r in records if getattr(r.envelope.event, "result", "") == "served"
    ]
    assert len(served_elsewhere) > 2
    assert town.now > MONDAY


def test_the_same_days_make_the_same_ledger() -> None:
    first, second = run(7, 40), run(7, 40)
    for zone in ZONES:
        assert [r.data for r in first.records[zone]] == [r.data for r in second.records[zone]]
