"""Simulated people: they ask for help, answer offers, go there, and keep a log of everything that they are told."""

import asyncio
import json
from collections.abc import Coroutine
from datetime import UTC, datetime
from random import Random
from typing import Any

import httpx2
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.storm.diary import Diary
from tests.storm.town import need

API = "/api/v1"
AGAIN = frozenset({429, 500, 502, 503, 504})
IN_FLIGHT = 100
PATIENCE_S = 10.0


def _now() -> datetime:
    return datetime.now(UTC)


def _until(moment: str) -> float:
    return (datetime.fromisoformat(moment) - _now()).total_seconds()


class People:
    """Everybody outside.

    Parameters
    ----------
    told
        Their log: what was acknowledged, the moment it was.
    feed
        What the stream of events brought them, with each place at which it broke off and went on.
    """

    def __init__(self, url: str, brokers: str, rng: Random, told: Diary, feed: Diary) -> None:
        self._rng = rng
        self._brokers = brokers
        self._told = told
        self._feed = feed
        self._gate = asyncio.Semaphore(IN_FLIGHT)
        self._busy: set[asyncio.Task[None]] = set()
        self._client = httpx2.AsyncClient(
            base_url=url + API,
            timeout=PATIENCE_S,
            limits=httpx2.Limits(max_connections=400, max_keepalive_connections=100),
        )
        self._visits: dict[str, str] = {}
        self._number = 0
        self.cursor = ""
        self.asking = True
        self.enough = False
        self.named: set[str] = set()
        self.ended: set[str] = set()
        self.sources: set[str] = set()
        self.received: set[str] = set()
        self.requests = 0
        self.tries = 0

    # ------------------------------------------------------------------------------------------------------- asking

    async def ask(self, count: int, seconds: float) -> None:
        """Ask ``count`` times in so many seconds, later where the door is shut, and on until told that it is enough."""
        producer = AIOKafkaProducer(bootstrap_servers=self._brokers, acks="all", enable_idempotence=True)
        loop = asyncio.get_running_loop()
        began, number = loop.time(), 0
        try:
            await producer.start()
            while number < count or not self.enough:
                await self._gate.acquire()
                by_topic = self._rng.random() < 0.1
                self._do(self._send(producer, number) if by_topic else self._submit(number), gate=True)
                number += 1
                await asyncio.sleep(max(0.0, began + seconds * number / count - loop.time()))
            while self._gate._value < IN_FLIGHT:
                await asyncio.sleep(0.2)
        finally:
            self.asking = False
            await producer.stop()

    async def _submit(self, number: int) -> None:
        body, key = need(self._rng, _now(), number), f"need-{number}"
        answer = await self._insist("/requests", key, body, "external:storm")
        if answer is None or "id" not in answer:
            return
        request_id = answer["id"]
        self.requests += 1
        self.named.add(request_id)
        if self._rng.random() < 0.05:  # who is told once is told the same again
            await self._insist("/requests", key, body, "external:storm")
        if body["service_type"] == "careful":
            decision = {"decision": "accept" if self._rng.random() < 0.8 else "refuse", "reason": "looked at"}
            await asyncio.sleep(self._rng.choice((1, 5)))
            await self._insist(f"/requests/{request_id}/triage", f"triage-{number}", decision, "operator:op")
        if self._rng.random() < 0.1:
            await asyncio.sleep(self._rng.choice((1, 20, 60)))
            cancel = {"reason": "no longer"}
            await self._insist(f"/requests/{request_id}/cancel", f"cancel-{number}", cancel, "operator:op")

    async def _send(self, producer: AIOKafkaProducer, number: int) -> None:
        """Ask by the topic of other systems, where a broker's acknowledgement is all there is."""
        body, name = need(self._rng, _now(), number), f"need-{number}"
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", name.encode()),
            ("ce_source", b"/storm"),
            ("ce_type", b"request"),
            ("content-type", b"application/json"),
        ]
        try:
            await producer.send_and_wait(
                "ningju.requests", json.dumps(body).encode(), key=name.encode(), headers=headers
            )
        except KafkaError as error:
            self._told.write(path="topic", key=name, status=0, error=repr(error))
            return
        self.requests += 1
        self.sources.add(name)
        self._told.write(path="topic", key=name, status=202, source=name, until=body["windows"][-1]["end"])

    # ---------------------------------------------------------------------------------------------------- following

    async def follow(self) -> None:
        """Read the stream of events, from where it broke off each time, and have volunteers do what it asks of them."""
        headers = {"Accept": "text/event-stream"}
        while True:
            self._feed.write(begins=self.cursor)
            try:
                at = {"Last-Event-ID": self.cursor} if self.cursor else {}
                async with self._client.stream("GET", "/events", headers=headers | at, timeout=20) as lines:
                    if lines.status_code == 200:
                        cursor = ""
                        async for line in lines.aiter_lines():
                            if line.startswith("id: "):
                                cursor = line[4:]
                            elif line.startswith("data: "):
                                self._see(json.loads(line[6:]))
                            elif not line and cursor:  # what comes after the id is the last of its page
                                self.cursor, cursor = cursor, ""
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.5)

    def _see(self, envelope: dict[str, Any]) -> None:
        self._feed.write(zone=envelope["zone"], version=envelope["version"])
        event = envelope["event"]
        match event["kind"]:
            case "request_received":
                if event["referral"] is None:
                    self.received.add(event["spec"]["request_id"])
                    self.sources.discard(event["spec"]["source"])
            case "visit_planned":
                self._visits[event["request_id"]] = event["visit_id"]
            case "seat_offered" if self.asking or self._rng.random() < 0.9:
                self._do(self._answer(event))
            case "crew_completed":
                for who in event["crew"]:
                    self._do(self._go(event, who))
            case "visit_finished" if self._rng.random() < 0.3:
                self._do(self._rate(event))
            case "request_ended":
                self.ended.add(event["request_id"])

    async def _answer(self, offer: dict[str, Any]) -> None:
        """Say yes, no or nothing; sometimes in the very moment in which the offer expires."""
        word, left = self._rng.random(), _until(offer["expires_at"])
        if left < -60:
            return  # the stream was repeated from far back
        await asyncio.sleep(max(0.0, self._rng.choice((0.5, 2.0, 4.0, left - 0.1, left, left + 0.3))))
        name, actor = offer["offer_id"], f"volunteer:{offer['asked']}"
        if word < 0.75:
            answer = await self._insist(f"/offers/{name}/accept", f"accept-{name}", {}, actor, tries=20)
            if answer is not None and answer.get("status") == "accepted" and self._rng.random() < 0.05:
                await asyncio.sleep(self._rng.choice((1, 10)))
                path = f"/visits/{offer['visit_id']}/withdraw"
                await self._insist(path, f"withdraw-{name}", {"reason": "ill"}, actor, tries=5)
        elif word < 0.87:
            await self._insist(f"/offers/{name}/decline", f"decline-{name}", {"reason": "no"}, actor, tries=5)

    async def _go(self, visit: dict[str, Any], who: str) -> None:
        """Go there, do it, say that it is done; or stay away, and be missed or not."""
        left = _until(visit["window"]["start"])
        if left < -60:
            return
        visit_id = self._visits.get(visit["request_id"], "")
        await asyncio.sleep(max(0.0, left + self._rng.choice((0, 1, 5))))
        path, actor = f"/visits/{visit_id}", f"volunteer:{who}"
        fate = self._rng.random()
        if fate < 0.85:
            await self._insist(f"{path}/check-in", f"check-in-{visit_id}-{who}", {}, actor, tries=5)
            if fate < 0.5:
                await asyncio.sleep(max(0.0, _until(visit["window"]["end"])))
                await self._insist(f"{path}/finish", f"finish-{visit_id}-{who}", {}, actor, tries=5)
        elif fate < 0.92:
            gone = {"volunteer": who}
            await self._insist(f"{path}/no-show", f"no-show-{visit_id}-{who}", gone, "operator:op", tries=5)

    async def _rate(self, event: dict[str, Any]) -> None:
        path = f"/visits/{event['visit_id']}/rating"
        await self._insist(path, f"rate-{event['visit_id']}", {"stars": 4}, "operator:op", tries=3)

    # ------------------------------------------------------------------------------------------------------ calling

    async def _insist(
        self, path: str, key: str, body: dict[str, Any], actor: str, tries: int = 80
    ) -> dict[str, Any] | None:
        """Call under one key until there is an answer that counts; write it down."""
        headers = {"X-Actor": actor, "Idempotency-Key": key, "Prefer": "wait=5"}
        for attempt in range(tries):
            self.tries += 1
            try:
                response = await self._client.post(path, headers=headers, json=body)
                status, answer = response.status_code, response.json()
            except (httpx2.TransportError, ValueError):
                status, answer = 0, {}
            if status and status not in AGAIN and (status != 202 or path == "/requests"):
                kept = ("id", "command_id", "outcome", "code", "version")
                facts = {name: answer[name] for name in kept if name in answer}
                self._told.write(path=path, key=key, actor=actor, http=status, **facts)
                return answer if status in {200, 202} else None
            if answer.get("code") == "failed":
                self._told.write(path=path, key=key, actor=actor, http=status, failed=answer)
                return None
            await asyncio.sleep(min(6.0, 0.5 * 1.6**attempt) * (0.5 + self._rng.random()))
        return None

    def _do(self, what: Coroutine[Any, Any, None], *, gate: bool = False) -> None:
        async def done() -> None:
            try:
                await what
            finally:
                if gate:
                    self._gate.release()

        task = asyncio.create_task(done())
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    # ------------------------------------------------------------------------------------------------------ the end

    @property
    def waiting(self) -> int:
        """Requests that were acknowledged and have, as far as they were told, no end."""
        return len((self.named | self.received) - self.ended) + len(self.sources)

    async def close(self) -> None:
        for task in list(self._busy):
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)
        await self._client.aclose()
