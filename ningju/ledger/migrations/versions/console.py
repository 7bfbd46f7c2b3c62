"""What the operators' console asks by. Nullable columns only; rows that are there already are read once.

A process of the release before goes on writing rows without them; ``ningju rebuild`` writes those anew.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COLUMNS = (
    ("inbox", "operator", sa.Text),
    ("request_row", "urgency", sa.BigInteger),
    ("request_row", "alarms", sa.Text),
    ("request_row", "reason", sa.Text),
    ("request_row", "beneficiary", sa.Text),
    ("offer_row", "open_until", sa.BigInteger),
)
INDEXES = (
    ("ix_inbox_operator", "inbox", ["seq"], "operator IS NOT NULL"),
    ("ix_request_row_urgency", "request_row", ["urgency", "key", "zone"], "urgency IS NOT NULL"),
    ("ix_request_row_zone_urgency", "request_row", ["zone", "urgency", "key"], "urgency IS NOT NULL"),
    ("ix_request_row_waiting", "request_row", ["created_at", "key", "zone"], "urgency IS NOT NULL"),
    ("ix_request_row_beneficiary", "request_row", ["beneficiary"], "beneficiary IS NOT NULL"),
    ("ix_offer_row_open_until", "offer_row", ["open_until"], "open_until IS NOT NULL"),
)
ENDED = {"done", "unserved", "cancelled", "refused"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def upgrade() -> None:
    for table, name, kind in COLUMNS:
        op.add_column(table, sa.Column(name, kind(), nullable=True))
    op.create_table(
        "look",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_look"),
        sqlite_autoincrement=True,
    )
    _fill("request_row", ("key", "zone"), _request)
    _fill("offer_row", ("key", "zone"), _offer)
    _fill("inbox", ("seq",), _command)
    for name, table, columns, words in INDEXES:
        op.create_index(name, table, columns, sqlite_where=sa.text(words), postgresql_where=sa.text(words))


def downgrade() -> None:
    for name, table, _, _ in INDEXES:
        op.drop_index(name, table)
    op.drop_table("look")
    for table, name, _ in COLUMNS:
        op.execute(f"ALTER TABLE {table} DROP COLUMN {name}")  # Alembic would copy the table on SQLite


def _fill(name: str, key: tuple[str, ...], values: Any) -> None:
    """Set the new columns of rows that are there; what is no document of ours stays as it is."""
    connection = op.get_bind()
    table = sa.Table(name, sa.MetaData(), autoload_with=connection)
    rows = connection.execute(sa.select(*(table.c[one] for one in key), table.c.data)).all()
    for row in rows:
        document = json.loads(row.data)
        found = values(document) if isinstance(document, dict) else {}
        if any(value is not None for value in found.values()):
            mine = sa.and_(*(table.c[one] == getattr(row, one) for one in key))
            connection.execute(table.update().where(mine).values(**found))


def _request(row: dict[str, Any]) -> dict[str, Any]:
    found = {"alarms": ",".join(row["alarms"]) or None, "reason": row["reason"] or None}
    found["beneficiary"] = row["beneficiary"]
    if row["state"] not in ENDED:
        due = (
            row["respond_by"] if row["respond_by"] and row.get("first_offer_at") is None else row["windows"][-1]["end"]
        )
        found["urgency"] = (0 if row["alarms"] else 1 << 58) + (5 - row["priority"]) * (1 << 54) + _micros(due)
    return found


def _offer(row: dict[str, Any]) -> dict[str, Any]:
    return {"open_until": _micros(row["expires_at"]) if row["state"] == "open" else None}


def _command(envelope: dict[str, Any]) -> dict[str, Any]:
    actor = envelope["actor"]
    return {"operator": f"operator:{actor['id']}" if actor["kind"] == "operator" else None}


def _micros(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)
