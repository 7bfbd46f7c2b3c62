"""Rosters and catalogues out of a file, as the lists that REST takes."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from ningju.reading import columns
from ningju.reading.files import Record, Source, Unreadable, table, whole, workbook
from ningju.reading.gcj02 import to_wgs84
from schemas.place import Place

Crs = Literal["wgs84", "gcj02"]
Forms = Mapping[str, Callable[[columns.Row], dict[str, Any]]]

ROSTER: Forms = {"teams": columns.team, "volunteers": columns.volunteer}
CATALOGUE: Forms = {"service_types": columns.service_type, "sites": columns.site}
CHINESE = {"服务队": "teams", "志愿者": "volunteers", "服务项目": "service_types", "站点": "sites"}
"""Names of sheets and files."""


def lists_of(source: Source, forms: Forms, crs: str) -> tuple[dict[str, list[Any]], list[dict[str, Any]]]:
    """Read the lists of a file; what is in a row that cannot be read is told and left out."""
    lists: dict[str, list[Any]] = {name: [] for name in forms}
    faults: list[dict[str, Any]] = []
    if source.form in {"json", "jsonl"}:
        value = whole(source)
        if (
            not isinstance(value, dict)
            or not set(value) <= set(forms)
            or not all(isinstance(v, list) for v in value.values())
        ):
            raise Unreadable(f"{source.name}: must be one JSON object with the lists {' and '.join(forms)}")
        for name, items in value.items():
            for index, item in enumerate(items):
                try:
                    lists[name].append(converted(item, crs))
                except ValueError as error:
                    faults.append(fault(name, index, str(error)))
        return lists, faults
    for name, rows in _tables(source, tuple(forms)):
        for row in rows:
            try:
                if row.fault:
                    raise ValueError(row.fault)
                lists[name].append(converted(forms[name](row.value), crs))
            except ValueError as error:
                faults.append(fault(name, f"line {row.line}", str(error)))
    return lists, faults


def by_zone(
    lists: Mapping[str, list[Any]], home: Mapping[str, str], zones: Collection[str]
) -> tuple[dict[str, dict[str, list[Any]]], list[dict[str, Any]]]:
    """Put teams and people where they belong: a person is in the zone of their team.

    Parameters
    ----------
    home
        Zones of the teams that are there.
    zones
        Zones that there are.

    Returns
    -------
    tuple
        Lists by zone, and what belongs nowhere.
    """
    homes: dict[Any, Any] = dict(home) | {
        one.get("id"): one.get("zone") for one in lists["teams"] if isinstance(one, dict)
    }
    bodies: dict[str, dict[str, list[Any]]] = {}
    faults = []
    for kind, items in lists.items():
        for item in items:
            what = item if isinstance(item, dict) else {}
            zone = what.get("zone") if kind == "teams" else homes.get(what.get("team"))
            if zone is None or zone not in zones:
                text = f"there is no zone {zone!r}" if kind == "teams" else f"no team {what.get('team')!r} in any zone"
                code = "unknown_zone" if kind == "teams" else "unknown_team"
                faults.append(fault(kind, what.get("id"), text) | {"code": code})
            else:
                bodies.setdefault(zone, {name: [] for name in lists})[kind].append(item)
    return bodies, faults


def _tables(source: Source, names: tuple[str, ...]) -> Iterable[tuple[str, list[Record]]]:
    if source.form == "xlsx":
        sheets = {CHINESE.get(name, name): rows for name, rows in workbook(source).items()}
        if set(sheets) & set(names):
            return [(name, sheets[name]) for name in names if name in sheets]
        filled = [rows for rows in sheets.values() if rows]
        if len(filled) != 1:
            raise Unreadable(f"{source.name}: has none of the sheets {', '.join(names)}")
        rows = filled[0]
    else:
        rows = list(table(source))
        stem = Path(source.name).stem.lower()
        if CHINESE.get(stem, stem) in names:
            return [(CHINESE.get(stem, stem), rows)]
    header = {columns.CHINESE.get(name, name) for row in rows if row.value for name in row.value}
    mark = {"teams": "zone", "volunteers": "team", "sites": "zone", "service_types": "demands"}
    fit = [name for name in names if {mark[name], "skills" if mark[name] == "demands" else mark[name]} & header]
    if len(fit) != 1:
        called = " or ".join(f"{name}.csv" for name in names)
        raise Unreadable(f"{source.name}: call the file {called}, so that its kind is clear")
    return [(fit[0], rows)]


def fault(kind: str, where: object, text: str) -> dict[str, Any]:
    """A refusal of what could not even be sent."""
    return {"list": kind, "id": None if where is None else str(where), "field": "item", "code": "file", "reason": text}


def converted(item: Any, crs: str) -> Any:
    """Turn the places of an item into WGS-84."""
    if crs == "wgs84" or not isinstance(item, dict):
        return item
    item = dict(item)
    for name in ("place", "home", "base"):
        if name in item:
            try:
                item[name] = to_wgs84(Place.model_validate_json(json.dumps(item[name]))).model_dump()
            except ValidationError:
                raise ValueError(f"{name}: must be lon and lat in degrees") from None
    return item
