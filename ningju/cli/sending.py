"""``ningju submit``, ``ningju roster import``, ``ningju catalogue import``."""

import json
from typing import Annotated, Any, Literal
from uuid import uuid4
from zoneinfo import ZoneInfo

import typer

from ningju.cli.client import Client, connected, reason
from ningju.cli.exits import NO, complain, missing, wrong
from ningju.cli.files import read
from ningju.cli.flags import OPERATOR, URL, Actor, Json, TimeZone, Url, flag, time_zone
from ningju.reading import columns
from ningju.reading.files import Record, records
from ningju.reading.lists import CATALOGUE, ROSTER, by_zone, converted, fault, lists_of

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
        body = converted(body, crs)
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
    lists, faults = lists_of(read(file), ROSTER, crs)
    with connected(url, actor) as client:
        zones = [row["zone"] for row in client.json("/zones")["zones"]]
        home: dict[str, str] = {}
        teams = {one.get("id") for one in lists["teams"] if isinstance(one, dict)}
        if {one.get("team") for one in lists["volunteers"] if isinstance(one, dict)} - teams:
            for zone in zones:
                home |= {one["id"]: zone for one in client.json(f"/zones/{zone}/roster")["teams"]}
        bodies, astray = by_zone(lists, home, zones)
        faults += astray
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
    body, faults = lists_of(read(file), CATALOGUE, crs)
    with connected(url, actor) as client:
        mode = "whole" if whole_catalogue else "patch"
        told = [("all zones", client.send("PUT", "/catalogue", body, wait_s=WAIT_S, mode=mode))]
    _finish(told, faults, as_json)


def _finish(told: list[tuple[str, Any]], faults: list[dict[str, Any]], as_json: bool) -> None:
    """Sum up what was taken and what was not."""
    taken, pending, refused = 0, 0, list(faults)
    for zone, answer in told:
        content = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        taken += content.get("taken", 0)
        pending += answer.status_code == 202
        refused += content.get("refused", [])
        if answer.is_error and not content.get("refused"):
            refused.append(fault("file", zone, reason(answer)))
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
