"""The application that serves REST and the operators' pages; the bootstrap hands in what stands behind it."""

from collections.abc import Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from engine.ports import Clock, CommitUnknown, QueueFull, Store, Unavailable
from ningju.console import (
    catalogue,
    commands,
    feeds,
    health,
    open311,
    persons,
    reference,
    requests,
    roster,
    sign_in,
    visits,
    zones,
)
from ningju.console.gate import Entrance, Gate, SignInNeeded, authorise, on_nobody
from ningju.console.guard import LOCAL, Guard
from ningju.console.metrics import Metrics
from ningju.console.pages import (
    assigning,
    audit,
    chart,
    dead,
    editing,
    figures,
    importing,
    life,
    listing,
    live,
    new,
    now,
    people,
    preview,
    queue,
    removing,
    teams,
    timeline,
    undo,
    undoing,
    what_if,
)
from ningju.console.problems import Problem, on_http, on_invalid, on_port, on_problem
from ningju.console.services import Services, Site
from ningju.console.sign_in import SigningIn


def create_app(
    store: Store,
    clock: Clock,
    services: Services | None = None,
    hosts: Sequence[str] = LOCAL,
    entrance: Entrance | None = None,
) -> FastAPI:
    """Build the console.

    Parameters
    ----------
    store
        Inbox and read model; the console writes nothing but commands and persons.
    clock
        Stamps what the door does not stamp itself, and tells what is past.
    hosts
        Names that the server answers to.
    entrance
        How people and programs come in; by default whoever reaches the server is its local operator.
    """
    app = FastAPI(
        title="Ningju",
        version=_version(),
        summary="Community service requests become accepted and completed volunteer visits.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(authorise)],
    )
    app.openapi = partial(reference.openapi, app)  # type: ignore[method-assign]
    app.state.site = Site(store, clock, services or Services())
    app.state.live = live.Live(app.state.site)
    app.state.metrics = Metrics()
    app.state.gate = gate = Gate(store, entrance or Entrance())
    provider = gate.entrance.provider
    app.state.signing_in = SigningIn(gate, provider) if provider is not None else None
    app.mount("/static", StaticFiles(packages=[("ningju.console", "static")]), "static")
    for page in (
        now,
        queue,
        life,
        assigning,
        new,
        dead,
        audit,
        live,
        chart,
        timeline,
        people,
        undo,
        undoing,
        figures,
        editing,
        teams,
        listing,
        importing,
        preview,
        removing,
        what_if,
    ):
        app.include_router(page.router)
    for part in (
        requests,
        persons,
        visits,
        zones,
        roster,
        catalogue,
        feeds,
        commands,
        open311,
        health,
        reference,
        sign_in,
    ):
        app.include_router(part.router)
    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(SignInNeeded, on_nobody)
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
