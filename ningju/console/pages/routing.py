"""Routes of pages: what goes wrong is told as a page too, in the reader's language."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response

from engine.ports import PortError, QueueFull
from ningju.console.pages.frame import Frame
from ningju.console.problems import Problem
from ningju.console.services import Site

Handler = Callable[[Request], Awaitable[Response]]

TEXTS = {
    401: "Sign in first.",
    403: "This is not yours to do, or the page is old: go back and load it again.",
    404: "There is no such thing. It may have ended, or the address is incomplete.",
    422: "This was not understood. Go back and look at what was filled in.",
    409: "This was sent before with other contents. Go back, load the page again and repeat it.",
    429: "Too many commands are waiting. Try again in a moment.",
    503: "The database cannot be reached. Nothing was lost; try again in a moment.",
}


class PageRoute(APIRoute):
    """A route whose problems are pages."""

    def get_route_handler(self) -> Handler:  # type: ignore[override]
        """Wrap the handler."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(request)
            except Problem as problem:
                told = await _told(request, problem.status, problem.detail)
                told.headers.update(problem.headers)
                return told
            except RequestValidationError:
                return await _told(request, 422, "")
            except QueueFull:
                return await _told(request, 429, "")
            except PortError:
                return await _told(request, 503, "")

        return handle


def pages(prefix: str = "") -> APIRouter:
    """Make a router for pages."""
    return APIRouter(prefix=prefix, route_class=PageRoute, include_in_schema=False)


async def _told(request: Request, status: int, detail: str) -> Response:
    site = request.app.state.site
    assert isinstance(site, Site)
    try:
        views, directory = await site.views(), await site.directory()
    except PortError:
        views, directory = {}, site.nowhere
    frame = Frame(request, site, directory, views)
    text = TEXTS.get(status, "Something went wrong.")
    return frame.page("problem.html", status, text=text, detail=detail, title="Not possible")
