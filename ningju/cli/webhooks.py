"""``ningju webhooks``: which other systems hear of events."""

import asyncio
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ningju.cli.exits import NO, complain, wrong
from ningju.cli.flags import OPERATOR, Actor, Data, Database, Json, flag, settings
from ningju.settings import Settings

webhooks = typer.Typer(no_args_is_help=True, help="Which other systems hear of events; see docs/interop.md.")

Id = Annotated[str, typer.Argument(metavar="ID", help="as `list` shows it")]


@webhooks.command("add")
def added(
    url: Annotated[str, typer.Argument(metavar="URL", help="https, and public")],
    kind: Annotated[list[str] | None, flag("--kind", "these events; several: once for each; none: all")] = None,
    zone: Annotated[list[str] | None, flag("--zone", "of these zones; none: all")] = None,
    data: Data = None,
    database: Database = None,
    actor: Actor = OPERATOR,
    as_json: Json = False,
) -> None:
    """Send events from now on, and show the secret that the receiver checks signatures by."""
    from ningju.bootstrap import webhooks as hooks

    told = settings(Settings, data=data, database=database)
    try:
        made, secret = asyncio.run(hooks.add(told, url, kind or (), zone or (), actor))
    except hooks.NotAdded as no:
        wrong(str(no))
    typer.echo(json.dumps({"id": made.id, "secret": secret}) if as_json else f"{made.id}\t{secret}")


@webhooks.command("list")
def listed(data: Data = None, database: Database = None, as_json: Json = False) -> None:
    """List subscriptions, with how many events each is behind."""
    from ningju.bootstrap import webhooks as hooks

    found = asyncio.run(hooks.listed(settings(Settings, data=data, database=database)))
    if as_json:
        facts = [
            {
                "id": one.id,
                "url": one.url,
                "kinds": list(one.kinds),
                "zones": list(one.zones),
                "behind": behind,
                "suspended_at": one.suspended_at and one.suspended_at.isoformat(),
            }
            for one, behind in found
        ]
        typer.echo(json.dumps(facts, ensure_ascii=False))
        return
    table = Table("id", "to", "events", "zones", "behind", "suspended")
    for one, behind in found:
        since = "" if one.suspended_at is None else f"{one.suspended_at:%F %H:%M}Z"
        names = " ".join(one.kinds) or "all", " ".join(one.zones) or "all"
        table.add_row(one.id, Text(one.url), *names, str(behind), since)
    Console(highlight=False).print(table)


@webhooks.command("remove")
def removed(name: Id, data: Data = None, database: Database = None) -> None:
    """Send nothing more."""
    from ningju.bootstrap import webhooks as hooks

    _tell(name, "removed", done=asyncio.run(hooks.remove(settings(Settings, data=data, database=database), name)))


@webhooks.command("resume")
def resumed(name: Id, data: Data = None, database: Database = None) -> None:
    """Go on where a suspended one stood: nothing is left out."""
    from ningju.bootstrap import webhooks as hooks

    _tell(name, "resumed", done=asyncio.run(hooks.resume(settings(Settings, data=data, database=database), name)))


@webhooks.command("test")
def pinged(name: Id, data: Data = None, database: Database = None) -> None:
    """Send one message of the type `ping`, and say what came of it."""
    from ningju.bootstrap import webhooks as hooks

    try:
        why = asyncio.run(hooks.ping(settings(Settings, data=data, database=database), name))
    except hooks.NotAdded as no:
        wrong(str(no))
    if why is not None:
        complain(f"{name}: not taken: {why}")
        raise typer.Exit(NO)
    typer.echo(f"{name}\ttaken")


def _tell(name: str, what: str, *, done: bool) -> None:
    if not done:
        complain(f"there is no subscription {name}; `ningju webhooks list` shows them")
        raise typer.Exit(NO)
    typer.echo(f"{name}\t{what}")
