"""The audit: orders and dead letters in one list by time, narrowed by the address, which the export follows."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from engine.ports import ClosedQuery, DeadLetter, Store
from ningju.bootstrap.operating import Letters
from ningju.console.pages import audit
from ningju.console.services import Services
from ningju.ledger.inspection import Closing
from ningju.ledger.memory import MemoryStore
from schemas.base import derive_id
from schemas.commands import CancelRequest, PinVisit
from schemas.envelope import Actor
from tests.console.world import NOW, World, offered

WANG = Actor(kind="operator", id="wang")


@pytest.fixture
def services() -> Services:
    """Letters of the store that the world opens after its services."""
    holder: list[Store] = []

    class Late(Letters):
        def __init__(self) -> None:
            super().__init__(lambda: holder[0], None)  # type: ignore[arg-type, return-value]

        def of(self, store: Store) -> None:
            holder.append(store)

    return Services(wait_s=0, letters=Late())


@pytest.fixture
async def busy(world: World, services: Services) -> World:
    """Two letters dealt with between two orders."""
    services.letters.of(world.store)  # type: ignore[union-attr]
    row = offered()
    await world.show(row)
    await world.order("north", PinVisit(request_id=row.request_id, reason="promised"))
    assert isinstance(world.store, MemoryStore)
    for number in (1, 2):
        await world.store.dead_letter(DeadLetter("ningju.requests", 0, number, "'Mrs Li' is no JSON", b"Mrs Li"))
    world.clock.time = NOW + timedelta(hours=1)
    assert (await world.client.post("/letters/1", data={"what": "discard", "reason": "a test"})).status_code == 303
    world.clock.time = NOW + timedelta(hours=2)
    cancel = CancelRequest(request_id=derive_id("request", "r2"), reason="moved away")
    await world.order("south", cancel, actor=WANG)
    return world


async def rows(world: World, query: str = "") -> list[str]:
    text = (await world.client.get(f"/audit?lang=en{query}")).text
    body = text.partition("<tbody>")[2].partition("</tbody>")[0]
    return [
        next(word for word in ("Cancel the request", "put away", "sent again", "Pin") if word in row)
        for row in body.split("<tr>")[1:]
    ]


async def lines(world: World, query: str = "") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (await world.client.get(f"/audit/export?{query}")).text.splitlines()]


async def test_letters_that_were_dealt_with_stand_among_the_orders(busy: World) -> None:
    assert await rows(busy) == ["Cancel the request", "put away", "Pin"]
    text = (await busy.client.get("/audit?lang=en")).text
    row = next(row for row in text.partition("<tbody>")[2].split("<tr>") if "put away" in row)
    for said in ("Operator local", "a test", "Letter 1", "Today 10:00"):
        assert said in row
    assert "Mrs Li" not in text  # nobody may stand in the audit by name
    told = await lines(busy)
    assert ["letter" in line for line in told] == [False, True, False]
    assert told[1]["closing"] == {
        "how": "discarded",
        "by": "operator:local",
        "at": (NOW + timedelta(hours=1)).isoformat(),
        "reason": "a test",
        "replayed_as": None,
    }
    assert "Mrs Li" not in json.dumps(told)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("actor=operator:wang", ["Cancel the request"]),
        ("actor=wang", ["Cancel the request"]),
        ("actor=local", ["put away", "Pin"]),
        ("kind=pin_visit", ["Pin"]),
        ("kind=letter_discarded", ["put away"]),
        ("kind=letter_replayed", []),
        (f"request={offered().request_id}", ["Pin"]),
        (f"request={str(derive_id('request', 'r2'))[:8]}", ["Cancel the request"]),
        ("since=2026-03-02T10:00", ["Cancel the request", "put away"]),
        ("until=2026-03-02T10:00", ["Pin"]),
        ("since=2026-03-02T10:00&until=2026-03-02T10:30&actor=local", ["put away"]),
        ("kind=nonsense&request=%25&since=yesterday&before=x_y_z", ["Cancel the request", "put away", "Pin"]),
    ],
)
async def test_the_address_says_which_and_the_export_follows_it(busy: World, query: str, wanted: list[str]) -> None:
    assert await rows(busy, f"&{query}") == wanted
    assert len(await lines(busy, query)) == len(wanted)
    text = (await busy.client.get(f"/audit?lang=en&{query}")).text
    export = text.partition('href="/audit/export')[2].partition('"')[0].replace("&amp;", "&")
    asked = {
        name: value for name, value in parse_qs(query).items() if name in ("actor", "kind", "request", "since", "until")
    }
    assert parse_qs(urlsplit(export).query) == asked


async def test_page_by_page_nothing_is_shown_twice_and_nothing_left_out(
    busy: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "ROWS", 1)
    monkeypatch.setattr(audit, "EXPORT", 1)
    seen, query = [], ""
    for _ in range(3):
        seen += await rows(busy, query)
        text = (await busy.client.get(f"/audit?lang=en{query}")).text
        following = text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
        query = "&" + urlsplit(following).query
    assert seen == ["Cancel the request", "put away", "Pin"]
    assert query == "&"
    assert [next(iter(line)) for line in await lines(busy)] == ["command", "letter", "command"]


async def test_a_letter_sent_again_leads_to_the_request_that_came_of_it(busy: World) -> None:
    await busy.happen("north")
    row = await busy.order("north", CancelRequest(request_id=derive_id("request", "r3")))
    closing = Closing("replayed", "Li at the desk", "was late", row)
    assert await busy.store.close_letter(2, closing)  # type: ignore[attr-defined]
    (kept,) = await busy.store.closed_letters(ClosedQuery(limit=1))  # type: ignore[attr-defined]
    assert kept.number == 2
    text = (await busy.client.get("/audit?lang=en&kind=letter_replayed")).text
    assert f'href="/request/{derive_id("request", "r3")}"' in text
    assert "Li at the desk" in text  # the command line says who, in any words
    assert "was late" in text
