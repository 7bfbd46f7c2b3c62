"""``ningju deadletters``: what could not be read or handled, looked at and dealt with, without the server."""

import asyncio
import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.intake import redact
from ningju.cli.exits import NO, complain, wrong
from ningju.cli.flags import OPERATOR, Actor, Data, Database, Json, TimeZone, flag, settings, time_zone
from ningju.settings import Settings

if TYPE_CHECKING:
    from ningju.bootstrap.letters import Kept

SHOWN = 4_000

deadletters = typer.Typer(no_args_is_help=True, help="What could not be read or handled.")

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="as `list` shows it", min=1)]


@deadletters.command("list")
def listed(
    data: Data = None,
    database: Database = None,
    every: Annotated[bool, flag("--all", "also those that were replayed or discarded")] = False,
    limit: Annotated[int, flag("--limit", "letters at most", min=1, max=10_000)] = 100,
    timezone: TimeZone = "Asia/Shanghai",
    as_json: Json = False,
) -> None:
    """List dead letters that nobody has dealt with, newest first."""
    from ningju.bootstrap import letters

    found = asyncio.run(letters.letters(_told(data, database), limit, closed=every))
    if as_json:
        typer.echo(json.dumps([_facts(one) for one in found], ensure_ascii=False))
        return
    zone = time_zone(timezone)
    table = Table("no.", "last", "times", "from", "zone", "state", "why")
    for one in found:
        letter = one.letter
        table.add_row(
            str(one.number),
            f"{one.last_at.astimezone(zone):%m-%d %H:%M}",
            str(one.count),
            f"{letter.source}/{letter.partition}/{letter.offset}",
            letter.zone or "",
            _state(one),
            Text(visible(letter.reason)[:200]),
        )
    Console(highlight=False).print(table)


@deadletters.command("show")
def shown(
    number: Number,
    data: Data = None,
    database: Database = None,
    output: Annotated[
        Path | None, flag("--output", "write the bytes as they came to a new file, names and phones and all")
    ] = None,
    timezone: TimeZone = "Asia/Shanghai",
    as_json: Json = False,
) -> None:
    """Show one letter; of its bytes only what is harmless to a terminal, with long numbers and mail addresses blanked."""
    from ningju.bootstrap import letters

    found = asyncio.run(letters.letter(_told(data, database), number))
    if found is None:
        wrong(f"there is no dead letter {number}; `ningju deadletters list` shows them")
    raw = found.letter.raw
    if output is not None:
        try:
            output.touch(mode=0o600, exist_ok=False)
            output.write_bytes(raw)
        except OSError as error:
            wrong(f"cannot write {output}: {error.strerror or error}")
    if as_json:
        typer.echo(json.dumps(_facts(found) | {"raw": base64.b64encode(raw).decode()}, ensure_ascii=False))
        return
    zone, letter = time_zone(timezone), found.letter
    facts = {
        "from": f"{letter.source}, partition {letter.partition}, offset {letter.offset}",
        "why": visible(letter.reason),
        "zone": letter.zone or "",
        "command": str(letter.command_id or ""),
        "times": f"{found.count}, first {found.first_at.astimezone(zone):%F %T}, last {found.last_at.astimezone(zone):%F %T}",
        "state": _state(found),
        "bytes": f"{len(raw)}, kept until {found.expires_at.astimezone(zone):%F %T}" if raw else "expired",
    }
    console = Console(highlight=False, soft_wrap=True)
    for name, value in facts.items():
        if value:
            console.print(Text(f"{name:8}{value}"))
    if raw:
        console.print(Text(visible(redact(raw[:SHOWN].decode(errors="backslashreplace"))), style="dim"))
        if len(raw) > SHOWN:
            console.print(Text(f"… and {len(raw) - SHOWN} bytes more; --output FILE has all of them"))


