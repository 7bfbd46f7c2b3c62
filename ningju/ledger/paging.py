"""Opaque cursors of the request list: the place of the last row shown, so new rows never shift a page."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from json import dumps, loads

from ningju.ledger.tables import micros
from schemas.views import RequestView

Position = tuple[int, str, str]


def position(row: RequestView) -> Position:
    """Place of a row in the list: creation, request, zone."""
    return micros(row.created_at), str(row.request_id), row.zone


def encode(row: RequestView) -> str:
    """Cursor of the page that begins after ``row``."""
    return urlsafe_b64encode(dumps(position(row)).encode()).decode()


def decode(cursor: str) -> Position:
    """Read a cursor back.

    Raises
    ------
    ValueError
        When it is not one of ours.
    """
    try:
        created_at, request_id, zone = loads(urlsafe_b64decode(cursor.encode()))
    except (ValueError, TypeError) as error:
        raise ValueError("the cursor is not one that a page gave; begin again without one") from error
    if not (isinstance(created_at, int) and isinstance(request_id, str) and isinstance(zone, str)):
        raise ValueError("the cursor is not one that a page gave; begin again without one")
    return created_at, request_id, zone
