from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import StringIO
from uuid import UUID

import pytest
from rich.console import Console

from engine.figures import gini
from engine.ports import Record
from ningju.simulation.audit import double_bookings
from ningju.simulation.chronicle import Chronicle
from ningju.simulation.pacing import Progress
from ningju.simulation.report import quantile, write_report
from ningju.simulation.residents import Book
from ningju.simulation.scenario import Scenario, build
from ningju.simulation.summary import kept, summary
from ningju.simulation.view import LiveView, PlainView, line, picture, view
from schemas.base import derive_id
from schemas.envelope import Actor, EventEnvelope
from schemas.events import (
    CheckedIn,
    CrewCompleted,
    Event,
    OfferEnded,
    RequestEnded,
    RequestReceived,
    RequestReferred,
    SeatAccepted,
    SeatOffered,
    SeatVacated,
    VisitFinished,
    VisitPlanned,
)
from schemas.place import Place, TimeWindow
from schemas.report import Report, SolverFigures
from schemas.request import Need, Referral, RequestSpec, RequestState
from schemas.roster import Volunteer

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SOLVER = SolverFigures(solves=3, seconds_p50=0.1, seconds_max=0.3, gap_mean=0.05)


@pytest.fixture(scope="module")
def tiny() -> Scenario:
    return build("tiny", 1)


@dataclass
class Diary:
    """A ledger that is written by hand, for two zones."""

    scenario: Scenario
    zones: dict[str, list[EventEnvelope]] = field(default_factory=dict)
    now: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.scenario.start + 8 * HOUR

    def write(self, event: Event, *, zone: str = "huayang", after: timedelta = timedelta(0)) -> None:
        self.now += after
        records = self.zones.setdefault(zone, [])
        records.append(
            EventEnvelope(
                event_id=derive_id(zone, len(records)),
                zone=zone,
                version=len(records) + 1,
                now=self.now,
                actor=Actor(kind="system", id="test"),
                correlation_id=derive_id("c"),
                causation_id=derive_id("c"),
                prev_hash="",
                event=event,
            )
        )

    async def heads(self) -> dict[str, int]:
        return {zone: len(records) for zone, records in self.zones.items()}

    async def events(self, zone: str, after: int = 0, limit: int = 1_000) -> list[Record]:
        found = self.zones[zone][after : after + limit]
        return [Record(zone, envelope.version, b"", envelope) for envelope in found]

    def window(self, start: timedelta, length: timedelta = HOUR) -> TimeWindow:
        return TimeWindow(start=self.scenario.start + start, end=self.scenario.start + start + length)

    def received(
        self, name: str, *, priority: int = 2, referral: Referral | None = None, zone: str = "huayang"
    ) -> UUID:
        request_id = derive_id("request", name)
        home = self.scenario.volunteers[0].home
        windows = (self.window(13 * HOUR, 4 * HOUR),)
        service = self.scenario.service_types[0]
        spec = RequestSpec(request_id=request_id, service_type=service.id, place=home, windows=windows)
        need = Need(
            service_type=service.id,
            place=home,
            windows=windows,
            demands=service.demands,
            duration_s=3_600,
            priority=priority,
            reach_m=None,
            notice_s=0,
            quiet_hours=True,
            offered_to="volunteer",
            one_team=True,
            respond_by=windows[0].end,
            complete_by=windows[0].end,
        )
        self.write(RequestReceived(spec=spec, need=need, referral=referral), zone=zone)
        return request_id

    def planned(self, request_id: UUID, window: TimeWindow, zone: str = "huayang") -> None:
        visit_id = derive_id("visit", request_id, window.start)
        self.write(
            VisitPlanned(request_id=request_id, visit_id=visit_id, team="t", window=window, seats=(0,)), zone=zone
        )

    def offered(
        self,
        request_id: UUID,
        volunteer: Volunteer,
        window: TimeWindow,
        *,
        place: Place | None = None,
        zone: str = "huayang",
    ) -> UUID:
        offer_id = derive_id("offer", request_id, volunteer.id, len(self.zones[zone]))
        self.write(
            SeatOffered(
                request_id=request_id,
                visit_id=derive_id("visit", request_id, window.start),
                offer_id=offer_id,
                seat=0,
                volunteer=volunteer.id,
                asked=volunteer.id,
                expires_at=self.now + HOUR,
                service_type="elder-visit",
                place=place or volunteer.home,
                window=window,
            ),
            zone=zone,
        )
        return offer_id

    def served(self, request_id: UUID, volunteer: Volunteer, window: TimeWindow, *, late: timedelta, zone: str) -> None:
        self.planned(request_id, window, zone)
        offer = self.offered(request_id, volunteer, window, zone=zone)
        self.write(SeatAccepted(request_id=request_id, offer_id=offer, seat=0, volunteer=volunteer.id), zone=zone)
        self.write(
            CrewCompleted(request_id=request_id, crew=(volunteer.id,), window=window), zone=zone, after=10 * MINUTE
        )
        self.now = window.start + late
        self.write(CheckedIn(request_id=request_id, volunteer=volunteer.id), zone=zone)
        visit_id = derive_id("visit", request_id, window.start)
        self.write(VisitFinished(request_id=request_id, visit_id=visit_id, crew=(volunteer.id,)), zone=zone)

    def ended(self, request_id: UUID, end: RequestState, reason: str = "") -> None:
        self.write(RequestEnded.model_validate({"request_id": request_id, "end": end, "reason": reason}))


