"""What figures are counted by. Nullable columns only, without an index; rows that are there already are read once.

A process of the release before goes on writing rows without them; ``ningju rebuild`` writes those anew.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COLUMNS = (
    ("request_row", "team", sa.Text),
    ("request_row", "served_by", sa.Text),
    ("request_row", "accepted_at", sa.BigInteger),
    ("request_row", "in_time", sa.Boolean),
    ("request_row", "cell", sa.BigInteger),
    ("offer_row", "state", sa.Text),
    ("volunteer_row", "team", sa.Text),
    ("volunteer_row", "active", sa.Boolean),
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PUNCTUAL = timedelta(minutes=15)


def upgrade() -> None:
    for table, name, kind in COLUMNS:
        op.add_column(table, sa.Column(name, kind(), nullable=True))
    _fill("request_row", _request)
    _fill("offer_row", lambda row: {"state": row["state"]})
    _fill("volunteer_row", _volunteer)


def downgrade() -> None:
    for table, name, _ in COLUMNS:
        op.execute(f"ALTER TABLE {table} DROP COLUMN {name}")  # Alembic would copy the table on SQLite


def _fill(name: str, values: Any) -> None:
    """Set the new columns of rows that are there; what is no document of ours stays as it is."""
    connection = op.get_bind()
    table = sa.Table(name, sa.MetaData(), autoload_with=connection)
    for row in connection.execute(sa.select(table.c.key, table.c.zone, table.c.data)).all():
        document = json.loads(row.data)
        if isinstance(document, dict):
            mine = sa.and_(table.c.key == row.key, table.c.zone == row.zone)
            connection.execute(table.update().where(mine).values(**values(document)))


def _request(row: dict[str, Any]) -> dict[str, Any]:
    visit, place = row.get("visit"), row["place"]
    accepted = row.get("accepted_at")
    lon, lat = round(place["lon"] * 1_000) + 180_000, round(place["lat"] * 1_000) + 90_000
    return {
        "team": visit["team"] if visit else None,
        "served_by": row.get("served_by"),
        "accepted_at": (_moment(accepted) - EPOCH) // timedelta(microseconds=1) if accepted else None,
        "in_time": _in_time(row, visit) if visit and row["state"] == "done" else None,
        "cell": lon * 1_000_000 + lat,
    }


def _in_time(row: dict[str, Any], visit: dict[str, Any]) -> bool:
    start, end = _moment(visit["window"]["start"]), _moment(visit["window"]["end"])
    asked = any(_moment(one["start"]) <= start and end <= _moment(one["end"]) for one in row["windows"])
    came = bool(row.get("started_at")) and _moment(row["started_at"]) <= start + PUNCTUAL
    return asked and came and (not row.get("complete_by") or end <= _moment(row["complete_by"]))


def _volunteer(row: dict[str, Any]) -> dict[str, Any]:
    person = row["volunteer"]
    return {"team": person["team"], "active": bool(person.get("weekly")) and not person.get("paused", False)}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
