"""The outermost layer: counts calls, refuses other names and orders of other sites, makes a problem of what nobody expected."""

import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any
from uuid import uuid4

import structlog
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect

from ningju.console.metrics import Metrics
from ningju.console.problems import Problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

log = structlog.get_logger(__name__)


LOCAL = ("localhost", "127.0.0.1", "[::1]")
"""Names by which this machine calls itself."""

_KNOWN = "ningju.known_host"


class Guard:
    """Pure ASGI middleware: streams pass through it unbuffered.

    Parameters
    ----------
    hosts
        Names that the server answers to. Where nobody signs in, whoever reaches the loopback is trusted, and a strange page
        can have its own name lead there (DNS rebinding): then it is of the same site as we are, but for the name.
    """

    def __init__(self, app: App, metrics: Metrics, hosts: Sequence[str] = LOCAL) -> None:
        self._app = app
        self._metrics = metrics
        self._judge = TrustedHostMiddleware(_note, allowed_hosts=list(hosts), www_redirect=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started = 0, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _harden(message, scope["path"])
            await send(message)

        try:
            if not await self._called_rightly(scope, receive):
                detail = "call it by a name of its own: localhost, or one that NINGJU_HOSTS names"
                await Problem(421, "misdirected", detail).answer()(scope, receive, watched)
            elif _from_another_site(scope):
                await Problem(403, "cross-site", "give this order from Ningju itself").answer()(scope, receive, watched)
            else:
                await self._app(scope, receive, watched)
        except ClientDisconnect:
            status = status or 499
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer and the server goes on
            fault = uuid4()
            # The message of an exception may quote what was sent, so only its type and place are logged.
            log.error("call failed", action="call.fail", fault=str(fault), error=type(error).__name__, at=_place(error))
            if status == 0:
                problem = Problem(500, "internal", f"look for {fault} in the log", fault=str(fault))
                await problem.answer()(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.called(scope["method"], route, status, time.perf_counter() - started)

    async def _called_rightly(self, scope: Scope, receive: Receive) -> bool:
        """Whether the name that was called is ours: Starlette judges, the answer is of our own form."""
        await self._judge(scope, receive, _drop)
        return bool(scope.pop(_KNOWN, False))


def _harden(message: Message, path: str) -> None:
    """Let browsers guess no type, and keep nothing that is not the same for everybody."""
    headers = message["headers"] = list(message.get("headers", ()))
    named = {name.lower() for name, _ in headers}
    if b"x-content-type-options" not in named:
        headers.append((b"x-content-type-options", b"nosniff"))
    if b"cache-control" not in named and not path.startswith("/static/"):
        headers.append((b"cache-control", b"no-store"))


async def _note(scope: Scope, receive: Receive, send: Send) -> None:
    scope[_KNOWN] = True


async def _drop(message: Message) -> None:
    return


def _from_another_site(scope: Scope) -> bool:
    """Whether a browser sends an order for a page of another site.

    Where nobody signs in, whoever reaches the loopback is trusted, and a browser that visits a strange page does; where
    people sign in, their cookie goes along. Programs send neither header.
    """
    if scope["method"] in {"GET", "HEAD", "OPTIONS"}:
        return False
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    if (site := headers.get("sec-fetch-site")) is not None:  # the browser's own word, whatever proxies do to the host
        return site not in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] != headers.get("host")


def _place(error: BaseException) -> str:
    frames, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_qualname if hasattr(code, 'co_qualname') else code.co_name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " > ".join(frames[-6:])
