"""Who may come in, and where events go out, in memory."""

from dataclasses import replace

from engine.ports import Account, ApiToken, Clock, SavedView, Session, Subscription


class MemoryAccess:
    """The port ``engine.ports.Access`` in one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._accounts: dict[str, Account] = {}
        self._sessions: dict[str, Session] = {}
        self._tokens: dict[str, ApiToken] = {}
        self._views: dict[tuple[str, str], SavedView] = {}
        self._subscriptions: dict[str, Subscription] = {}

    async def put_account(self, account: Account) -> None:
        self._accounts[account.id] = account

    async def account(self, account_id: str) -> Account | None:
        return self._accounts.get(account_id)

    async def open_session(self, session: Session) -> None:
        now = self._clock.now()
        self._sessions = {digest: one for digest, one in self._sessions.items() if one.expires_at > now}
        self._sessions[session.digest] = session

    async def session(self, digest: str) -> Session | None:
        found = self._sessions.get(digest)
        return found if found is not None and found.expires_at > self._clock.now() else None

    async def end_session(self, digest: str) -> None:
        self._sessions.pop(digest, None)

    async def put_token(self, token: ApiToken) -> None:
        self._tokens[token.id] = token

    async def tokens(self) -> list[ApiToken]:
        return list(self._tokens.values())

    async def token(self, digest: str) -> ApiToken | None:
        found = next((one for one in self._tokens.values() if one.digest == digest), None)
        if found is None or found.revoked_at is not None:
            return None
        return found if found.expires_at is None or found.expires_at > self._clock.now() else None

    async def revoke_token(self, token_id: str) -> bool:
        found = self._tokens.get(token_id)
        if found is None or found.revoked_at is not None:
            return False
        self._tokens[token_id] = replace(found, revoked_at=self._clock.now())
        return True

    async def put_view(self, view: SavedView) -> None:
        self._views[view.owner, view.name] = view

    async def views_of(self, owner: str) -> list[SavedView]:
        return sorted((one for one in self._views.values() if one.owner == owner), key=lambda one: one.name)

    async def remove_view(self, owner: str, name: str) -> bool:
        return self._views.pop((owner, name), None) is not None

    async def put_subscription(self, subscription: Subscription) -> None:
        self._subscriptions[subscription.id] = subscription

    async def subscriptions(self) -> list[Subscription]:
        return sorted(self._subscriptions.values(), key=lambda one: (one.created_at, one.id))

    async def remove_subscription(self, subscription_id: str) -> bool:
        return self._subscriptions.pop(subscription_id, None) is not None
