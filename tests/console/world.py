"""A console on the in-memory store, with two zones that rows alone make known."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from httpx2 import AsyncClient

from engine.ports import Decided, NewCommand, Record, RowChange, Store, ZoneAppend
from schemas.base import Label, derive_id
from schemas.catalogue import ServiceType, Site, SkillDemand
from schemas.commands import Command
from schemas.envelope import Actor, CommandEnvelope, EventEnvelope, Outcome
from schemas.events import Event, ItemRefused, RequestQueued, RequestReceived
from schemas.place import Place, TimeWindow
from schemas.request import Need, RequestSpec, RequestState
from schemas.views import OfferView, RequestView, SeatView, TeamView, VisitView, VolunteerView, ZoneView
from schemas.zone import Policy, ZoneConfig

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # a Monday, 09:00 in Shanghai
INSIDE = {"lon": 121.4012345, "lat": 31.2112345}

Row = ZoneView | RequestView | OfferView | TeamView | VolunteerView


@dataclass
class SetClock:
    """A clock that stands where it is put."""

    time: datetime = NOW

    def now(self) -> datetime:
        return self.time


def square(west: float, south: float, side: float = 0.02) -> tuple[tuple[tuple[float, float], ...], ...]:
    east, north = west + side, south + side
    return (((west, south), (east, south), (east, north), (west, north), (west, south)),)


def label(text: str) -> Label:
    return Label(zh=text, en=text)


def service(name: str = "elder-visit", **fields: Any) -> ServiceType:
    defaults: dict[str, Any] = {
        "id": name,
        "name": label(name),
        "demands": (SkillDemand(skill="care"),),
        "duration_s": 3_600,
    }
    return ServiceType(**(defaults | fields))


def zone_view(zone: str, west: float, *services: ServiceType, version: int = 1) -> ZoneView:
    config = ZoneConfig(id=zone, name=label(zone), level="subdistrict", boundary=square(west, 31.20))
    site = Site(id=f"{zone}-home", zone=zone, name=label("site"), place=Place(lon=west + 0.01, lat=31.21))
    return ZoneView(
        zone=zone,
        version=version,
        name=config.name,
        level=config.level,
        config=config,
        policy=Policy(),
        service_types=services or (service(),),
        sites=(site,),
    )


def need(**fields: Any) -> dict[str, Any]:
    """A request that can be taken in, as JSON; a field given as ``None`` is left out."""
    start = NOW + timedelta(hours=4)
    whole = {
        "service_type": "elder-visit",
        "place": INSIDE,
        "windows": [{"start": start.isoformat(), "end": (start + timedelta(hours=3)).isoformat()}],
    } | fields
    return {name: value for name, value in whole.items() if value is not None}


def window(start_h: float, end_h: float) -> dict[str, str]:
    return {
        "start": (NOW + timedelta(hours=start_h)).isoformat(),
        "end": (NOW + timedelta(hours=end_h)).isoformat(),
    }


def offered(zone: str = "north", name: str = "r1", *, volunteer: str = "v1", **fields: Any) -> RequestView:
    """A row of a request with one offered seat."""
    request_id, when = derive_id("request", name), TimeWindow(start=NOW, end=NOW + timedelta(hours=1))
    seat = SeatView(
        seat=0, skill="care", level=1, state="offered", volunteer=volunteer, offer_id=derive_id("offer", name)
    )
    defaults: dict[str, Any] = {
        "zone": zone,
        "request_id": request_id,
        "version": 5,
        "state": RequestState.OFFERED,
        "service_type": "elder-visit",
        "priority": 2,
        "crew": 1,
        "place": Place(lon=121.401, lat=31.211),
        "site": None,
        "beneficiary": None,
        "source": "api",
        "windows": (when,),
        "respond_by": NOW + timedelta(hours=2),
        "complete_by": None,
        "created_at": NOW,
        "updated_at": NOW,
        "visit": VisitView(visit_id=derive_id("visit", name), team="t1", window=when, seats=(seat,)),
    }
    return RequestView(**(defaults | fields))


def need_of(row: RequestView) -> Need:
    """What a row's request needs: one who cares, and one who lifts."""
    return Need(
        service_type=row.service_type,
        place=row.place,
        windows=row.windows,
        demands=(SkillDemand(skill="care"), SkillDemand(skill="lift")),
        duration_s=3_600,
        priority=row.priority,
        reach_m=None,
        notice_s=3_600,
        quiet_hours=True,
        offered_to="volunteer",
        one_team=True,
        respond_by=NOW,
        complete_by=NOW,
    )


