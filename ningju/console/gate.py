"""The gate of every route: who calls, whether they may, and whether the form is ours."""

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from engine.ports import Store
from ningju.console import tokens
from ningju.console.access import CSRF_FIELD, CSRF_HEADER, LOCAL, ROLES, User
from ningju.console.claims import Claims
from ningju.console.forms import FORM_LIMIT, MULTIPART, URLENCODED, firsts, keep_body, kind_of, uploaded
from ningju.console.keys import Keys, digest, new_secret
from ningju.console.limits import Limit
from ningju.console.permissions import TABLE, UNLISTED, Rule
from ningju.console.problems import Problem
from ningju.console.sending import API
from schemas.envelope import Actor

OPEN311 = "/open311/"
PROGRAMS = (f"{API}/", OPEN311)
"""Where programs call."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
STALE_S = 5.0


@dataclass(frozen=True, slots=True)
class Provider:
    """The OIDC provider that people sign in with."""

    issuer: str
    client: str
    secret: str
    scope: str = "openid profile"
    claims: Claims = field(default_factory=Claims)


@dataclass(frozen=True, slots=True)
class Entrance:
    """How people and programs come in.

    Parameters
    ----------
    secret
        Signs cookies and forms; the same in every process that serves.
    provider
        Where people sign in; without one, whoever reaches the server is its local operator.
    address
        Where people reach the server, such as ``https://ningju.example``.
    session_s
        Seconds after which somebody signs in again.
    sign_ins, intake
        Rates, such as ``30/minute``: of sign-ins from one address, and of requests that one caller sends in.
    """

    secret: str = field(default_factory=new_secret)
    provider: Provider | None = None
    address: str = ""
    session_s: float = 8 * 3_600
    sign_ins: str = "30/minute"
    intake: str = "600/minute"
    jurisdiction: str = ""

    @property
    def secure(self) -> bool:
        """Whether cookies travel by https alone."""
        return self.address.startswith("https://")

    @property
    def cookie(self) -> str:
        """Name of the session's cookie; by its prefix browsers hold it to this host."""
        return "__Host-ningju" if self.secure else "ningju_session"


class SignInNeeded(Exception):
    """Somebody at a browser has to sign in first; ``address`` is where."""

    def __init__(self, request: Request) -> None:
        super().__init__("sign in first")
        self.address = _sign_in(request.url.path, request.url.query)


