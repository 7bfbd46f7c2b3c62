"""``ningju token``: what lets programs in."""

import asyncio
import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ningju.cli.exits import NO, complain, wrong
from ningju.cli.flags import OPERATOR, Actor, Data, Database, Json, flag, settings
from ningju.settings import Settings

if TYPE_CHECKING:
    from engine.ports import ApiToken

token = typer.Typer(no_args_is_help=True, help="What lets programs in; see docs/sign-in.md.")


@token.command("create")
def created(
    name: Annotated[str, typer.Argument(metavar="NAME", help="who has it, such as city-hotline")],
    scope: Annotated[list[str], flag("--scope", "what it is for; several: once for each")],
    zone: Annotated[list[str] | None, flag("--zone", "these zones and what lies in them; none: all")] = None,
    days: Annotated[int | None, flag("--days", "days for which it counts; none: until it is revoked", min=1)] = 365,
    data: Data = None,
    database: Database = None,
    actor: Actor = OPERATOR,
    as_json: Json = False,
) -> None:
    """Make a token and show it this once: only its hash is kept."""
    from ningju.bootstrap import tokens

    told = settings(Settings, data=data, database=database)
    try:
        made, secret = asyncio.run(tokens.create(told, name, scope, zone or None, days, actor))
    except ValueError as error:
        wrong(str(error))
    if as_json:
        typer.echo(json.dumps(_facts(made) | {"token": secret}, ensure_ascii=False))
        return
    typer.echo(secret)
    complain(f"{made.id}: shown this once. Send it as Authorization: Bearer …")


@token.command("list")
def listed(data: Data = None, database: Database = None, as_json: Json = False) -> None:
    """List tokens, without what they are."""
    from ningju.bootstrap import tokens

    found = asyncio.run(tokens.listed(settings(Settings, data=data, database=database)))
    if as_json:
        typer.echo(json.dumps([_facts(one) for one in found], ensure_ascii=False))
        return
    table = Table("id", "name", "for", "zones", "made", "until", "revoked")
    for one in found:
        table.add_row(
            one.id,
            Text(one.name),
            " ".join(one.scopes),
            "all" if one.zones is None else " ".join(one.zones),
            f"{one.created_at:%F} {one.created_by}",
            _day(one.expires_at),
            _day(one.revoked_at),
        )
    Console(highlight=False).print(table)


@token.command("revoke")
def revoked(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="as `list` shows it")],
    data: Data = None,
    database: Database = None,
) -> None:
    """Let a token count no more, from the next call on."""
    from ningju.bootstrap import tokens

    if not asyncio.run(tokens.revoke(settings(Settings, data=data, database=database), token_id)):
        complain(f"there is no token {token_id} that counts; `ningju token list` shows them")
        raise typer.Exit(NO)
    typer.echo(f"{token_id}\trevoked")


def _facts(one: "ApiToken") -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "scopes": list(one.scopes),
        "zones": None if one.zones is None else list(one.zones),
        "created_at": one.created_at.isoformat(),
        "created_by": one.created_by,
        "expires_at": one.expires_at and one.expires_at.isoformat(),
        "revoked_at": one.revoked_at and one.revoked_at.isoformat(),
    }


def _day(at: datetime | None) -> str:
    return "" if at is None else f"{at:%F}"
