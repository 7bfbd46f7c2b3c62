"""Fields of a form, bounded while they arrive."""

from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP
from typing import NamedTuple
from urllib.parse import parse_qs

from fastapi import Request

from engine.intake import Fault
from ningju.console.bodies import BODY_LIMIT, read_bounded
from ningju.console.problems import Problem, invalid

MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"
FORM_LIMIT = 10_000_000
MOST_FIELDS = 10_000


def kind_of(request: Request) -> str:
    """The media type that a body says it is of."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def keep_body(request: Request, limit: int = BODY_LIMIT) -> bytes:
    """Read a body in such a way that whoever comes after can read it once more."""
    if not hasattr(request, "_body"):
        request._body = await read_bounded(request, limit)  # where Starlette keeps what it has read
    return await request.body()


async def fields_of(request: Request) -> dict[str, str]:
    """The fields of a form, of several with one name the first.

    Raises
    ------
    Problem
        415 when it is no form; 422 when it cannot be read.
    """
    if kind_of(request) != URLENCODED:
        raise Problem(415, "unsupported-media-type", f"send Content-Type: {URLENCODED}")
    return firsts(await keep_body(request))


def firsts(body: bytes) -> dict[str, str]:
    """Read the fields of a body, of several with one name the first."""
    return {name: values[0] for name, values in parsed(body).items()}


def parsed(body: bytes) -> dict[str, list[str]]:
    """Read the fields of a body with all their values.

    Raises
    ------
    Problem
        422 when it cannot be read.
    """
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise invalid([Fault("body", "form", "is no form in UTF-8 that can be read")]) from None
    if any("\0" in value for values in fields.values() for value in values):
        raise invalid([Fault("body", "nul", "must not hold NUL characters")])
    return fields


class Upload(NamedTuple):
    """A file that a form has brought."""

    name: str
    data: bytes


async def uploaded(request: Request) -> tuple[dict[str, list[str]], dict[str, Upload]]:
    """Read a form with files: its fields with all their values, and its files by the names of their fields.

    Raises
    ------
    Problem
        422 when it cannot be read.
    """
    head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(EmailMessage, policy=HTTP).parsebytes(head + await keep_body(request, FORM_LIMIT))
    fields: dict[str, list[str]] = {}
    files: dict[str, Upload] = {}
    if not message.is_multipart():
        raise invalid([Fault("body", "form", "is no form with a file that can be read")])
    for part in list(message.iter_parts())[:MOST_FIELDS]:
        name = part.get_param("name", header="content-disposition")
        data = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(data, bytes):
            continue
        if (called := part.get_filename()) is not None:
            files[name] = Upload(called, data)
        else:
            fields.setdefault(name, []).append(data.decode(errors="replace").replace("\0", ""))
    return fields, files
