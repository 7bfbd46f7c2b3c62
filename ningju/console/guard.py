"""The outermost layer: counts calls, refuses orders of other sites, turns what nobody expected into a problem and a log."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import uuid4

import structlog
from starlette.requests import ClientDisconnect

from ningju.console.metrics import Metrics
from ningju.console.problems import Problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

log = structlog.get_logger(__name__)


class Guard:
    """Pure ASGI middleware: streams pass through it unbuffered."""

    def __init__(self, app: App, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started = 0, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if _from_another_site(scope):
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


def _from_another_site(scope: Scope) -> bool:
    """Whether a browser sends an order for a page of another site.

    Whoever reaches the loopback is trusted until sign-in exists, and a browser that visits a strange page does. Programs
    send neither header.
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
