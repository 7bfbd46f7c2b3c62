"""How dead letters were dealt with. Nullable columns only: a release that does not know them goes on writing."""

from alembic import op
from sqlalchemy import BigInteger, Column, Text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS = {
    "closed": Text,
    "closed_at": BigInteger,
    "closed_by": Text,
    "closed_reason": Text,
    "replayed_as": Text,
}


def upgrade() -> None:
    for name, kind in COLUMNS.items():
        op.add_column("dead_letter", Column(name, kind(), nullable=True))


def downgrade() -> None:
    for name in COLUMNS:
        op.execute(f"ALTER TABLE dead_letter DROP COLUMN {name}")  # Alembic would copy the table on SQLite
