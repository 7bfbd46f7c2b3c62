"""A client that keeps its own log of everything it was told, and insists on it afterwards."""

import asyncio
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2

API = "/api/v1"
AGAIN = frozenset({429, 500, 502, 503, 504})


@dataclass
class Call:
    """One command as it was sent, and the answer, once there was one."""

    path: str
    key: str
    body: dict[str, Any]
    actor: str
    status: int | None = None
    answer: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> Any:
        """What must never change: the id of a request, or the verdict on an offer."""
        if self.path == "/requests":
            return (self.status, self.answer.get("id"), self.answer.get("zone"))
        return (self.status, self.answer.get("command_id"), self.answer.get("code"), self.answer.get("version"))


class Oracle:
    """Sends requests and answers to offers, all at once, and remembers each 202, 200 and 409."""

    def __init__(self, url: str, needs: Iterator[dict[str, Any]], seed: int) -> None:
        self.url = url
        self.calls: list[Call] = []
        self.rng = random.Random(seed)
        self.answered: set[str] = set()
        self.on_answer: Callable[[], None] = lambda: None
        self._needs = needs
        self._seed = seed

    def in_flight(self) -> int:
        return sum(call.status is None for call in self.calls)

    def draw(self, requests: int, answers: int) -> list[Call]:
        """New commands: requests, and answers to offers that nobody has answered."""
        calls = [
            Call("/requests", f"{self._seed}-{len(self.calls) + n}", next(self._needs), "external:chaos")
            for n in range(requests)
        ]
        for offer in self.open_offers()[:answers]:
            verb = "accept" if self.rng.random() < 0.7 else "decline"
            actor = f"volunteer:{offer['asked']}"
            calls.append(Call(f"/offers/{offer['offer_id']}/{verb}", f"{verb}-{offer['offer_id']}", {}, actor))
            self.answered.add(offer["offer_id"])
        self.rng.shuffle(calls)
        self.calls += calls
        return calls

    def events(self) -> list[dict[str, Any]]:
        lines = httpx2.get(f"{self.url}{API}/events", timeout=60).raise_for_status().text.splitlines()
        return [json.loads(line) for line in lines]

    def open_offers(self) -> list[dict[str, Any]]:
        offers = [line["event"] for line in self.events() if line["event"]["kind"] == "seat_offered"]
        return [offer for offer in offers if offer["offer_id"] not in self.answered]

    async def send(self, calls: list[Call]) -> None:
        """Send all at once; who gets no answer keeps none."""
        limits = httpx2.Limits(max_connections=len(calls) + 1)
        async with (
            httpx2.AsyncClient(base_url=self.url, limits=limits, timeout=60) as client,
            asyncio.TaskGroup() as group,
        ):
            for call in calls:
                group.create_task(self._send(client, call))

    async def _send(self, client: httpx2.AsyncClient, call: Call) -> None:
        try:
            response = await self._post(client, call)
        except httpx2.TransportError as error:
            call.answer = {"so far": repr(error)}
            return
        if response.status_code in AGAIN or (response.status_code == 202 and call.path != "/requests"):
            call.answer = {"so far": response.status_code, "text": response.text}
            return  # no verdict yet: to be asked for again, under the same key
        call.status, call.answer = response.status_code, response.json()
        self.on_answer()

    async def _post(self, client: httpx2.AsyncClient, call: Call) -> httpx2.Response:
        headers = {"X-Actor": call.actor, "Idempotency-Key": call.key, "Prefer": "wait=30"}
        return await client.post(API + call.path, headers=headers, json=call.body)

    async def insist(self, calls: list[Call]) -> None:
        """Send calls again under their keys: who was told something is told the same, who was not is told now."""
        gate = asyncio.Semaphore(16)
        async with httpx2.AsyncClient(base_url=self.url, timeout=60) as client:

            async def again(call: Call) -> None:
                async with gate:
                    repeated = Call(call.path, call.key, call.body, call.actor)
                    for _ in range(30):
                        await self._send(client, repeated)
                        if repeated.status is not None:
                            break
                        await asyncio.sleep(0.5)
                assert repeated.status in {200, 202, 409}, (
                    f"{call.path} {call.key}: {repeated.status} {repeated.answer}"
                )
                if call.status is not None:
                    assert repeated.verdict == call.verdict, f"{call.path} {call.key}: told otherwise after the fault"
                call.status, call.answer = repeated.status, repeated.answer

            async with asyncio.TaskGroup() as group:
                for call in calls:
                    group.create_task(again(call))

    async def known(self) -> None:
        """Insist that each request is known by its id, and that no two share one."""
        ids = [call.answer["id"] for call in self.calls if call.path == "/requests"]
        assert len(ids) == len(set(ids)), "two requests were given one id"
        gate = asyncio.Semaphore(16)
        async with httpx2.AsyncClient(base_url=self.url, timeout=60) as client:

            async def look(request_id: str) -> None:
                async with gate:
                    response = await client.get(f"{API}/requests/{request_id}")
                assert response.status_code == 200, f"request {request_id}: {response.status_code}"
                assert response.json()["id"] == request_id

            async with asyncio.TaskGroup() as group:
                for request_id in ids:
                    group.create_task(look(request_id))
