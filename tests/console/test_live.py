"""Pages that hear of what changes: one watcher, written once, and a stream that goes on where it broke off."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from starlette.requests import Request

from engine.ports import DeadLetter
from ningju.console.cursors import write_cursor
from ningju.console.pages import live, now
from ningju.console.pages.frame import Frame
from ningju.console.pages.live import Live
from ningju.console.services import Services, Site
from schemas.base import derive_id
from tests.console.world import World


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "EVERY_S", 0.02)


async def frame_of(site: Site, language: str = "en") -> Frame:
    query = f"lang={language}".encode()
    request = Request({"type": "http", "method": "GET", "path": "/live", "query_string": query, "headers": []})
    return Frame(request, site, await site.directory(), await site.views())


async def following(stream: AsyncIterator[bytes], marker: bytes) -> bytes:
    """Read until a message holds the marker."""
    seen = b""
    async with asyncio.timeout(5):
        async for part in stream:
            seen += part
            if marker in part:
                return seen
    raise AssertionError(seen)


@pytest.fixture
def site(world: World, services: Services) -> Site:
    return Site(world.store, world.clock, services)


async def test_a_change_is_told_to_all_and_written_once(
    world: World, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    render = Frame.render

    def counted(self: Frame, template: str, **context: object) -> str:
        written.append(template)
        return render(self, template, **context)

    heads = site.heads

    async def slow() -> dict[str, int]:
        await asyncio.sleep(0)  # as a database is: others come in between
        return await heads()

    monkeypatch.setattr(Frame, "render", counted)
    monkeypatch.setattr(site, "heads", slow)
    watcher = Live(site)
    streams = [watcher.listen(await frame_of(site), "other", {}) for _ in range(20)]
    assert set(await asyncio.gather(*(anext(stream) for stream in streams))) == {b"retry: 2000\n\n"}
    assert [task.get_name() for task in asyncio.all_tasks()].count("live") == 1
    await world.happen("north")
    name = f"event: request-{derive_id('request', 'north', 1)}".encode()
    told = await asyncio.gather(*(following(stream, name) for stream in streams))
    assert len(set(told)) == 1
    assert written == ["changed.html"]
    assert b"event: queue\ndata: <a" in told[0]
    for stream in streams:
        await stream.aclose()


async def test_the_board_is_pushed_in_each_language(world: World, site: Site) -> None:
    watcher = Live(site)
    english = watcher.listen(await frame_of(site, "en"), "now", {})
    chinese = watcher.listen(await frame_of(site, "zh"), "now", {})
    await asyncio.gather(anext(english), anext(chinese))
    await world.happen("south", 3)
    assert b"Needs a person" in await following(english, b"event: now")
    assert "需要人处理".encode() in await following(chinese, b"event: now")
    await english.aclose()
    await chinese.aclose()


async def test_a_stream_goes_on_where_it_broke_off(world: World, site: Site) -> None:
    await world.happen("north", 2)
    before = await world.store.heads()
    await world.happen("north")
    stream = Live(site).listen(await frame_of(site), "other", before)
    told = await following(stream, b"event: seen")
    assert f"request-{derive_id('request', 'north', 3)}".encode() in told
    assert str(derive_id("request", "north", 2)).encode() not in told
    assert f"id: {write_cursor(None, await world.store.heads())}".encode() in told
    await stream.aclose()


async def test_a_board_that_was_away_is_shown_anew(world: World, site: Site) -> None:
    await world.happen("north", 2)
    before = await world.store.heads()
    await world.happen("north")
    stream = Live(site).listen(await frame_of(site), "now", before)
    told = await following(stream, b"event: seen")
    assert b"event: now" in told
    assert f"id: {write_cursor(None, await world.store.heads())}".encode() in told
    await stream.aclose()


async def test_after_many_events_everything_counts_as_changed(
    world: World, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LOOKED_THROUGH", 3)
    before = await world.store.heads()
    await world.happen("north", 5)
    stream = Live(site).listen(await frame_of(site), "other", before | {"south": 0, "x": 1})
    assert b"event: request-all" in await following(stream, b"event: seen")
    await stream.aclose()


async def test_the_stream_ends_when_the_server_drains(world: World, services: Services, site: Site) -> None:
    stream = Live(site).listen(await frame_of(site), "other", {})
    await anext(stream)
    services.stopping.set()
    async with asyncio.timeout(5):
        assert [part async for part in stream] == []


async def test_a_board_on_which_nothing_happens_does_not_grow_old(
    world: World, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "FRESH_S", 0.1)
    monkeypatch.setattr(Site, "PULSE_S", 0.0)
    services = replace(site.services, letters=object())  # type: ignore[arg-type]  # here they are only counted
    site = Site(world.store, world.clock, services)
    stream = Live(site).listen(await frame_of(site), "now", {})
    await anext(stream)
    await world.store.dead_letter(DeadLetter("ningju.requests", 0, 1, "unreadable", b"x"))  # no event
    assert b"Look at 1 dead letters" in await following(stream, b"event: now")
    await stream.aclose()


async def test_the_store_is_asked_once_for_all_languages(
    world: World, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    look = now.look

    async def counted(site: Site) -> now.Board:
        asked.append(site)
        return await look(site)

    monkeypatch.setattr(now, "look", counted)
    watcher = Live(site)
    streams = [watcher.listen(await frame_of(site, language), "now", {}) for language in ("en", "zh")]
    await asyncio.gather(*(anext(stream) for stream in streams))
    await world.happen("south")
    await asyncio.gather(*(following(stream, b"event: now") for stream in streams))
    assert len(asked) == 1
    for stream in streams:
        await stream.aclose()
