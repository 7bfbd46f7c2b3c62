"""Small commands, events and appends, with defaults for all that a test does not care about."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from engine.ports import Decided, NewCommand, Record, RowChange, Snapshot, ZoneAppend
from schemas.base import derive_id
from schemas.commands import SubmitRequest, Tick
from schemas.envelope import GENESIS, Actor, CommandEnvelope, EventEnvelope, Outcome, event_id, record_hash
from schemas.events import RequestQueued
from schemas.person import Person
from schemas.place import Place, TimeWindow
from schemas.request import Referral, RequestSpec, RequestState
from schemas.views import Notification, OfferView, RequestView, VisitView

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
HERE = Place(lon=121.4, lat=31.2)
WINDOW = TimeWindow(start=NOON + timedelta(hours=3), end=NOON + timedelta(hours=4))
ACTOR = Actor(kind="operator", id="op1")


class StandingClock:
    """Says what it is told to."""

    def __init__(self, now: datetime = NOON) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time


def command(name: object, zone: str = "east", *, fingerprint: str = "", bounded: bool = False) -> NewCommand:
    command_id = derive_id("command", name)
    envelope = CommandEnvelope(
        command_id=command_id,
        zone=zone,
        actor=ACTOR,
        correlation_id=command_id,
        received_at=NOON - timedelta(days=1),
        command=Tick(due=NOON),
    )
    return NewCommand(envelope, fingerprint=fingerprint, bounded=bounded)


def submission(name: object, zone: str = "east", *, persons: tuple[Person, ...] = ()) -> NewCommand:
    command_id = derive_id("command", name)
    spec = RequestSpec(request_id=derive_id("request", command_id), service_type="meal", place=HERE, windows=(WINDOW,))
    envelope = CommandEnvelope(
        command_id=command_id,
        zone=zone,
        actor=ACTOR,
        correlation_id=command_id,
        received_at=NOON,
        command=SubmitRequest(spec=spec),
    )
    return NewCommand(envelope, persons=persons)


def outcome(command_id: UUID, zone: str = "east", before: int = 0, after: int = 0) -> Outcome:
    return Outcome(command_id=command_id, zone=zone, status="accepted", now=NOON, before=before, after=after)


def record(zone: str, version: int, prev_hash: str = GENESIS, cause: UUID | None = None) -> Record:
    cause = cause or derive_id("cause", zone, version)
    envelope = EventEnvelope(
        event_id=event_id(zone, version),
        zone=zone,
        version=version,
        now=NOON,
        actor=ACTOR,
        correlation_id=cause,
        causation_id=cause,
        prev_hash=prev_hash,
        event=RequestQueued(request_id=derive_id("request", cause)),
    )
    return Record(zone, version, envelope.dump(), envelope)


def decided(
    name: object, zone: str = "east", version: int = 0, *, events: int = 1, rows: tuple[RowChange, ...] = ()
) -> Decided:
    """One command's ``events`` at ``version`` + 1 and after."""
    command_id = derive_id("command", name)
    records = tuple(record(zone, version + 1 + n, cause=command_id) for n in range(events))
    return Decided(outcome(command_id, zone, version, version + events), records, rows)


def append(
    zone: str,
    version: int,
    *names: object,
    next_due: datetime | None = None,
    rows: tuple[RowChange, ...] = (),
    snapshot: Snapshot | None = None,
) -> ZoneAppend:
    """One event for each name, the rows with the first."""
    all_decided = tuple(decided(name, zone, version + n, rows=rows if n == 0 else ()) for n, name in enumerate(names))
    return ZoneAppend(zone, version, all_decided, next_due, snapshot)


def chained(zone: str, count: int) -> tuple[Record, ...]:
    """Records with an unbroken hash chain."""
    records: list[Record] = []
    for version in range(1, count + 1):
        records.append(record(zone, version, record_hash(records[-1].data) if records else GENESIS))
    return tuple(records)


def request_view(
    name: object,
    zone: str = "east",
    *,
    state: RequestState = RequestState.QUEUED,
    service_type: str = "meal",
    minutes: int = 0,
    referral: Referral | None = None,
    visit: VisitView | None = None,
) -> RequestView:
    return RequestView(
        zone=zone,
        request_id=derive_id("request", name),
        version=1,
        state=state,
        service_type=service_type,
        priority=2,
        crew=1,
        place=HERE,
        site=None,
        beneficiary=None,
        source="api",
        windows=(WINDOW,),
        respond_by=None,
        complete_by=None,
        created_at=NOON + timedelta(minutes=minutes),
        updated_at=NOON + timedelta(minutes=minutes),
        referral=referral,
        visit=visit,
    )


def visit_view(name: object) -> VisitView:
    return VisitView(visit_id=derive_id("visit", name), team="t1", window=WINDOW, seats=())


def referral(name: object, origin: str = "east") -> Referral:
    return Referral(referral_id=derive_id("referral", name), origin=origin, hop=1, expires_at=NOON)


def offer_view(name: object, request: object, volunteer: str = "v1", zone: str = "east", minutes: int = 0) -> OfferView:
    return OfferView(
        offer_id=derive_id("offer", name),
        zone=zone,
        version=1,
        request_id=derive_id("request", request),
        visit_id=derive_id("visit", request),
        seat=0,
        volunteer=volunteer,
        asked=volunteer,
        state="open",
        window=WINDOW,
        offered_at=NOON + timedelta(minutes=minutes),
        expires_at=NOON + timedelta(minutes=minutes + 30),
    )


def row(view: RequestView | OfferView) -> RowChange:
    if isinstance(view, RequestView):
        return RowChange("request", str(view.request_id), view)
    return RowChange("offer", str(view.offer_id), view)


def notification(name: object, zone: str = "east") -> Notification:
    return Notification(
        key=derive_id("notification", name),
        zone=zone,
        kind="offer",
        to="v1",
        request_id=derive_id("request", name),
        volunteer="v1",
    )
