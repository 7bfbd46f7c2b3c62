"""Rosters and catalogues from a file: CSV, XLSX or JSON, in UTF-8, UTF-16 or GB18030; first shown, then taken."""

import asyncio
from collections.abc import Mapping
from typing import Any, get_args

from starlette.responses import Response

from ningju.console.forms import MULTIPART, Upload, kind_of, uploaded
from ningju.console.items import Mode
from ningju.console.pages.frame import AtFrame, Frame
from ningju.console.pages.orders import Form
from ningju.console.pages.preview import EVERYWHERE, Kind, Wish, preview
from ningju.console.pages.routing import pages
from ningju.reading.files import Source, Unreadable
from ningju.reading.lists import CATALOGUE, ROSTER, Crs, by_zone, lists_of

router = pages()

TEXTS = {"people": "Import teams and people", "catalogue": "Import services and sites"}
SHEETS = {"people": ROSTER, "catalogue": CATALOGUE}


@router.get("/people/import")
async def begin_people(frame: AtFrame) -> Response:
    """The form for teams and people."""
    return _page(frame, "people")


@router.get("/catalogue/import")
async def begin_catalogue(frame: AtFrame) -> Response:
    """The form for services and sites."""
    return _page(frame, "catalogue")


@router.post("/people/import")
async def import_people(frame: AtFrame) -> Response:
    """Show what a file of teams and people would change, and whom it withdraws."""
    return await _read(frame, "people")


@router.post("/catalogue/import")
async def import_catalogue(frame: AtFrame) -> Response:
    """Show what a file of services and sites would change."""
    return await _read(frame, "catalogue")


def _page(frame: Frame, kind: Kind, fault: str = "") -> Response:
    return frame.page(
        "import.html",
        422 if fault else 200,
        title=TEXTS[kind],
        text=TEXTS[kind],
        kind=kind,
        fault=fault,
        sheets=_sheets(kind),
    )


def _sheets(kind: Kind) -> list[str]:
    return list(SHEETS[kind])


async def _read(frame: Frame, kind: Kind) -> Response:
    fields, files = await uploaded(frame.request) if kind_of(frame.request) == MULTIPART else ({}, dict[str, Upload]())
    form, file = Form(fields), files.get("file")
    if file is None or not file.data:
        return _page(frame, kind, frame.say("Choose a file."))
    crs = form.one("crs") if form.one("crs") in get_args(Crs) else "wgs84"
    mode: Mode = "whole" if form.one("whole") == "yes" else "patch"
    try:
        lists, faults = await asyncio.to_thread(lists_of, Source(file.name[:200], file.data), SHEETS[kind], crs)
    except Unreadable as error:
        return _page(frame, kind, str(error))
    if not any(lists.values()) and not faults:
        return _page(frame, kind, frame.say("The file holds nothing."))
    given = {name: items for name, items in lists.items() if items}
    if kind == "catalogue":
        bodies = {EVERYWHERE: _filled(given, _catalogue(frame))}
    else:
        home, standing = await _roster(frame)
        parted, astray = by_zone(lists, home, frame.views)
        faults += astray
        bodies = {
            zone: _filled({name: items for name, items in body.items() if items}, standing)
            for zone, body in parted.items()
        }
    wish = Wish(kind=kind, lists=bodies, mode=mode, back=f"/{kind}", faults=tuple(faults))
    return await preview(frame, wish)


Standing = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Items that are there, as JSON, by list and id."""


def _filled(lists: Mapping[str, list[Any]], standing: Standing) -> dict[str, list[Any]]:
    """Let what a row does not say stay as it is: tables have no columns for everything."""
    return {
        name: [
            {**standing.get(name, {}).get(str(item.get("id")), {}), **item} if isinstance(item, dict) else item
            for item in items
        ]
        for name, items in lists.items()
    }


def _catalogue(frame: Frame) -> Standing:
    views = frame.views.values()
    types = {one.id: one.model_dump(mode="json") for view in views for one in view.service_types}
    return {
        "service_types": types,
        "sites": {one.id: one.model_dump(mode="json") for view in views for one in view.sites},
    }


async def _roster(frame: Frame) -> tuple[dict[str, str], Standing]:
    """Zones of the teams that are there, and every team and person."""
    home: dict[str, str] = {}
    teams: dict[str, dict[str, Any]] = {}
    people: dict[str, dict[str, Any]] = {}
    for zone in frame.views:
        some, crew = await frame.site.store.roster(zone)
        home |= {view.team.id: zone for view in some}
        teams |= {view.team.id: view.team.model_dump(mode="json") for view in some}
        people |= {view.volunteer.id: view.volunteer.model_dump(mode="json") for view in crew}
    return home, {"teams": teams, "volunteers": people}
