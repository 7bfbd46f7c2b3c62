"""The ledger's tables. Times are whole microseconds since 1970 (UTC), ids are text, documents are JSON bytes.

Plain integers, text and bytes mean the same in both databases, sort as they should and need no conversion on the way.
Personal data stands in ``person`` and nowhere else.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Whole microseconds since 1970 of an aware time."""
    return (moment - EPOCH) // _MICROSECOND


def begins(column: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """Whether an id begins with some of its digits; the bounds let an index find it, whatever the database's collation."""
    return column.startswith(prefix, autoescape=True) & (column >= prefix) & (column < prefix + "z")


def moment(micros: int) -> datetime:
    """The aware time, in UTC, of whole microseconds since 1970."""
    return EPOCH + timedelta(microseconds=micros)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Counter = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up by itself only on INTEGER PRIMARY KEY


def _counter(name: str) -> Column[int]:
    return Column(name, _Counter, primary_key=True, autoincrement=True)


def _partial(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


inbox = Table(
    "inbox",
    metadata,
    _counter("seq"),
    Column("command_id", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("bounded", Boolean(create_constraint=False), nullable=False),
    Column("open", Boolean(create_constraint=False), nullable=False),
    Column("request_id", Text),
    Column("data", LargeBinary, nullable=False),
    Column("operator", Text),
    Column("kind", Text),
    Column("about", Text),
    Index("uq_inbox_command_id", "command_id", unique=True),
    Index(
        "ix_inbox_request_id",
        "request_id",
        sqlite_where=text("request_id IS NOT NULL"),
        postgresql_where=text("request_id IS NOT NULL"),
    ),
    _partial("ix_inbox_operator", "seq", where="operator IS NOT NULL"),
    _partial("ix_inbox_about", "about", "seq", where="about IS NOT NULL"),
    Index("ix_inbox_open", "seq", sqlite_where=text("open = 1"), postgresql_where=text("open")),
    sqlite_autoincrement=True,
)

outcome = Table(
    "outcome",
    metadata,
    Column("command_id", Text, primary_key=True),
    Column("zone", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

zone = Table(
    "zone",
    metadata,
    Column("zone", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("next_due", BigInteger),
    Index("ix_zone_next_due", "next_due"),
)

event = Table(
    "event",
    metadata,
    Column("zone", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

snapshot = Table(
    "snapshot",
    metadata,
    Column("zone", Text, primary_key=True),
    Column("schema", Integer, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

cursor = Table(
    "cursor",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("zone", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
)

notification = Table(
    "notification",
    metadata,
    _counter("seq"),
    Column("key", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("pending", Boolean(create_constraint=False), nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index("uq_notification_key", "key", unique=True),
    Index("ix_notification_pending", "seq", sqlite_where=text("pending = 1"), postgresql_where=text("pending")),
    sqlite_autoincrement=True,
)

plan = Table(
    "plan",
    metadata,
    _counter("seq"),
    Column("plan_hash", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("solved_at_version", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index("uq_plan_plan_hash", "plan_hash", unique=True),
    Index("ix_plan_zone_seq", "zone", "seq"),
    sqlite_autoincrement=True,
)

dead_letter = Table(
    "dead_letter",
    metadata,
    _counter("seq"),
    Column("source", Text, nullable=False),
    Column("partition", BigInteger, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("zone", Text),
    Column("command_id", Text),
    Column("count", BigInteger, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("closed", Text),
    Column("closed_at", BigInteger),
    Column("closed_by", Text),
    Column("closed_reason", Text),
    Column("replayed_as", Text),
    Index("uq_dead_letter_source_partition_offset", "source", "partition", "offset", unique=True),
    Index("ix_dead_letter_expires_at", "expires_at"),
    _partial("ix_dead_letter_closed_at", "closed_at", "seq", where="closed_at IS NOT NULL"),
    sqlite_autoincrement=True,
)

person = Table(
    "person",
    metadata,
    Column("id", Text, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

look = Table(
    "look",
    metadata,
    _counter("seq"),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("request_id", Text),
    sqlite_autoincrement=True,
)

account = Table(
    "account",
    metadata,
    Column("id", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("zones", Text),
    Column("seen_at", BigInteger, nullable=False),
)

session = Table(
    "session",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("ix_session_expires_at", "expires_at"),
)

api_token = Table(
    "api_token",
    metadata,
    _counter("seq"),
    Column("id", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("zones", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Index("uq_api_token_id", "id", unique=True),
    Index("uq_api_token_digest", "digest", unique=True),
    sqlite_autoincrement=True,
)

saved_view = Table(
    "saved_view",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("query", Text, nullable=False),
)

subscription = Table(
    "subscription",
    metadata,
    Column("id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("kinds", Text, nullable=False),
    Column("zones", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("suspended_at", BigInteger),
)


request_row = Table(
    "request_row",
    metadata,
    Column("key", Text, primary_key=True),
    Column("zone", Text, primary_key=True),
    Column("visit_id", Text),
    Column("state", Text, nullable=False),
    Column("service_type", Text, nullable=False),
    Column("guest", Boolean(create_constraint=False), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("urgency", BigInteger),  # none for what has ended: the queue's indexes hold what is open
    Column("alarms", Text),
    Column("reason", Text),
    Column("beneficiary", Text),
    Column(
        "team", Text
    ),  # from here on what figures are counted by, of the requests of a period: no index of their own
    Column("served_by", Text),
    Column("accepted_at", BigInteger),
    Column("in_time", Boolean(create_constraint=False)),
    Column("cell", BigInteger),
    Index("ix_request_row_visit_id", "visit_id"),
    Index("ix_request_row_page", "created_at", "key", "zone"),
    Index("ix_request_row_counts", "zone", "state", "guest"),
    _partial("ix_request_row_urgency", "urgency", "key", "zone", where="urgency IS NOT NULL"),
    _partial("ix_request_row_zone_urgency", "zone", "urgency", "key", where="urgency IS NOT NULL"),
    _partial("ix_request_row_waiting", "created_at", "key", "zone", where="urgency IS NOT NULL"),
    _partial("ix_request_row_beneficiary", "beneficiary", where="beneficiary IS NOT NULL"),
)

offer_row = Table(
    "offer_row",
    metadata,
    Column("key", Text, primary_key=True),
    Column("zone", Text, primary_key=True),
    Column("request_id", Text, nullable=False),
    Column("volunteer", Text, nullable=False),
    Column("offered_at", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("open_until", BigInteger),
    Column("state", Text),
    _partial("ix_offer_row_open_until", "open_until", where="open_until IS NOT NULL"),
    Index("ix_offer_row_request_id", "request_id"),
    Index("ix_offer_row_volunteer", "volunteer"),
)


def _plain_rows(name: str, *more: Column[Any]) -> Table:
    return Table(
        name,
        metadata,
        Column("zone", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("data", LargeBinary, nullable=False),
        *more,
    )


volunteer_row = _plain_rows("volunteer_row", Column("team", Text), Column("active", Boolean(create_constraint=False)))
team_row = _plain_rows("team_row")
zone_row = _plain_rows("zone_row")
