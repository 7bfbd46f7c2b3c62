"""What a request needs, as its history says: the read model keeps what lists show, not every seat's skill."""

from collections.abc import Sequence

from engine.ports import Record
from schemas.events import RequestChanged, RequestReceived
from schemas.request import Need


def need_of(history: Sequence[Record], zone: str, until: int | None = None) -> Need | None:
    """What a request needs in a zone, now or at a version of the zone.

    Parameters
    ----------
    history
        Records that name the request, by time.
    """
    found: Need | None = None
    for record in history:
        if record.zone != zone or (until is not None and record.version > until):
            continue
        event = record.envelope.event
        if isinstance(event, (RequestReceived, RequestChanged)) and event.need is not None:
            found = event.need
    return found
