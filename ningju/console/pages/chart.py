"""The map: requests by state, sites, teams' bases and visits' ways, filtered as the queue is; and the same as a list."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import JSONResponse, Response

from engine.ports import RequestQuery
from ningju.console.pages.frame import AtFrame, Frame
from ningju.console.pages.queue import AGES, ORDERS, Filter, filter_of, services
from ningju.console.pages.routing import pages
from ningju.console.pages.speech import ALARMS
from ningju.console.pages.walking import walk_m
from schemas.catalogue import Site
from schemas.place import Place
from schemas.request import RequestState
from schemas.roster import Team, Volunteer
from schemas.views import RequestView

router = pages()

SHOWN = 1_000
LISTED = 50
METRES_A_DEGREE = 111_195.0
CORNERS = 64
CIRCLES = 100
"""People of a team whose reach is drawn, at most."""

Feature = dict[str, Any]


@router.get("/map")
async def show(frame: AtFrame) -> Response:
    """The page."""
    which = await filter_of(frame)
    site = frame.directory.sites.get(frame.request.query_params.get("site", ""))
    rows = await _rows(frame, which, LISTED)
    reach = frame.request.query_params.get("reach", "")
    people = await _reaching(frame, which, reach) if reach else []
    tiles = frame.site.services.tiles
    return frame.page(
        "map.html",
        title="Map",
        outside=_origin(tiles),
        tiles=tiles,
        credit=frame.site.services.credit,
        reach=reach,
        people=people,
        teams=await _teams(frame, which),
        day=_day(frame),
        services=services(frame),
        which=which,
        rows=rows,
        site=site,
        sites=sorted(frame.directory.sites.values(), key=lambda one: (one.zone, one.name.zh)),
        walk_m=round(_walk_m(frame, site)) if site is not None else 0,
        states=tuple(RequestState),
        alarms=ALARMS,
        orders=ORDERS,
        ages=AGES,
        source=frame.address(said=None).replace("/map", "/map/data", 1),
    )


@router.get("/map/data")
async def data(frame: AtFrame) -> Response:
    """What the map draws, as GeoJSON."""
    which = await filter_of(frame)
    rows = await _rows(frame, which, SHOWN)
    if chosen := frame.request.query_params.get("request"):
        rows = [row for row in rows if str(row.request_id) == chosen] or await _one(frame, chosen)
    site = frame.directory.sites.get(frame.request.query_params.get("site", ""))
    zones = [which.zone] if which.zone else list(frame.views)
    teams = {team.id: team.base for team in await _teams(frame, which)}
    reaching = await _reaching(frame, which, frame.request.query_params.get("reach", ""))
    features = [
        *_zones(frame, zones),
        *_circles(frame, site, rows if chosen else []),
        *(_circle(person.home, person.reach_m, "person") for person in reaching),
        *_ways(frame, rows, teams),
        *_sites(frame, zones),
        *(_point(base, kind="team", name=name) for name, base in teams.items()),
        *(_request(frame, row) for row in rows),
    ]
    headers = {"Cache-Control": "no-store"}
    return JSONResponse({"type": "FeatureCollection", "features": features}, headers=headers)


async def _rows(frame: Frame, which: Filter, limit: int) -> Sequence[RequestView]:
    query = which.query(frame, by_id=which.by_id)
    try:
        return (await frame.site.store.requests(replace(query, limit=limit, cursor=None))).rows
    except ValueError:
        return ()


async def _teams(frame: Frame, which: Filter) -> list[Team]:
    zones = [which.zone] if which.zone else list(frame.views)
    return [view.team for zone in zones for view in (await frame.site.store.roster(zone))[0]]


async def _reaching(frame: Frame, which: Filter, name: str) -> list[Volunteer]:
    """A person, or a team's members: how far they go is drawn."""
    if not name:
        return []
    zones = [which.zone] if which.zone else list(frame.views)
    people = [view.volunteer for zone in zones for view in (await frame.site.store.roster(zone))[1]]
    return [person for person in people if name in (person.id, person.team)][:CIRCLES]


