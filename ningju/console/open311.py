"""Open311 GeoReport v2: a second intake through the same door, for systems that speak it already."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response

from engine.intake import Fault
from engine.ports import NewCommand, PortError, QueueFull, RequestQuery
from ningju.console.callers import Calling
from ningju.console.forms import URLENCODED, fields_of
from ningju.console.gate import Gate
from ningju.console.geo_report import Record, document, errors
from ningju.console.problems import Problem, faults_of, invalid, not_found
from ningju.console.requests import admitted
from ningju.console.sending import send
from ningju.console.services import AtSite, Site
from schemas.base import Label, Moment, derive_id
from schemas.catalogue import ServiceType
from schemas.intake import BeneficiaryIn, RequestIn
from schemas.place import Place, TimeWindow
from schemas.request import RequestState
from schemas.views import RequestView, ZoneView

PREFIX = "/open311/v2"
SOURCE = "open311"
AT_MOST = 1_000
SPAN = timedelta(days=90)
FORMS = ("json", "xml")

FIELDS = {
    "api_key": "a token for `requests:write`; or send it as Authorization: Bearer",
    "jurisdiction_id": "where the server asks for it",
    "service_code": "of GET services",
    "lat": "WGS-84",
    "long": "WGS-84",
    "address_id": "a site's id, instead of lat and long",
    "address_string": "told to whoever goes; nobody looks it up",
    "attribute[start]": "not before",
    "attribute[end]": "over by",
    "attribute[tier]": "0 to 5",
    "first_name": "who is helped",
    "last_name": "who is helped",
    "phone": "of who is helped",
    "email": "of who is helped",
    "description": "what it is about; told to whoever goes and to nobody else",
    "media_url": "a picture",
    "account_id": "given back as it came",
}

_MOMENT = TypeAdapter(Moment)


class GeoReportRoute(APIRoute):
    """A route whose problems have the form that Open311 gives them."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """Wrap the handler."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            form = str(request.path_params.get("form", "json"))
            try:
                if form not in FORMS:
                    raise not_found("format", f"{form[:20]}; there are {', '.join(FORMS)}")
                _placed(request)
                return await inner(request)
            except Problem as problem:
                faults = problem.facts.get("errors") or ()
                said = [f"{fault['field']}: {fault['reason']}" for fault in faults] or [problem.detail or problem.kind]
                status = {401: 403, 422: 400}.get(problem.status, problem.status)
                answer = errors(said, status, form)
                answer.headers.update({k: v for k, v in problem.headers.items() if k == "Retry-After"})
                return answer
            except RequestValidationError as error:
                return errors([f"{fault.field}: {fault.reason}" for fault in faults_of(error)], 400, form)
            except QueueFull as full:
                answer = errors([str(full)], 429, form)
                answer.headers["Retry-After"] = str(max(1, round(full.retry_after.total_seconds())))
                return answer
            except PortError:
                return errors(["the store is away; try again"], 503, form)

        return handle


router = APIRouter(prefix=PREFIX, tags=["Open311"], route_class=GeoReportRoute)


def _placed(request: Request) -> None:
    """Hold whoever names a jurisdiction to this one; a form's own is looked at with the form."""
    asked = request.query_params.get("jurisdiction_id")
    if request.method == "GET":
        _here(request, asked)


def _here(request: Request, asked: str | None) -> None:
    gate: Gate = request.app.state.gate
    ours = gate.entrance.jurisdiction
    if ours and not asked:
        raise invalid([Fault("jurisdiction_id", "missing", f"name it: {ours}")])
    if ours and asked != ours:
        raise not_found("jurisdiction", str(asked)[:100])


@router.get("/discovery.{form}")
async def discover(request: Request, form: str) -> Response:
    """Where this interface is and what it speaks."""
    address = request.app.state.gate.entrance.address or str(request.base_url).rstrip("/")
    endpoint = {
        "specification": "http://wiki.open311.org/GeoReport_v2",
        "url": f"{address}{PREFIX}",
        "type": "production",
        "formats": ["application/json", "text/xml"],
    }
    told = {"key_service": "ningju token create NAME --scope requests:write", "endpoints": [endpoint]}
    return document("discovery", told, form)


@router.get("/services.{form}")
async def list_services(request: Request, site: AtSite, form: str) -> Response:
    """What can be asked for."""
    services = [_service(request, item) for item in _services(await site.store.zones()).values()]
    return document("services", services, form)


