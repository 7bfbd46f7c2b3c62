"""Who is signed in: what routes and pages know of whoever calls."""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from fastapi import Depends, Request

from schemas.envelope import Actor

Role = Literal["viewer", "operator", "zone_lead", "admin", "auditor"]
ROLES: tuple[Role, ...] = get_args(Role)

CSRF_FIELD = "csrf"
"""Name of the form field that proves that a form is ours; scripts send the header instead."""
CSRF_HEADER = "X-CSRF-Token"


@dataclass(frozen=True, slots=True)
class User:
    """Whoever calls.

    Parameters
    ----------
    actor
        As whom they act in the ledger: an id that tells nothing of the person.
    name
        What the screens call them.
    role
        What they may do; programs with a token have none.
    zones
        Zones that they may see and act in, subdistricts of theirs included; ``None`` is every zone.
    means
        ``local`` where nobody has to sign in: every page says so.
    scopes
        What a token is for.
    csrf
        What each form sends as ``csrf``, and scripts as ``X-CSRF-Token``.
    """

    actor: Actor
    name: str
    role: Role | None
    zones: frozenset[str] | None = None
    means: Literal["local", "session", "token"] = "local"
    scopes: frozenset[str] = frozenset()
    csrf: str = ""

    def covers(self, zone: str) -> bool:
        """Whether a zone is theirs to see and act in."""
        return self.zones is None or zone in self.zones

    @property
    def sees_persons(self) -> bool:
        """Whether they see names, phones and addresses, or codes only."""
        return self.role in {"operator", "zone_lead", "admin"}


LOCAL = User(Actor(kind="operator", id="local"), "local operator", "admin")


async def _signed_in(request: Request) -> User:
    user = getattr(request.state, "user", None)
    assert isinstance(user, User), "this route lets everybody in: see ningju.console.permissions"
    return user


SignedIn = Annotated[User, Depends(_signed_in)]
"""The user of a route or page: ``async def page(user: SignedIn) -> Response``."""
