"""Zones: what they are, how they fare, and the queue as an operator would want it."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import JSONResponse, Response

from engine.intake import Fault
from engine.ports import NewCommand, RequestQuery
from ningju.console.bodies import body, documented
from ningju.console.callers import Calling
from ningju.console.problems import invalid, not_found
from ningju.console.sending import API, ask, command
from ningju.console.services import AtSite, Site
from schemas.base import Frozen
from schemas.commands import ConfigureZone
from schemas.request import RequestState
from schemas.views import RequestView, ZoneView
from schemas.zone import Policy, ZoneConfig

router = APIRouter(prefix=API, tags=["zones"])

OPEN = tuple(state for state in RequestState if not state.ended)
QUEUE_LIMIT = 5_000


class ZoneIn(Frozen):
    """A zone's place in the tree and its policy."""

    config: ZoneConfig
    policy: Policy = Policy()


@router.get("/zones")
async def list_zones(site: AtSite) -> Response:
    """All zones with the number of their requests in each state."""
    heads = await site.store.heads()
    counts = await site.store.counts()
    rows = [_summary(view, heads, counts.get(view.zone, {})) for view in await site.store.zones()]
    return JSONResponse({"zones": rows})


@router.get("/zones/{zone}")
async def show_zone(site: AtSite, zone: str) -> Response:
    """A zone's configuration, policy and figures."""
    heads = await site.store.heads()
    view = await site.store.zone(zone)
    if view is None:
        raise not_found("zone", zone)
    counts = (await site.store.counts()).get(zone, {})
    whole = {"config": view.config.model_dump(mode="json"), "policy": view.policy.model_dump(mode="json")}
    return JSONResponse(_summary(view, heads, counts) | whole)


@router.put("/zones/{zone}", openapi_extra=documented(ZoneIn))
async def configure_zone(
    site: AtSite, caller: Calling, zone: str, told: Annotated[ZoneIn, Depends(body(ZoneIn))]
) -> Response:
    """Set a zone's place in the tree and its policy; a new zone begins with this."""
    if told.config.id != zone:
        raise invalid([Fault("config.id", "wrong_zone", f"is {told.config.id!r}; the address says {zone!r}")])

    async def build(command_id: Any) -> NewCommand:
        return command(site, caller, command_id, zone, ConfigureZone(config=told.config, policy=told.policy))

    return await ask(site, caller, told, build)


@router.get("/zones/{zone}/queue")
async def show_queue(site: AtSite, zone: str, limit: Annotated[int, Query(ge=1, le=QUEUE_LIMIT)] = 200) -> Response:
    """Open requests of a zone, its guests among them: alarms first, then by priority, then by what is due first."""
    version = await site.version(zone)
    if version is None:
        raise not_found("zone", zone)
    rows = sorted(await _open_rows(site, zone), key=urgency)
    return JSONResponse(
        {
            "zone": zone,
            "version": version,
            "now": site.clock.now().isoformat(),
            "open": len(rows),
            "requests": [row.model_dump(mode="json") for row in rows[:limit]],
        }
    )


def urgency(row: RequestView) -> tuple[bool, int, datetime, str]:
    """Order of a queue: what has an alarm, what weighs most, what is due first."""
    due = row.respond_by if row.respond_by and row.first_offer_at is None else row.windows[-1].end
    return not row.alarms, -row.priority, due, str(row.request_id)


async def _open_rows(site: Site, zone: str) -> list[RequestView]:
    rows: list[RequestView] = []
    cursor = None
    while len(rows) < QUEUE_LIMIT:
        query = RequestQuery(zone=zone, states=OPEN, guests=True, cursor=cursor, limit=500)
        page = await site.store.requests(query)
        rows += page.rows
        cursor = page.next
        if cursor is None:
            break
    return rows


def _summary(view: ZoneView, heads: dict[str, int], counts: dict[RequestState, int]) -> dict[str, Any]:
    return {
        "zone": view.zone,
        "version": heads.get(view.zone, view.version),
        "name": view.name.model_dump(mode="json"),
        "level": view.level,
        "parent": view.config.parent,
        "counts": {state.value: count for state, count in counts.items()},
        "open": sum(count for state, count in counts.items() if not state.ended),
    }
