"""SQLite: one writing thread that commits many callers' work together, and readers beside it.

Writers of other processes are waited for, but only one process may be the busy one: SQLite has one write lock.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from engine.ports import Clock, CommitUnknown, Unavailable
from ningju.ledger.database import Result, Work

BUSY_MS = 5_000
GROUP = 256
READERS = 4
CACHE_KIB = 65_536
"""Ids are spread over their indexes: a batch touches many pages, and they should stay in memory."""

CHECKPOINT_PAGES = 8_000
"""Pages of the log before they are copied into the file (32 MB): the same pages change again and again."""


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    future: Future[Any] = field(default_factory=Future)


class SqliteDatabase:
    """A file in WAL mode; what ``write`` returned is on the disk."""

    def __init__(self, path: Path, clock: Clock) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.writer = sqlite_engine(path, "BEGIN IMMEDIATE", query_only=False)
        self._reader = sqlite_engine(path, "BEGIN", query_only=True)
        self._path = path
        self._clock = clock
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="ledger-reader")
        self._closed = False
        self._thread = Thread(target=self._serve, name="ledger-writer", daemon=True)
        self._thread.start()

    async def write(self, work: Work[Result]) -> Result:
        if self._closed:
            raise Unavailable("the ledger is closed")
        job = _Job(work)
        self._jobs.put(job)
        result: Result = await asyncio.wrap_future(job.future)
        return result

    async def read(self, work: Work[Result]) -> Result:
        if self._closed:
            raise Unavailable("the ledger is closed")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._look, work)

    async def read_at_once(self, work: Work[Result]) -> Result:
        return await self.read(work)  # a read transaction sees one instant anyway

    def now(self, connection: Connection) -> datetime:
        return self._clock.now()

    def before_numbering(self, connection: Connection) -> None:
        """Nothing to do: one writer at a time, so numbers appear in order."""

    def numbered_up_to(self, connection: Connection) -> int | None:
        return None

    def announce(self, connection: Connection, command_ids: Collection[UUID]) -> None:
        """Nobody else listens."""

    async def listen(self, heard: Callable[[Collection[UUID]], None]) -> None:
        return

    async def scrub(self) -> None:
        """Bring the log into the file, where ``secure_delete`` has overwritten the bytes, and empty it."""
        await asyncio.to_thread(self._empty_log)

    def _empty_log(self) -> None:
        with closing(sqlite3.connect(self._path, timeout=BUSY_MS / 1_000)) as driver:
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # busy readers only put it off

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join)
            await asyncio.to_thread(self._readers.shutdown)
            self._reader.dispose()
            self.writer.dispose()

    def _look(self, work: Work[Result]) -> Result:
        try:
            with self._reader.begin() as connection:
                return work(connection)
        except OperationalError as error:
            raise Unavailable(str(error.orig)) from error

    def _serve(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            group = [job]
            last = False
            while len(group) < GROUP and not last:
                try:
                    job = self._jobs.get_nowait()
                except Empty:
                    break
                if job is None:
                    last = True
                else:
                    group.append(job)
            self._commit([job for job in group if job.future.set_running_or_notify_cancel()])
            if last:
                return

    def _commit(self, group: Sequence[_Job]) -> None:
        """Do the group's work in one transaction, each job in a savepoint; answer only when it is durable."""
        done: list[tuple[_Job, Any]] = []
        try:
            with self.writer.connect() as connection:
                transaction = connection.begin()
                failed: list[tuple[_Job, Exception]] = []
                for job in group:
                    connection.exec_driver_sql("SAVEPOINT job")
                    try:
                        done.append((job, job.work(connection)))
                    except Exception as error:  # noqa: BLE001 - it is the caller's, whatever it is
                        _undo(connection, error)
                        failed.append((job, error))
                    connection.exec_driver_sql("RELEASE job")
                for job, reason in failed:
                    job.future.set_exception(_translated(reason))
                try:
                    transaction.commit()
                except OperationalError as error:
                    raise _after_commit(connection, error) from error
        except Exception as error:  # noqa: BLE001 - every caller must hear of it
            for job in group:
                if not job.future.done():
                    job.future.set_exception(_translated(error))
            return
        for job, result in done:
            job.future.set_result(result)


def _undo(connection: Connection, error: Exception) -> None:
    """Undo one job; where SQLite gave up the whole transaction (a full disk), raise what it gave it up for."""
    try:
        connection.exec_driver_sql("ROLLBACK TO job")
    except OperationalError as gone:
        raise error from gone


def _translated(error: Exception) -> Exception:
    if isinstance(error, OperationalError):
        away = Unavailable(f"{error.orig}")
        away.__cause__ = error
        return away
    return error


def _after_commit(connection: Connection, error: OperationalError) -> Exception:
    """Tell a commit that surely failed (the transaction is still there to be rolled back) from one that nobody knows of."""
    driver: Any = connection.connection.dbapi_connection
    if driver.in_transaction:
        driver.rollback()
        return Unavailable(f"{error.orig}")
    return CommitUnknown(f"{error.orig}")


def sqlite_engine(path: Path, begin: str, *, query_only: bool) -> Engine:
    """Make connections to a ledger's file that begin their transactions themselves."""
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=READERS if query_only else 1,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": BUSY_MS / 1_000},
    )

    @event.listens_for(engine, "connect")
    def prepare(driver: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        driver.isolation_level = None  # the driver's own BEGIN is deferred; ours is below
        driver.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        if not query_only:
            driver.execute("PRAGMA journal_mode = WAL")
        driver.execute("PRAGMA synchronous = FULL")
        driver.execute("PRAGMA foreign_keys = ON")
        driver.execute(f"PRAGMA cache_size = {-CACHE_KIB}")
        driver.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        driver.execute("PRAGMA secure_delete = ON")  # an erased person's bytes are overwritten
        driver.execute(f"PRAGMA query_only = {'ON' if query_only else 'OFF'}")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
