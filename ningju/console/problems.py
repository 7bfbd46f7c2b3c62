"""Errors as RFC 9457 problems with stable types; none of them repeats what the caller sent."""

from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from engine.intake import Fault
from engine.ports import CommitUnknown, QueueFull, Unavailable

MEDIA_TYPE = "application/problem+json"
PREFIX = "urn:ningju:problem:"

TITLES = {
    "invalid": "The request cannot be understood",
    "unsupported-media-type": "The body must be application/json",
    "too-large": "The body is too large",
    "not-found": "There is no such thing",
    "method-not-allowed": "This method is not served here",
    "key-reused": "The Idempotency-Key stands for another body",
    "cross-site": "Pages of other sites may not give orders",
    "sign-in": "Nobody has signed in",
    "forbidden": "This is not yours to do",
    "form": "This form is not ours, or is old",
    "too-many": "Too many calls",
    "misdirected": "This server has another name",
    "rejected": "The zone said no",
    "queue-full": "Too many commands are waiting",
    "unavailable": "The store cannot be reached",
    "failed": "The command could not be handled",
    "internal": "Something went wrong here",
}


class Problem(Exception):
    """An answer other than the one that was asked for.

    Parameters
    ----------
    kind
        Last part of the problem's ``type``, a key of ``TITLES``.
    facts
        Further members of the answer, such as ``code`` and ``errors``.
    """

    def __init__(
        self, status: int, kind: str, detail: str = "", *, headers: dict[str, str] | None = None, **facts: Any
    ) -> None:
        super().__init__(kind)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = headers or {}
        self.facts = facts

    def answer(self) -> Response:
        """Write the problem as a response."""
        content = {"type": PREFIX + self.kind, "title": TITLES[self.kind], "status": self.status}
        if self.detail:
            content["detail"] = self.detail
        return JSONResponse(content | self.facts, self.status, self.headers, media_type=MEDIA_TYPE)


def invalid(faults: Iterable[Fault]) -> Problem:
    """Say which fields are wrong and why."""
    errors = [{"field": fault.field, "code": fault.code, "reason": fault.reason} for fault in faults]
    named = ", ".join(dict.fromkeys(error["field"] for error in errors))
    return Problem(422, "invalid", f"see errors: {named}", errors=errors)


def not_found(what: str, name: object) -> Problem:
    """Say that a named thing is unknown."""
    return Problem(404, "not-found", f"no {what} {name}")


def unavailable(detail: str) -> Problem:
    """Say that the caller should come again."""
    return Problem(503, "unavailable", detail, headers={"Retry-After": "2"})


def faults_of(error: ValidationError | RequestValidationError, *, outside: str = "body") -> list[Fault]:
    """Name each field that pydantic found wrong, without its value.

    Parameters
    ----------
    outside
        What a fault of the whole is called.
    """
    details: Sequence[Any] = (
        error.errors(include_url=False, include_context=False, include_input=False)
        if isinstance(error, ValidationError)
        else error.errors()
    )
    faults = [Fault(_field(detail["loc"]) or outside, detail["type"], detail["msg"]) for detail in details[:50]]
    # A list with a bad item is called too short as well, since the bad item was dropped before counting.
    within = {fault.field.rpartition(".")[0] for fault in faults}
    inner = {part for name in within for part in (name, name.rpartition(".")[0])}
    return [fault for fault in faults if fault.code != "too_short" or fault.field not in inner]


def _field(location: Sequence[int | str]) -> str:
    return ".".join(str(part)[:64] for part in location)


async def on_problem(request: Request, error: Exception) -> Response:
    """Answer a problem that a handler raised."""
    assert isinstance(error, Problem)
    return error.answer()


async def on_invalid(request: Request, error: Exception) -> Response:
    """Answer parameters of the path, query or header that FastAPI refused."""
    assert isinstance(error, RequestValidationError)
    return invalid(faults_of(error)).answer()


async def on_http(request: Request, error: Exception) -> Response:
    """Answer what the router refuses: unknown paths and methods."""
    assert isinstance(error, HTTPException)
    kind = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "invalid")
    return Problem(error.status_code, kind, str(error.detail), headers=dict(error.headers or {})).answer()


async def on_port(request: Request, error: Exception) -> Response:
    """Answer what the store raised."""
    match error:
        case QueueFull():
            seconds = max(1, round(error.retry_after.total_seconds()))
            return Problem(429, "queue-full", str(error), headers={"Retry-After": str(seconds)}).answer()
        case CommitUnknown():
            return unavailable(
                "nobody knows whether this was kept; send it again with the same Idempotency-Key"
            ).answer()
        case Unavailable():
            return unavailable("the store is away; nothing was kept; try again").answer()
        case _:
            raise error
