"""Any interleaving of commands, duplicates, ticks, roster changes, partial crews and referrals keeps the promises."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.zone import RequestRecord
from schemas.catalogue import ServiceType, SkillDemand
from schemas.commands import (
    AcceptOffer,
    AdmitReferral,
    CancelRequest,
    ChangeCatalogue,
    ChangeRequest,
    ChangeRoster,
    CheckIn,
    Command,
    ConfigureZone,
    DeclineOffer,
    FinishVisit,
    ProposedSeat,
    ProposedVisit,
    ProposePlan,
    RateVisit,
    ReportNoShow,
    SubmitRequest,
    Tick,
    TriageRequest,
    WithdrawSeat,
)
from schemas.place import Place, TimeWindow
from schemas.roster import Exemption, SkillHeld, Volunteer
from schemas.zone import Policy
from tests.engine.builders import OPERATOR, by, config, service, spec, team, volunteer
from tests.engine.crew_finder import propose_crew
from tests.engine.town import Town

PLACES = [Place(lon=121.40 + 0.01 * i, lat=31.21) for i in range(3)]
TYPES: tuple[ServiceType, ...] = (
    service("one"),
    service("pair", SkillDemand(skill="care"), SkillDemand(skill="lift")),
    service("three", SkillDemand(skill="care", heads=3)),
    service("led", SkillDemand(skill="care", heads=2), offered_to="leader"),
    service("careful", needs_triage=True),
    service("talk", served_at="district"),
    service("urgent", priority=5),
)
PEOPLE: dict[str, list[Volunteer]] = {
    zone: [
        volunteer(
            f"{zone}-{n}",
            team=f"{zone}-t{n % 2}",
            skills=("care", "lift") if n % 3 else ("care",),
            home=PLACES[n % 3],
            reach_m=5_000,
        )
        for n in range(8)
    ]
    for zone in ("sub", "dis")
}


class Promises(RuleBasedStateMachine):
    @initialize(hops=st.integers(0, 2), share=st.sampled_from([0.2, 0.5, 0.9]))
    def found(self, hops: int, share: float) -> None:
        self.town = Town("sub", "dis")
        self.names = 0
        policy = Policy(referral_hops=hops, referral_share=share, rating_window_s=36_000)
        for zone, level in (("sub", "subdistrict"), ("dis", "district")):
            parent: dict[str, Any] = {"parent": "dis"} if zone == "sub" else {"siblings": ("sub",)}
            self.town.ok(zone, ConfigureZone(config=config(zone, level=level, **parent), policy=policy))
            self.town.ok(zone, ChangeCatalogue(service_types=TYPES))
            other = "sub" if zone == "dis" else "dis"
            teams = tuple(
                team(f"{zone}-t{n}", zone, leader=f"{zone}-{n}", zones_served=(other,) if n == 0 else ())
                for n in (0, 1)
            )
            self.town.ok(zone, ChangeRoster(teams=teams, volunteers=tuple(PEOPLE[zone])))

    # ---------------------------------------------------------------------------------------------------- helpers

    def records(self) -> list[tuple[str, RequestRecord]]:
        found = [(zone, r) for zone, state in self.town.states.items() for r in state.requests.values()]
        return sorted(found, key=lambda item: (item[0], item[1].request_id))

    def pick(self, data: st.DataObject) -> tuple[str, RequestRecord] | None:
        found = self.records()
        return data.draw(st.sampled_from(found)) if found else None

    # ------------------------------------------------------------------------------------------------------ rules

    @rule(minutes=st.sampled_from([0, 1, 5, 10, 29, 31, 60, 61, 180, 700]))
    def time_goes_by(self, minutes: int) -> None:
        self.town.now += timedelta(minutes=minutes)

    @rule(zone=st.sampled_from(["sub", "dis"]))
    def tick(self, zone: str) -> None:
        self.town.ok(zone, Tick(due=self.town.now))

    @rule(
        zone=st.sampled_from(["sub", "dis"]),
        kind=st.sampled_from([item.id for item in TYPES] + ["nonsense"]),
        place=st.sampled_from(PLACES),
        ahead=st.sampled_from([-120, 0, 45, 400, 1_500, 6_000]),
        length=st.sampled_from([30, 60, 70, 300]),
    )
    def submit(self, zone: str, kind: str, place: Place, ahead: int, length: int) -> None:
        self.ask(zone, kind, place, ahead, length)

    def ask(self, zone: str, kind: str, place: Place, ahead: int, length: int) -> UUID:
        self.names += 1
        start = (self.town.now + timedelta(minutes=ahead)).replace(microsecond=0)
        window = TimeWindow(start=start, end=start + timedelta(minutes=length))
        made = spec(f"r{self.names}", window, service_type=kind, place=place)
        self.town.ok(zone, SubmitRequest(spec=made))
        return made.request_id

    @rule(
        data=st.data(),
        zone=st.sampled_from(["sub", "dis"]),
        kind=st.sampled_from(["one", "one", "pair", "three", "led", "urgent"]),
        place=st.sampled_from(PLACES),
        ahead=st.sampled_from([30, 90, 180]),
        length=st.sampled_from([75, 120, 300]),
        late=st.sampled_from([0, 0, 10, 60]),
        partly=st.booleans(),
    )
    def submit_and_match(
        self,
        data: st.DataObject,
        zone: str,
        kind: str,
        place: Place,
        ahead: int,
        length: int,
        late: int,
        partly: bool,
    ) -> None:
        request_id = self.ask(zone, kind, place, ahead, length)
        record = self.town.states[zone].requests.get(request_id)
        if record is not None and record.matchable:
            self.find_crew(data, zone, record, partly, late)

    @rule(data=st.data(), partly=st.booleans(), late=st.sampled_from([0, 0, 10, 60]))
    def match(self, data: st.DataObject, partly: bool, late: int) -> None:
        waiting = [(zone, r) for zone, r in self.records() if r.matchable]
        if waiting:
            zone, record = data.draw(st.sampled_from(waiting))
            self.find_crew(data, zone, record, partly, late)

    def find_crew(self, data: st.DataObject, zone: str, record: RequestRecord, partly: bool, late: int) -> None:
        """Some of those who are asked answer at once."""
        for name in propose_crew(self.town, zone, record, partly=partly, late=late):
            self.reply(zone, name, data.draw(st.sampled_from(["yes", "yes", "yes", "no", "silence"])))

    def reply(self, zone: str, name: str, answer: str) -> None:
        offers = [offer for _, offer in sorted(self.town.states[zone].offers.items()) if offer.volunteer == name]
        for offer in offers[-1:] if answer != "silence" else []:
            command: Command = AcceptOffer(offer_id=offer.offer_id)
            if answer == "no":
                command = DeclineOffer(offer_id=offer.offer_id)
            self.town.send(zone, command, by(offer.asked))

    @rule(data=st.data(), stale=st.integers(0, 30))
    def propose_anything(self, data: st.DataObject, stale: int) -> None:
        """A matcher gone wild: any people at any time, seen long ago."""
        if (found := self.pick(data)) is None:
            return
        zone, record = found
        state = self.town.states[zone]
        seen = max(0, state.version - stale)
        who = data.draw(
            st.lists(st.sampled_from([p.id for people in PEOPLE.values() for p in people]), min_size=1, max_size=3)
        )
        start = (self.town.now + timedelta(minutes=data.draw(st.integers(-60, 600)))).replace(microsecond=0)
        item = ProposedVisit(
            request_id=record.request_id,
            seen=seen,
            team=data.draw(st.sampled_from(["sub-t0", "sub-t1", "dis-t0", "dis-t1"])),
            start=start,
            seats=tuple(ProposedSeat(demand=data.draw(st.integers(0, 1)), volunteer=name, seen=seen) for name in who),
        )
        refer = (record.request_id,) if data.draw(st.booleans()) else ()
        self.town.ok(zone, ProposePlan(plan_hash="w", solved_at_version=seen, items=(item, item), refer=refer))

    @precondition(lambda self: any(state.offers for state in self.town.states.values()))
    @rule(
        data=st.data(),
        yes=st.sampled_from([True, True, True, False]),
        answered_by=st.sampled_from(["asked", "op", "dis-1"]),
    )
    def answer(self, data: st.DataObject, yes: bool, answered_by: str) -> None:
        live = sorted((zone, offer_id) for zone, state in self.town.states.items() for offer_id in state.offers)
        zone, offer_id = data.draw(st.sampled_from(live))
        offer = self.town.states[zone].offers[offer_id]
        actor = OPERATOR if answered_by == "op" else by(offer.asked if answered_by == "asked" else answered_by)
        if yes:
            names = [None, *sorted(self.town.states[zone].volunteers)]
            member = data.draw(st.sampled_from(names)) if offer.asked != offer.volunteer else None
            self.town.send(zone, AcceptOffer(offer_id=offer_id, volunteer=member), actor)
        else:
            self.town.send(zone, DeclineOffer(offer_id=offer_id, reason="no time"), actor)

    @rule(data=st.data(), what=st.sampled_from(["check_in", "check_in", "finish", "withdraw", "no_show"]))
    def crew(self, data: st.DataObject, what: str) -> None:
        held = [
            (zone, r.request_id, seat.volunteer)
            for zone, r in self.records()
            if r.visit is not None
            for seat in r.visit.seats
            if seat.taken and seat.volunteer is not None
        ]
        if not held:
            return
        zone, request_id, who = data.draw(st.sampled_from(held))
        record = self.town.states[zone].requests[request_id]
        assert record.visit is not None
        if what != "withdraw" and data.draw(st.booleans()):
            self.town.now = max(self.town.now, record.visit.window.start)
        if what == "check_in":
            self.town.send(zone, CheckIn(request_id=request_id, volunteer=who), by(who))
        elif what == "finish":
            self.town.send(zone, FinishVisit(request_id=request_id, volunteer=who), by(who))
        elif what == "withdraw":
            self.town.send(zone, WithdrawSeat(request_id=request_id, volunteer=who, reason="ill"), by(who))
        else:
            self.town.send(zone, ReportNoShow(request_id=request_id, volunteer=who), OPERATOR)

    @rule(data=st.data(), absent=st.sampled_from([0, 0, 1, 2]), finish=st.booleans())
    def carry_out(self, data: st.DataObject, absent: int, finish: bool) -> None:
        """The time of a visit has come: all of its crew arrive but the first few, who may be reported."""
        ready = [(zone, r) for zone, r in self.records() if r.visit is not None and r.visit.complete]
        if not ready:
            return
        zone, record = data.draw(st.sampled_from(ready))
        visit = record.visit
        assert visit is not None
        self.town.now = max(self.town.now, visit.window.start)
        names = [seat.volunteer for seat in visit.seats if seat.volunteer is not None]
        for name in names[absent:]:
            self.town.send(zone, CheckIn(request_id=record.request_id, volunteer=name), by(name))
        for name in names[:absent]:
            if data.draw(st.booleans()):
                self.town.send(zone, ReportNoShow(request_id=record.request_id, volunteer=name), OPERATOR)
        if finish:
            self.town.now += timedelta(minutes=data.draw(st.sampled_from([5, 60, 200])))
            self.town.send(zone, FinishVisit(request_id=record.request_id), OPERATOR)

    @precondition(lambda self: self.town.way)
    @rule(data=st.data(), partly=st.booleans())
    def deliver_and_match(self, data: st.DataObject, partly: bool) -> None:
        """Whatever comes from the other zone comes now, and a request among it finds its crew."""
        envelope = self.town.way[0]
        self.town.deliver()
        if isinstance(envelope.command, AdmitReferral):
            record = self.town.states[envelope.zone].requests.get(envelope.command.spec.request_id)
            if record is not None and record.matchable:
                self.find_crew(data, envelope.zone, record, partly, 0)

    @rule(data=st.data(), what=st.sampled_from(["cancel", "triage", "refuse", "later", "priority", "crew", "rate"]))
    def operate(self, data: st.DataObject, what: str) -> None:
        if (found := self.pick(data)) is None:
            return
        zone, record = found
        request_id: UUID = record.request_id
        if what == "cancel":
            self.town.send(zone, CancelRequest(request_id=request_id))
        elif what in ("triage", "refuse"):
            self.town.send(zone, TriageRequest(request_id=request_id, accept=what == "triage"))
        elif what == "rate":
            done = sorted(self.town.states[zone].done)
            self.town.send(zone, RateVisit(request_id=done[0] if done else request_id, stars=4))
        else:
            change: dict[str, Any] = {"priority": 5}
            if what == "crew":
                change = {"demands": (SkillDemand(skill="care", heads=2),)}
            elif what == "later":
                start = (self.town.now + timedelta(minutes=data.draw(st.sampled_from([0, 60, 600])))).replace(
                    microsecond=0
                )
                change = {"windows": (TimeWindow(start=start, end=start + timedelta(hours=3)),)}
            self.town.send(zone, ChangeRequest(request_id=request_id, **change))

    @rule(
        zone=st.sampled_from(["sub", "dis"]),
        n=st.integers(0, 7),
        what=st.sampled_from(["pause", "leave", "skill", "move", "away", "back", "back"]),
    )
    def roster(self, zone: str, n: int, what: str) -> None:
        person = PEOPLE[zone][n]
        if what == "leave":
            self.town.send(zone, ChangeRoster(removed_volunteers=(person.id,)))
            return
        changed = {
            "pause": person.changed(paused=True),
            "skill": person.changed(skills=(SkillHeld(skill="lift", level=1),)),
            "move": person.changed(team=f"{zone}-t{(n + 1) % 2}"),
            "away": person.changed(
                exemptions=(Exemption(window=TimeWindow(start=self.town.now, end=self.town.now + timedelta(hours=30))),)
            ),
            "back": person,
        }[what]
        self.town.send(zone, ChangeRoster(volunteers=(changed,)))

    @precondition(lambda self: self.town.way)
    @rule(index=st.integers(0, 20))
    def deliver(self, index: int) -> None:
        self.town.deliver(index)

    @precondition(lambda self: self.town.delivered)
    @rule(data=st.data(), known=st.booleans())
    def deliver_again(self, data: st.DataObject, known: bool) -> None:
        """A duplicate: answered from its outcome, or (the outcome forgotten) handled once more."""
        envelope = data.draw(st.sampled_from(self.town.delivered))
        self.town.take(envelope.changed(received_at=self.town.now), again=not known)

    # ------------------------------------------------------------------------------------------------- invariants

    @invariant()
    def books_agree(self) -> None:
        if hasattr(self, "town"):
            self.town.check_books()

    def teardown(self) -> None:
        if not hasattr(self, "town"):
            return
        self.town.drain()
        self.town.check_books()
        assert set(self.town.ends) == self.town.submitted, "a request was lost"
        for state in self.town.states.values():
            assert not state.requests
            assert not state.done
            assert not state.offers


TestPromises = Promises.TestCase
TestPromises.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