def _day(frame: Frame) -> date:
    """The day whose ways are drawn."""
    try:
        return date.fromisoformat(frame.request.query_params.get("day", ""))
    except ValueError:
        return frame.moments.today


def _origin(address: str) -> str:
    """Scheme, host and port of the pictures below the map, as the browser is told to let them in."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


async def _one(frame: Frame, name: str) -> Sequence[RequestView]:
    found = (await frame.site.store.requests(RequestQuery(id_prefix=name.lower()[:36], limit=1))).rows
    return found if len(name) == 36 else ()


def _point(place: Place, **properties: Any) -> Feature:
    geometry = {"type": "Point", "coordinates": [place.lon, place.lat]}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _request(frame: Frame, row: RequestView) -> Feature:
    return _point(
        row.place,
        kind="request",
        state=row.state.value,
        alarm=bool(row.alarms),
        href=f"/request/{row.request_id}",
        name=f"{frame.speech.service(row.zone, row.service_type)} · {frame.speech.state(row.state)}",
        when=frame.moments.window(row.visit.window if row.visit is not None else row.windows[0]),
    )


def _zones(frame: Frame, zones: Iterable[str]) -> Iterable[Feature]:
    for zone in zones:
        for ring in frame.views[zone].config.boundary:
            geometry = {"type": "Polygon", "coordinates": [[list(corner) for corner in ring]]}
            yield {
                "type": "Feature",
                "geometry": geometry,
                "properties": {"kind": "zone", "name": frame.speech.zone(zone)},
            }


def _sites(frame: Frame, zones: Iterable[str]) -> Iterable[Feature]:
    wanted = set(zones)
    for site in frame.directory.sites.values():
        if site.zone in wanted:
            yield _point(
                site.place, kind="site", name=frame.speech.site(site.zone, site.id), href=f"/map?site={site.id}"
            )


def _ways(frame: Frame, rows: Iterable[RequestView], teams: dict[str, Place]) -> Iterable[Feature]:
    """The way of each team through its visits of the day, in the order of their starts."""
    by_team: dict[str, list[RequestView]] = {}
    day = _day(frame)
    for row in rows:
        visit = row.visit
        if visit is not None and visit.team in teams and frame.moments.local(visit.window.start).date() == day:
            by_team.setdefault(visit.team, []).append(row)
    for team, visits in by_team.items():
        visits.sort(key=lambda row: row.visit.window.start if row.visit is not None else row.created_at)
        stops = [teams[team], *(row.place for row in visits)]
        line = {"type": "LineString", "coordinates": [[stop.lon, stop.lat] for stop in stops]}
        yield {"type": "Feature", "geometry": line, "properties": {"kind": "way", "name": team}}


def _circles(frame: Frame, site: Site | None, rows: Iterable[RequestView]) -> Iterable[Feature]:
    """Fifteen minutes on foot around a site, and how far a request's service reaches."""
    if site is not None:
        yield _circle(site.place, _walk_m(frame, site), "walk")
    for row in rows:
        for item in frame.views[row.zone].service_types if row.zone in frame.views else ():
            if item.id == row.service_type and item.reach_m is not None:
                yield _circle(row.place, item.reach_m, "reach")


def _walk_m(frame: Frame, site: Site) -> float:
    """How far a quarter of an hour leads on foot by the zone's speeds."""
    return walk_m(frame.views[site.zone].policy.speeds)


def _circle(centre: Place, metres: float, kind: str) -> Feature:
    lat = metres / METRES_A_DEGREE
    lon = lat / math.cos(math.radians(centre.lat))
    angles = [2 * math.pi * corner / CORNERS for corner in range(CORNERS + 1)]
    ring = [[centre.lon + lon * math.cos(angle), centre.lat + lat * math.sin(angle)] for angle in angles]
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"kind": kind, "metres": round(metres)},
    }
