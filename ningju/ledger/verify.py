"""The whole ledger folded again and compared with all that was derived from it; the first thing that does not fit."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import ValidationError

from engine.ports import PortError, Record
from engine.snapshots import SCHEMA, append, dump
from engine.views import project
from engine.zone import Zone
from ningju.ledger.inspection import InspectableStore, RowKey, ZoneImage
from ningju.ledger.promises import Promises
from ningju.ledger.stamping import submitted_request
from schemas.base import Frozen
from schemas.envelope import GENESIS, CommandEnvelope, event_id, record_hash

PAGE = 1_000
GRACE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Violation:
    """What does not fit, and in which zone (none: the inbox, or across zones)."""

    zone: str | None
    what: str

    def __str__(self) -> str:
        return self.what if self.zone is None else f"zone {self.zone}: {self.what}"


async def verify(store: InspectableStore, now: datetime, grace: timedelta = GRACE) -> Violation | None:
    """Check the ledger while it goes on being written; what comes after the start of a zone's check is left out.

    Parameters
    ----------
    now
        Time by which a timer that is due counts as overdue, once ``grace`` has passed.

    Returns
    -------
    Violation or None
        The first thing found that does not fit.
    """
    promises = Promises()
    # Commands first: whatever was accepted by now is in the events that are read later.
    submitted = [one async for one in _submitted(store)]
    for zone in await store.heads():
        image = await store.image(zone)
        try:
            what = await _check_zone(store, zone, image, promises) or _overdue(image, now - grace)
        except PortError:
            raise
        except Exception as error:  # noqa: BLE001 - what was written can be read and folded again, or was changed
            what = f"a record does not fold: {error!r}"
        if what is not None:
            return Violation(zone, what)
    for breach in promises.finish():
        return Violation(None, breach)
    for command_id, request_id, fault in submitted:
        if fault is not None:
            return Violation(None, fault)
        if request_id is not None and request_id not in promises.received:
            return Violation(None, f"request {request_id} of the accepted command {command_id} was never received")
    return None


async def _check_zone(store: InspectableStore, zone: str, image: ZoneImage, promises: Promises) -> str | None:
    state = Zone.empty(zone)
    rows: dict[RowKey, Frozen] = {}
    previous = GENESIS
    compared = image.snapshot is None or image.snapshot.schema != SCHEMA
    async for record in _records(store, zone, image.version):
        what = _broken_link(record, state.version + 1, previous)
        if what is not None:
            return what
        previous = record_hash(record.data)
        before, state = state, append(state, record)
        for row in project(before, record.envelope, state):
            if row.view is None:
                rows.pop((row.table, row.key), None)
            else:
                rows[row.table, row.key] = row.view
        what = promises.take(record.envelope)
        if what is not None:
            return what
        if not compared and image.snapshot is not None and image.snapshot.version == state.version:
            compared = True
            if dump(state) != image.snapshot.data:
                return f"the snapshot at version {state.version} is not what the events fold to"
    if state.version != image.version:
        return f"the zone is at version {image.version} and its events end at {state.version}"
    if not compared:
        return "the snapshot is of a version that the events have not reached"
    if image.next_due != state.next_due:
        return f"the next timer is due {state.next_due}, the zone's row says {image.next_due}"
    for request_id in promises.open.get(zone, ()):
        if request_id not in state.requests:
            return f"request {request_id} has not ended and is not in the state any more"
    return _different_rows(rows, image.rows)


async def _records(store: InspectableStore, zone: str, head: int) -> AsyncIterator[Record]:
    after = 0
    while after < head:
        page = await store.events(zone, after, min(PAGE, head - after))
        if not page:
            return
        for record in page:
            yield record
        after = page[-1].version


def _broken_link(record: Record, version: int, previous: str) -> str | None:
    envelope = record.envelope
    at = f"version {version}"
    if record.version != version:
        return f"{at} is missing: {record.version} follows {version - 1}"
    if (envelope.zone, envelope.version, envelope.event_id) != (record.zone, version, event_id(record.zone, version)):
        return f"{at} carries an envelope of {envelope.zone}/{envelope.version}"
    if envelope.prev_hash != previous:
        return f"the hash chain breaks at version {version}: a record before it was changed"
    return None


def _different_rows(made: dict[RowKey, Frozen], stored: dict[RowKey, bytes]) -> str | None:
    for key in sorted(made.keys() | stored.keys()):
        view, data = made.get(key), stored.get(key)
        if view is None or data is None or not _says(data, view):
            table, name = key
            fault = "is missing" if key not in stored else "is left over" if key not in made else "differs"
            return f"the {table} row {name} {fault}; `ningju rebuild` makes it anew"
    return None


def _says(data: bytes, view: Frozen) -> bool:
    """Whether a stored row says what it should; one from before a field was added says that field's default."""
    if data == view.dump():
        return True
    try:
        return type(view).read(data) == view
    except ValidationError:
        return False


def _overdue(image: ZoneImage, by: datetime) -> str | None:
    if image.next_due is not None and image.next_due <= by:
        return f"a timer was due at {image.next_due:%FT%TZ} and has not fired"
    return None


async def _submitted(store: InspectableStore) -> AsyncIterator[tuple[UUID, UUID | None, str | None]]:
    """Commands with the request that they brought, once accepted, and what is wrong with their rows."""
    after = 0
    while page := await store.inbox_rows(after, PAGE):
        for row in page:
            command_id = row.command.command_id
            if row.open == (row.outcome is not None):
                yield command_id, None, f"command {command_id} is {'open' if row.open else 'closed'} and should not be"
            elif row.outcome is not None and row.outcome.status == "accepted":
                request_id = submitted_request(CommandEnvelope.read(row.command.data))
                if request_id is not None:
                    yield command_id, request_id, None
        after = page[-1].command.seq
