"""What the audit asks by: the kind of an operator's command, the request that it is about, and when a letter was closed.

Nullable columns only; rows that are there already are read once. A process of the release before goes on writing rows
without them: those are found by everything else.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

COLUMNS = ("kind", "about")
INDEXES = (
    ("ix_inbox_about", "inbox", ["about", "seq"], "about IS NOT NULL"),
    ("ix_dead_letter_closed_at", "dead_letter", ["closed_at", "seq"], "closed_at IS NOT NULL"),
)


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("inbox", sa.Column(name, sa.Text(), nullable=True))
    connection = op.get_bind()
    inbox = sa.Table("inbox", sa.MetaData(), autoload_with=connection)
    for row in connection.execute(sa.select(inbox.c.seq, inbox.c.data).where(inbox.c.operator.is_not(None))).all():
        envelope = json.loads(row.data)
        if isinstance(envelope, dict):
            values = {"kind": envelope["command"]["kind"], "about": _about(envelope)}
            connection.execute(inbox.update().where(inbox.c.seq == row.seq).values(**values))
    for name, table, columns, words in INDEXES:
        op.create_index(name, table, columns, sqlite_where=sa.text(words), postgresql_where=sa.text(words))


def downgrade() -> None:
    for name, table, _, _ in INDEXES:
        op.drop_index(name, table)
    for name in COLUMNS:
        op.execute(f"ALTER TABLE inbox DROP COLUMN {name}")  # Alembic would copy the table on SQLite


def _about(envelope: dict[str, Any]) -> str | None:
    command = envelope["command"]
    if command["kind"] in ("accept_offer", "decline_offer"):
        return str(envelope["correlation_id"])
    found = command.get("request_id") or command.get("spec", {}).get("request_id")
    return str(found) if found else None