async def report(diary: Diary, acknowledged: list[UUID]) -> Report:
    arrivals = dict(zip(acknowledged, diary.scenario.arrivals, strict=False))
    progress = Progress(diary.scenario.start + 24 * HOUR, diary.scenario.start, 12.0, 300.0, 10, 3, 3, {}, {})
    return await write_report(
        diary.scenario,
        diary,  # type: ignore[arg-type]
        Book(arrivals),
        progress,
        solver=SOLVER,
        verify="ok",
        commands=7,
    )


async def test_a_day_of_three_requests_in_figures(tiny: Scenario) -> None:
    diary = Diary(tiny)
    one, two = tiny.volunteers[0], tiny.volunteers[1]
    punctual, late, left = diary.received("a", priority=5), diary.received("b"), diary.received("c")
    declined = diary.offered(left, two, diary.window(13 * HOUR))
    diary.write(OfferEnded(request_id=left, offer_id=declined, seat=0, volunteer=two.id, how="declined"))
    diary.served(punctual, one, diary.window(13 * HOUR), late=MINUTE, zone="huayang")
    diary.ended(punctual, RequestState.DONE)
    diary.served(late, one, diary.window(15 * HOUR), late=20 * MINUTE, zone="huayang")
    diary.ended(late, RequestState.DONE)
    diary.ended(left, RequestState.UNSERVED, "nobody free: tried 3")
    result = await report(diary, [punctual, late, left])
    assert (result.ended.done, result.ended.unserved, result.open) == (2, 1, 0)
    assert result.served_in_time == 1
    assert (result.served_weight, result.asked_weight) == (16 + 2, 16 + 2 + 2)
    assert result.unserved_by_reason == {"nobody free": 1}
    assert (result.seats_offered, result.accepted, result.declined) == (3, 2, 1)
    assert result.offers_per_served == 1.5
    assert result.wait_s.p50 == 600
    assert result.travel_s_per_visit == 0.0
    assert result.by_service[tiny.service_types[0].id].done == 2
    assert result.by_zone["huayang"].unserved == 1
    assert (result.double_booked, result.lost, result.verify) == (0, 0, "ok")
    assert kept(result)


async def test_what_a_guest_serves_counts_for_its_origin(tiny: Scenario) -> None:
    diary = Diary(tiny)
    request_id = diary.received("a")
    referral = Referral(referral_id=derive_id("r"), origin="huayang", hop=1, expires_at=diary.now + 4 * HOUR)
    received = diary.zones["huayang"][0].event
    assert isinstance(received, RequestReceived)
    assert received.need is not None
    diary.write(
        RequestReferred(request_id=request_id, referral=referral, to="guest", spec=received.spec, need=received.need)
    )
    diary.received("a", referral=referral, zone="guest")
    diary.served(request_id, tiny.volunteers[0], diary.window(13 * HOUR), late=MINUTE, zone="guest")
    diary.ended(request_id, RequestState.DONE)
    result = await report(diary, [request_id])
    assert (result.ended.done, result.served_in_time, result.referrals) == (1, 1, 1)
    assert set(result.by_zone) == {"huayang"}


async def test_what_was_acknowledged_and_is_not_in_the_ledger_is_lost(tiny: Scenario) -> None:
    diary = Diary(tiny)
    request_id = diary.received("a")
    result = await report(diary, [request_id, derive_id("request", "gone")])
    assert result.lost == 1
    assert result.open == 1
    assert not kept(result)


async def test_an_end_too_many_shows_in_the_verdict(tiny: Scenario) -> None:
    diary = Diary(tiny)
    request_id = diary.received("a")
    diary.ended(request_id, RequestState.UNSERVED)
    diary.ended(request_id, RequestState.UNSERVED)
    assert (await report(diary, [request_id])).verify == "ok; 1 requests ended twice"


