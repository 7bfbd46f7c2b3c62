"""Signing in with the provider (OIDC: code flow with PKCE, state and nonce), and out."""

from collections.abc import Mapping
from datetime import timedelta
from html import escape
from typing import Any, cast
from urllib.parse import urlencode

import httpx2
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from fastapi import APIRouter, Request
from itsdangerous import BadData
from joserfc.errors import JoseError
from starlette.responses import HTMLResponse, RedirectResponse, Response

from engine.ports import Account, Session
from ningju.console.claims import account_id
from ningju.console.gate import Gate, Provider, address_of
from ningju.console.keys import digest, new_secret
from ningju.console.services import AtSite, Site
from schemas.person import Person

router = APIRouter(include_in_schema=False)

log = structlog.get_logger(__name__)

FLOW = "sign-in"
FLOW_COOKIE = "ningju_sign_in"
FLOW_S = 600
"""Seconds in which somebody has to come back from the provider."""
TIMEOUT_S = 10.0

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
STYLE = "body{font:20px/1.5 system-ui,sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem;color:#222;background:#fff}"


class NotSignedIn(Exception):
    """Somebody could not be signed in: why, in both languages; ``kind`` is for the log."""

    def __init__(self, kind: str, zh: str, en: str, status: int = 400) -> None:
        super().__init__(en)
        self.kind = kind
        self.zh = zh
        self.en = en
        self.status = status


class SigningIn:
    """The provider's client of one console."""

    def __init__(self, gate: Gate, provider: Provider) -> None:
        self.gate = gate
        self.provider = provider
        self.client: Any = OAuth().register(
            "ningju",
            client_id=provider.client,
            client_secret=provider.secret,
            server_metadata_url=f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={"scope": provider.scope, "code_challenge_method": "S256", "timeout": TIMEOUT_S},
        )

    async def begin(self, request: Request, then: str) -> Response:
        """Lead to the provider; what has to be known on the way back travels in a signed cookie."""
        session: dict[str, Any] = {"then": inside(then)}
        request.scope["session"] = session
        response = cast(Response, await self.client.authorize_redirect(request, self._return_to(request)))
        parcel = self.gate.keys.parcel(FLOW).dumps(session)
        secure = self.gate.entrance.secure
        response.set_cookie(
            FLOW_COOKIE, str(parcel), max_age=FLOW_S, path="/sign-in", secure=secure, httponly=True, samesite="lax"
        )
        return response

    async def finish(self, request: Request) -> tuple[Mapping[str, Any], str]:
        """Take what the provider says of somebody, and where they were going.

        Raises
        ------
        NotSignedIn
            When they did not begin here, the provider says no, or its word does not hold.
        """
        try:
            session = self.gate.keys.parcel(FLOW).loads(request.cookies.get(FLOW_COOKIE, ""), max_age=FLOW_S)
        except BadData:
            raise NotSignedIn("flow", "登录已超时，请重新登录。", "This took too long. Sign in again.") from None
        then = session.pop("then", "/")
        if f"_state_ningju_{request.query_params.get('state')}" not in session:
            raise NotSignedIn("state", "登录不是从这里开始的，请重新登录。", "This did not begin here. Sign in again.")
        request.scope["session"] = session
        issuer = self.provider.issuer.rstrip("/")
        wanted = {
            "iss": {"essential": True, "values": [issuer, f"{issuer}/"]},
            "aud": {"essential": True, "value": self.provider.client},
        }
        token = await self.client.authorize_access_token(request, claims_options=wanted)
        claims = token.get("userinfo")
        if not claims:
            raise NotSignedIn("id_token", "登录服务没有说明您是谁。", "The provider did not say who you are.")
        if self.provider.claims.role_of(claims) is None and "userinfo_endpoint" in self.client.server_metadata:
            more = await self.client.userinfo(token=token)
            if more.get("sub") == claims["sub"]:
                claims = {**more, **claims}
        return claims, inside(then)

    async def leave(self) -> str:
        """Where people sign out with the provider as well; empty where it has no such place."""
        metadata = await self.client.load_server_metadata()
        end = metadata.get("end_session_endpoint")
        if not isinstance(end, str) or not end.startswith(("https://", "http://")):
            return ""
        back = {"client_id": self.provider.client, "post_logout_redirect_uri": f"{self._address()}/signed-out"}
        return f"{end}{'&' if '?' in end else '?'}{urlencode(back)}"

    def _return_to(self, request: Request) -> str:
        return f"{self._address() or str(request.base_url).rstrip('/')}/sign-in/return"

    def _address(self) -> str:
        return self.gate.entrance.address.rstrip("/")


def inside(there: str) -> str:
    """A place of ours; whatever leads elsewhere becomes the beginning."""
    ours = there.startswith("/") and not there.startswith(("//", "/\\", "/sign-in", "/sign-out"))
    return there if ours and there.isprintable() and "\\" not in there else "/"


