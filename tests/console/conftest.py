from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from httpx2 import ASGITransport, AsyncClient

from ningju.console.access import CSRF_HEADER
from ningju.console.app import create_app
from ningju.console.services import Services
from ningju.ledger.memory import MemoryStore
from tests.console.logging_kept import logging_kept
from tests.console.world import SetClock, World, service, zone_view


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    with logging_kept(silent=False):
        yield


@pytest.fixture
def services() -> Services:
    return Services(wait_s=0.05, poll_s=0.01)


@pytest_asyncio.fixture
async def world(services: Services) -> AsyncIterator[World]:
    clock = SetClock()
    store = MemoryStore(clock)
    app = create_app(store, clock, services, hosts=["console"])
    form = {CSRF_HEADER: app.state.gate.local.csrf}  # as the pages' own forms and scripts send it
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://console", headers=form) as client:
        made = World(store, clock, client)
        await made.show(
            zone_view("north", 121.39), zone_view("south", 121.41, service(), service("talk", featured_by="south"))
        )
        yield made
    await store.close()
