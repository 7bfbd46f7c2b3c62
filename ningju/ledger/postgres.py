"""PostgreSQL: transactions in a thread pool, numbers that appear in order, outcomes told by LISTEN/NOTIFY."""

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import psycopg
from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import QueuePool

from engine.ports import Clock, CommitUnknown, Unavailable
from ningju.ledger.database import Result, Work
from ningju.ledger.tables import moment

WRITERS = 4
READERS = 4
TRIES = 4
CHANNEL = "ningju_outcomes"
IDS_A_NOTICE = 200
"""Ids of 32 characters: a notice carries less than 8,000 bytes."""

_NUMBERING = 0x4E4A << 48
"""Namespace of the locks that announce numbering: the lower 48 bits are the last number drawn before."""

_OPTIONS = "-c synchronous_commit=on -c idle_in_transaction_session_timeout=30000 -c lock_timeout=10000 -c timezone=UTC"

Pooled = TypeVar("Pooled")


class PostgresDatabase:
    """A database that several processes share.

    Inbox numbers come from a sequence, so a number can become visible after a larger one. A transaction that is about to
    draw numbers therefore holds a shared advisory lock that carries the last number drawn so far: all of its own are
    larger. A reader takes the last number drawn, then the smallest lock held, and reads no further than either:
    whatever is below is committed or gone for good. Nobody waits for anybody; a transaction that hangs holds readers
    back until the server ends it (``idle_in_transaction_session_timeout``).

    Parameters
    ----------
    clock
        Stamps what is written; none for the database's own clock.
    """

    def __init__(self, address: URL, clock: Clock | None) -> None:
        url = address.set(drivername="postgresql+psycopg")
        self.engine = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=WRITERS + READERS,
            max_overflow=0,
            connect_args={"connect_timeout": 5, "options": _OPTIONS},
        )
        self._conninfo = address.set(drivername="postgresql").render_as_string(hide_password=False)
        self._clock = clock
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="ledger-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="ledger-reader")
        self._closed = False

    async def write(self, work: Work[Result]) -> Result:
        return await self._run(self._writers, lambda: self._again(lambda: self._transact(work)))

    async def read(self, work: Work[Result]) -> Result:
        return await self._run(self._readers, lambda: self._again(lambda: self._look(work, "READ COMMITTED")))

    async def read_at_once(self, work: Work[Result]) -> Result:
        return await self._run(self._readers, lambda: self._again(lambda: self._look(work, "REPEATABLE READ")))

    def now(self, connection: Connection) -> datetime:
        if self._clock is not None:
            return self._clock.now()
        seconds = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        return moment(connection.execute(seconds).scalar_one())

    def before_numbering(self, connection: Connection) -> None:
        connection.execute(
            text(
                "SELECT pg_advisory_xact_lock_shared(:space + CASE WHEN is_called THEN last_value ELSE 0 END)"
                " FROM inbox_seq_seq"
            ),
            {"space": _NUMBERING},
        )

    def numbered_up_to(self, connection: Connection) -> int | None:
        drawn = text("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM inbox_seq_seq")
        last: int = connection.execute(drawn).scalar_one()  # before the locks: who locks later draws larger numbers
        held = text(
            "SELECT min(((classid::bigint << 32) | objid::bigint) - :space) FROM pg_locks"
            " WHERE locktype = 'advisory' AND objsubid = 1 AND (classid::bigint >> 16) = :name"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        oldest: int | None = connection.execute(held, {"space": _NUMBERING, "name": _NUMBERING >> 48}).scalar_one()
        return last if oldest is None else min(last, oldest)

    def announce(self, connection: Connection, command_ids: Collection[UUID]) -> None:
        ids = [one.hex for one in command_ids]
        for start in range(0, len(ids), IDS_A_NOTICE):
            notice = {"channel": CHANNEL, "ids": "".join(ids[start : start + IDS_A_NOTICE])}
            connection.execute(text("SELECT pg_notify(:channel, :ids)"), notice)

    async def listen(self, heard: Callable[[Collection[UUID]], None]) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    async for notice in connection.notifies():
                        ids = notice.payload
                        heard([UUID(ids[start : start + 32]) for start in range(0, len(ids), 32)])
            except psycopg.Error:
                await asyncio.sleep(1.0)  # waiting callers are served by polling meanwhile

    async def scrub(self) -> None:
        """Nothing: the server's vacuum frees the row, and its log and backups age as they are set up to."""

    async def close(self) -> None:
        self._closed = True
        await asyncio.to_thread(self._writers.shutdown)
        await asyncio.to_thread(self._readers.shutdown)
        self.engine.dispose()

    async def _run(self, pool: ThreadPoolExecutor, work: Callable[[], Pooled]) -> Pooled:
        if self._closed:
            raise Unavailable("the ledger is closed")
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    def _again(self, work: Callable[[], Pooled]) -> Pooled:
        """Try again where nothing was written and a fresh transaction or connection may do."""
        for left in reversed(range(TRIES)):
            try:
                return work()
            except DBAPIError as error:
                state = getattr(error.orig, "sqlstate", None)
                again = error.connection_invalidated or state in ("40001", "40P01")
                if again and left:
                    continue
                if again or isinstance(error, OperationalError | InterfaceError):
                    raise Unavailable(str(error.orig)) from error
                raise
        raise AssertionError("the last try returns or raises")

    def _transact(self, work: Work[Result]) -> Result:
        with self.engine.connect() as connection:
            transaction = connection.begin()
            result = work(connection)  # leaving the block rolls back what raised
            try:
                transaction.commit()
            except DBAPIError as error:
                raise CommitUnknown(str(error.orig)) from error
            return result

    def _look(self, work: Work[Result], isolation: str) -> Result:
        with self.engine.connect() as connection:
            if isolation != "READ COMMITTED":
                connection = connection.execution_options(isolation_level=isolation)
            with connection.begin():
                return work(connection)