@router.get("/sign-in")
async def begin(request: Request, next: str = "/") -> Response:
    """Lead to the provider."""
    signing_in: SigningIn | None = request.app.state.signing_in
    if signing_in is None:
        return RedirectResponse(inside(next), 303, HEADERS)
    signing_in.gate.sign_ins.take(address_of(request))
    try:
        return await signing_in.begin(request, next)
    except (httpx2.HTTPError, AuthlibBaseError, RuntimeError, ValueError) as away:
        return _failed(_away(away))


@router.get("/sign-in/return")
async def finish(request: Request, site: AtSite) -> Response:
    """Come back from the provider: a session of its own is opened, whatever the browser had before."""
    signing_in: SigningIn | None = request.app.state.signing_in
    if signing_in is None:
        return RedirectResponse("/", 303, HEADERS)
    gate = signing_in.gate
    gate.sign_ins.take(address_of(request))
    try:
        claims, then = await signing_in.finish(request)
        secret, account = await _opened(gate, signing_in.provider, site, claims)
    except NotSignedIn as no:
        return _failed(no)
    except (AuthlibBaseError, JoseError) as no:
        kind = str(getattr(no, "error", "") or type(no).__name__)
        zh, en = "登录服务拒绝了这次登录，或回答不可信。", "The provider refused this, or its answer cannot be trusted."
        return _failed(NotSignedIn(kind, zh, en))
    except (httpx2.HTTPError, RuntimeError, ValueError) as away:
        return _failed(_away(away))
    log.info("signed in", action="sign_in", account=account.id, role=account.role)
    await _end(gate, request)
    entrance = gate.entrance
    response = RedirectResponse(then, 303, HEADERS)
    response.set_cookie(
        entrance.cookie,
        gate.keys.sign(secret),
        max_age=int(entrance.session_s),
        path="/",
        secure=entrance.secure,
        httponly=True,
        samesite="lax",
    )
    response.delete_cookie(FLOW_COOKIE, path="/sign-in", secure=entrance.secure, httponly=True, samesite="lax")
    return response


async def _opened(gate: Gate, provider: Provider, site: Site, claims: Mapping[str, Any]) -> tuple[str, Account]:
    role, who, now = provider.claims.role_of(claims), account_id(provider.issuer, str(claims["sub"])), site.clock.now()
    if role is None:
        if await gate.store.account(who) is not None:  # whoever has lost their role loses their sessions with it
            await gate.store.put_account(Account(who, "", (), now))
        zh, en = "您在宁聚没有角色，请联系管理员。", "You have no role in Ningju. Ask whoever runs it."
        raise NotSignedIn("no_role", zh, en, 403)
    account = Account(who, role, provider.claims.zones_of(claims, role), now)
    name = str(claims.get("name") or claims.get("preferred_username") or account.id)[:200].replace("\0", "")
    secret = new_secret()
    await gate.store.put_persons([Person(id=account.id, name=name)])
    await gate.store.put_account(account)
    lasts = timedelta(seconds=gate.entrance.session_s)
    await gate.store.open_session(Session(digest(secret), account.id, now + lasts))
    return secret, account


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session here."""
    gate: Gate = request.app.state.gate
    await _end(gate, request)
    response = RedirectResponse("/signed-out", 303, HEADERS)
    entrance = gate.entrance
    response.delete_cookie(entrance.cookie, path="/", secure=entrance.secure, httponly=True, samesite="lax")
    return response


@router.get("/signed-out")
async def signed_out(request: Request) -> Response:
    """Say so, and where to sign out with the provider as well: other systems may go by that sign-in."""
    signing_in: SigningIn | None = request.app.state.signing_in
    try:
        there = await signing_in.leave() if signing_in is not None else ""
    except (httpx2.HTTPError, ValueError):
        there = ""
    more = f'<p><a href="{escape(there)}">同时退出登录服务 / Sign out with the provider, too</a>' if there else ""
    return _page("已退出 / Signed out", "您已退出宁聚。 / You have signed out of Ningju.", more)


async def _end(gate: Gate, request: Request) -> None:
    secret = gate.keys.unsign(request.cookies.get(gate.entrance.cookie, ""))
    if secret:
        await gate.store.end_session(digest(secret))


def _away(error: Exception) -> NotSignedIn:
    zh, en = "登录服务暂时无法访问，请稍后再试。", "The provider cannot be reached. Try again soon."
    return NotSignedIn(type(error).__name__, zh, en, 503)


def _failed(no: NotSignedIn) -> Response:
    log.warning("not signed in", action="sign_in_failed", reason=no.kind)
    return _page("未登录 / Not signed in", f"{no.zh} / {no.en}", status=no.status)


def _page(title: str, text: str, more: str = "", status: int = 200) -> Response:
    again = '<p><a href="/sign-in">登录 / Sign in</a>'
    page = (
        f"<!doctype html><html lang=zh-CN><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style><h1>{escape(title)}</h1><p>{escape(text)}{again}{more}"
    )
    return HTMLResponse(page, status, HEADERS)
