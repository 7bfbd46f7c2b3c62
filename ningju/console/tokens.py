"""Tokens that let programs in: made once, shown once, kept as a hash."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from engine.ports import Access, ApiToken
from ningju.console.keys import digest, new_secret
from ningju.console.permissions import SCOPES

PREFIX = "ningju_"
"""Scanners of leaked secrets find tokens by it."""


async def create(
    store: Access,
    *,
    name: str,
    scopes: Collection[str],
    zones: Sequence[str] | None,
    lasts: timedelta | None,
    by: str,
    now: datetime,
) -> tuple[ApiToken, str]:
    """Make a token.

    Returns
    -------
    tuple
        What is kept, and the token itself, which nobody can read again.

    Raises
    ------
    ValueError
        When a scope is unknown, or none is given.
    """
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise ValueError(f"there is no scope {', '.join(unknown)}; known are {', '.join(SCOPES)}")
    if not scopes:
        raise ValueError(f"say what it is for: {', '.join(SCOPES)}")
    secret = PREFIX + new_secret()
    token = ApiToken(
        id=digest(secret)[:12],
        digest=digest(secret),
        name=name,
        scopes=tuple(sorted(scopes)),
        zones=None if zones is None else tuple(zones),
        created_at=now,
        created_by=by,
        expires_at=None if lasts is None else now + lasts,
    )
    await store.put_token(token)
    return token, secret


async def find(store: Access, secret: str) -> ApiToken | None:
    """The token behind a secret, while it counts."""
    return await store.token(digest(secret)) if secret.startswith(PREFIX) else None
