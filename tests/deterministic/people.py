"""Everybody outside: they send, insist, answer, come or do not, and write down what they were told."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from engine.intake import IntakeRefused, admit
from engine.ports import NewCommand, PortError
from schemas.base import derive_id
from schemas.commands import (
    AcceptOffer,
    CancelRequest,
    ChangeRequest,
    ChangeRoster,
    CheckIn,
    Command,
    DeclineOffer,
    FinishVisit,
    RateVisit,
    ReportNoShow,
    TriageRequest,
    WithdrawSeat,
)
from schemas.envelope import Actor, CommandEnvelope
from schemas.intake import RequestIn
from schemas.views import Notification
from streams.topics import Record, Topic, encode_headers
from tests.deterministic.broker import Broker
from tests.deterministic.faults import Chance
from tests.deterministic.loop import Gone, Process
from tests.deterministic.town import ZONES, founded, people, wanted
from tests.engine.builders import MONDAY, OPERATOR, by

SENDER = Actor(kind="external", id="sender")
PATIENCE_S = 8.0


class People:
    """Simulated clients.

    Attributes
    ----------
    log
        What they were told, in their own words: the checker believes it and nothing else.
    """

    def __init__(
        self,
        chance: Chance,
        broker: Broker,
        doors: Callable[[], list[Process]],
        outside: Callable[[Any], asyncio.Task],
        now: Callable[[], datetime],
    ) -> None:
        self._chance = chance
        self._rng = chance.rng
        self._broker = broker
        self._doors = doors
        self._outside = outside
        self._now = now
        self._count = 0
        self.busy = 0
        self.log: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self._known: set[UUID] = set()
        self._accepted: dict[tuple[str, UUID], str] = {}

    # ------------------------------------------------------------------------------------------------------- asking

    def start(self, what: Any) -> None:
        """Have somebody do something; the run does not end before they are done."""

        async def counted() -> None:
            self.busy += 1
            try:
                await what
            finally:
                self.busy -= 1

        self._outside(counted())

    async def _knock(self, new: NewCommand, wait_s: float) -> dict[str, Any] | None:
        """Send a command once; what was answered, or nothing."""
        doors = self._doors()
        if not doors:
            return None
        door = self._rng.choice(doors)

        async def serve() -> dict[str, Any]:
            [answer] = await door.pipeline.door.enqueue([new])
            told = {"door": answer.status, "zone": answer.zone}
            outcome = await door.store.wait(new.envelope.command_id, wait_s) if wait_s else None
            if outcome is not None:
                told |= {"status": outcome.status, "code": outcome.code, "version": outcome.after}
            return told

        try:
            return await door.ask(serve, PATIENCE_S)
        except (Gone, PortError):
            return None

    async def insist(self, new: NewCommand, *, wait_s: float = 0.0, tries: int = 60) -> dict[str, Any] | None:
        """Send a command under its one key until there is an answer, and now and then again; write down each answer."""
        answer = None
        for _ in range(tries):
            sent = self._now()
            answer = await self._knock(new, wait_s)
            if answer is not None:
                command = new.envelope.command
                self.log.append(
                    answer
                    | {
                        "sent": sent.isoformat(),
                        "at": self._now().isoformat(),
                        "what": command.kind,
                        "command_id": str(new.envelope.command_id),
                        "actor": new.envelope.actor.id,
                    }
                )
                if "status" in answer or not wait_s:
                    if self._rng.random() < 0.9:
                        break
                    continue
            await asyncio.sleep(self._rng.choice((0.2, 1.0, 4.0)))
        return answer

    async def tell(self, zone: str, command: Command, actor: Actor) -> dict[str, Any] | None:
        """Ask a zone for something and wait for its verdict."""
        self._count += 1
        command_id = derive_id("call", self._count)
        envelope = CommandEnvelope(
            command_id=command_id,
            zone=zone,
            actor=actor,
            correlation_id=command_id,
            received_at=MONDAY,
            command=command,
        )
        return await self.insist(NewCommand(envelope), wait_s=4.0, tries=8)

    # ----------------------------------------------------------------------------------------------------- requests

    async def submit(self, number: int) -> None:
        """Ask for help and insist until it is acknowledged; sometimes think better of it."""
        request = wanted(self._rng, self._now(), number)
        command_id = derive_id("need", number)
        try:
            new = admit(request, founded()[2], command_id=command_id, actor=SENDER, received_at=self._now())
        except IntakeRefused:
            return
        if await self.insist(new) is None:
            return
        zone, request_id = new.envelope.zone, new.envelope.command.spec.request_id  # type: ignore[union-attr]
        if request.service_type == "careful":
            await asyncio.sleep(self._rng.choice((1, 5, 20)))
            await self.tell(zone, TriageRequest(request_id=request_id, accept=self._rng.random() < 0.8), OPERATOR)
        fate = self._rng.random()
        if fate < 0.12:
            await asyncio.sleep(self._rng.choice((1, 30, 90)))
            await self.tell(zone, CancelRequest(request_id=request_id), SENDER)
        elif fate < 0.2:
            await asyncio.sleep(self._rng.choice((1, 30)))
            later = wanted(self._rng, self._now(), number).windows
            await self.tell(zone, ChangeRequest(request_id=request_id, windows=later), OPERATOR)

    async def send_by_topic(self, number: int, *, promised: bool) -> None:
        """Ask for help by the topic of other systems, where a broker's acknowledgement is all there is."""
        request: RequestIn = wanted(self._rng, self._now(), number)
        name = f"n-{number}"
        headers = encode_headers(id=name, type="request", source="/other")
        raw = request.dump() if self._rng.random() < 0.85 else b'{"service_type": "' + self._rng.randbytes(5)
        record = Record(name.encode(), raw, headers)
        while True:
            try:
                await self._broker.take(Topic.REQUESTS, [record])
            except PortError:
                await asyncio.sleep(1.0)
            else:
                break
        position = {"ce_id": name, "command_id": str(derive_id("command", f"/other\x1f{name}")), "promised": promised}
        self.log.append(
            {"what": "record", "at": self._now().isoformat(), "raw": raw.decode(errors="replace")} | position
        )

    async def disturb(self) -> None:
        """Change a roster: somebody leaves, pauses, or is back."""
        zone = self._rng.choice(ZONES)
        person = self._rng.choice(people(zone))
        change = (
            ChangeRoster(removed_volunteers=(person.id,))
            if self._rng.random() < 0.2
            else ChangeRoster(volunteers=(person.changed(paused=self._rng.random() < 0.4),))
        )
        await self.tell(zone, change, OPERATOR)

    # --------------------------------------------------------------------------------------------------- volunteers

    async def deliver(self, notification: Notification) -> None:
        """The notifier: a message reaches a person, or the gateway fails."""
        await self._chance.pause()
        if self._chance.of("undelivered"):
            raise ConnectionError("the gateway is away")
        self.messages.append(
            {
                "key": str(notification.key),
                "kind": notification.kind,
                "to": notification.to,
                "zone": notification.zone,
                "request_id": str(notification.request_id),
                "offer_id": str(notification.offer_id),
            }
        )
        if notification.key not in self._known:
            self._known.add(notification.key)
            if notification.kind == "offer":
                self.start(self._answer(notification))
            elif notification.kind == "confirmed" and notification.window is not None:
                self.start(self._go(notification))
        if self._chance.of("undelivered"):
            raise ConnectionError("the gateway's answer got lost")

    async def _answer(self, offer: Notification) -> None:
        """Say yes, no or nothing; sometimes in the very moment in which the offer expires."""
        assert offer.offer_id is not None
        assert offer.expires_at is not None
        word = self._rng.random()
        left = (offer.expires_at - self._now()).total_seconds()
        await asyncio.sleep(max(0.0, self._rng.choice((0.5, 3.0, left - 1.0, left, left + 0.5))))
        actor = by(offer.to)
        if word < 0.7:
            told = await self.tell(offer.zone, AcceptOffer(offer_id=offer.offer_id), actor)
            if told is not None and told.get("status") == "accepted" and self._rng.random() < 0.1:
                await asyncio.sleep(self._rng.choice((1, 20)))
                withdraw = WithdrawSeat(request_id=offer.request_id, volunteer=offer.volunteer, reason="ill")
                await self.tell(offer.zone, withdraw, by(offer.volunteer))
        elif word < 0.85:
            await self.tell(offer.zone, DeclineOffer(offer_id=offer.offer_id), actor)

    async def _go(self, visit: Notification) -> None:
        """Go there, do it, say that it is done; or stay away, and be missed or not."""
        assert visit.window is not None
        start = (visit.window.start - self._now()).total_seconds()
        await asyncio.sleep(max(0.0, start + self._rng.choice((0, 1, 10))))
        name = visit.volunteer
        if self._rng.random() < 0.85:
            await self.tell(visit.zone, CheckIn(request_id=visit.request_id, volunteer=name), by(name))
            if self._rng.random() < 0.6:
                end = (visit.window.end - self._now()) / timedelta(seconds=1)
                await asyncio.sleep(max(0.0, end))
                await self.tell(visit.zone, FinishVisit(request_id=visit.request_id, volunteer=name), by(name))
                if self._rng.random() < 0.5:
                    await self.tell(visit.zone, RateVisit(request_id=visit.request_id, stars=4), SENDER)
        elif self._rng.random() < 0.6:
            await self.tell(visit.zone, ReportNoShow(request_id=visit.request_id, volunteer=name), OPERATOR)