@deadletters.command("replay")
def replayed(
    numbers: Annotated[list[int], typer.Argument(metavar="NUMBER…", help="as `list` shows them", min=1)],
    data: Data = None,
    database: Database = None,
    actor: Actor = OPERATOR,
    wait: Annotated[float, flag("--wait", "seconds to wait for each verdict", min=0, max=600)] = 0.0,
    as_json: Json = False,
) -> None:
    """Send letters through the door once more, each as a new command with the old one as its cause.

    A running system takes it up within seconds, one that is down when it starts.
    """
    from ningju.bootstrap import letters

    told, refused = _told(data, database), 0
    for number in numbers:
        try:
            done = asyncio.run(letters.replay(told, number, actor, wait))
        except letters.NotReplayable as no:
            refused += 1
            _tell({"number": number, "refused": str(no)}, f"{number}\trefused\t{no}", as_json)
            continue
        status = done.outcome.status if done.outcome else "open"
        refused += status in {"failed", "rejected"}
        detail = visible(done.outcome.detail) if done.outcome else ""
        facts = {"number": number, "command_id": str(done.command_id), "zone": done.zone, "status": status}
        line = f"{number}\t{done.command_id}\t{done.zone}\t{status}\t{detail}".rstrip()
        _tell(facts | {"detail": detail}, line, as_json)
    if refused:
        complain(f"{refused} of {len(numbers)} were not done")
        raise typer.Exit(NO)


@deadletters.command("discard")
def discarded(
    numbers: Annotated[list[int], typer.Argument(metavar="NUMBER…", help="as `list` shows them", min=1)],
    reason: Annotated[str, flag("--reason", "why nobody has to look at it any more")],
    data: Data = None,
    database: Database = None,
    actor: Actor = OPERATOR,
    as_json: Json = False,
) -> None:
    """Put letters away, with the reason; they stay in `list --all`."""
    from ningju.bootstrap import letters

    if not reason.strip():
        wrong("--reason: say why")
    told, refused = _told(data, database), 0
    for number in numbers:
        try:
            asyncio.run(letters.discard(told, number, actor, redact(reason.strip())))
        except letters.NotReplayable as no:
            refused += 1
            _tell({"number": number, "refused": str(no)}, f"{number}\trefused\t{no}", as_json)
        else:
            _tell({"number": number, "status": "discarded"}, f"{number}\tdiscarded", as_json)
    if refused:
        complain(f"{refused} of {len(numbers)} were not done")
        raise typer.Exit(NO)


def visible(text: str) -> str:
    r"""Write what a terminal would obey, hide or turn around as escapes: ``\x1b``, ``\u202e``.

    Whoever can write to a topic chooses the bytes of dead letters; the terminal of whoever looks must not be theirs.
    """
    return "".join(
        one if one.isprintable() and one != "\\" else one.encode("unicode_escape").decode("ascii") for one in text
    )


def _told(data: Path | None, database: str | None) -> Settings:
    return settings(Settings, data=data, database=database)


def _tell(facts: dict[str, Any], line: str, as_json: bool) -> None:
    typer.echo(json.dumps(facts, ensure_ascii=False) if as_json else line)


def _state(one: "Kept") -> str:
    return "open" if one.closing is None else one.closing.how


def _facts(one: "Kept") -> dict[str, Any]:
    letter, closing = one.letter, one.closing
    return {
        "number": one.number,
        "source": letter.source,
        "partition": letter.partition,
        "offset": letter.offset,
        "reason": letter.reason,
        "zone": letter.zone,
        "command_id": str(letter.command_id) if letter.command_id else None,
        "count": one.count,
        "first_at": one.first_at.isoformat(),
        "last_at": one.last_at.isoformat(),
        "expires_at": one.expires_at.isoformat(),
        "bytes": len(letter.raw),
        "state": _state(one),
        "closed_at": one.closed_at.isoformat() if one.closed_at else None,
        "closed_by": closing.by if closing else None,
        "closed_reason": closing.reason if closing else None,
        "replayed_as": str(closing.replayed_as) if closing and closing.replayed_as else None,
    }
