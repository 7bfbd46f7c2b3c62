"""A town hall of forty lines of thought: enough of the REST surface and of the notifier for people to live with."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import httpx2

from ningju.simulation.clock import SteppedClock
from ningju.simulation.people import People
from ningju.simulation.scenario import Scenario
from schemas.base import derive_id
from schemas.intake import RequestIn
from schemas.place import TimeWindow
from schemas.request import RequestState
from schemas.views import Notification

EXPIRY = timedelta(minutes=30)


@dataclass
class Case:
    """One request at the town hall: one head is enough, people are asked one after the other."""

    request_id: UUID
    request: RequestIn
    window: TimeWindow
    state: RequestState = RequestState.QUEUED
    asked: int = 0
    offer: UUID | None = None
    expires: datetime | None = None
    holder: str | None = None
    told: set[str] = field(default_factory=set)


class Town:
    """Runtime, tally and server in one; every notification is delivered ``copies`` times."""

    def __init__(self, scenario: Scenario, clock: SteppedClock, *, copies: int = 1, busy: int = 0) -> None:
        self.scenario = scenario
        self.clock = clock
        self.copies = copies
        self.busy = busy
        self.people: People | None = None
        self.cases: dict[UUID, Case] = {}
        self.waiting: list[tuple[str, str, dict[str, object]]] = []
        self.calls: list[tuple[datetime, str, str]] = []
        self.seen: Counter[str] = Counter()
        self.offers: dict[UUID, tuple[UUID, str]] = {}
        self.outcomes: Counter[str] = Counter()

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self._serve), base_url="http://town")

    async def _serve(self, request: httpx2.Request) -> httpx2.Response:
        assert request.headers["Prefer"] == "wait=0"
        key, path = request.headers["Idempotency-Key"], request.url.path.removeprefix("/api/v1")
        if self.busy > 0:
            self.busy -= 1
            return httpx2.Response(429, headers={"Retry-After": "1"}, json={})
        self.seen[f"{path} {key}"] += 1
        self.calls.append((self.clock.now(), path, request.headers["X-Actor"]))
        body = json.loads(request.content)
        self.waiting.append((key, path, body))
        return httpx2.Response(202, json={"id": str(derive_id("request", key))})

    async def settle(self) -> None:
        now = self.clock.now()
        for key, path, body in sorted(self.waiting, key=lambda call: (call[1], call[0])):
            self._handle(key, path, body)
        self.waiting.clear()
        for case in self.cases.values():
            if (
                case.state in {RequestState.QUEUED, RequestState.OFFERED, RequestState.ACCEPTED}
                and now > case.window.end
            ):
                case.state = RequestState.UNSERVED
            if case.state == RequestState.OFFERED and case.expires is not None and now >= case.expires:
                case.state, case.offer = RequestState.QUEUED, None
            if case.state == RequestState.QUEUED and now < case.window.start:
                await self._ask(case)

    async def next_wake(self) -> datetime | None:
        waits = [case.expires for case in self.cases.values() if case.state == RequestState.OFFERED and case.expires]
        live = (RequestState.QUEUED, RequestState.OFFERED, RequestState.ACCEPTED)
        waits += [case.window.end + timedelta(seconds=1) for case in self.cases.values() if case.state in live]
        return min(waits, default=None)

    async def counts(self) -> dict[str, dict[RequestState, int]]:
        return {"huayang": Counter(case.state for case in self.cases.values())}

    async def _ask(self, case: Case) -> None:
        volunteer = self.scenario.volunteers[
            (case.asked * 7 + int(case.request_id) % 50) % len(self.scenario.volunteers)
        ]
        case.asked += 1
        case.offer = derive_id("offer", case.request_id, case.asked)
        case.expires = self.clock.now() + EXPIRY
        case.state = RequestState.OFFERED
        self.offers[case.offer] = (case.request_id, volunteer.id)
        await self._tell("offer", case, volunteer.id)

    async def _tell(self, kind: str, case: Case, volunteer: str) -> None:
        assert self.people is not None
        notification = Notification.model_validate(
            {
                "key": derive_id("notification", kind, case.request_id, volunteer, case.asked),
                "zone": "huayang",
                "kind": kind,
                "to": volunteer,
                "request_id": case.request_id,
                "offer_id": case.offer if kind == "offer" else None,
                "visit_id": derive_id("visit", case.request_id, 1) if kind == "offer" else None,
                "volunteer": volunteer,
                "service_type": case.request.service_type,
                "place": case.request.place or self.scenario.sites[0].place,
                "window": TimeWindow(start=case.window.start, end=case.window.start + timedelta(minutes=40)),
                "expires_at": case.expires,
            }
        )
        for _ in range(self.copies):
            await self.people.deliver(notification)
        if kind == "confirmed":
            case.told.add(volunteer)

    def _handle(self, key: str, path: str, body: dict[str, object]) -> None:
        _, noun, *rest = path.split("/")
        if noun == "requests":
            request_id = derive_id("request", key)
            need = RequestIn.model_validate_json(json.dumps(body))
            self.cases.setdefault(request_id, Case(request_id, need, need.windows[0]))
            return
        if noun == "offers":
            request_id, volunteer = self.offers[UUID(rest[0])]
            case = self.cases[request_id]
            if case.offer != UUID(rest[0]) or case.state != RequestState.OFFERED:
                self.outcomes[f"{rest[1]} late"] += 1
                return
            self.outcomes[rest[1]] += 1
            case.state = RequestState.ACCEPTED if rest[1] == "accept" else RequestState.QUEUED
            case.holder = volunteer if rest[1] == "accept" else None
            return
        case = next(c for c in self.cases.values() if derive_id("visit", c.request_id, 1) == UUID(rest[0]))
        self.outcomes[rest[1]] += 1
        if rest[1] == "check-in" and case.state == RequestState.ACCEPTED:
            case.state = RequestState.UNDER_WAY
        elif rest[1] == "finish" and case.state == RequestState.UNDER_WAY:
            case.state = RequestState.DONE
        elif rest[1] in {"withdraw", "no-show"} and case.state == RequestState.ACCEPTED:
            case.state, case.holder = RequestState.QUEUED, None

    async def confirm(self) -> None:
        """Tell those who hold a visit that they do (called by the test's runtime after settling)."""
        for case in self.cases.values():
            if case.state == RequestState.ACCEPTED and case.holder and case.holder not in case.told:
                await self._tell("confirmed", case, case.holder)
