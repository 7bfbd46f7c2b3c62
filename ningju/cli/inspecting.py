"""``ningju replay``, ``verify``, ``rebuild``, ``export events`` and ``doctor``: the ledger without the server."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.ports import Ledger, Loaded, Record
from ningju.cli.exits import MISSING, NO, wrong
from ningju.cli.flags import Broker, Data, Database, Json, Zone, flag, settings
from ningju.settings import Settings

PAGE = 1_000

export = typer.Typer(no_args_is_help=True, help="What leaves the ledger.")
At = Annotated[str | None, flag("--at", "a time, such as 2026-03-02T09:00+08:00")]


def replay(
    zone: Annotated[str, flag("--zone", "which zone")],
    to: Annotated[int | None, flag("--to", "up to this version", min=0)] = None,
    at: At = None,
    data: Data = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Show a zone as it was."""
    if to is not None and at is not None:
        wrong("give --to or --at, not both")
    state = asyncio.run(_replay(settings(Settings, data=data, database=database), zone, to, _moment(at)))
    if as_json:
        typer.echo(json.dumps(state, ensure_ascii=False))
        return
    console = Console(highlight=False)
    console.print(Text(f"{zone} at version {state['version']}, {state['clock']}", style="bold"))
    for name, value in state.items():
        if isinstance(value, list):
            console.print(f"{name.replace('_', ' ')}: {len(value)}")
    table = Table("request", "state")
    for record in state["requests"]:
        table.add_row(str(record.get("request_id")), str(record.get("state")))
    if state["requests"]:
        console.print(table)


async def _replay(told: Settings, zone: str, to: int | None, at: datetime | None) -> dict[str, Any]:
    from engine.snapshots import dump, fold
    from ningju.bootstrap.inspecting import opened

    async with opened(told) as store:
        head = (await store.heads()).get(zone)
        if head is None:
            wrong(f"there is no zone {zone!r}")
        if to is not None and to > head:
            wrong(f"{zone} is at version {head} only")
        kept: list[Record] = []
        async for record in _events(store, zone, head if to is None else to):
            if at is not None and record.envelope.now > at:
                break
            kept.append(record)
    state: dict[str, Any] = json.loads(dump(fold(zone, Loaded(None, tuple(kept)))))
    return state


def verify(data: Data = None, database: Database = None, at: At = None, as_json: Json = False) -> None:
    """Fold the whole ledger again and compare: snapshots, hash chain, read model, promises, timers."""
    from ningju.bootstrap import inspecting

    found = asyncio.run(inspecting.verify(settings(Settings, data=data, database=database), _moment(at)))
    if as_json:
        typer.echo(json.dumps({"ok": found is None, "violation": found}, ensure_ascii=False))
    else:
        typer.echo("ok" if found is None else found)
    if found is not None:
        raise typer.Exit(NO)


def rebuild(data: Data = None, database: Database = None, as_json: Json = False) -> None:
    """Make read model and snapshots anew from the events; the system may go on running."""
    from ningju.bootstrap import inspecting

    versions = asyncio.run(inspecting.rebuild(settings(Settings, data=data, database=database)))
    if as_json:
        typer.echo(json.dumps(versions))
    else:
        for zone, version in sorted(versions.items()):
            typer.echo(f"{zone}\t{version}")


@export.command("events")
def export_events(
    data: Data = None,
    database: Database = None,
    zone: Zone = None,
    output: Annotated[Path | None, flag("--output", "a file instead of standard output")] = None,
) -> None:
    """Write JSON lines, one event each, zone by zone in version order."""
    told = settings(Settings, data=data, database=database)
    if output is None:
        asyncio.run(_export(told, zone, sys.stdout.buffer.write))
        sys.stdout.buffer.flush()
        return
    try:
        with output.open("wb") as file:
            asyncio.run(_export(told, zone, file.write))
    except OSError as error:
        wrong(f"cannot write {output}: {error.strerror or error}")


async def _export(told: Settings, zone: str | None, write: Any) -> None:
    from ningju.bootstrap.inspecting import opened

    async with opened(told) as store:
        heads = await store.heads()
        if zone is not None and zone not in heads:
            wrong(f"there is no zone {zone!r}")
        for name in sorted(heads) if zone is None else [zone]:
            async for record in _events(store, name, heads[name]):
                write(record.data + b"\n")


async def _events(store: Ledger, zone: str, end: int) -> AsyncIterator[Record]:
    after = 0
    while after < end:
        page = await store.events(zone, after, min(PAGE, end - after))
        if not page:
            return
        for record in page:
            yield record
        after = page[-1].version


def doctor(data: Data = None, database: Database = None, broker: Broker = None, as_json: Json = False) -> None:
    """Check database, broker, topics, clock and versions, and say what to do about each fault."""
    from ningju.bootstrap.inspecting import diagnose

    checks = asyncio.run(diagnose(settings(Settings, data=data, database=database, broker=broker)))
    if as_json:
        told = [{"name": c.name, "ok": c.ok, "found": c.found, "advice": "" if c.ok else c.advice} for c in checks]
        typer.echo(json.dumps(told, ensure_ascii=False))
    else:
        table = Table("", "what", "found", "what to do")
        for check in checks:
            mark = Text("ok", style="green") if check.ok else Text("fault", style="red")
            table.add_row(mark, check.name, check.found, "" if check.ok else check.advice)
        Console().print(table)
    if not all(check.ok for check in checks):
        raise typer.Exit(MISSING)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        wrong(f"{text!r} is no time such as 2026-03-02T09:00+08:00")
    return (moment if moment.tzinfo else moment.astimezone()).astimezone(UTC)
