"""SQL of the door: enqueue, open rows, outcomes."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from threading import Lock
from time import monotonic
from uuid import UUID

from sqlalchemy import Connection, Row, Select, func, select

from engine.ports import Deed, DeedQuery, Enqueued, NewCommand, OpenCommand, QueueFull
from ningju.ledger import tables
from ningju.ledger.archive import put_persons
from ningju.ledger.bulk import insert_new_rows
from ningju.ledger.inspection import InboxRow
from ningju.ledger.stamping import known, stamped, submitted_request
from ningju.ledger.tables import begins, inbox, micros, moment
from schemas.envelope import CommandEnvelope, Outcome

MANY = 500
"""Ids in one ``IN``: bounded, so that few different statements are compiled."""


class InboxLimit:
    """How many bounded commands may be open.

    Counting costs time that grows with the queue, so an upper bound is kept and the rows are counted only when it would
    go over the limit, or when it is a second old: other processes write too. With several of them the limit may be
    passed by what they write within a second.
    """

    def __init__(self, limit: int, retry_after: timedelta) -> None:
        self._limit = limit
        self._retry_after = retry_after
        self._lock = Lock()
        self._at_most = limit
        self._counted_at = 0.0

    def admit(self, connection: Connection, new: int) -> None:
        """Let ``new`` bounded commands in.

        Raises
        ------
        QueueFull
            When they would go over the limit.
        """
        with self._lock:
            self._at_most += new
            if self._at_most <= self._limit and monotonic() - self._counted_at < 1.0:
                return
        counted_at = monotonic()
        rows = select(func.count()).select_from(inbox).where(inbox.c.open, inbox.c.bounded)
        open_now = connection.execute(rows).scalar_one() + new
        with self._lock:
            self._at_most, self._counted_at = open_now, counted_at
        if open_now > self._limit:
            raise QueueFull(self._retry_after)


def enqueue(
    connection: Connection, commands: Sequence[NewCommand], received_at: datetime, limit: InboxLimit
) -> list[Enqueued]:
    """Write commands that are new, and the persons that come with them; answers in the order given."""
    stored = _stored(connection, {command.envelope.command_id for command in commands})
    new: dict[UUID, NewCommand] = {}
    for command in commands:
        if str(command.envelope.command_id) not in stored:
            new.setdefault(command.envelope.command_id, command)
    bounded = sum(command.bounded for command in new.values())
    if bounded:
        limit.admit(connection, bounded)
    mine = _insert(connection, list(new.values()), received_at)
    if len(mine) < len(new):  # another process wrote the same id meanwhile; its commit was waited for
        stored |= _stored(connection, new.keys() - mine)
    put_persons(connection, [person for one in mine for person in new[one].persons])
    answers = []
    for command in commands:
        command_id = command.envelope.command_id
        if command_id in mine and new[command_id] is command:
            answers.append(Enqueued(command_id, "new", received_at, command.envelope.zone))
        elif command_id in mine:  # a second one in the same call
            first = new[command_id]
            answers.append(known(command, first.fingerprint, received_at, first.envelope.zone))
        else:
            row = stored[str(command_id)]
            answers.append(known(command, row.fingerprint, moment(row.received_at), row.zone))
    return answers


def _stored(connection: Connection, command_ids: Collection[UUID]) -> dict[str, Row[tuple[str, str, int, str]]]:
    columns = select(inbox.c.command_id, inbox.c.fingerprint, inbox.c.received_at, inbox.c.zone)
    return {row.command_id: row for ids in _parts(command_ids) for row in connection.execute(_among(columns, ids))}


def _insert(connection: Connection, commands: Sequence[NewCommand], received_at: datetime) -> set[UUID]:
    """Write rows; the ids that were not there."""
    rows = []
    for command in commands:
        envelope = command.envelope
        request_id = submitted_request(envelope)
        rows.append(
            (
                str(envelope.command_id),
                envelope.zone,
                micros(received_at),
                command.fingerprint,
                command.bounded,
                True,
                None if request_id is None else str(request_id),
                stamped(envelope, received_at),
                *_deed(envelope),
            )
        )
    return {UUID(command_id) for command_id in insert_new_rows(connection, inbox, "command_id", rows)}


def _deed(envelope: CommandEnvelope) -> tuple[str | None, str | None, str | None]:
    """Who acted, how, and on which request, of what an operator asks."""
    if envelope.actor.kind != "operator":
        return None, None, None
    about = envelope.about
    return envelope.actor.key, envelope.command.kind, None if about is None else str(about)


def open_commands(connection: Connection, after: int, limit: int, up_to: int | None) -> list[OpenCommand]:
    """Open rows after a number, none beyond ``up_to``."""
    rows = _commands().where(inbox.c.open, inbox.c.seq > after).order_by(inbox.c.seq).limit(limit)
    if up_to is not None:
        rows = rows.where(inbox.c.seq <= up_to)
    return [_command(row) for row in connection.execute(rows)]


def open_count(connection: Connection) -> int:
    """Number of open rows."""
    return connection.execute(select(func.count()).select_from(inbox).where(inbox.c.open)).scalar_one()


def command(connection: Connection, command_id: UUID) -> OpenCommand | None:
    """Row of one command."""
    row = connection.execute(_commands().where(inbox.c.command_id == str(command_id))).one_or_none()
    return None if row is None else _command(row)


def submitted(connection: Connection, request_id: UUID) -> OpenCommand | None:
    """Row of the command that brought a request; the first, should there be several."""
    rows = _commands().where(inbox.c.request_id == str(request_id)).order_by(inbox.c.seq).limit(1)
    row = connection.execute(rows).one_or_none()
    return None if row is None else _command(row)


def deeds(connection: Connection, query: DeedQuery) -> list[Deed]:
    """What operators have asked, newest first."""
    rows = _commands().where(inbox.c.operator.is_not(None)).order_by(inbox.c.seq.desc()).limit(query.limit)
    if query.actor is not None:
        rows = rows.where(inbox.c.operator == query.actor)
    if query.kinds:
        rows = rows.where(inbox.c.kind.in_(sorted(query.kinds)))
    if query.request:
        rows = rows.where(begins(inbox.c.about, query.request))
    if query.since is not None:
        rows = rows.where(inbox.c.received_at >= micros(query.since))
    if query.until is not None:
        rows = rows.where(inbox.c.received_at < micros(query.until))
    if query.within is not None:
        rows = rows.where(inbox.c.zone.in_(sorted(query.within)))
    if query.before is not None:
        rows = rows.where(inbox.c.seq < query.before)
    asked = [_command(row) for row in connection.execute(rows)]
    ended = outcomes(connection, [one.command_id for one in asked])
    return [Deed(one, ended.get(one.command_id)) for one in asked]


def outcomes(connection: Connection, command_ids: Collection[UUID]) -> dict[UUID, Outcome]:
    """Stored outcomes."""
    table = tables.outcome
    found: dict[UUID, Outcome] = {}
    for ids in _parts(command_ids):
        for (data,) in connection.execute(select(table.c.data).where(table.c.command_id.in_(ids))):
            outcome = Outcome.read(data)
            found[outcome.command_id] = outcome
    return found


def inbox_rows(connection: Connection, after: int, limit: int) -> list[InboxRow]:
    """Rows with their outcomes, open or not."""
    table = tables.outcome
    rows = (
        _commands()
        .add_columns(inbox.c.open.label("is_open"), table.c.data.label("outcome"))
        .select_from(inbox.outerjoin(table, table.c.command_id == inbox.c.command_id))
        .where(inbox.c.seq > after)
        .order_by(inbox.c.seq)
        .limit(limit)
    )
    return [
        InboxRow(_command(row), row.is_open, None if row.outcome is None else Outcome.read(row.outcome))
        for row in connection.execute(rows)
    ]


def _commands() -> Select[tuple[int, str, str, int, bytes]]:
    return select(inbox.c.seq, inbox.c.command_id, inbox.c.zone, inbox.c.received_at, inbox.c.data)


def _command(row: Row[tuple[int, str, str, int, bytes]]) -> OpenCommand:
    return OpenCommand(row.seq, UUID(row.command_id), row.zone, moment(row.received_at), row.data)


def _among(rows: Select[tuple[str, str, int, str]], ids: list[str]) -> Select[tuple[str, str, int, str]]:
    return rows.where(inbox.c.command_id.in_(ids))


def _parts(command_ids: Collection[UUID]) -> Iterator[list[str]]:
    ids = sorted(str(one) for one in command_ids)
    for start in range(0, len(ids), MANY):
        yield ids[start : start + MANY]