class Gate:
    """Finds out who calls, and holds every route to the table of permissions."""

    def __init__(self, store: Store, entrance: Entrance) -> None:
        self.store = store
        self.entrance = entrance
        self.keys = Keys(entrance.secret.encode())
        self.sign_ins = Limit(entrance.sign_ins, "sign-ins from one address")
        self.intake = Limit(entrance.intake, "requests of one caller")
        self.local = replace(LOCAL, csrf=self.keys.form_token("local"))
        self._parents: Mapping[str, str | None] = {}
        self._looked = -1e9

    async def whoever(self, request: Request) -> User | None:
        """Find out who calls; ``None``: nobody that we know.

        Raises
        ------
        Problem
            401 for a token that does not count.
        """
        if shown := await _secret(request):
            return await self.program(shown, address_of(request))
        if self.entrance.provider is None:
            return self.local
        secret = self.keys.unsign(request.cookies.get(self.entrance.cookie, "")) or ""
        session = await self.store.session(digest(secret)) if secret else None
        account = await self.store.account(session.account) if session is not None else None
        role = next((role for role in ROLES if account is not None and role == account.role), None)
        if account is None or role is None:
            return None
        person = await self.store.person(account.id)
        return User(
            actor=Actor(kind="operator", id=account.id),
            name=person.name if person is not None else account.id,
            role=role,
            zones=await self._tree(account.zones),
            means="session",
            csrf=self.keys.form_token(secret),
        )

    async def program(self, secret: str, address: str) -> User:
        """The program behind a token.

        Raises
        ------
        Problem
            401 for one that does not count; 429 for whoever tries many.
        """
        token = await tokens.find(self.store, secret)
        if token is None:
            self.sign_ins.take(address)
            detail = "this token is unknown, revoked or has expired; `ningju token create` makes another"
            raise Problem(401, "sign-in", detail, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        return User(
            actor=Actor(kind="external", id=f"token:{token.id}"),
            name=token.name,
            role=None,
            zones=await self._tree(token.zones),
            means="token",
            scopes=frozenset(token.scopes),
        )

    async def _tree(self, roots: tuple[str, ...] | None) -> frozenset[str] | None:
        """Zones under some roots, these included."""
        if roots is None:
            return None
        if time.monotonic() - self._looked > STALE_S:
            self._parents = {view.zone: view.config.parent for view in await self.store.zones()}
            self._looked = time.monotonic()
        found = set(roots)
        while more := {zone for zone, parent in self._parents.items() if parent in found} - found:
            found |= more
        return frozenset(found)

    def judge(self, request: Request, user: User | None, rule: Rule) -> User:
        """Let whoever may call pass.

        Raises
        ------
        Problem
            401 for nobody, 403 for whoever may not.
        SignInNeeded
            For nobody at a browser.
        """
        if user is None:
            if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
                raise SignInNeeded(request)
            headers = {"WWW-Authenticate": "Bearer"}
            if "hx-request" in request.headers:
                headers["HX-Redirect"] = _sign_in(*urlsplit(request.headers.get("hx-current-url", ""))[2:4])
            raise Problem(401, "sign-in", "sign in, or send a token: Authorization: Bearer …", headers=headers)
        if user.role is None and rule.scope not in user.scopes:
            detail = f"the token is not for {rule.scope}" if rule.scope else "no token opens this"
            raise Problem(403, "forbidden", detail, code="scope")
        if user.role is not None and user.role not in (rule.roles or ()):
            raise Problem(403, "forbidden", f"this is for {', '.join(sorted(rule.roles or ()))}", code="role")
        return user

    async def check_form(self, request: Request, user: User) -> None:
        """Hold whatever a browser may send by itself to the token of our own forms.

        Raises
        ------
        Problem
            403 without it.
        """
        told = request.headers.get(CSRF_HEADER) or await _field(request)
        if not hmac.compare_digest(told.encode(), user.csrf.encode()):
            detail = f"load the page again: the field {CSRF_FIELD} or the header {CSRF_HEADER} is missing or old"
            raise Problem(403, "form", detail)


async def _field(request: Request) -> str:
    """The token among a form's fields."""
    if kind_of(request) == MULTIPART:
        fields, _ = await uploaded(request)
        return next(iter(fields.get(CSRF_FIELD, ())), "")
    if kind_of(request) != URLENCODED:
        return ""
    return firsts(await keep_body(request, FORM_LIMIT)).get(CSRF_FIELD, "")


async def _secret(request: Request) -> str:
    """What a program shows of its token: the usual header, or as Open311 wants it."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return secret.strip() or "-"
    if not request.url.path.startswith(OPEN311):
        return ""
    if key := request.query_params.get("api_key"):
        return key
    if request.method == "POST" and kind_of(request) == URLENCODED:
        return firsts(await keep_body(request)).get("api_key", "")
    return ""


def _sign_in(path: str, query: str) -> str:
    there = path + (f"?{query}" if query else "")
    return f"/sign-in?next={quote(there, safe='/')}" if there else "/sign-in"


async def on_nobody(request: Request, error: Exception) -> Response:
    """Lead somebody at a browser to where they sign in."""
    assert isinstance(error, SignInNeeded)
    return RedirectResponse(error.address, 303, {"Cache-Control": "no-store"})


def address_of(request: Request) -> str:
    """From where a call comes; behind a proxy on this machine, what that says."""
    return request.client.host if request.client is not None else ""


def named(route: Any, method: str) -> str:
    """A route as the table of permissions names it."""
    return f"{method} {route.path}"


async def authorise(request: Request) -> None:
    """Stand before every route."""
    gate: Gate = request.app.state.gate
    rule = TABLE.get(named(request.scope["route"], request.method), UNLISTED)
    if rule.roles is None:
        return
    user = gate.judge(request, await gate.whoever(request), rule)
    request.state.user = user
    if rule.metered and user.means != "local":
        gate.intake.take(user.actor.key)
    # On the loopback nothing but a browser's word lets a call in, so pages are held to it there, too; REST is not: programs
    # on this machine call it, and the guard refuses browsers that come from other sites.
    by_browser = user.means == "session" or (user.means == "local" and not request.url.path.startswith(PROGRAMS))
    if by_browser and request.method not in SAFE:
        await gate.check_form(request, user)
