"""``ningju submit``, ``ningju roster import``, ``ningju catalogue import``."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import uuid4
from zoneinfo import ZoneInfo

import typer
from pydantic import ValidationError

from ningju.cli import columns
from ningju.cli.client import Client, connected, reason
from ningju.cli.exits import NO, complain, missing, wrong
from ningju.cli.files import Record, Source, read, records, table, whole, workbook
from ningju.cli.flags import OPERATOR, URL, Actor, Json, TimeZone, Url, flag, time_zone
from schemas.place import Place

Crs = Annotated[Literal["wgs84", "gcj02"], flag("--crs", "what the file's coordinates are; Chinese maps use gcj02")]
Whole = Annotated[bool, flag("--whole", "what the file does not name is removed")]

roster = typer.Typer(no_args_is_help=True, help="Teams and volunteers.")
catalogue = typer.Typer(no_args_is_help=True, help="Service types and sites.")

WAIT_S = 30


def submit(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="JSON lines, JSON, CSV or XLSX")],
    url: Url = URL,
    actor: Actor = OPERATOR,
    timezone: TimeZone = "Asia/Shanghai",
    crs: Crs = "wgs84",
    as_json: Json = False,
) -> None:
    """Send requests, one line each with its id or why not.

    A row's own `id` is its Idempotency-Key: the file can be sent again, and an id with other content is refused.
    """
    source, zone, run = read(file), time_zone(timezone), uuid4()
    refused = count = 0
    with connected(url, actor) as client:
        for record in records(source):
            count += 1
            told = _submit(client, record, source.form, zone, crs, f"{run}:{record.line}")
            refused += "id" not in told
            if as_json:
                typer.echo(json.dumps(told, ensure_ascii=False))
            elif "id" in told:
                typer.echo(f"{told['line']}\t{told['id']}\t{told['zone']}")
            else:
                typer.secho(f"{told['line']}\trefused\t{told['reason']}", fg="red")
    if not count:
        wrong(f"{source.name} holds no requests")
    if refused:
        complain(f"{refused} of {count} were refused")
        raise typer.Exit(NO)


def _submit(client: Client, record: Record, form: str, zone: ZoneInfo, crs: str, key: str) -> dict[str, Any]:
    told: dict[str, Any] = {"line": record.line}
    if record.fault:
        return told | {"reason": record.fault}
    body = record.value
    if form in {"csv", "xlsx"}:
        try:
            body = columns.request(body, zone)
        except columns.BadRow as error:
            return told | {"reason": str(error)}
    if isinstance(body, dict) and "id" in body:
        body = dict(body)
        own = body.pop("id")
        if not isinstance(own, str | int) or not str(own).isascii() or not 0 < len(str(own)) <= 100:
            return told | {"reason": "id: must be a short ASCII text or a number"}
        key = f"{body.get('source', 'api')}:{own}"[:255]
    try:
        body = _converted(body, crs)
    except ValueError as error:
        return told | {"reason": str(error)}
    answer = client.send("POST", "/requests", body, key=key)
    if answer.status_code == 202:
        content: dict[str, Any] = answer.json()
        return told | content
    if answer.status_code >= 500:
        missing(f"{client.url} answered {answer.status_code}: {reason(answer)}")
    return told | {"reason": reason(answer), "status": answer.status_code}


@roster.command("import")
def import_roster(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="JSON, XLSX (sheets teams, volunteers) or CSV")],
    url: Url = URL,
    actor: Actor = OPERATOR,
    crs: Crs = "wgs84",
    whole_roster: Whole = False,
    as_json: Json = False,
) -> None:
    """Add or replace teams and volunteers, each in its team's zone."""
    lists, faults = _lists(read(file), {"teams": columns.team, "volunteers": columns.volunteer}, crs)
    teams, volunteers = lists["teams"], lists["volunteers"]
    with connected(url, actor) as client:
        home = {one.get("id"): one.get("zone") for one in teams if isinstance(one, dict)}
        zones = [row["zone"] for row in client.json("/zones")["zones"]]
        named = {one.get("team") for one in volunteers if isinstance(one, dict)}
        if named - set(home):
            for zone in zones:
                home |= {
                    one["id"]: zone for one in client.json(f"/zones/{zone}/roster")["teams"] if one["id"] not in home
                }
        bodies: dict[str, dict[str, list[Any]]] = {}
        for kind, items in lists.items():
            for item in items:
                what = item if isinstance(item, dict) else {}
                zone = what.get("zone") if kind == "teams" else home.get(what.get("team"))
                if zone is None or zone not in zones:
                    text = (
                        f"there is no zone {zone!r}" if kind == "teams" else f"no team {what.get('team')!r} in any zone"
                    )
                    faults.append(_fault(kind, what.get("id"), text))
                else:
                    bodies.setdefault(zone, {"teams": [], "volunteers": []})[kind].append(item)
        mode = "whole" if whole_roster else "patch"
        told = [
            (zone, client.send("PUT", f"/zones/{zone}/roster", body, wait_s=WAIT_S, mode=mode))
            for zone, body in bodies.items()
        ]
    _finish(told, faults, as_json)


