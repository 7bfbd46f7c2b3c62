"""The API's own page: made from its OpenAPI document, without scripts and without any outside address."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.responses import HTMLResponse, JSONResponse, Response

from ningju.console.catalogue import CatalogueIn
from ningju.console.examples import EXAMPLES, NAMES
from ningju.console.links import lead
from ningju.console.permissions import TABLE, UNLISTED
from ningju.console.requests import CancelIn, ChangeIn, TriageIn
from ningju.console.roster import RosterIn, VolunteerIn
from ningju.console.visits import AcceptIn, AttendIn, DeclineIn, NoShowIn, RatingIn, ReleaseIn, WithdrawIn
from ningju.console.zones import ZoneIn
from schemas.catalogue import ServiceType, Site
from schemas.envelope import EventEnvelope, Outcome
from schemas.intake import RequestIn
from schemas.roster import Team
from schemas.views import OfferView, RequestView

router = APIRouter(include_in_schema=False)

BODIES = (
    *(
        RequestIn,
        CancelIn,
        ChangeIn,
        TriageIn,
        AcceptIn,
        DeclineIn,
        AttendIn,
        WithdrawIn,
        NoShowIn,
        RatingIn,
        ReleaseIn,
    ),
    *(ZoneIn, RosterIn, VolunteerIn, Team, CatalogueIn, ServiceType, Site),
)
ANSWERS = (RequestView, OfferView, Outcome, EventEnvelope)

PROBLEM = {
    "type": "object",
    "description": "RFC 9457: `type` is stable; `errors` names each field that is wrong",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "why a zone said no"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("field", "code", "reason")},
            },
        },
    },
}

PENDING = {"description": "No verdict yet: it will be at `href`, which takes `Prefer: wait=N`, too"}

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
code, pre { font: 14px/1.4 ui-monospace, monospace } pre { overflow: auto; background: #f4f4f4; padding: .7rem }
summary { cursor: pointer; padding: .3rem 0 } .m { display: inline-block; min-width: 4rem; font-weight: 700 }
h2 { margin-top: 2rem; border-bottom: 1px solid #ccc } table { border-collapse: collapse } td { padding: .1rem .8rem .1rem 0; vertical-align: top }
"""


SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "`ningju token create NAME --scope …`"},
    "session": {"type": "apiKey", "in": "cookie", "name": "ningju_session", "description": "whoever has signed in"},
    "api_key": {"type": "apiKey", "in": "query", "name": "api_key", "description": "a token, as Open311 sends it"},
}


def openapi(app: FastAPI) -> dict[str, Any]:
    """Describe the API, bodies and rows included; they are read by our own dependency, so FastAPI does not see them."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        models = [(model, "validation") for model in BODIES] + [(model, "serialization") for model in ANSWERS]
        _, schema = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        schemas |= schema["$defs"] | {"Problem": PROBLEM}
        refused = {
            "application/problem+json": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            },
            "application/json": {kind: {"schema": {}} for kind in ("application/json", "application/xml")},
        }
        document["components"]["securitySchemes"] = SCHEMES
        for method, path, operation in _operations(document):
            operation["responses"].pop("422", None)
            kind = "application/json" if "/open311/" in path else "application/problem+json"
            operation["responses"]["4XX"] = {"description": "A problem", "content": refused[kind]}
            if method in {"POST", "PUT"} and "200" in operation["responses"]:
                operation["responses"]["202"] = PENDING
            operation["security"] = _security(f"{method} {path}")
            _exemplify(f"{method} {path}", operation)
        lead(document)
        app.openapi_schema = document
    return app.openapi_schema


def _security(route: str) -> list[dict[str, list[str]]]:
    """Say what opens a call; on the loopback, where nobody signs in, nothing is needed."""
    rule = TABLE.get(route, UNLISTED)
    if rule.roles is None:
        return []
    schemes: list[dict[str, list[str]]] = [{"session": []}]
    if rule.scope:
        schemes.append({"token": [rule.scope]})
        schemes += [{"api_key": []}] if "/open311/" in route else []
    return schemes


def _exemplify(route: str, operation: dict[str, Any]) -> None:
    """Put the examples in: names in the path, and bodies."""
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path" and parameter["name"] in NAMES:
            parameter["example"] = NAMES[parameter["name"]]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["examples"] = {name: {"value": value} for name, value in EXAMPLES.get(route, {}).items()}


@router.get("/openapi.json")
async def document(request: Request) -> Response:
    """The machine-readable form."""
    return JSONResponse(openapi(request.app))


@router.get("/docs")
async def page(request: Request) -> Response:
    """Show every call with its parameters and bodies."""
    document = openapi(request.app)
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return HTMLResponse("".join(_page(document)), headers=headers)


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _page(document: dict[str, Any]) -> Iterator[str]:
    info = document["info"]
    yield f"<!doctype html><html lang=en><meta charset=utf-8><title>Ningju API</title><style>{STYLE}</style>"
    yield f"<h1>Ningju 宁聚 API</h1><p>{escape(info['summary'])} Version {escape(info['version'])}. "
    yield 'The machine-readable form is <a href="/openapi.json">/openapi.json</a>.'
    tag = None
    for method, path, operation in _operations(document):
        if operation["tags"][0] != tag:
            tag = operation["tags"][0]
            yield f"<h2>{escape(tag)}</h2>"
        yield f"<details><summary><span class=m>{method}</span><code>{escape(path)}</code></summary>"
        yield f"<p>{escape(operation.get('description', ''))}"
        yield from _parameters(operation.get("parameters", []))
        if "requestBody" in operation:
            (content,) = operation["requestBody"]["content"].values()
            schema = content["schema"]
            name = schema.get("$ref", "").rpartition("/")[2]
            if name:
                yield f'<p>Body: <a href="#{name}"><code>{name}</code></a>'
            else:
                fields = schema["properties"].items()
                yield from _parameters([{"name": one, "in": "form", "schema": told} for one, told in fields])
            for example, told in content["examples"].items():
                text = json.dumps(told["value"], ensure_ascii=False, indent=2)
                yield f"<p>{escape(example)}:<pre>{escape(text)}</pre>"
        yield "</details>"
    yield "<h2>Schemas</h2>"
    for name, schema in sorted(document["components"]["schemas"].items()):
        text = json.dumps(schema, ensure_ascii=False, indent=2)
        yield f"<details id={escape(name)}><summary><code>{escape(name)}</code></summary><pre>{escape(text)}</pre></details>"


def _parameters(parameters: list[dict[str, Any]]) -> Iterator[str]:
    if parameters:
        yield "<table>"
        for one in parameters:
            told = one.get("description") or one["schema"].get("description", "")
            yield f"<tr><td><code>{escape(one['name'])}</code><td>{escape(one['in'])}<td>{escape(told)}"
        yield "</table>"
