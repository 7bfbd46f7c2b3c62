"""Who calls, under which key, and how long for a verdict."""

import hmac
import re
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Depends, Header, Request
from pydantic import ValidationError

from engine.intake import Fault
from ningju.console.access import SignedIn, User
from ningju.console.problems import Problem, invalid
from schemas.base import Frozen, derive_id
from schemas.envelope import Actor

LONGEST_WAIT_S = 60.0
_WAIT = re.compile(r'(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=$|[,;])', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Caller:
    """One call's sender.

    Parameters
    ----------
    actor
        Who acts: whoever has signed in, the program behind a token, or for whom it says that it calls.
    key
        The call's ``Idempotency-Key``.
    wait_s
        Seconds to wait for a verdict by ``Prefer: wait=N`` (RFC 7240); ``None`` leaves it to the server.
    """

    actor: Actor
    key: str | None
    wait_s: float | None
    path: str

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says of the preference."""
        return {} if self.wait_s is None else {"Preference-Applied": f"wait={self.wait_s:.0f}"}

    def command_id(self) -> UUID:
        """Give the id that the same key always gets on this path; without a key, a new one."""
        return derive_id("command", self.path, self.key) if self.key is not None else uuid4()

    def fingerprint(self, body: Frozen) -> str:
        """Tell bodies under one key apart.

        Keyed with the ``Idempotency-Key``, which is stored nowhere: a plain hash would let a reader of the inbox try
        out phone numbers.
        """
        if self.key is None:
            return ""
        told = f"{self.actor.key}\n".encode() + body.dump()
        return hmac.new(self.key.encode(), told, "sha256").hexdigest()


def parse_actor(text: str) -> Actor:
    """Read ``kind:id``.

    Raises
    ------
    ValueError
        When it is not.
    """
    kind, _, name = text.partition(":")
    try:
        return Actor.model_validate({"kind": kind, "id": name})
    except ValidationError:
        raise ValueError("must be kind:id, such as volunteer:v0001 or operator:local") from None


def parse_wait(prefer: str) -> float | None:
    """Find ``wait=N`` among preferences; other ones are ignored, as RFC 7240 wants."""
    found = _WAIT.search(prefer)
    return min(float(found[1]), LONGEST_WAIT_S) if found else None


def acting(user: User, asked: str | None) -> Actor:
    """Whoever acts in a call.

    Where nobody signs in, the header is taken on trust; else programs whose tokens are for it act for people and outside
    systems, and nobody acts for another operator.

    Raises
    ------
    Problem
        403 for whoever may act only as themselves; 422 for what names nobody.
    """
    if asked is None:
        return user.actor
    try:
        actor = parse_actor(asked)
    except ValueError as error:
        raise invalid([Fault("header.x-actor", "actor", str(error))]) from None
    if user.means == "local" or actor == user.actor:
        return actor
    if "act-as" not in user.scopes or actor.kind in {"operator", "system"}:
        raise Problem(
            403, "forbidden", "X-Actor: only a token for act-as names people, and never operators", code="actor"
        )
    return actor


async def _caller(
    request: Request,
    user: SignedIn,
    x_actor: Annotated[
        str | None,
        Header(description="`kind:id` of for whom a program calls, when its token is for `act-as` or nobody signs in"),
    ] = None,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1, max_length=255, description="the same key and body get the same answer; none: a new command"
        ),
    ] = None,
    prefer: Annotated[str, Header(description="`wait=N`: seconds to wait for the verdict (RFC 7240)")] = "",
) -> Caller:
    return Caller(acting(user, x_actor), idempotency_key, parse_wait(prefer), request.url.path)


Calling = Annotated[Caller, Depends(_caller)]
