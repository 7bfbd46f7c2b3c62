"""SQL of how those who work on the ledger get along: a few looks by index, at one instant."""

from collections.abc import Collection

from sqlalchemy import Connection, func, select

from engine.ports import Pulse
from ningju.ledger import letters
from ningju.ledger.tables import cursor, inbox, moment, notification, plan, zone


def pulse(connection: Connection, consumers: Collection[str]) -> Pulse:
    """Look."""
    cursors: dict[str, dict[str, int]] = {name: {} for name in consumers}
    for row in connection.execute(select(cursor).where(cursor.c.consumer.in_(sorted(consumers)))):
        cursors[row.consumer][row.zone] = row.version
    newest = select(plan.c.created_at).where(plan.c.zone == zone.c.zone).order_by(plan.c.seq.desc()).limit(1)
    plans = connection.execute(select(zone.c.zone, newest.scalar_subquery())).all()
    oldest = select(inbox.c.received_at).where(inbox.c.open).order_by(inbox.c.seq).limit(1)
    open_since = connection.execute(oldest).scalar_one_or_none()
    rows = select(func.count(), func.min(notification.c.created_at)).where(notification.c.pending)
    unsent, unsent_since = connection.execute(rows).one()
    return Pulse(
        cursors=cursors,
        plans={name: moment(at) for name, at in plans if at is not None},
        open_since=None if open_since is None else moment(open_since),
        unsent=unsent,
        unsent_since=None if unsent_since is None else moment(unsent_since),
        letters=letters.count_open(connection),
    )