class TestDoubleBooking:
    def found(self, diary: Diary) -> int:
        people = {volunteer.id: volunteer for volunteer in diary.scenario.volunteers}
        return len(double_bookings(diary.zones["huayang"], people, diary.scenario.policy.speeds))

    def test_two_live_offers_that_overlap(self, tiny: Scenario) -> None:
        diary, one = Diary(tiny), tiny.volunteers[0]
        first, second = diary.received("a"), diary.received("b")
        diary.offered(first, one, diary.window(13 * HOUR))
        diary.offered(second, one, diary.window(13 * HOUR + 30 * MINUTE))
        assert self.found(diary) == 1

    def test_none_when_the_first_one_was_declined_before(self, tiny: Scenario) -> None:
        diary, one = Diary(tiny), tiny.volunteers[0]
        first, second = diary.received("a"), diary.received("b")
        offer = diary.offered(first, one, diary.window(13 * HOUR))
        diary.write(OfferEnded(request_id=first, offer_id=offer, seat=0, volunteer=one.id, how="declined"))
        diary.offered(second, one, diary.window(13 * HOUR))
        assert self.found(diary) == 0

    @pytest.mark.parametrize(("gap", "booked_twice"), [(MINUTE, 1), (2 * HOUR, 0)])
    def test_the_way_between_two_visits_counts(self, tiny: Scenario, gap: timedelta, booked_twice: int) -> None:
        diary, one = Diary(tiny), tiny.volunteers[0]
        first, second = diary.received("a"), diary.received("b")
        diary.offered(first, one, diary.window(13 * HOUR), place=Place(lon=121.40, lat=31.20))
        diary.offered(second, one, diary.window(14 * HOUR + gap), place=Place(lon=121.42, lat=31.20))
        assert self.found(diary) == booked_twice

    def test_a_seat_that_a_leader_gives_to_somebody_busy(self, tiny: Scenario) -> None:
        diary, one, two = Diary(tiny), tiny.volunteers[0], tiny.volunteers[1]
        first, second = diary.received("a"), diary.received("b")
        diary.offered(first, one, diary.window(13 * HOUR))
        offer = diary.offered(second, two, diary.window(13 * HOUR))
        diary.write(SeatAccepted(request_id=second, offer_id=offer, seat=0, volunteer=one.id))
        assert self.found(diary) == 1

    def test_a_vacated_seat_frees_its_holder(self, tiny: Scenario) -> None:
        diary, one = Diary(tiny), tiny.volunteers[0]
        first, second = diary.received("a"), diary.received("b")
        offer = diary.offered(first, one, diary.window(13 * HOUR))
        diary.write(SeatAccepted(request_id=first, offer_id=offer, seat=0, volunteer=one.id))
        diary.write(SeatVacated(request_id=first, seat=0, volunteer=one.id, how="withdrawn"))
        diary.offered(second, one, diary.window(13 * HOUR))
        assert self.found(diary) == 0
        diary.offered(first, one, diary.window(13 * HOUR))
        assert self.found(diary) == 1


def test_gini_of_hand_made_burdens() -> None:
    assert gini([1, 1, 1, 1]) == pytest.approx(0.0)
    assert gini([0, 0, 0, 4]) == pytest.approx(0.75)
    assert gini([1, 3]) == pytest.approx(0.25)
    assert gini([0, 0]) == 0.0


def test_quantiles_are_values_that_occurred() -> None:
    assert quantile([1, 2, 3, 4], 0.5) == 2
    assert quantile([1, 2, 3, 4], 0.9) == 4
    assert quantile([7], 0.5) == 7
    assert quantile([], 0.5) == 0.0


def shown(renderable: object, width: int = 140) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined]


async def test_the_summary_says_what_a_person_needs_to_judge(tiny: Scenario) -> None:
    diary = Diary(tiny)
    done, left = diary.received("a"), diary.received("b")
    diary.served(done, tiny.volunteers[0], diary.window(13 * HOUR), late=MINUTE, zone="huayang")
    diary.ended(done, RequestState.DONE)
    diary.ended(left, RequestState.UNSERVED, "no_candidate")
    text = shown(summary(await report(diary, [done, left]), tiny, "http://127.0.0.1:8080"))
    for part in (
        "2 of 2 requests ended",
        "助老探访",
        "no_candidate",
        "1.00 for each served visit",
        "Gini",
        "verify: ok",
    ):
        assert part in text
    assert "http://127.0.0.1:8080" in text


def test_progress_shows_queues_offers_solver_and_pace(tiny: Scenario) -> None:
    progress = Progress(
        now=tiny.start + 10 * HOUR,
        started=tiny.start,
        wall_s=36.0,
        step_s=300.0,
        steps=9,
        total=20,
        arrived=12,
        counts={"huayang": {RequestState.QUEUED: 3, RequestState.DONE: 5, RequestState.UNSERVED: 1}},
        people={"heard offer": 17},
    )
    text = shown(picture(tiny, progress, SOLVER))
    for part in ("12 / 20", "华阳路街道", "heard 17", "solves 3", "step 5 min", "1,000 × real time"):
        assert part in text
    assert "arrived 12/20  waiting 3" in line(progress, SOLVER)
    assert progress.ended == 6
    out = StringIO()
    with view(Console(file=out), tiny, lambda: SOLVER) as plain:
        assert isinstance(plain, PlainView)
        plain(progress)
        plain(progress)
    assert out.getvalue().count("arrived") == 1
    with view(Console(file=StringIO(), force_terminal=True), tiny, lambda: SOLVER) as live:
        assert isinstance(live, LiveView)
        live(progress)


async def test_a_chronicle_keeps_requests_that_no_origin_received(tiny: Scenario) -> None:
    diary = Diary(tiny)
    stray = derive_id("request", "stray")
    diary.ended(stray, RequestState.DONE)
    chronicle = await Chronicle.read(diary)  # type: ignore[arg-type]
    assert chronicle.unknown == {stray}
