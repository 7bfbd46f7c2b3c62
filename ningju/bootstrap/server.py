"""The web server inside this process's event loop; signals are the process's own business."""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI


class LoopbackTaken(OSError):
    """The port is in use."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"{host}:{port} is in use; stop what listens there, or choose another with --port")


class WebServer(uvicorn.Server):
    """Serves an application on a socket that is bound beforehand, so that port 0 gets a name.

    Raises
    ------
    LoopbackTaken
        When the port is in use.
    """

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        super().__init__(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_keep_alive=30))
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
        except OSError as taken:
            self._socket.close()
            raise LoopbackTaken(host, port) from taken
        name = f"[{host}]" if family == socket.AF_INET6 else host
        self.address = f"http://{name}:{self._socket.getsockname()[1]}"

    async def run_until_told(self) -> None:
        """Serve until ``should_exit`` is set."""
        try:
            await self.serve(sockets=[self._socket])
        finally:
            self._socket.close()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield
