"""Copies of a SQLite ledger, made while it is written; each is one file, for its owner's eyes only."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path


def copy(source: Path, target: Path) -> None:
    """Copy a ledger as it is at one instant, whoever writes it meanwhile, and have the copy on the disk.

    Raises
    ------
    OSError
        When the target cannot be made, or is there already.
    sqlite3.Error
        When the source is no SQLite file, or the disk is full.
    """
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # names and phones stand in it
    try:
        with closing(sqlite3.connect(source)) as ledger, closing(sqlite3.connect(target)) as made:
            ledger.execute("PRAGMA query_only = ON")
            ledger.backup(made)  # all pages in one read transaction: writers are not waited for, nor do they wait
            made.execute("PRAGMA journal_mode = DELETE")  # no second file belongs to it
        flush(target)
    except BaseException:
        target.unlink()
        raise


def holds_ledger(file: Path) -> bool:
    """Whether a SQLite file has a ledger's tables: an empty file is a database, too."""
    with closing(sqlite3.connect(file)) as made:
        return made.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone() is not None


def put(made: Path, target: Path) -> None:
    """Give a finished copy its name."""
    made.replace(target)
    flush(target.parent)


def flush(path: Path) -> None:
    """Have a file, or what a folder lists, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
