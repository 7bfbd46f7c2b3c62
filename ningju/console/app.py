"""The application that serves REST and the operators' pages; the bootstrap hands in what stands behind it."""

from collections.abc import Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from engine.ports import Clock, CommitUnknown, QueueFull, Store, Unavailable
from ningju.console import catalogue, commands, feeds, health, reference, requests, roster, visits, zones
from ningju.console.guard import LOCAL, Guard
from ningju.console.metrics import Metrics
from ningju.console.pages import now, queue
from ningju.console.problems import Problem, on_http, on_invalid, on_port, on_problem
from ningju.console.services import Services, Site


def create_app(store: Store, clock: Clock, services: Services | None = None, hosts: Sequence[str] = LOCAL) -> FastAPI:
    """Build the console.

    Parameters
    ----------
    store
        Inbox and read model; the console writes nothing but commands and persons.
    clock
        Stamps what the door does not stamp itself, and tells what is past.
    hosts
        Names that the server answers to.
    """
    app = FastAPI(
        title="Ningju",
        version=_version(),
        summary="Community service requests become accepted and completed volunteer visits.",
        docs_url=None,
        redoc_url=None,
    )
    app.openapi = partial(reference.openapi, app)  # type: ignore[method-assign]
    app.state.site = Site(store, clock, services or Services())
    app.state.metrics = Metrics()
    app.mount("/static", StaticFiles(packages=[("ningju.console", "static")]), "static")
    for page in (now, queue):
        app.include_router(page.router)
    for part in (requests, visits, zones, roster, catalogue, feeds, commands, health, reference):
        app.include_router(part.router)
    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    for error in (QueueFull, CommitUnknown, Unavailable):
        app.add_exception_handler(error, on_port)
    app.add_middleware(Guard, metrics=app.state.metrics, hosts=hosts)
    return app


def _version() -> str:
    try:
        return version("ningju")
    except PackageNotFoundError:
        return "0"