def received(row: RequestView) -> RequestReceived:
    """How a row's request began."""
    spec = RequestSpec(
        request_id=row.request_id, service_type=row.service_type, place=row.place, windows=row.windows, source="phone"
    )
    return RequestReceived(spec=spec, need=need_of(row))


def offer_of(row: RequestView) -> OfferView:
    assert row.visit is not None
    seat = row.visit.seats[0]
    assert seat.offer_id is not None
    assert seat.volunteer is not None
    return OfferView(
        offer_id=seat.offer_id,
        zone=row.zone,
        version=row.version,
        request_id=row.request_id,
        visit_id=row.visit.visit_id,
        seat=0,
        volunteer=seat.volunteer,
        asked=seat.volunteer,
        state="open",
        window=row.visit.window,
        offered_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
    )


@dataclass
class World:
    """Console, store and clock, and a zone that says what it is told to say."""

    store: Store
    clock: SetClock
    client: AsyncClient
    heads: dict[str, int] = field(default_factory=dict)

    async def show(self, *rows: Row) -> None:
        """Put rows into the read model, by a commit as any other."""
        for row in rows:
            table, key = _key(row)
            command_id = derive_id("row", table, key, row.zone, row.version, self.heads.get(row.zone, 0))
            await self._commit(row.zone, command_id, "accepted", rows=(RowChange(table, key, row),))

    async def happen(self, zone: str, count: int = 1, event: Event | None = None, *, reason: str = "") -> None:
        """Append events to a zone's ledger: this one, or any."""
        for _ in range(count):
            version = self.heads.setdefault(zone, 0) + 1
            envelope = self._envelope(
                zone, version, event or RequestQueued(request_id=derive_id("request", zone, version)), reason
            )
            record = Record(zone, version, envelope.dump(), envelope)
            await self._commit(zone, derive_id("happen", zone, version), "accepted", records=(record,))

    async def order(self, zone: str, asked: Command, *events: Event, actor: Actor | None = None) -> UUID:
        """An operator's order that has been taken, and the events that came of it."""
        version = self.heads.setdefault(zone, 0)
        envelope = CommandEnvelope(
            command_id=derive_id("order", zone, version),
            zone=zone,
            actor=actor or Actor(kind="operator", id="local"),
            correlation_id=getattr(asked, "request_id", derive_id("c")),
            received_at=self.clock.now(),
            command=asked,
        )
        await self.store.enqueue([NewCommand(envelope)])
        records = []
        for number, event in enumerate(events, start=version + 1):
            made = self._envelope(zone, number, event)
            records.append(Record(zone, number, made.dump(), made))
        await self._commit(zone, envelope.command_id, "accepted", records=tuple(records))
        return envelope.command_id

    def _envelope(self, zone: str, version: int, event: Event, reason: str = "") -> EventEnvelope:
        return EventEnvelope(
            event_id=derive_id("event", zone, version),
            zone=zone,
            version=version,
            now=self.clock.now(),
            actor=Actor(kind="system", id="test"),
            reason=reason,
            correlation_id=derive_id("c"),
            causation_id=derive_id("c"),
            prev_hash="0" * 64,
            event=event,
        )

    async def open(self) -> list[CommandEnvelope]:
        """Every command at the door."""
        return [CommandEnvelope.read(row.data) for row in await self.store.open_commands()]

    async def decide(
        self, status: str = "accepted", code: str = "", detail: str = "", refused: tuple[ItemRefused, ...] = ()
    ) -> int:
        """Give every open command the same outcome."""
        rows = await self.store.open_commands()
        for row in rows:
            await self._commit(row.zone, row.command_id, status, code, detail, refused=refused)
        return len(rows)

    async def _commit(
        self,
        zone: str,
        command_id: UUID,
        status: Any,
        code: str = "",
        detail: str = "",
        rows: tuple[RowChange, ...] = (),
        records: tuple[Record, ...] = (),
        refused: tuple[ItemRefused, ...] = (),
    ) -> None:
        head = self.heads.setdefault(zone, 0)
        outcome = Outcome(
            command_id=command_id,
            zone=zone,
            status=status,
            code=code,
            detail=detail,
            now=self.clock.now(),
            before=head,
            after=head + len(records),
            refused=refused,
        )
        await self.store.commit([ZoneAppend(zone, head, (Decided(outcome, records, rows),), None)])
        self.heads[zone] = head + len(records)


def _key(row: Row) -> tuple[Any, str]:
    match row:
        case TeamView():
            return "team", row.team.id
        case VolunteerView():
            return "volunteer", row.volunteer.id
        case ZoneView():
            return "zone", row.zone
        case RequestView():
            return "request", str(row.request_id)
        case OfferView():
            return "offer", str(row.offer_id)
