"""What every page has in common: language, time, who looks, and the headers that keep strangers' code out."""

from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import uuid4
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from starlette.responses import HTMLResponse, RedirectResponse, Response

from engine.intake import Directory
from ningju.console.cursors import write_cursor
from ningju.console.forms import FORM_LIMIT, keep_body, parsed
from ningju.console.pages.chronicle import Chronicle
from ningju.console.pages.moments import Moments
from ningju.console.pages.orders import Verdict, heard
from ningju.console.pages.speech import Speech
from ningju.console.pages.viewer import Viewer, viewer_of
from ningju.console.pages.words import COOKIE, LANGUAGES, Language, language_of, named, say
from ningju.console.permissions import TABLE, UNLISTED
from ningju.console.services import AtSite, Site
from schemas.base import Label
from schemas.views import ZoneView
from schemas.zone import Policy

LONGEST_FORM = 200_000
YEAR_S = 31_536_000

POLICY = "Content-Security-Policy"
HEADERS = {
    POLICY: "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Vary": "Accept-Language, Cookie, HX-Request",
}

PAGES = (
    ("/now", "Now"),
    ("/queue", "Queue"),
    ("/new", "New request"),
    ("/map", "Map"),
    ("/timeline", "Timeline"),
    ("/people", "People"),
    ("/catalogue", "Catalogue"),
    ("/what-if", "What if"),
    ("/figures", "Figures"),
    ("/letters", "Dead letters"),
    ("/audit", "Audit"),
)

_VENDOR = files("ningju.console") / "static" / "vendor"


@pass_context
def _say(context: Context, english: str, **parts: object) -> str:
    return say(context["language"], english, **parts)


@pass_context
def _named(context: Context, label: Label) -> str:
    return named(context["language"], label)


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("ningju.console", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["_"] = _say
    made.filters["named"] = _named
    made.globals["key"] = lambda: uuid4().hex
    return made


ENVIRONMENT = _environment()


def built(name: str) -> bool:
    """Whether a library of the front end was built."""
    return _VENDOR.joinpath(name).is_file()


class Frame:
    """One call for a page.

    Attributes
    ----------
    views
        The zones, the district first.
    cursor
        How far each zone was when the page was made.
    verdict
        What became of the order after which this page is shown.
    """

    def __init__(self, request: Request, site: Site, directory: Directory, views: Mapping[str, ZoneView]) -> None:
        self.request = request
        self.site = site
        self.directory = directory
        self.views = views
        self.viewer: Viewer = viewer_of(request)
        self.language: Language = language_of(request)
        self.now: datetime = site.clock.now()
        self.zone = ZoneInfo(next((view.policy.timezone for view in views.values()), Policy().timezone))
        self.moments = Moments(self.language, self.now, self.zone)
        self.verdict: Verdict | None = None
        self.cursor = ""
        self.speech = Speech(self.language, self.views)
        self.chronicle = Chronicle(self.speech, self.moments)

    def again(self, views: Mapping[str, ZoneView]) -> "Frame":
        """The same frame at this moment."""
        return Frame(self.request, self.site, self.directory, views)

    @property
    def live(self) -> str:
        """Where this page hears of what changes from its making on."""
        return "/live?" + urlencode({"lang": self.language, "after": self.cursor})

    def may(self, method: str, route: str) -> bool:
        """Whether the one who looks may call a route: what they may not do is not shown."""
        rule, role = TABLE.get(f"{method} {route}", UNLISTED), self.viewer.user.role
        return rule.roles is None or (role is not None and role in rule.roles)

    def say(self, english: str, **parts: object) -> str:
        """Say a sentence in the page's language."""
        return say(self.language, english, **parts)

    def address(self, **changes: str | None) -> str:
        """Address of this page with some parameters changed, or taken away by ``None``."""
        kept = [(name, value) for name, value in self.request.query_params.multi_items() if name not in changes]
        kept += [(name, value) for name, value in changes.items() if value is not None]
        return self.request.url.path + (f"?{urlencode(kept)}" if kept else "")

    def page(self, template: str, status: int = 200, *, outside: str = "", **context: Any) -> Response:
        """Render a page.

        Parameters
        ----------
        outside
            The one origin, besides ours, from which the page may fetch pictures.
        """
        headers = dict(HEADERS)
        if outside:
            for name in ("img-src", "connect-src"):
                headers[POLICY] = headers[POLICY].replace(f"{name} 'self'", f"{name} 'self' {outside}")
        response = HTMLResponse(self.render(template, **context), status, headers)
        if self.request.query_params.get("lang") in LANGUAGES:
            response.set_cookie(COOKIE, self.language, max_age=YEAR_S, httponly=True, samesite="lax")
        return response

    def render(self, template: str, **context: Any) -> str:
        """Write a template out in the page's language."""
        return ENVIRONMENT.get_template(template).render(
            frame=self,
            language=self.language,
            languages=LANGUAGES,
            viewer=self.viewer,
            now=self.now,
            moments=self.moments,
            speech=self.speech,
            chronicle=self.chronicle,
            views=self.views,
            pages=[(address, name) for address, name in PAGES if self.may("GET", address)],
            path=self.request.url.path,
            built=built,
            **context,
        )

    def go(self, address: str) -> Response:
        """Lead to another page after a form was sent."""
        return RedirectResponse(address, 303, HEADERS)

    async def form(self, longest: int = LONGEST_FORM) -> dict[str, list[str]]:
        """What a form sent; a body that is too long counts as empty."""
        body = await keep_body(self.request, FORM_LIMIT)
        return parsed(body) if len(body) <= longest else {}


async def _frame(request: Request, site: AtSite) -> Frame:
    views = await site.views()
    frame = Frame(request, site, await site.directory(), views)
    frame.cursor = write_cursor(None, await site.heads())
    frame.verdict = await heard(frame)
    return frame


AtFrame = Annotated[Frame, Depends(_frame)]
