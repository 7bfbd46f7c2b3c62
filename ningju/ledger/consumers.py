"""SQL of the consumers of events: cursors and notifications."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, select

from engine.ports import Delivery
from ningju.ledger.bulk import clear_flag, insert_into
from ningju.ledger.tables import cursor, micros, moment, notification
from schemas.views import Notification


def cursors(connection: Connection, consumer: str) -> dict[str, int]:
    """How far a consumer is, by zone."""
    rows = connection.execute(select(cursor.c.zone, cursor.c.version).where(cursor.c.consumer == consumer))
    return {row.zone: row.version for row in rows}


def advance(connection: Connection, consumer: str, cursors: Mapping[str, int]) -> None:
    """Move cursors on, never back."""
    rows = [{"consumer": consumer, "zone": zone, "version": version} for zone, version in sorted(cursors.items())]
    if rows:
        statement = insert_into(connection, cursor)
        newer = statement.excluded.version > cursor.c.version
        version = {"version": statement.excluded.version}
        connection.execute(
            statement.on_conflict_do_update(index_elements=["consumer", "zone"], set_=version, where=newer), rows
        )


def notify(connection: Connection, notifications: Sequence[Notification], now: datetime) -> None:
    """Write notifications whose key is new."""
    rows = [
        {"key": str(one.key), "created_at": micros(now), "pending": True, "data": one.dump()} for one in notifications
    ]
    if rows:
        connection.execute(insert_into(connection, notification).on_conflict_do_nothing(index_elements=["key"]), rows)


def pending_notifications(connection: Connection, limit: int) -> list[Delivery]:
    """Notifications that were not delivered, oldest first."""
    rows = select(notification.c.created_at, notification.c.data).where(notification.c.pending)
    rows = rows.order_by(notification.c.seq).limit(limit)
    return [Delivery(Notification.read(row.data), moment(row.created_at)) for row in connection.execute(rows)]


def delivered(connection: Connection, keys: Collection[UUID]) -> None:
    """Mark notifications as delivered."""
    clear_flag(connection, notification, "pending", "key", sorted(str(key) for key in keys))