@catalogue.command("import")
def import_catalogue(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="JSON, XLSX (sheets service_types, sites) or CSV")],
    url: Url = URL,
    actor: Actor = OPERATOR,
    crs: Crs = "wgs84",
    whole_catalogue: Whole = False,
    as_json: Json = False,
) -> None:
    """Add or replace service types and sites."""
    body, faults = _lists(read(file), {"service_types": columns.service_type, "sites": columns.site}, crs)
    with connected(url, actor) as client:
        mode = "whole" if whole_catalogue else "patch"
        told = [("all zones", client.send("PUT", "/catalogue", body, wait_s=WAIT_S, mode=mode))]
    _finish(told, faults, as_json)


def _lists(
    source: Source, forms: dict[str, Callable[[columns.Row], dict[str, Any]]], crs: str
) -> tuple[dict[str, list[Any]], list[dict[str, Any]]]:
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
            wrong(f"{source.name}: must be one JSON object with the lists {' and '.join(forms)}")
        for name, items in value.items():
            for index, item in enumerate(items):
                try:
                    lists[name].append(_converted(item, crs))
                except ValueError as error:
                    faults.append(_fault(name, index, str(error)))
        return lists, faults
    for name, rows in _tables(source, tuple(forms)):
        for row in rows:
            try:
                if row.fault:
                    raise ValueError(row.fault)
                lists[name].append(_converted(forms[name](row.value), crs))
            except ValueError as error:
                faults.append(_fault(name, f"line {row.line}", str(error)))
    return lists, faults


def _tables(source: Source, names: tuple[str, ...]) -> Iterable[tuple[str, list[Record]]]:
    if source.form == "xlsx":
        sheets = workbook(source)
        if not set(sheets) & set(names):
            wrong(f"{source.name}: has none of the sheets {', '.join(names)}")
        return [(name, sheets[name]) for name in names if name in sheets]
    rows = list(table(source))
    stem = Path(source.name).stem.lower()
    if stem in names:
        return [(stem, rows)]
    header = {columns.CHINESE.get(name, name) for row in rows if row.value for name in row.value}
    mark = {"teams": "zone", "volunteers": "team", "sites": "zone", "service_types": "demands"}
    fit = [name for name in names if {mark[name], "skills" if mark[name] == "demands" else mark[name]} & header]
    if len(fit) != 1:
        wrong(f"{source.name}: call the file {' or '.join(f'{name}.csv' for name in names)}, so that its kind is clear")
    return [(fit[0], rows)]


def _fault(kind: str, where: object, text: str) -> dict[str, Any]:
    return {"list": kind, "id": None if where is None else str(where), "field": "item", "code": "file", "reason": text}


def _finish(told: list[tuple[str, Any]], faults: list[dict[str, Any]], as_json: bool) -> None:
    """Sum up what was taken and what was not."""
    taken, pending, refused = 0, 0, list(faults)
    for zone, answer in told:
        content = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        taken += content.get("taken", 0)
        pending += answer.status_code == 202
        refused += content.get("refused", [])
        if answer.is_error and not content.get("refused"):
            refused.append(_fault("file", zone, reason(answer)))
    if as_json:
        typer.echo(json.dumps({"taken": taken, "pending": pending, "refused": refused}, ensure_ascii=False))
    else:
        for one in refused:
            typer.secho(f"{one['list']}\t{one['id']}\t{one['field']}: {one['reason']}", fg="red")
        typer.echo(
            f"{taken} taken, {len(refused)} refused" + (f", {pending} zones have not answered yet" if pending else "")
        )
    if refused:
        raise typer.Exit(NO)


def _converted(item: Any, crs: str) -> Any:
    """Turn the places of an item into WGS-84."""
    if crs == "wgs84" or not isinstance(item, dict):
        return item
    from ningju.bootstrap.inspecting import to_wgs84

    item = dict(item)
    for name in ("place", "home", "base"):
        if name in item:
            try:
                item[name] = to_wgs84(Place.model_validate_json(json.dumps(item[name]))).model_dump()
            except ValidationError:
                raise ValueError(f"{name}: must be lon and lat in degrees") from None
    return item