@router.get("/services/{code}.{form}")
async def define_service(site: AtSite, code: str, form: str) -> Response:
    """What a request for a service may say besides: where it has a site, and when."""
    services = _services(await site.store.zones())
    if code not in services:
        raise not_found("service", code[:64])
    minutes = services[code].duration_s // 60
    attributes = [
        _attribute(1, "start", "datetime", "Not before", f"ISO 8601 with an offset; the visit takes {minutes} minutes"),
        _attribute(2, "end", "datetime", "Over by", "ISO 8601 with an offset"),
        _attribute(3, "tier", "number", "Priority of the person, 0 to 5", "0 is none"),
    ]
    return document("service_definition", {"service_code": code, "attributes": attributes}, form)


def _documented() -> dict[str, Any]:
    told = {name: {"type": "string", "description": text} for name, text in FIELDS.items()}
    schema = {"type": "object", "required": ["service_code"], "properties": told}
    return {"requestBody": {"required": True, "content": {URLENCODED: {"schema": schema}}}}


@router.post("/requests.{form}", status_code=201, openapi_extra=_documented())
async def submit(
    request: Request, site: AtSite, caller: Calling, fields: Annotated[dict[str, str], Depends(fields_of)], form: str
) -> Response:
    """Take a request in, through the same door as any other."""
    _here(request, fields.get("jurisdiction_id"))
    need = _need(fields, _services(await site.store.zones()), site.clock.now())

    async def build(command_id: UUID) -> NewCommand:
        return await admitted(site, caller, need, command_id)

    enqueued = await send(site, caller, need, build)
    request_id = derive_id("request", enqueued.command_id)
    told = {"service_request_id": str(request_id), "service_notice": "", "account_id": fields.get("account_id", "")}
    return document("service_requests", [told], form, 201)


@router.get("/requests.{form}")
async def list_requests(
    request: Request,
    site: AtSite,
    form: str,
    service_request_id: str = "",
    service_code: str = "",
    start_date: str = "",
    end_date: str = "",
    status: str = "",
) -> Response:
    """Requests, the newest first: of 90 days, a thousand at most."""
    if service_request_id:
        found = [row for name in service_request_id.split(",")[:AT_MOST] if (row := await _row(site, name)) is not None]
        return document("service_requests", await _told(request, site, found), form)
    before = _moment("end_date", end_date) if end_date else None
    after = _moment("start_date", start_date) if start_date else (before or site.clock.now()) - SPAN
    if before is not None and before - after > SPAN:
        raise invalid([Fault("start_date", "span", f"ask for {SPAN.days} days at most")])
    wanted = {part.strip() for part in status.split(",") if part.strip()}
    if not wanted <= {"open", "closed"}:
        raise invalid([Fault("status", "enum", "open, closed, or both")])
    states = tuple(state for state in RequestState if not wanted or ("closed" if state.ended else "open") in wanted)
    codes = {part.strip() for part in service_code.split(",") if part.strip()}
    query = RequestQuery(
        states=() if len(states) == len(RequestState) else states,
        service_type=next(iter(codes)) if len(codes) == 1 else None,
        created_before=before,
        order="newest",
        limit=500,
    )
    rows = await _rows(site, query, after, codes)
    return document("service_requests", await _told(request, site, rows), form)


@router.get("/requests/{request_id}.{form}")
async def show(request: Request, site: AtSite, request_id: str, form: str) -> Response:
    """One request."""
    row = await _row(site, request_id)
    if row is None:
        raise not_found("service request", request_id[:64])
    return document("service_requests", await _told(request, site, [row]), form)


async def _rows(site: Site, query: RequestQuery, after: datetime, codes: set[str]) -> list[RequestView]:
    rows: list[RequestView] = []
    while True:
        page = await site.store.requests(query)
        fresh = [row for row in page.rows if row.created_at >= after]
        rows += [row for row in fresh if not codes or row.service_type in codes]
        if page.next is None or len(fresh) < len(page.rows) or len(rows) >= AT_MOST:
            return rows[:AT_MOST]
        query = replace(query, cursor=page.next)


Shown = RequestView | tuple[UUID, datetime]


async def _row(site: Site, name: str) -> Shown | None:
    """A request's own row; before its zone has looked at it, its id and when it came."""
    try:
        request_id = UUID(name.strip())
    except ValueError:
        return None
    rows = await site.store.request(request_id)
    if rows:
        return rows[0]
    submitted = await site.store.submitted(request_id)
    return None if submitted is None else (request_id, submitted.received_at)


async def _told(request: Request, site: Site, rows: Iterable[Shown]) -> list[Record]:
    """Tell of requests what is nobody's secret: descriptions hold names and phones, so they are not given out."""
    views = {view.zone: view for view in await site.store.zones()}
    return [_told_of(request, views, row) for row in rows]


