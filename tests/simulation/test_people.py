from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx2

from ningju.simulation.calls import Line
from ningju.simulation.clock import SteppedClock
from ningju.simulation.people import People
from ningju.simulation.residents import Book
from ningju.simulation.world import Answer, Conduct, HiddenWorld
from schemas.base import derive_id
from schemas.place import Place, TimeWindow
from schemas.views import Notification

NOW = datetime(2026, 7, 21, 2, 0, tzinfo=UTC)
START, END = NOW + timedelta(hours=3), NOW + timedelta(hours=4)
REQUEST = derive_id("request", "r")
VISIT = derive_id("visit", REQUEST, 1)
SOON = timedelta(minutes=4)


class Planned(HiddenWorld):
    """Everybody says yes after four minutes and comes, but for those named."""

    def __init__(self, *, away: tuple[str, ...] = (), ill: tuple[str, ...] = (), stars: int | None = None) -> None:
        super().__init__(1, {}, {})
        self.away, self.ill, self.given = away, ill, stars

    def answer(self, volunteer: str, request: str, *, place: Place, preferred: bool) -> Answer:
        return Answer("accept", SOON)

    def conduct(self, volunteer: str, request: str) -> Conduct:
        return Conduct(0.5 if volunteer in self.ill else None, volunteer not in self.away)

    def reports_absence(self, request: str) -> bool:
        return True

    def stars(self, request: str) -> int | None:
        return self.given


@dataclass
class Scene:
    """People with a line on which every call is taken and written down."""

    world: Planned

    def __post_init__(self) -> None:
        self.clock = SteppedClock(NOW)
        self.calls: list[tuple[datetime, str, str]] = []

        def serve(request: httpx2.Request) -> httpx2.Response:
            path = request.url.path.removeprefix("/api/v1").replace(str(VISIT), "V")
            self.calls.append((self.clock.now(), path, request.headers["X-Actor"]))
            return httpx2.Response(202, json={})

        client = httpx2.AsyncClient(transport=httpx2.MockTransport(serve), base_url="http://scene")
        self.people = People(self.world, Line(client), Book(), self.clock)

    async def tell(
        self, kind: str, volunteer: str, *, to: str | None = None, copy: int = 0, start: datetime = START
    ) -> UUID:
        offer_id = derive_id("offer", volunteer)
        notification = Notification.model_validate(
            {
                "key": derive_id(kind, volunteer, copy),
                "zone": "z",
                "kind": kind,
                "to": to or volunteer,
                "request_id": REQUEST,
                "offer_id": offer_id if kind.startswith("offer") else None,
                "visit_id": VISIT if kind == "offer" else None,
                "volunteer": volunteer,
                "place": Place(lon=121.4, lat=31.2),
                "window": TimeWindow(start=start, end=start + (END - START))
                if kind in {"offer", "confirmed"}
                else None,
            }
        )
        await self.people.deliver(notification)
        return offer_id

    async def until(self, moment: datetime) -> None:
        while self.people.next_due is not None and self.people.next_due <= moment:
            self.clock.advance(max(self.people.next_due, self.clock.now()))
            await self.people.act(self.clock.now())
        self.clock.advance(max(moment, self.clock.now()))

    async def promise(self, *volunteers: str) -> None:
        for volunteer in volunteers:
            await self.tell("offer", volunteer)
        await self.until(NOW + timedelta(minutes=5))
        for volunteer in volunteers:
            await self.tell("confirmed", volunteer)
        self.calls.clear()


async def test_an_offer_is_answered_after_the_persons_own_time() -> None:
    scene = Scene(Planned())
    offer = await scene.tell("offer", "v1")
    await scene.until(END)
    assert scene.calls == [(NOW + SOON, f"/offers/{offer}/accept", "volunteer:v1")]


async def test_a_leader_answers_for_the_member() -> None:
    scene = Scene(Planned())
    offer = await scene.tell("offer", "v1", to="v9")
    await scene.until(END)
    assert scene.calls == [(NOW + SOON, f"/offers/{offer}/accept", "leader:v9")]


async def test_an_offer_that_was_taken_back_is_not_answered() -> None:
    scene = Scene(Planned())
    await scene.tell("offer", "v1")
    await scene.tell("offer_rescinded", "v1")
    await scene.until(END)
    assert scene.calls == []


async def test_each_of_a_crew_checks_in_and_one_of_them_says_that_it_is_over() -> None:
    scene = Scene(Planned(stars=4))
    await scene.promise("v2", "v1")
    await scene.until(END + timedelta(hours=1))
    assert scene.calls == [
        (START, "/visits/V/check-in", "volunteer:v1"),
        (START, "/visits/V/check-in", "volunteer:v2"),
        (END, "/visits/V/finish", "volunteer:v1"),
        (END + timedelta(minutes=45), "/visits/V/rating", f"beneficiary:{REQUEST}"),
    ]


async def test_who_stays_away_is_reported_and_the_others_finish() -> None:
    scene = Scene(Planned(away=("v1",)))
    await scene.promise("v1", "v2")
    await scene.until(END)
    assert [(path, actor) for _, path, actor in scene.calls] == [
        ("/visits/V/check-in", "volunteer:v2"),
        ("/visits/V/no-show", f"beneficiary:{REQUEST}"),
        ("/visits/V/finish", "volunteer:v2"),
    ]


async def test_who_falls_ill_withdraws_between_accepting_and_the_start_and_does_not_come() -> None:
    scene = Scene(Planned(ill=("v1",)))
    await scene.promise("v1")
    await scene.until(END)
    ((when, path, _),) = scene.calls
    assert path == "/visits/V/withdraw"
    assert NOW + SOON < when < START


async def test_who_falls_ill_withdraws_from_a_visit_that_was_moved_as_well() -> None:
    scene = Scene(Planned(ill=("v1",)))
    await scene.tell("offer", "v1")
    await scene.until(NOW + timedelta(minutes=5))
    scene.calls.clear()
    await scene.tell("confirmed", "v1", start=START + timedelta(hours=1))
    await scene.until(END + timedelta(hours=1))
    assert [path for _, path, _ in scene.calls] == ["/visits/V/withdraw"]


async def test_who_comes_to_a_visit_that_was_moved_comes_at_its_new_time() -> None:
    scene = Scene(Planned())
    await scene.tell("offer", "v1")
    await scene.until(NOW + timedelta(minutes=5))
    scene.calls.clear()
    await scene.tell("confirmed", "v1", start=START + timedelta(hours=1))
    await scene.until(END + timedelta(hours=1))
    assert [when for when, _, _ in scene.calls] == [START + timedelta(hours=1), END + timedelta(hours=1)]


async def test_who_is_released_does_not_come() -> None:
    scene = Scene(Planned())
    await scene.promise("v1")
    await scene.tell("released", "v1")
    await scene.until(END)
    assert scene.calls == []


async def test_a_second_confirmation_after_a_mate_was_replaced_changes_nothing() -> None:
    scene = Scene(Planned())
    await scene.promise("v1")
    await scene.tell("confirmed", "v1", copy=1)
    await scene.until(END)
    assert [path for _, path, _ in scene.calls] == ["/visits/V/check-in", "/visits/V/finish"]


async def test_who_is_confirmed_without_having_promised_does_nothing() -> None:
    scene = Scene(Planned())
    await scene.tell("confirmed", "v1")
    assert scene.people.next_due is None
