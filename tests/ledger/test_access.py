"""Accounts, sessions, tokens and subscriptions, on every ledger."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.ports import Account, ApiToken, SavedView, Session, Store, Subscription
from tests.ledger.builders import NOON, StandingClock

HOUR = timedelta(hours=1)


def token(name: str, **fields: object) -> ApiToken:
    made = ApiToken(name, f"digest-{name}", f"the {name}", ("requests:read", "answers"), None, NOON, "operator:li")
    return replace(made, **fields)  # type: ignore[arg-type]


async def test_an_account_has_what_was_written_last(store: Store) -> None:
    assert await store.account("op-1") is None
    await store.put_account(Account("op-1", "zone_lead", ("east", "west"), NOON))
    await store.put_account(Account("op-2", "viewer", (), NOON))
    assert await store.account("op-1") == Account("op-1", "zone_lead", ("east", "west"), NOON)
    assert await store.account("op-2") == Account("op-2", "viewer", (), NOON)
    changed = Account("op-1", "admin", None, NOON + HOUR)
    await store.put_account(changed)
    assert await store.account("op-1") == changed


async def test_a_session_lasts_until_it_expires_or_is_ended(store: Store, clock: StandingClock) -> None:
    long, short = Session("a", "op-1", NOON + 2 * HOUR), Session("b", "op-1", NOON + HOUR)
    for one in (long, short):
        await store.open_session(one)
    assert [await store.session(digest) for digest in "abc"] == [long, short, None]
    clock.time += HOUR
    assert [await store.session(digest) for digest in "ab"] == [long, None]
    await store.open_session(Session("c", "op-2", NOON + 3 * HOUR))
    clock.time -= HOUR
    assert await store.session("b") is None, "an expired one is dropped with the next that is opened"
    await store.end_session("a")
    await store.end_session("a")
    assert await store.session("a") is None


async def test_a_token_counts_until_it_is_revoked_or_expires(store: Store, clock: StandingClock) -> None:
    for one in (token("gateway"), token("trial", expires_at=NOON + HOUR, zones=("east",))):
        await store.put_token(one)
    assert await store.token("digest-gateway") == token("gateway")
    assert await store.token("digest-trial") == token("trial", expires_at=NOON + HOUR, zones=("east",))
    assert await store.token("gateway") is None
    clock.time += HOUR
    assert await store.token("digest-trial") is None
    assert await store.revoke_token("gateway")
    assert not await store.revoke_token("gateway")
    assert not await store.revoke_token("unknown")
    assert await store.token("digest-gateway") is None
    listed = await store.tokens()
    assert [one.id for one in listed] == ["gateway", "trial"]
    assert listed[0].revoked_at == NOON + HOUR


@pytest.mark.parametrize("kinds", [(), ("request_ended", "seat_offered")])
async def test_a_subscription_is_written_changed_and_removed(store: Store, kinds: tuple[str, ...]) -> None:
    first = Subscription("s1", "https://a.example/in", kinds, ("east",), NOON, "operator:li")
    second = Subscription("s0", "https://b.example/in", (), (), NOON + HOUR, "operator:li")
    for one in (second, first):
        await store.put_subscription(one)
    assert await store.subscriptions() == [first, second]
    await store.put_subscription(replace(first, suspended_at=NOON + HOUR))
    assert (await store.subscriptions())[0].suspended_at == NOON + HOUR
    assert await store.remove_subscription("s1")
    assert not await store.remove_subscription("s1")
    assert await store.subscriptions() == [second]


async def test_a_view_is_kept_under_its_owners_name_for_it(store: Store) -> None:
    mine, other = SavedView("operator:li", "晨会", "alarm=any"), SavedView("operator:li", "a", "")
    theirs = SavedView("operator:wang", "晨会", "state=queued")
    for one in (mine, theirs, other):
        await store.put_view(one)
    assert await store.views_of("operator:li") == [other, mine]
    changed = replace(mine, query="zone=east")
    await store.put_view(changed)
    assert await store.remove_view("operator:li", "a")
    assert not await store.remove_view("operator:li", "a")
    assert await store.views_of("operator:li") == [changed]
    assert await store.views_of("operator:wang") == [theirs]
