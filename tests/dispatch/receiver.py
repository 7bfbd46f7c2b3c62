"""A receiver of webhooks on 127.0.0.1 that answers as it is told."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

LOOPBACK_NAME = "receiver.example"


@dataclass
class Receiver:
    """What came, and what is answered: each status once, the last one from then on."""

    port: int = 0
    statuses: list[int] = field(default_factory=lambda: [204])
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    got: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    hold: Event = field(default_factory=Event)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK_NAME}:{self.port}/in"

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for _, headers, _ in self.got]

    def status(self) -> int:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


@contextmanager
def receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Listen until the end of the block; it answers at once unless ``hold`` is cleared."""
    made = Receiver()
    made.hold.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            made.hold.wait(5)
            self.send_response(made.status())
            for name, value in made.headers.items():
                self.send_header(name, value)
            if "Content-Length" not in made.headers:
                self.send_header("Content-Length", str(len(made.body)))
            self.end_headers()
            self.wfile.write(made.body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who hangs up early is part of the tests
    made.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        made.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()
