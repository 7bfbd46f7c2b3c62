"""Reading JSON bodies: bounded while they arrive, and refused with every field that is wrong."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from engine.intake import Fault
from ningju.console.problems import Problem, faults_of, invalid

BODY_LIMIT = 1_000_000

M = TypeVar("M", bound=BaseModel)


async def read_bounded(request: Request, limit: int) -> bytes:
    """Read a body of at most ``limit`` bytes; a longer one is refused by its stated length or as soon as it is passed.

    Raises
    ------
    Problem
        413, and the connection is closed so that the rest need not be read.
    """
    too_large = Problem(413, "too-large", f"at most {limit:,} bytes", headers={"Connection": "close"}, limit=limit)
    stated = request.headers.get("content-length", "0")
    if not stated.isdecimal() or int(stated) > limit:
        raise too_large
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise too_large
        parts.append(part)
    return b"".join(parts)


async def read_json(request: Request, limit: int = BODY_LIMIT) -> bytes:
    """Read a body that says it is JSON, in UTF-8 and without NUL characters (PostgreSQL keeps none)."""
    kind, _, _ = request.headers.get("content-type", "").partition(";")
    if kind.strip().lower() != "application/json":
        raise Problem(415, "unsupported-media-type", "send Content-Type: application/json")
    data = await read_bounded(request, limit)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise invalid([Fault("body", "encoding", f"must be UTF-8; byte {error.start} is not")]) from None
    if b"\0" in data or b"\\u0000" in data:
        raise invalid([Fault("body", "nul", "must not hold NUL characters")])
    return data


def parse(model: type[M], data: bytes) -> M:
    """Read a model from JSON at the edge, where unknown fields are refused.

    Raises
    ------
    Problem
        422 naming each field.
    """
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise invalid(faults_of(error)) from None


def body(model: type[M], *, empty: bool = False, limit: int = BODY_LIMIT) -> Callable[[Request], Awaitable[M]]:
    """Make the dependency that reads a model from the body.

    Parameters
    ----------
    empty
        Whether no body at all stands for ``{}``.
    """

    async def read(request: Request) -> M:
        if empty and request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
            return parse(model, b"{}")
        return parse(model, await read_json(request, limit))

    return read


def documented(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """Describe a body that :func:`body` reads, for OpenAPI; ``ningju.console.openapi`` adds the schema itself."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}
