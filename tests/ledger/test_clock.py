"""One clock for all: the database's. A host that is ten minutes off expires nothing early and lets nothing live longer."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from ningju.ledger.inspection import InspectableStore
from ningju.ledger.opening import open_store
from ningju.ledger.settings import StoreSettings
from tests.ledger.builders import append, command

OFF = timedelta(minutes=10)
NEAR = timedelta(minutes=2)


class Wrong:
    """The clock of a host that is off."""

    def __init__(self, off: timedelta) -> None:
        self._off = off

    def now(self) -> datetime:
        return datetime.now(UTC) + self._off


@pytest.fixture(params=[OFF, -OFF], ids=["fast", "slow"])
async def store(request: pytest.FixtureRequest, postgres_url: str) -> AsyncIterator[InspectableStore]:
    opened = await open_store(postgres_url, Wrong(request.param), StoreSettings())
    yield opened
    await opened.close()


async def test_what_enters_is_stamped_by_the_database_however_wrong_the_host_is(store: InspectableStore) -> None:
    before = datetime.now(UTC)
    (answer,) = await store.enqueue([command("a")])
    assert before - NEAR < answer.received_at < datetime.now(UTC) + NEAR


async def test_a_timer_is_due_by_the_databases_clock_neither_early_nor_late(store: InspectableStore) -> None:
    now = datetime.now(UTC)
    await store.commit(
        [append("over", 0, "a", next_due=now - OFF / 2), append("ahead", 0, "b", next_due=now + OFF / 2)]
    )
    assert [due.zone for due in await store.due_zones()] == ["over"]
