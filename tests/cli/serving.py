"""A console with zones that decide, on a real socket in a thread of its own."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvicorn

from engine.ports import Store
from ningju.console.app import create_app
from ningju.console.services import Services
from ningju.ledger.memory import MemoryStore
from tests.console.world import SetClock
from tests.console.zone_loop import ZoneLoop

T = TypeVar("T")


class Server:
    """Starts at once; ``ask`` runs a question to the store in the server's loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self._thread.start()
        assert self._ready.wait(10)

    async def _serve(self) -> None:
        clock = SetClock()
        self._store = MemoryStore(clock)
        config = uvicorn.Config(create_app(self._store, clock, Services()), log_config=None, lifespan="off")
        self._server = uvicorn.Server(config)
        self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        zones = asyncio.create_task(ZoneLoop(self._store).run())
        serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            await asyncio.sleep(0.005)
        self._ready.set()
        await serving
        zones.cancel()
        await asyncio.wait({zones})
        await self._store.close()

    def ask(self, question: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
        """Ask the store."""
        return asyncio.run_coroutine_threadsafe(question(self._store), self._loop).result(10)

    def stop(self) -> None:
        """End the server and its thread."""
        self._server.should_exit = True
        self._thread.join(10)
        self._loop.close()
        self._socket.close()
