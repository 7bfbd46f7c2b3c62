"""A TCP proxy that can be told to cut, or to carry nothing for a while."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

CHUNK = 65_536


class Proxy:
    """Carries bytes between whoever connects to :attr:`port` and a target.

    Parameters
    ----------
    name
        Of the line, for the log of what was done to it.
    target
        Asked for the target's port with each connection: it may be another after a restart.
    """

    def __init__(self, name: str, target: Callable[[], int]) -> None:
        self.name = name
        self._target = target
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._refuses = 0
        self._stalls = 0

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        while self._ends:
            self._drop()
            await asyncio.sleep(0.01)

    async def cut(self, seconds: float) -> None:
        """Cut every connection, and each new one at once, for a while."""
        self._refuses += 1
        self._drop()
        await asyncio.sleep(seconds)
        self._refuses -= 1

    async def stall(self, seconds: float) -> None:
        """Keep the connections and carry nothing, as a network does that has lost the way; then carry what has come."""
        self._stalls += 1
        self._flows.clear()
        await asyncio.sleep(seconds)
        self._stalls -= 1
        if not self._stalls:
            self._flows.set()

    def _drop(self) -> None:
        for end in list(self._ends):
            end.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = {writer}
        self._ends |= ends
        try:
            if self._refuses:
                return
            there, back = await asyncio.open_connection("127.0.0.1", self._target())
            ends.add(back)
            self._ends |= ends
            ways = {asyncio.create_task(self._pump(reader, back)), asyncio.create_task(self._pump(there, writer))}
            _, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in left:
                way.cancel()
            await asyncio.wait(ways)
        except (OSError, KeyError):
            pass
        finally:
            self._ends -= ends
            for end in ends:
                if self._refuses:
                    end.transport.abort()
                else:
                    end.close()
                with suppress(OSError):
                    await end.wait_closed()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if self._stalls:
                    await self._flows.wait()
                writer.write(data)
                await writer.drain()


class Proxies:
    """Proxies in a process of their own, so that whoever is busy elsewhere holds up no line.

    Parameters
    ----------
    names
        Of the lines.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._process: asyncio.subprocess.Process | None = None
        self.ports: dict[str, int] = {}

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.storm.proxy", *self._names, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.ports = json.loads(await self._process.stdout.readline())

    def aim(self, name: str, port: int) -> None:
        """Tell where a line leads to from now on."""
        self._tell(["aim", name, port])

    async def cut(self, name: str, seconds: float) -> None:
        """Cut a line for a while."""
        self._tell(["cut", name, seconds])
        await asyncio.sleep(seconds)

    async def stall(self, name: str, seconds: float) -> None:
        """Have a line carry nothing for a while."""
        self._tell(["stall", name, seconds])
        await asyncio.sleep(seconds)

    async def stop(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()

    def _tell(self, words: list[object]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words).encode() + b"\n")


async def serve(names: Sequence[str]) -> None:
    """Carry until standard input ends."""
    targets: dict[str, int] = {}
    lines = {name: Proxy(name, lambda name=name: targets[name]) for name in names}  # type: ignore[misc]
    for line in lines.values():
        await line.start()
    sys.stdout.write(json.dumps({name: line.port for name, line in lines.items()}) + "\n")
    sys.stdout.flush()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    doing = set()
    while told := await reader.readline():
        what, name, value = json.loads(told)
        if what == "aim":
            targets[name] = value
        else:
            line = lines[name]
            task = asyncio.create_task((line.cut if what == "cut" else line.stall)(value))
            doing.add(task)
            task.add_done_callback(doing.discard)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))
