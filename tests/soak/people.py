"""A steady load: requests at an even pace, and people who answer, come, finish and rate, all by REST."""

import asyncio
import heapq
import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from time import monotonic
from typing import Any

import httpx2

from schemas.district import District
from tests.chaos.town import town

API = "/api/v1"
LIFE_S = 600
"""Length of a request's window: what nobody serves is over soon after."""


def busy_town() -> District:
    """The town of the chaos tests, in which visits are so short that a request's whole life passes in minutes."""
    whole = town()
    quick = {"cut_off_s": 20, "offer_expiry_min_s": 60, "offer_expiry_s": 60, "rating_window_s": 60, "debounce_s": 3}
    return whole.model_copy(
        update={
            "policy": whole.policy.model_copy(update={**quick, "last_window_grace_s": 60}),
            "service_types": tuple(service.model_copy(update={"duration_s": 60}) for service in whole.service_types),
        }
    )


@dataclass(order=True)
class Deed:
    """A call that somebody will make."""

    at: float
    number: int
    path: str = field(compare=False)
    actor: str = field(compare=False)
    body: dict[str, Any] = field(compare=False)


class People:
    """Everybody outside.

    Parameters
    ----------
    pace
        Requests a second.
    """

    def __init__(self, client: httpx2.AsyncClient, site: str, pace: float, seed: int) -> None:
        self.answers: Counter[str] = Counter()
        self.faults: list[str] = []
        self._client = client
        self._site = site
        self._pace = pace
        self._rng = random.Random(seed)
        self._deeds: list[Deed] = []
        self._numbers = count()
        self._visits: dict[str, str] = {}
        self._cursor = "now"

    async def live(self, seconds: float) -> None:
        """Go on for so long; nobody waits for somebody else's answer."""
        began, sent = monotonic(), 0
        async with asyncio.TaskGroup() as calls:
            while (passed := monotonic() - began) < seconds:
                while sent < passed * self._pace:
                    sent += 1
                    self._plan(0.0, "/requests", "external:soak", self._need(sent))
                await self._hear()
                while self._deeds and self._deeds[0].at <= monotonic():
                    calls.create_task(self._do(heapq.heappop(self._deeds)))
                await asyncio.sleep(max(0.05, min(1.0, 1 / self._pace)))

    def _need(self, number: int) -> dict[str, Any]:
        start = datetime.now(UTC) + timedelta(seconds=150)
        window = {"start": start.isoformat(), "end": (start + timedelta(seconds=LIFE_S)).isoformat()}
        return {
            "service_type": "elder-visit",
            "site": self._site,
            "windows": [window],
            "beneficiary": {"id": f"b-{number % 500}"},
        }

    def _plan(self, after_s: float, path: str, actor: str, body: dict[str, Any]) -> None:
        heapq.heappush(self._deeds, Deed(monotonic() + after_s, next(self._numbers), path, actor, body))

    async def _do(self, deed: Deed) -> None:
        headers = {"X-Actor": deed.actor, "Idempotency-Key": f"soak-{deed.number}", "Prefer": "wait=5"}
        try:
            answer = await self._client.post(API + deed.path, headers=headers, json=deed.body)
        except httpx2.TransportError as error:
            self.faults.append(f"{deed.path}: {error!r}")
            return
        self.answers[f"{deed.path.rsplit('/', 1)[-1]} {answer.status_code}"] += 1
        if answer.status_code >= 500 or answer.status_code == 429:
            self.faults.append(f"{deed.path}: {answer.status_code} {answer.text[:200]}")

    async def _hear(self) -> None:
        """Read what has happened since the last look, and think of what follows from it."""
        try:
            answer = await self._client.get(f"{API}/events", params={"after": self._cursor})
        except httpx2.TransportError as error:
            self.faults.append(f"/events: {error!r}")
            return
        self.answers[f"events {answer.status_code}"] += 1
        if answer.status_code != 200:
            self.faults.append(f"/events: {answer.status_code} {answer.text[:200]}")
            return
        self._cursor = answer.headers["Ningju-Cursor"]
        for event in self._read(answer):
            self._think(event)

    @staticmethod
    def _read(answer: httpx2.Response) -> Iterator[dict[str, Any]]:
        for line in answer.text.splitlines():
            yield json.loads(line)["event"]

    def _think(self, event: dict[str, Any]) -> None:
        rng, who = self._rng, f"volunteer:{event.get('asked') or event.get('volunteer')}"
        match event["kind"]:
            case "seat_offered":
                self._visits[event["request_id"]] = event["visit_id"]
                mind = rng.random()
                if mind < 0.9:
                    verb = "accept" if mind < 0.75 else "decline"
                    self._plan(rng.uniform(1, 20), f"/offers/{event['offer_id']}/{verb}", who, {})
            case "seat_accepted":
                deed = "check-in" if rng.random() < 0.9 else "withdraw"
                body = {"volunteer": event["volunteer"]} | ({} if deed == "check-in" else {"reason": "ill"})
                self._plan(rng.uniform(1, 30), f"/visits/{self._visits[event['request_id']]}/{deed}", who, body)
            case "checked_in":
                visit = self._visits[event["request_id"]]
                self._plan(rng.uniform(1, 30), f"/visits/{visit}/finish", who, {"volunteer": event["volunteer"]})
            case "visit_finished":
                self._plan(5, f"/visits/{event['visit_id']}/rating", "beneficiary:soak", {"stars": rng.randint(1, 5)})
            case "request_received" if rng.random() < 0.05:
                request_id = event["spec"]["request_id"]
                body = {"reason": "the family will help"}
                self._plan(rng.uniform(5, 60), f"/requests/{request_id}/cancel", "external:soak", body)
            case "request_ended":
                self._visits.pop(event["request_id"], None)
