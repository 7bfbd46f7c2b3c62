"""Opaque cursors of the request list: the place of the last row shown, so new rows never shift a page."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from json import dumps, loads

from engine.ports import RequestOrder
from ningju.ledger.tables import micros
from schemas.views import RequestView

Position = tuple[int, str, str]

CALM = 1 << 58
"""Urgencies below this are those of requests with an alarm."""

PRIORITY = 1 << 54
"""What is left of an urgency over this is when it is due, in microseconds."""

LOWEST = 5


def urgency(row: RequestView) -> int | None:
    """One number to order a queue by: what has an alarm, what weighs most, what is due first; none for what has ended.

    Due is the first offer while there was none, then the end of the last window.
    """
    if row.state.ended:
        return None
    due = row.respond_by if row.respond_by and row.first_offer_at is None else row.windows[-1].end
    return (0 if row.alarms else CALM) + (LOWEST - row.priority) * PRIORITY + micros(due)


def position(row: RequestView, order: RequestOrder = "oldest") -> Position:
    """Place of a row in the list: creation or urgency, request, zone."""
    first = urgency(row) if order == "urgent" else micros(row.created_at)
    return first or 0, str(row.request_id), row.zone


def encode(row: RequestView, order: RequestOrder = "oldest") -> str:
    """Cursor of the page that begins after ``row``."""
    return urlsafe_b64encode(dumps(position(row, order)).encode()).decode()


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
