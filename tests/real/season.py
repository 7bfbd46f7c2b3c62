"""Four weeks of a district as rows of the read model, behind the pages: figures want more than a few requests."""

import asyncio
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import uvicorn

from engine.ports import RowChange
from ningju.console.app import create_app
from ningju.console.services import Services
from ningju.ledger.memory import MemoryStore
from schemas.base import Label, derive_id
from schemas.place import Place, TimeWindow
from schemas.request import RequestState
from schemas.roster import Team, Volunteer, WeeklySlot
from schemas.views import TeamView, VolunteerView
from tests.console.world import NOW, SetClock, offer_of, offered, service, zone_view

ZONES = {
    "huayang": "华阳路街道",
    "tianshan": "天山路街道",
    "xianxia": "仙霞新村街道",
    "hongqiao": "虹桥街道",
    "xinjing": "新泾镇",
}
SERVICES = {
    "elder-visit": ("助老探访", "Visit to an elder"),
    "talk": ("理论宣讲与老干部形势任务报告讲座", "Talk on current affairs"),
    "sorting": ("垃圾分类值守", "Waste sorting duty"),
    "law": ("公益维权咨询", "Legal advice"),
}
PEOPLE, REQUESTS = 40, 900
HERE = Place(lon=121.4, lat=31.2)


def season(seed: int = 3) -> MemoryStore:
    """The rows."""
    chance, clock = random.Random(seed), SetClock()
    store = MemoryStore(clock)
    hours = (WeeklySlot(weekday=0, start_min=0, end_min=60),)
    services = [service(name).changed(name=Label(zh=zh, en=en)) for name, (zh, en) in SERVICES.items()]
    for number, (zone, name) in enumerate(ZONES.items()):
        view = zone_view(zone, 121.36 + number * 0.02, *services)
        store.write_row(zone, RowChange("zone", zone, view.changed(name=Label(zh=name, en=zone.title()))))
        team = Team(id=f"t-{zone}", zone=zone, name=Label(zh=f"{name}志愿服务队", en=f"Team {zone.title()}"), base=HERE)
        store.write_row(zone, RowChange("team", team.id, TeamView(zone=zone, version=1, team=team)))
        for one in range(PEOPLE):
            person = Volunteer(id=f"{zone}-{one}", team=team.id, home=HERE, weekly=hours)
            store.write_row(
                zone, RowChange("volunteer", person.id, VolunteerView(zone=zone, version=1, volunteer=person))
            )
    for number in range(REQUESTS):
        _request(store, chance, number)
    return store


def _request(store: MemoryStore, chance: random.Random, number: int) -> None:
    """One request, and how people answered."""
    zone = chance.choice(list(ZONES))
    place = list(ZONES).index(zone)
    lon, lat = 121.37 + place * 0.02 + chance.uniform(-0.012, 0.012), 31.21 + chance.uniform(-0.01, 0.01)
    end = chance.choices(
        [RequestState.DONE, RequestState.UNSERVED, RequestState.CANCELLED, RequestState.QUEUED],
        [8, 1 + place % 3, 0.5, 0.5],
    )[0]
    made = NOW - timedelta(hours=chance.uniform(0, 27 * 24))
    window = TimeWindow(start=made + timedelta(hours=6), end=made + timedelta(hours=7))
    row = offered(
        zone,
        f"season-{number}",
        service_type=chance.choice(list(SERVICES)),
        created_at=made,
        state=end,
        windows=(window,),
        place=Place(lon=lon, lat=lat),
    )
    asked = offer_of(row)
    assert row.visit is not None
    served = {
        "visit": row.visit.changed(team=f"t-{zone}", window=window),
        "started_at": window.start + timedelta(minutes=chance.choice([0, 5, 10, 20])),
        "accepted_at": made + timedelta(minutes=chance.expovariate(1 / 90)),
    }
    row = row.changed(**(served if end is RequestState.DONE else {"visit": None}))
    store.write_row(zone, RowChange("request", str(row.request_id), row))
    for turn in range(chance.randint(1, 3)):
        answer = ("accepted", "declined", "expired")[turn if end is RequestState.DONE else 1]
        who = f"{zone}-{min(PEOPLE - 1, int(chance.expovariate(0.1)))}"
        offer = asked.changed(offer_id=derive_id("season", number, turn), volunteer=who, state=answer)
        store.write_row(zone, RowChange("offer", str(offer.offer_id), offer))


@contextmanager
def console(store: MemoryStore, services: Services | None = None) -> Iterator[str]:
    """Serve the pages over these rows; their address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = create_app(store, SetClock(), services, hosts=["127.0.0.1"])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()
