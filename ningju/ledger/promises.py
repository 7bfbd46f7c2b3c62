"""The promises, read off the events alone: one end for each request, no two holds on a volunteer that overlap."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from schemas.envelope import EventEnvelope
from schemas.events import (
    OfferEnded,
    ReferralEnded,
    RequestEnded,
    RequestReceived,
    SeatAccepted,
    SeatOffered,
    SeatVacated,
    VisitFinished,
    VisitPlanned,
)
from schemas.place import TimeWindow


@dataclass(slots=True)
class Hold:
    """A volunteer's time that an offer or a taken seat blocks, from when to when it did."""

    zone: str
    version: int
    request_id: UUID
    window: TimeWindow
    since: datetime
    until: datetime | None = None

    def collides(self, other: "Hold") -> bool:
        """Whether both blocked the same time at the same moment; what was let go at once blocked nothing."""
        both_since = max(self.since, other.since)
        return self.window.overlaps(other.window) and all(
            hold.until is None or both_since < hold.until for hold in (self, other)
        )


@dataclass(slots=True)
class Promises:
    """Takes events zone by zone, in order, and says which break a promise; ``finish`` looks across zones.

    ``open`` are the requests of each zone, as their origin, that have not ended.
    """

    received: set[UUID] = field(default_factory=set)
    ended: set[UUID] = field(default_factory=set)
    open: dict[str, set[UUID]] = field(default_factory=dict)
    _live: dict[tuple[str, UUID], dict[str, Hold]] = field(default_factory=dict)
    _offered: dict[UUID, str] = field(default_factory=dict)
    _holds: dict[str, list[Hold]] = field(default_factory=dict)

    def take(self, envelope: EventEnvelope) -> str | None:
        """Take one event; the breach that it is, if it is one."""
        event = envelope.event
        match event:
            case RequestReceived(referral=None):
                if event.spec.request_id in self.received:
                    return f"request {event.spec.request_id} was received twice"
                self.received.add(event.spec.request_id)
                self.open.setdefault(envelope.zone, set()).add(event.spec.request_id)
            case RequestEnded():
                if event.request_id in self.ended:
                    return f"request {event.request_id} ended twice"
                if event.request_id not in self.open.get(envelope.zone, ()):
                    return f"request {event.request_id} ended in {envelope.zone} without having been received there"
                self.open[envelope.zone].discard(event.request_id)
                self.ended.add(event.request_id)
                self._release(envelope, event.request_id)
            case VisitFinished() | ReferralEnded():
                self._release(envelope, event.request_id)
            case VisitPlanned():
                for volunteer in list(self._live.get((envelope.zone, event.request_id), {})):
                    self._release(envelope, event.request_id, volunteer)
                    self._hold(envelope, event.request_id, volunteer, event.window)
            case SeatOffered():
                self._offered[event.offer_id] = event.volunteer
                self._hold(envelope, event.request_id, event.volunteer, event.window)
            case SeatAccepted():
                return self._accept(envelope, event)
            case OfferEnded() | SeatVacated():
                self._release(envelope, event.request_id, event.volunteer)
            case _:
                pass
        return None

    def finish(self) -> Iterator[str]:
        """Find double bookings, across all zones."""
        for volunteer, holds in sorted(self._holds.items()):
            holds.sort(key=lambda hold: (hold.window.start, hold.zone, hold.version))
            near: list[Hold] = []
            for hold in holds:
                near = [other for other in near if other.window.end > hold.window.start]
                for other in near:
                    if hold.collides(other):
                        yield (
                            f"volunteer {volunteer} was held twice: {other.zone}/{other.version} for {other.request_id}"
                            f" and {hold.zone}/{hold.version} for {hold.request_id}"
                        )
                near.append(hold)

    def _hold(self, envelope: EventEnvelope, request_id: UUID, volunteer: str, window: TimeWindow) -> None:
        hold = Hold(envelope.zone, envelope.version, request_id, window, envelope.now)
        self._live.setdefault((envelope.zone, request_id), {})[volunteer] = hold
        self._holds.setdefault(volunteer, []).append(hold)

    def _accept(self, envelope: EventEnvelope, event: SeatAccepted) -> str | None:
        """A leader may have named somebody else than was offered: the hold goes over to them."""
        asked = self._offered.get(event.offer_id)
        hold = self._live.get((envelope.zone, event.request_id), {}).get(asked or "")
        if asked is None or hold is None:
            return f"{envelope.zone}/{envelope.version}: a seat was taken that was not on offer"
        if asked != event.volunteer:
            self._release(envelope, event.request_id, asked)
            self._hold(envelope, event.request_id, event.volunteer, hold.window)
        return None

    def _release(self, envelope: EventEnvelope, request_id: UUID, volunteer: str | None = None) -> None:
        """End the holds of a request: one volunteer's, or all."""
        live = self._live.get((envelope.zone, request_id), {})
        for name in list(live) if volunteer is None else [volunteer]:
            hold = live.pop(name, None)
            if hold is not None:
                hold.until = envelope.now
