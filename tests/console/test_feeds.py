"""Events as lines and as a stream."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ningju.console import feeds
from ningju.console.cursors import read_cursor, write_cursor
from ningju.console.pages import live
from ningju.console.services import Services
from tests.console.world import World

URL = "/api/v1/events"


def at(text: str) -> list[tuple[str, int]]:
    return [(event["zone"], event["version"]) for event in map(json.loads, text.splitlines())]


async def test_lines_are_all_events_by_zone_in_version_order(world: World) -> None:
    await world.happen("south", 3)
    await world.happen("north", 2)
    answer = await world.client.get(URL)

    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert at(answer.text) == [("north", 1), ("north", 2), ("south", 1), ("south", 2), ("south", 3)]


async def test_the_cursor_of_an_answer_goes_on_where_it_ended(world: World) -> None:
    await world.happen("south", 3)
    await world.happen("north", 2)
    seen, cursor = [], ""
    for n in range(10):
        answer = await world.client.get(URL, params={"after": cursor, "limit": 2})
        cursor = answer.headers["Ningju-Cursor"]
        seen += at(answer.text)
        if n == 1:
            await world.happen("north", 2)  # while somebody reads

    assert sorted(seen) == [("north", n) for n in (1, 2, 3, 4)] + [("south", n) for n in (1, 2, 3)]
    assert len(set(seen)) == len(seen)


async def test_one_zone_counts_by_its_version(world: World) -> None:
    await world.happen("north", 4)
    answer = await world.client.get(URL, params={"zone": "north", "after": "2"})

    assert at(answer.text) == [("north", 3), ("north", 4)]
    assert answer.headers["Ningju-Cursor"] == "4"
    assert (await world.client.get(URL, params={"after": "2"})).status_code == 422
    assert (await world.client.get(URL, params={"zone": "atlantis"})).status_code == 404


async def stream(
    world: World, services: Services, wanted: int, *, meanwhile: int = 0, **call: Any
) -> list[dict[str, str]]:
    """Read a stream that ``meanwhile`` so many events are added to, let the server drain, and expect ``wanted`` events."""
    looks, heads = 0, world.store.heads

    async def counted() -> dict[str, int]:
        nonlocal looks
        found = await heads()
        looks += 1
        return found

    async def looked(times: int) -> None:
        wanted_looks = looks + times
        while looks < wanted_looks:
            await asyncio.sleep(0.001)

    world.store.heads = counted  # type: ignore[method-assign]
    headers = {"Accept": "text/event-stream"} | call.pop("headers", {})
    task = asyncio.create_task(world.client.get(URL, headers=headers, **call))
    await asyncio.wait_for(looked(1), 60)  # it knows where it begins
    if meanwhile:
        await world.happen("north", meanwhile)
    await asyncio.wait_for(looked(3), 60)
    services.stopping.set()  # the transport gives the answer when it ends, so the server has to end it
    world.store.heads = heads  # type: ignore[method-assign]
    answer = await asyncio.wait_for(task, 60)
    assert answer.headers["content-type"].startswith("text/event-stream")
    blocks = [block for block in answer.text.split("\n\n") if "data: " in block]
    events = [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]
    assert len(events) == wanted
    services.stopping.clear()
    return events


async def test_a_broken_stream_goes_on_by_its_last_id_and_skips_nothing(world: World, services: Services) -> None:
    await world.happen("south", 2)
    await world.happen("north", 2)
    first = await stream(world, services, 4)
    ids = [event["id"] for event in first if "id" in event]
    await world.happen("north", 1)
    await world.happen("south", 1)

    assert first[0]["event"] == "request_queued"
    for taken in range(1, len(first) + 1):  # the line breaks after any event
        last = next((event["id"] for event in reversed(first[:taken]) if "id" in event), "")
        got = {tuple(json.loads(event["data"])[name] for name in ("zone", "version")) for event in first[:taken]}
        done = read_cursor(last, None)
        rest = await stream(world, services, 6 - sum(done.values()), headers={"Last-Event-ID": last})
        got |= {tuple(json.loads(event["data"])[name] for name in ("zone", "version")) for event in rest}
        assert got == {("north", n) for n in (1, 2, 3)} | {("south", n) for n in (1, 2, 3)}
    assert len(set(ids)) == len(ids)


async def test_a_stream_of_one_zone_has_its_versions_as_ids(world: World, services: Services) -> None:
    await world.happen("north", 3)
    events = await stream(world, services, 2, params={"zone": "north"}, headers={"Last-Event-ID": "1"})

    assert [event["id"] for event in events] == ["2", "3"]


async def test_a_stream_from_now_tells_only_what_comes(world: World, services: Services) -> None:
    await world.happen("north", 3)
    events = await stream(world, services, 1, meanwhile=1, params={"after": "now"})
    assert json.loads(events[0]["data"])["version"] == 4


@given(st.dictionaries(st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,20}\Z"), st.integers(0, 10**9), max_size=30))
def test_a_cursor_reads_back_as_it_was_written(versions: dict[str, int]) -> None:
    assert read_cursor(write_cursor(None, versions), None) == versions


@given(st.text(max_size=60))
def test_a_text_is_a_cursor_or_a_value_error(text: str) -> None:
    for zone in (None, "north"):
        with suppress(ValueError):
            assert isinstance(read_cursor(text, zone), dict)


def test_a_cursor_that_would_unpack_to_gigabytes_is_refused() -> None:
    import zlib
    from base64 import urlsafe_b64encode

    bomb = urlsafe_b64encode(zlib.compress(b'{"a":' + b" " * 50_000_000 + b"1}")).decode()
    with pytest.raises(ValueError, match="no cursor"):
        read_cursor(bomb, None)


@pytest.mark.parametrize("url", [URL, "/live?page=now"])
async def test_a_stream_ends_after_a_while_so_that_whoever_may_read_no_more_does_not(
    world: World, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    for module in (feeds, live):
        monkeypatch.setattr(module, "LONGEST_S", 0.05)
    await world.happen("north")
    async with asyncio.timeout(20):
        answer = await world.client.get(url, headers={"Accept": "text/event-stream"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
