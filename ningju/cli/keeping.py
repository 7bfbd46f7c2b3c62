"""``ningju backup``, ``restore`` and ``migrate``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ningju.cli.exits import NO, complain, wrong
from ningju.cli.flags import Data, Database, Json, flag, settings
from ningju.settings import Settings

if TYPE_CHECKING:
    from ningju.bootstrap.keeping import Kept


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="a new file")], data: Data = None, as_json: Json = False
) -> None:
    """Copy the embedded ledger into a file, while the system runs, and verify the copy."""
    from ningju.bootstrap import keeping

    try:
        kept = keeping.back_up(settings(Settings, data=data), file)
    except keeping.NotKept as why:
        wrong(str(why))
    _tell(kept, "the copy is kept, but the ledger it was made of does not hold", as_json)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="what `ningju backup` made")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make an embedded ledger of a backup, in a folder that has none, and verify it."""
    from ningju.bootstrap import keeping
    from ningju.bootstrap.lock import LedgerTaken

    try:
        kept = keeping.restore(settings(Settings, data=data), file)
    except (keeping.NotKept, LedgerTaken) as why:
        wrong(str(why))
    _tell(kept, "nothing was restored: what the backup holds does not hold together", as_json)


def migrate(
    to: Annotated[str, flag("--to", "a revision, for going back to an earlier release; none: this release's")] = "head",
    data: Data = None,
    database: Database = None,
) -> None:
    """Bring the ledger's tables to a revision; starting does that too, but never backwards."""
    from ningju.bootstrap import keeping
    from ningju.bootstrap.lock import LedgerTaken

    try:
        keeping.migrate(settings(Settings, data=data, database=database), to)
    except LedgerTaken as taken:
        wrong(str(taken))
    typer.echo(f"the tables are at {to}")


def _tell(kept: "Kept", broken: str, as_json: bool) -> None:
    facts = {
        "file": str(kept.file),
        "events": kept.events,
        "open_commands": kept.open_commands,
        "ok": kept.violation is None,
        "violation": kept.violation,
    }
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False))
    elif kept.violation is None:
        typer.echo(f"{kept.file}: {kept.events} events, {kept.open_commands} open commands, verified")
    if kept.violation is not None:
        complain(f"{broken}: {kept.violation}")
        raise typer.Exit(NO)
