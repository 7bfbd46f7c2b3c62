"""``ningju queue`` and ``ningju explain``."""

import json
import time
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from ningju.cli.client import Client, connected, reason
from ningju.cli.exits import NO, complain, missing, wrong
from ningju.cli.flags import OPERATOR, URL, Actor, Json, TimeZone, Url, Zone, flag, time_zone

EVERY_S = 2.0


class Language(StrEnum):
    """Languages of the sentences."""

    ZH = "zh"
    EN = "en"


def queue(
    url: Url = URL,
    actor: Actor = OPERATOR,
    zone: Zone = None,
    watch: Annotated[bool, flag("--watch", "show it anew every two seconds, until Ctrl-C")] = False,
    limit: Annotated[int, flag("--limit", "rows for each zone", min=1, max=5000)] = 50,
    timezone: TimeZone = "Asia/Shanghai",
    as_json: Json = False,
) -> None:
    """Show open requests: alarms first, then by priority, then by what is due first."""
    console, times = Console(), time_zone(timezone)
    with connected(url, actor) as client:
        if not watch:
            queues = _queues(client, zone, limit)
            if as_json:
                typer.echo(json.dumps(queues, ensure_ascii=False))
            else:
                console.print(shown(queues, times))
            return
        try:
            with Live(shown(_queues(client, zone, limit), times), console=console, auto_refresh=False) as live:
                while True:
                    time.sleep(EVERY_S)
                    live.update(shown(_queues(client, zone, limit), times), refresh=True)
        except KeyboardInterrupt:
            return


def explain(
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="its id")],
    url: Url = URL,
    actor: Actor = OPERATOR,
    language: Annotated[Language, flag("--language", "of the sentences")] = Language.EN,
    as_json: Json = False,
) -> None:
    """Say why a request is where it is: rule by rule, what would let it be served, or why this crew and who is next."""
    try:
        request_id = UUID(request)
    except ValueError:
        wrong(f"{request!r} is no request's id; `ningju queue` shows them")
    with connected(url, actor) as client:
        answer = client.get(f"/requests/{request_id}/why")
    if answer.status_code == 404:
        complain(reason(answer))
        raise typer.Exit(NO)
    if answer.is_error:
        missing(f"{url} answered {answer.status_code}: {reason(answer)}")
    told = answer.json()
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    Console(highlight=False, soft_wrap=True).print(reasons(told, language))


def reasons(told: dict[str, Any], language: Language) -> Group:
    """Lay an explanation out: where the request is, rule by rule, what would change that, who comes nearest."""
    english = language is Language.EN
    parts: list[Any] = [Text(f"{told['state']} in {told['zone']}: {told['summary']}", style="bold")]
    if told.get("volunteers"):
        settled = told.get("assigned") and not told.get("tentative")
        counted = f"{told['volunteers']} volunteers, {told['passing']} could {'have been' if settled else 'be'} asked"
        parts.append(Text(counted if english else f"{told['volunteers']} 名志愿者，{told['passing']} 人符合"))
        if told["removed"] and not told.get("left_out"):  # there the sentences have it, demand by demand
            table = Table("rule" if english else "规则", "removed" if english else "排除人数")
            for count in told["removed"]:
                table.add_row(count["rule"].replace("_", " "), str(count["removed"]))
            parts.append(table)
    if told.get("tentative"):
        parts.append(Text("planned, not asked yet:" if english else "计划如此，尚未询问：", style="bold"))
    parts += [Text(f"  {text[language.value]}") for text in told.get("texts", [])]
    for one in told.get("candidates", [])[:10]:
        why = one["rule"].replace("_", " ") if one["rule"] else ("could be asked" if english else "符合")
        parts.append(Text(f"  {one['volunteer']} of {one['team']}, {one['metres']} m away: {why}"))
    return Group(*parts)


def _queues(client: Client, zone: str | None, limit: int) -> list[dict[str, Any]]:
    zones = [zone] if zone else [row["zone"] for row in client.json("/zones")["zones"]]
    return [client.json(f"/zones/{name}/queue", limit=limit) for name in zones]


def shown(queues: list[dict[str, Any]], zone: ZoneInfo) -> Group:
    """Lay queues out so that eighty columns are enough."""
    table = Table(
        "zone",
        "state",
        Column("request", min_width=36, no_wrap=True),  # to be copied into the next command
        Column("due", min_width=11, no_wrap=True),
        "crew",
        box=None,  # in eighty columns there is no room for lines
        pad_edge=False,
        collapse_padding=True,
    )
    for one in queues:
        for row in one["requests"]:
            seats = (row["visit"] or {}).get("seats", [])
            taken = sum(seat["state"] in {"accepted", "arrived"} for seat in seats)
            alarms = ", ".join(row["alarms"]).replace("_", " ")
            what = Text(f"{row['service_type']}, priority {row['priority']}")
            if alarms:
                what.append(f"\n{alarms}", style="red")
            table.add_row(
                row["zone"],
                row["state"].replace("_", " "),
                what.append(f"\n{row['request_id']}", style="dim"),
                f"{datetime.fromisoformat(row['windows'][-1]['end']).astimezone(zone):%m-%d %H:%M}",
                f"{taken}/{row['crew']}",
            )
    total = sum(one["open"] for one in queues)
    return Group(table, Text(f"{total} open in {len(queues)} zones"))
