"""Read model and snapshots made anew from the events, zone by zone, while the system runs."""

from engine.ports import Conflict, RowChange, Snapshot
from engine.snapshots import SCHEMA, append, dump
from engine.views import project
from engine.zone import Zone
from ningju.ledger.inspection import InspectableStore, RowKey
from schemas.views import RequestView

PAGE = 1_000


async def rebuild(store: InspectableStore) -> dict[str, int]:
    """Make every zone's rows and snapshot anew.

    Returns
    -------
    dict
        Version of each zone that its rows now reflect.
    """
    return {zone: await rebuild_zone(store, zone) for zone in await store.heads()}


async def rebuild_zone(store: InspectableStore, zone: str) -> int:
    """Make one zone's rows and snapshot anew; the version that they reflect.

    The fold runs beside the zone's writers and is written only if none has gone on meanwhile; otherwise it goes on from
    where it was. Each round is as long as what was added during the last, so few are needed.
    """
    state = Zone.empty(zone)
    rows: dict[RowKey, RowChange] = {}
    visited: dict[RowKey, RowChange] = {}
    while True:
        while page := await store.events(zone, state.version, PAGE):
            for record in page:
                before, state = state, append(state, record)
                for row in project(before, record.envelope, state):
                    rows[row.table, row.key] = row
                    if isinstance(row.view, RequestView) and row.view.visit is not None:
                        visited[row.table, row.key] = row
        try:
            # A row without a visit is written after the one that had its last: the visit's id must still lead to it.
            written = [*visited.values(), *rows.values()]
            await store.replace_rows(zone, state.version, written, Snapshot(zone, state.version, SCHEMA, dump(state)))
        except Conflict:
            continue
        return state.version
