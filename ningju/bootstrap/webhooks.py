"""Webhooks, set up beside the server, and the loop that sends them."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from engine.ports import Clock, Store, Subscription
from ningju.bootstrap.clock import SystemClock
from ningju.bootstrap.entrance import secret_of
from ningju.bootstrap.inspecting import opened
from ningju.dispatch.subscriptions import Subscriptions, consumer
from ningju.dispatch.webhooks import Message, Sender, Undelivered
from ningju.dispatch.webhooks import secret_of as receivers_secret
from ningju.settings import Settings
from schemas.events import Event

KINDS = tuple(sorted(one.model_fields["kind"].default for one in get_args(get_args(Event)[0])))


class NotAdded(ValueError):
    """A subscription that is not to be had; the text says why."""


def loop(settings: Settings, store: Store, clock: Clock) -> Subscriptions | None:
    """Give what sends webhooks; nothing where processes share a ledger and no secret to sign with."""
    if settings.shared and settings.secret is None:
        return None
    return Subscriptions(store, Sender(secret_of(settings)), clock)


async def add(
    settings: Settings, url: str, kinds: Sequence[str], zones: Sequence[str], by: str
) -> tuple[Subscription, str]:
    """Subscribe to what happens from now on.

    Returns
    -------
    tuple
        The subscription, and the secret that its receiver checks signatures by.

    Raises
    ------
    NotAdded
        When the address may not be sent to, or a kind or zone is unknown.
    """
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise NotAdded(f"there is no event {', '.join(unknown)}; there are {', '.join(KINDS)}")
    secret = _secret(settings)
    await _check(secret, url)
    async with opened(settings) as store:
        heads = await store.heads()
        if unknown := sorted(set(zones) - set(heads)):
            raise NotAdded(f"there is no zone {', '.join(unknown)}")
        one = Subscription(
            id=f"wh-{secrets.token_hex(6)}",
            url=url,
            kinds=tuple(kinds),
            zones=tuple(zones),
            created_at=SystemClock().now(),
            created_by=by,
        )
        await store.settle(consumer(one.id), heads)
        await store.put_subscription(one)
        return one, receivers_secret(secret, one.id)


async def listed(settings: Settings) -> list[tuple[Subscription, int]]:
    """All subscriptions, oldest first, each with the events that it has not come to yet."""
    async with opened(settings) as store:
        heads = await store.heads()
        found = []
        for one in await store.subscriptions():
            cursors = await store.cursors(consumer(one.id))
            zones = set(one.zones) & set(heads) if one.zones else set(heads)
            found.append((one, sum(heads[zone] - min(heads[zone], cursors.get(zone, 0)) for zone in zones)))
        return found


async def remove(settings: Settings, subscription_id: str) -> bool:
    """Send nothing more; false when there is no such subscription."""
    async with opened(settings) as store:
        return await store.remove_subscription(subscription_id)


async def resume(settings: Settings, subscription_id: str) -> bool:
    """Go on where a suspended subscription stood; false when there is none."""
    async with opened(settings) as store:
        found = await _find(store, subscription_id)
        if found is None:
            return False
        await store.put_subscription(replace(found, suspended_at=None))
        return True


async def ping(settings: Settings, subscription_id: str, sender: Sender | None = None) -> str | None:
    """Send a message of the type ``ping``; why it was not taken, if it was not.

    Raises
    ------
    NotAdded
        When there is no such subscription.
    """
    async with opened(settings) as store:
        found = await _find(store, subscription_id)
    if found is None:
        raise NotAdded(f"there is no subscription {subscription_id}; `ningju webhooks list` shows them")
    now = SystemClock().now().isoformat()
    body = json.dumps({"type": "ping", "timestamp": now, "data": {"subscription": found.id}}).encode()
    sender = sender or Sender(_secret(settings))
    try:
        await sender.send(found.id, found.url, Message(f"ping_{secrets.token_hex(8)}", body))
    except Undelivered as no:
        return str(no)
    finally:
        await sender.close()
    return None


async def _find(store: Store, subscription_id: str) -> Subscription | None:
    return next((one for one in await store.subscriptions() if one.id == subscription_id), None)


async def _check(secret: str, url: str) -> None:
    sender = Sender(secret)
    try:
        await sender.check(url)
    except ValueError as no:
        raise NotAdded(str(no)) from None
    except OSError as unknown:
        raise NotAdded(f"{url}: its host cannot be found: {unknown}") from None
    finally:
        await sender.close()


def _secret(settings: Settings) -> str:
    if settings.shared and settings.secret is None:
        raise NotAdded("webhooks are signed: give NINGJU_SECRET, the same in every process")
    return secret_of(settings)
