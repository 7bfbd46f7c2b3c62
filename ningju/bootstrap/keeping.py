"""Backups of an embedded ledger and the way back, each verified before it counts; and going back to an earlier release."""

import asyncio
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from engine.ports import Unavailable
from engine.snapshots import SCHEMA
from ningju.bootstrap.clock import SystemClock
from ningju.bootstrap.inspecting import newest
from ningju.bootstrap.lock import sole_writer
from ningju.ledger import backup as copying
from ningju.ledger.opening import migrate_store
from ningju.ledger.opening import open_store as open_ledger
from ningju.ledger.settings import StoreSettings
from ningju.ledger.verify import verify
from ningju.settings import Settings

PARTIAL = ".partial"
NAME = "ningju.db"


class NotKept(ValueError):
    """A backup or restore that was not made; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A verified copy: where it is, what it holds, and what does not fit in it, if anything."""

    file: Path
    events: int
    open_commands: int
    violation: str | None


def back_up(settings: Settings, target: Path) -> Kept:
    """Copy the embedded ledger into a file while the system runs, and verify the copy.

    Raises
    ------
    NotKept
        When the database is not SQLite, the file is there already, or nothing can be written there.
    engine.ports.Unavailable
        When there is no ledger.
    """
    source = _embedded(settings)
    if not source.exists():
        raise Unavailable(f"no ledger in {settings.data}; name its folder with --data")
    return _copied(source, target)


def restore(settings: Settings, source: Path) -> Kept:
    """Make a ledger of a backup, in a folder that has none; only a copy that verifies is put in its place.

    Raises
    ------
    NotKept
        When there is a ledger, a system runs on it, or the file is no backup.
    """
    target = _embedded(settings)
    there = [path.name for path in settings.data.glob(f"{NAME}*") if not path.name.endswith(".lock")]
    with sole_writer(settings.database_url):
        if there:
            raise NotKept(
                f"{settings.data} holds {', '.join(sorted(there))}: move the folder away, nothing is written over"
            )
        if not source.is_file():
            raise NotKept(f"there is no file {source}")
        return _copied(source, target, only_whole=True)


def migrate(settings: Settings, to: str) -> None:
    """Bring the ledger's tables to a revision, earlier or later; an earlier release needs its own.

    Raises
    ------
    engine.ports.Unavailable
        When there is no ledger, the database is away, or it knows no such revision.
    """
    if settings.database is None and not _embedded(settings).exists():
        raise Unavailable(f"no ledger in {settings.data}; name its folder with --data, or --database")
    with sole_writer(settings.database_url):
        migrate_store(settings.database_url, to)


def _embedded(settings: Settings) -> Path:
    if settings.database is not None:
        raise NotKept(
            "this is for the embedded ledger; PostgreSQL's own pg_dump and pg_restore, then `ningju verify`, do it for --database: "
            "see docs/operations.md"
        )
    return settings.data / NAME


def _copied(source: Path, target: Path, *, only_whole: bool = False) -> Kept:
    partial = target.with_name(target.name + PARTIAL)
    if target.exists():
        raise NotKept(f"{target} is there already; name another file")
    try:
        copying.copy(source, partial)
    except FileExistsError as taken:
        raise NotKept(f"{partial} is left of a copy that did not end, or of one under way: remove it") from taken
    except (OSError, sqlite3.Error) as fault:
        raise NotKept(f"{source} cannot be copied to {target}: {fault}") from fault
    try:
        if not copying.holds_ledger(partial):
            raise NotKept(f"{source} holds no ledger")
        kept = asyncio.run(_looked_through(partial, target))
        if kept.violation is None or not only_whole:
            copying.flush(partial)
            copying.put(partial, target)
        return kept
    except Unavailable as unknown:
        raise NotKept(f"{source} is no backup of this release: {unknown}") from unknown
    finally:
        for left in target.parent.glob(f"{partial.name}*"):
            left.unlink()


async def _looked_through(file: Path, target: Path) -> Kept:
    store = await open_ledger(f"sqlite:///{file}", SystemClock(), StoreSettings(snapshot_schema=SCHEMA))
    try:
        heads = await store.heads()
        # A timer of a system that stands still is overdue, which says nothing about the copy.
        violation = await verify(store, await newest(store) or SystemClock().now())
        open_commands = await store.open_count()
    finally:
        await store.close()
    return Kept(target, sum(heads.values()), open_commands, None if violation is None else str(violation))
