"""What stands between the roles and what they need: it carries, cuts and stalls."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest

from tests.storm.proxy import Proxies, Proxy


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(100):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


@pytest.fixture
async def there() -> AsyncIterator[int]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
async def proxy(there: int) -> AsyncIterator[Proxy]:
    proxy = Proxy("line", lambda: there)
    await proxy.start()
    yield proxy
    await proxy.stop()


Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[int], Awaitable[Line]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Open lines that are closed after the test."""
    lines: list[Line] = []

    async def connected(port: int) -> Line:
        lines.append(await asyncio.open_connection("127.0.0.1", port))
        return lines[-1]

    yield connected
    for _, writer in lines:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, word: bytes) -> bytes:
    writer.write(word)
    async with asyncio.timeout(5):
        return await reader.readexactly(len(word))


async def test_a_line_carries_both_ways(proxy: Proxy, connect: Connect) -> None:
    line = await connect(proxy.port)
    assert await said(*line, b"hello") == b"hello"


async def test_a_cut_ends_what_is_open_and_what_is_opened_meanwhile_and_nothing_after_it(
    proxy: Proxy, connect: Connect
) -> None:
    reader, writer = await connect(proxy.port)
    await said(reader, writer, b"hello")
    cutting = asyncio.create_task(proxy.cut(0.3))
    with suppress(ConnectionError):
        assert await reader.read(1) == b""
    other, end = await connect(proxy.port)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await said(other, end, b"hello")
    await cutting
    line = await connect(proxy.port)
    assert await said(*line, b"again") == b"again"


async def test_a_stall_keeps_the_connection_and_what_was_said_comes_later(proxy: Proxy, connect: Connect) -> None:
    line = await connect(proxy.port)
    await said(*line, b"hello")
    stalling = asyncio.create_task(proxy.stall(0.3))
    await asyncio.sleep(0.05)
    began = asyncio.get_running_loop().time()
    assert await said(*line, b"again") == b"again"
    assert asyncio.get_running_loop().time() - began > 0.15
    await stalling


async def test_lines_of_a_process_of_their_own_are_aimed_and_cut_from_outside(there: int, connect: Connect) -> None:
    proxies = Proxies(("line",))
    await proxies.start()
    try:
        proxies.aim("line", there)
        await asyncio.sleep(0.1)
        reader, writer = await connect(proxies.ports["line"])
        assert await said(reader, writer, b"hello") == b"hello"
        await proxies.cut("line", 0.1)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await said(reader, writer, b"again")
    finally:
        await proxies.stop()
