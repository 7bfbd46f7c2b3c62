"""Simulated volunteers and leaders: they learn of offers through the notifier port alone, and answer by REST alone."""

import heapq
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from engine.ports import Clock
from ningju.simulation.calls import Call, Line
from ningju.simulation.residents import Book
from ningju.simulation.world import Conduct, HiddenWorld
from schemas.place import Place, TimeWindow
from schemas.views import Notification

MISSED_AFTER = timedelta(minutes=10)
RATED_AFTER = timedelta(minutes=45)


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that somebody will do at a time. ``promise`` names what must still stand for it to be done."""

    kind: str
    call: Call
    request_id: UUID
    visit_id: UUID
    volunteer: str
    start: datetime | None = None
    offer_id: UUID | None = None


@dataclass(slots=True)
class Promise:
    """What a person believes to have promised."""

    visit_id: UUID
    window: TimeWindow
    confirmed: bool = False


class People:
    """Everybody who may be asked, as a notifier on one side and as callers on the other.

    What a person does depends on nothing but the hidden world and what they were told; a message that comes twice is
    dropped by its key.
    """

    def __init__(self, world: HiddenWorld, line: Line, book: Book, clock: Clock) -> None:
        self._world = world
        self._line = line
        self._book = book
        self._clock = clock
        self._heard: set[UUID] = set()
        self._deeds: list[tuple[datetime, str, Deed]] = []
        self._off: set[UUID] = set()
        self._promises: dict[tuple[str, UUID], Promise] = {}
        self._present: dict[UUID, set[str]] = {}
        self.log: Counter[str] = Counter()

    @property
    def next_due(self) -> datetime | None:
        """When somebody acts next."""
        return self._deeds[0][0] if self._deeds else None

    async def deliver(self, notification: Notification) -> None:
        """Hear a message; a second copy is dropped."""
        if notification.key in self._heard:
            self.log["duplicates"] += 1
            return
        self._heard.add(notification.key)
        self.log[f"heard {notification.kind}"] += 1
        match notification.kind:
            case "offer":
                self._consider(notification)
            case "offer_rescinded":
                if notification.offer_id is not None:
                    self._off.add(notification.offer_id)
            case "confirmed":
                self._prepare(notification)
            case "released" | "cancelled":
                self._promises.pop((notification.volunteer, notification.request_id), None)

    async def act(self, now: datetime) -> int:
        """Do everything that is due by now; what the system puts off stays due.

        Returns
        -------
        int
            How many calls were answered for good.
        """
        due: list[tuple[datetime, str, Deed]] = []
        while self._deeds and self._deeds[0][0] <= now:
            entry = heapq.heappop(self._deeds)
            if self._stands(entry[2]):
                due.append(entry)
        replies = await self._line.post([deed.call for _, _, deed in due])
        done = 0
        for entry, reply in zip(due, replies, strict=True):
            if reply.again:
                heapq.heappush(self._deeds, entry)
                continue
            done += 1
            self.log[f"{entry[2].kind} {'taken' if reply.status in {200, 202} else 'refused'}"] += 1
            if reply.status in {200, 202}:
                self._follow(entry[2], now)
        return done

    def _consider(self, offer: Notification) -> None:
        """Make up one's mind; a leader answers for the member as the member would."""
        if offer.offer_id is None or offer.visit_id is None or offer.window is None:
            raise ValueError(f"the offer {offer.key} names no offer, visit or window")
        key, place, preferred = self._known(offer)
        answer = self._world.answer(offer.volunteer, key, place=place, preferred=preferred)
        self.log[f"mind {answer.kind}"] += 1
        if answer.kind == "silence":
            return
        verb = "accept" if answer.kind == "accept" else "decline"
        asked = "volunteer" if offer.to == offer.volunteer else "leader"
        call = Call(f"/offers/{offer.offer_id}/{verb}", f"{asked}:{offer.to}", f"{offer.offer_id}-{verb}", {})
        deed = Deed(
            verb, call, offer.request_id, offer.visit_id, offer.volunteer, offer.window.start, offer_id=offer.offer_id
        )
        if verb == "accept":
            self._promises[offer.volunteer, offer.request_id] = Promise(offer.visit_id, offer.window)
        self._plan(self._clock.now() + answer.latency, deed)

    def _prepare(self, message: Notification) -> None:
        """Hear that the crew is complete: come at the start, or do not."""
        promise = self._promises.get((message.volunteer, message.request_id))
        if promise is None:
            return
        window = message.window or promise.window
        if promise.confirmed and window.start == promise.window.start:
            return  # a mate was replaced; for this person nothing is new
        promise.confirmed, promise.window = True, window
        volunteer, request_id = message.volunteer, message.request_id
        if self._conduct(volunteer, request_id).comes:
            if volunteer not in self._present.get(promise.visit_id, ()):
                self._visit("check-in", volunteer, request_id, promise, window.start)
            self._visit("finish", volunteer, request_id, promise, window.end)
            return
        self.log["stayed away"] += 1
        if self._world.reports_absence(self._key(request_id)):
            self._visit("no-show", volunteer, request_id, promise, window.start + MISSED_AFTER)

    def _visit(self, kind: str, volunteer: str, request_id: UUID, promise: Promise, when: datetime) -> None:
        actor, body = f"volunteer:{volunteer}", {"volunteer": volunteer}
        if kind == "no-show":
            actor = f"beneficiary:{self._key(request_id)}"
        start = promise.window.start
        key = f"{promise.visit_id}-{kind}-{volunteer}-{start:%d%H%M}"
        call = Call(f"/visits/{promise.visit_id}/{kind}", actor, key, body)
        deed = Deed(kind, call, request_id, promise.visit_id, volunteer, start)
        self._plan(max(when, self._clock.now()), deed)

    def _follow(self, deed: Deed, now: datetime) -> None:
        """Go on after a call that was taken."""
        promise = self._promises.get((deed.volunteer, deed.request_id))
        if deed.kind == "accept" and promise is not None and deed.start is not None:
            withdraws = self._conduct(deed.volunteer, deed.request_id).withdraws
            if withdraws is not None:
                left = deed.start - now
                self._visit(
                    "withdraw", deed.volunteer, deed.request_id, promise, now + max(left, timedelta(0)) * withdraws
                )
        elif deed.kind == "withdraw":
            self._promises.pop((deed.volunteer, deed.request_id), None)
        elif deed.kind == "check-in":
            self._present.setdefault(deed.visit_id, set()).add(deed.volunteer)
        elif deed.kind == "finish":
            stars = self._world.stars(self._key(deed.request_id))
            if stars is not None:
                actor = f"beneficiary:{self._key(deed.request_id)}"
                key = f"{deed.call.key}-rating"
                call = Call(f"/visits/{deed.visit_id}/rating", actor, key, {"stars": stars})
                rating = Deed("rating", call, deed.request_id, deed.visit_id, deed.volunteer)
                self._plan(now + RATED_AFTER, rating)

    def _stands(self, deed: Deed) -> bool:
        """Whether the person still believes that this is theirs to do."""
        if deed.kind in {"accept", "decline"}:
            return deed.offer_id not in self._off
        if deed.kind == "rating":
            return True
        promise = self._promises.get((deed.volunteer, deed.request_id))
        if promise is None or promise.visit_id != deed.visit_id:
            return False
        if (
            deed.kind != "withdraw" and promise.window.start != deed.start
        ):  # the visit was moved; who falls ill, does so
            return False
        if deed.kind == "finish":  # one of those who came says that it is over
            present = self._present.get(deed.visit_id, set())
            return deed.volunteer == min(present, default="")
        return True

    def _plan(self, when: datetime, deed: Deed) -> None:
        heapq.heappush(self._deeds, (when, deed.call.key, deed))

    def _conduct(self, volunteer: str, request_id: UUID) -> Conduct:
        return self._world.conduct(volunteer, self._key(request_id))

    def _key(self, request_id: UUID) -> str:
        """Name a request by the simulation's own key; one that somebody else sent has only its id."""
        arrival = self._book.arrivals.get(request_id)
        return arrival.idempotency_key if arrival else str(request_id)

    def _known(self, offer: Notification) -> tuple[str, Place, bool]:
        arrival = self._book.arrivals.get(offer.request_id)
        if arrival is not None:
            return arrival.idempotency_key, arrival.place, offer.volunteer in arrival.request.preferred
        if offer.place is None:
            raise ValueError(f"the offer {offer.key} names no place")
        return self._key(offer.request_id), offer.place, False