def _told_of(request: Request, views: Mapping[str, ZoneView], row: Shown) -> Record:
    if isinstance(row, tuple):
        at = row[1].isoformat()
        return {
            "service_request_id": str(row[0]),
            "status": "open",
            "status_notes": "received",
            "requested_datetime": at,
            "updated_datetime": at,
        }
    zone = views.get(row.zone)
    reason = f": {row.reason}" if row.reason not in ("", row.state.value) else ""
    return {
        "service_request_id": str(row.request_id),
        "status": "closed" if row.state.ended else "open",
        "status_notes": f"{row.state.value}{reason}",
        "service_name": _name(request, zone, row.service_type),
        "service_code": row.service_type,
        "agency_responsible": _said(request, zone.name) if zone is not None else row.zone,
        "requested_datetime": row.created_at.isoformat(),
        "updated_datetime": row.updated_at.isoformat(),
        "expected_datetime": row.complete_by.isoformat() if row.complete_by else "",
        "address_id": row.site or "",
        "lat": row.place.lat,
        "long": row.place.lon,
    }


def _services(views: Iterable[ZoneView]) -> dict[str, ServiceType]:
    return {item.id: item for view in views for item in view.service_types}


def _service(request: Request, item: ServiceType) -> Record:
    return {
        "service_code": item.id,
        "service_name": _said(request, item.name),
        "description": f"{item.name.zh} / {item.name.en}",
        "metadata": True,
        "type": "realtime",
        "keywords": "",
        "group": item.featured_by or "common",
    }


def _attribute(order: int, code: str, datatype: str, description: str, told: str) -> Record:
    return {
        "variable": True,
        "code": code,
        "datatype": datatype,
        "required": False,
        "datatype_description": told,
        "order": order,
        "description": description,
    }


def _name(request: Request, zone: ZoneView | None, code: str) -> str:
    found = next((item for item in zone.service_types if item.id == code), None) if zone is not None else None
    return code if found is None else _said(request, found.name)


def _said(request: Request, label: Label) -> str:
    return label.en if request.headers.get("accept-language", "").lower().startswith("en") else label.zh


def _need(fields: dict[str, str], services: dict[str, ServiceType], now: datetime) -> RequestIn:
    """Read a need from a form.

    Raises
    ------
    Problem
        400 naming each field that is missing or wrong.
    """
    faults = []
    service = services.get(fields.get("service_code", ""))
    if service is None:
        faults.append(Fault("service_code", "unknown", f"one of GET {PREFIX}/services.json"))
    site = fields.get("address_id") or None
    if site is None and not (fields.get("lat") and fields.get("long")):
        faults.append(
            Fault("lat", "missing", "give lat and long, or the id of a site as address_id; nobody looks addresses up")
        )
    if faults or service is None:
        raise invalid(faults)
    try:
        place = Place(lat=float(fields["lat"]), lon=float(fields["long"])) if fields.get("lat") else None
        return RequestIn(
            service_type=service.id,
            site=site,
            place=place,
            windows=(_window(fields, service, now),),
            beneficiary=BeneficiaryIn(
                name=_full_name(fields),
                phone=fields.get("phone", ""),
                address=fields.get("address_string", ""),
                tier=int(fields.get("attribute[tier]") or 0),
            ),
            note="\n".join(fields[name] for name in ("description", "email", "media_url") if fields.get(name)),
            source=SOURCE,
        )
    except ValidationError as error:
        raise invalid(faults_of(error)) from None
    except (ValueError, KeyError):
        raise invalid([Fault("lat", "number", "lat, long and attribute[tier] are numbers")]) from None


def _window(fields: dict[str, str], service: ServiceType, now: datetime) -> TimeWindow:
    """When: as the form says, else from now until the service's own target."""
    lasts = timedelta(seconds=max(service.completion_target_s, 2 * service.duration_s))
    start_text, end_text = fields.get("attribute[start]"), fields.get("attribute[end]")
    start = _moment("attribute[start]", start_text) if start_text else now
    end = _moment("attribute[end]", end_text) if end_text else start + lasts
    if end <= start:
        raise invalid([Fault("attribute[end]", "order", "must come after attribute[start], and after now")])
    return TimeWindow(start=start, end=end)


def _moment(field: str, text: str) -> datetime:
    try:
        return _MOMENT.validate_python(datetime.fromisoformat(text))
    except (ValidationError, ValueError):
        raise invalid([Fault(field, "datetime", "write it as 2026-03-02T09:00:00+08:00, with its offset")]) from None


def _full_name(fields: dict[str, str]) -> str:
    first, last = fields.get("first_name", ""), fields.get("last_name", "")
    return f"{first} {last}".strip() if (first + last).isascii() else f"{last}{first}"
