"""SQL of who may come in, and where events go out. Lists of short words stand in one column, divided by spaces."""

from datetime import datetime

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from engine.ports import Account, ApiToken, SavedView, Session, Subscription
from ningju.ledger.bulk import upsert_rows
from ningju.ledger.tables import account, api_token, micros, moment, saved_view, session, subscription


def put_account(connection: Connection, one: Account) -> None:
    """Write what somebody may do."""
    upsert_rows(connection, account, [(one.id, one.role, _joined(one.zones), micros(one.seen_at))])


def find_account(connection: Connection, account_id: str) -> Account | None:
    """Somebody who has signed in before."""
    row = connection.execute(select(account).where(account.c.id == account_id)).one_or_none()
    return None if row is None else Account(row.id, row.role, _parts(row.zones), moment(row.seen_at))


def open_session(connection: Connection, one: Session, now: datetime) -> None:
    """Keep a session, and drop those that have expired."""
    connection.execute(delete(session).where(session.c.expires_at <= micros(now)))
    upsert_rows(connection, session, [(one.digest, one.account, micros(one.expires_at))])


def find_session(connection: Connection, digest: str, now: datetime) -> Session | None:
    """A session that has not expired."""
    there = (session.c.digest == digest) & (session.c.expires_at > micros(now))
    row = connection.execute(select(session).where(there)).one_or_none()
    return None if row is None else Session(row.digest, row.account, moment(row.expires_at))


def end_session(connection: Connection, digest: str) -> None:
    """Drop a session."""
    connection.execute(delete(session).where(session.c.digest == digest))


def put_token(connection: Connection, one: ApiToken) -> None:
    """Keep a new token."""
    values = {
        "id": one.id,
        "digest": one.digest,
        "name": one.name,
        "scopes": _joined(one.scopes),
        "zones": _joined(one.zones),
        "created_at": micros(one.created_at),
        "created_by": one.created_by,
        "expires_at": _micros(one.expires_at),
        "revoked_at": _micros(one.revoked_at),
    }
    connection.execute(insert(api_token).values(values))


def tokens(connection: Connection) -> list[ApiToken]:
    """All tokens, oldest first."""
    return [_token(row) for row in connection.execute(select(api_token).order_by(api_token.c.seq))]


def find_token(connection: Connection, digest: str, now: datetime) -> ApiToken | None:
    """The token with this hash, while it counts."""
    lasts = or_(api_token.c.expires_at.is_(None), api_token.c.expires_at > micros(now))
    there = (api_token.c.digest == digest) & api_token.c.revoked_at.is_(None) & lasts
    row = connection.execute(select(api_token).where(there)).one_or_none()
    return None if row is None else _token(row)


def revoke_token(connection: Connection, token_id: str, now: datetime) -> bool:
    """Let a token count no more; whether it did."""
    counts = (api_token.c.id == token_id) & api_token.c.revoked_at.is_(None)
    return bool(connection.execute(update(api_token).where(counts).values(revoked_at=micros(now))).rowcount)


def put_view(connection: Connection, one: SavedView) -> None:
    """Keep a view under its name."""
    upsert_rows(connection, saved_view, [(one.owner, one.name, one.query)])


def views_of(connection: Connection, owner: str) -> list[SavedView]:
    """What somebody keeps, by name."""
    rows = connection.execute(select(saved_view).where(saved_view.c.owner == owner))
    return sorted((SavedView(row.owner, row.name, row.query) for row in rows), key=lambda one: one.name)


def remove_view(connection: Connection, owner: str, name: str) -> bool:
    """Drop a view; whether there was one."""
    there = (saved_view.c.owner == owner) & (saved_view.c.name == name)
    return bool(connection.execute(delete(saved_view).where(there)).rowcount)


def put_subscription(connection: Connection, one: Subscription) -> None:
    """Write a subscription."""
    kinds, zones, suspended = _joined(one.kinds), _joined(one.zones), _micros(one.suspended_at)
    row = (one.id, one.url, kinds, zones, micros(one.created_at), one.created_by, suspended)
    upsert_rows(connection, subscription, [row])


def subscriptions(connection: Connection) -> list[Subscription]:
    """All subscriptions, oldest first."""
    rows = connection.execute(select(subscription).order_by(subscription.c.created_at, subscription.c.id))
    return [
        Subscription(
            id=row.id,
            url=row.url,
            kinds=_parts(row.kinds) or (),
            zones=_parts(row.zones) or (),
            created_at=moment(row.created_at),
            created_by=row.created_by,
            suspended_at=_moment(row.suspended_at),
        )
        for row in rows
    ]


def remove_subscription(connection: Connection, subscription_id: str) -> bool:
    """Drop a subscription; whether there was one."""
    return bool(connection.execute(delete(subscription).where(subscription.c.id == subscription_id)).rowcount)


def _token(row: Row[tuple[object, ...]]) -> ApiToken:
    return ApiToken(
        id=row.id,
        digest=row.digest,
        name=row.name,
        scopes=_parts(row.scopes) or (),
        zones=_parts(row.zones),
        created_at=moment(row.created_at),
        created_by=row.created_by,
        expires_at=_moment(row.expires_at),
        revoked_at=_moment(row.revoked_at),
    )


def _joined(words: tuple[str, ...] | None) -> str | None:
    return None if words is None else " ".join(words)


def _parts(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(text.split())


def _micros(at: datetime | None) -> int | None:
    return None if at is None else micros(at)


def _moment(at: int | None) -> datetime | None:
    return None if at is None else moment(at)
