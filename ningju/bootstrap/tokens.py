"""Tokens of programs, made and revoked beside the server."""

from collections.abc import Sequence
from datetime import timedelta

from engine.ports import ApiToken
from ningju.bootstrap.clock import SystemClock
from ningju.bootstrap.inspecting import opened
from ningju.console import tokens
from ningju.settings import Settings


async def create(
    settings: Settings, name: str, scopes: Sequence[str], zones: Sequence[str] | None, days: int | None, by: str
) -> tuple[ApiToken, str]:
    """Make a token; the second part is the token itself, which nobody can read again.

    Raises
    ------
    ValueError
        When a scope or zone is unknown.
    """
    async with opened(settings) as store:
        if unknown := sorted(set(zones or ()) - set(await store.heads())):
            raise ValueError(f"there is no zone {', '.join(unknown)}")
        lasts = None if days is None else timedelta(days=days)
        return await tokens.create(
            store, name=name, scopes=scopes, zones=zones, lasts=lasts, by=by, now=SystemClock().now()
        )


async def listed(settings: Settings) -> list[ApiToken]:
    """All tokens, oldest first."""
    async with opened(settings) as store:
        return await store.tokens()


async def revoke(settings: Settings, token_id: str) -> bool:
    """Let a token count no more; false when it is unknown or was revoked before."""
    async with opened(settings) as store:
        return await store.revoke_token(token_id)
