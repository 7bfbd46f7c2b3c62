"""What happened, read back from the ledger's events alone: the story of each request, in figures."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from engine.ports import Ledger
from schemas.envelope import EventEnvelope
from schemas.events import (
    CheckedIn,
    CrewCompleted,
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
from schemas.place import TimeWindow
from schemas.request import Need, RequestSpec, RequestState

PAGE = 5_000


@dataclass(slots=True)
class Story:
    """One request from its origin's reception to its end, wherever it was served."""

    zone: str
    spec: RequestSpec
    need: Need | None
    received_at: datetime
    ends: list[tuple[RequestState, str]] = field(default_factory=list)
    complete_at: datetime | None = None
    arrived_at: datetime | None = None
    window: TimeWindow | None = None
    crew: tuple[str, ...] = ()
    served_in: str | None = None

    @property
    def done(self) -> bool:
        """Whether the request was served."""
        return bool(self.ends) and self.ends[0][0] == RequestState.DONE


@dataclass(slots=True)
class Chronicle:
    """All stories, and how often what happened. ``events`` are in the order of each zone, zone after zone."""

    stories: dict[UUID, Story] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    events: list[EventEnvelope] = field(default_factory=list)
    unknown: set[UUID] = field(default_factory=set)

    @classmethod
    async def read(cls, ledger: Ledger) -> "Chronicle":
        """Read every zone's events and tell the stories in them."""
        chronicle = cls()
        for zone in sorted(await ledger.heads()):
            after = 0
            while records := await ledger.events(zone, after, PAGE):
                chronicle.events.extend(record.envelope for record in records)
                after = records[-1].version
        return chronicle.told()

    def told(self) -> "Chronicle":
        """Tell the stories of ``events``: origins first, so that guests find them."""
        for envelope in self.events:
            event = envelope.event
            if isinstance(event, RequestReceived) and event.referral is None:
                self.stories[event.spec.request_id] = Story(envelope.zone, event.spec, event.need, envelope.now)
        planned: dict[tuple[str, UUID], TimeWindow] = {}
        arrived: dict[tuple[str, UUID], datetime] = {}
        for envelope in self.events:
            event, now, zone = envelope.event, envelope.now, envelope.zone
            self._count(envelope)
            match event:
                case RequestEnded():
                    if (story := self._story(event.request_id)) is not None:
                        story.ends.append((event.end, event.reason))
                case VisitPlanned():
                    planned[zone, event.request_id] = event.window
                    arrived.pop((zone, event.request_id), None)
                case CrewCompleted():
                    story = self._story(event.request_id)
                    if story is not None and (story.complete_at is None or now < story.complete_at):
                        story.complete_at = now
                case CheckedIn():
                    arrived.setdefault((zone, event.request_id), now)
                case VisitFinished():
                    if (story := self._story(event.request_id)) is not None:
                        story.window = planned.get((zone, event.request_id))
                        story.arrived_at = arrived.get((zone, event.request_id))
                        story.crew, story.served_in = event.crew, zone
                case _:
                    pass
        return self

    def _story(self, request_id: UUID) -> Story | None:
        story = self.stories.get(request_id)
        if story is None:
            self.unknown.add(request_id)
        return story

    def _count(self, envelope: EventEnvelope) -> None:
        match envelope.event:
            case SeatOffered():
                self.counts["offered"] += 1
            case SeatAccepted():
                self.counts["accepted"] += 1
            case OfferEnded(how=how):
                self.counts[how] += 1
            case SeatVacated(how=how):
                self.counts[how] += 1
            case RequestReferred():
                self.counts["referrals"] += 1
            case _:
                pass
