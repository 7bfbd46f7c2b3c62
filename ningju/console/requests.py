"""Requests: new ones, their life so far, and what people ask of them."""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import JSONResponse, Response

from engine.intake import Fault, IntakeRefused, admit, crew_faults, redact, window_faults
from engine.ports import NewCommand, RequestQuery
from ningju.console.bodies import body, documented
from ningju.console.callers import Caller, Calling
from ningju.console.problems import Problem, invalid, not_found
from ningju.console.sending import API, ask, command, send
from ningju.console.services import AtSite, Site
from schemas.base import Frozen, Identifier, Priority, Reason, derive_id
from schemas.catalogue import SkillDemand
from schemas.commands import CancelRequest, ChangeRequest, SubmitRequest, TriageRequest
from schemas.envelope import CommandEnvelope
from schemas.explanation import Explanation
from schemas.intake import RequestIn
from schemas.place import Place, TimeWindow
from schemas.request import RequestState, Windows

router = APIRouter(prefix=API, tags=["requests"])


Seen = Annotated[
    int | None,
    Field(
        ge=0,
        description="`version` of the request that was looked at; 409 `request_changed` when it has changed since",
        exclude_if=lambda seen: seen is None,  # a body without it is the same under its key as it was before
    ),
]


class CancelIn(Frozen):
    """Why the request is no longer needed."""

    seen: Seen = None
    reason: Reason = ""


class ChangeIn(Frozen):
    """What the request needs from now on; what is left out stays. ``window`` is short for one of ``windows``."""

    window: TimeWindow | None = None
    windows: Windows | None = None
    place: Place | None = None
    crew: Annotated[tuple[SkillDemand, ...], Field(min_length=1, max_length=10)] | None = None
    priority: Priority | None = None
    seen: Seen = None
    reason: Reason = ""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.window is not None and self.windows is not None:
            raise ValueError("give window or windows, not both")
        if all(field is None for field in (self.window, self.windows, self.place, self.crew, self.priority)):
            raise ValueError("give at least one of window, windows, place, crew, priority")
        return self


class TriageIn(Frozen):
    """Take the request into the queue, or refuse it with a reason."""

    decision: Literal["accept", "refuse"]
    seen: Seen = None
    reason: Reason = ""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """Understand ``{"accept": true}`` and ``{"refuse": true}`` as well."""
        if not isinstance(value, dict) or "decision" in value:
            return value
        rest = {name: part for name, part in value.items() if name not in {"accept", "refuse"}}
        flags = {name: value[name] for name in ("accept", "refuse") if name in value}
        accept, refuse = flags.get("accept"), flags.get("refuse")
        if len(flags) != 1 or not isinstance(accept if refuse is None else refuse, bool):
            return value
        return {**rest, "decision": "accept" if accept is True or refuse is False else "refuse"}

    @model_validator(mode="after")
    def _why(self) -> Self:
        if self.decision == "refuse" and not self.reason.strip():
            raise ValueError("a refusal needs a reason")
        return self


class RequestFilter(BaseModel):
    """Which requests, and which page of them."""

    model_config = ConfigDict(extra="forbid")

    zone: Identifier | None = None
    state: list[RequestState] = Field(default_factory=list, description="one or several")
    service_type: Identifier | None = None
    guests: bool = Field(False, description="also rows of zones that serve a request for another")
    cursor: str | None = Field(None, max_length=500, description="`next` of the page before")
    limit: int = Field(50, ge=1, le=500)


@router.post("/requests", status_code=202, openapi_extra=documented(RequestIn))
async def submit(site: AtSite, caller: Calling, need: Annotated[RequestIn, Depends(body(RequestIn))]) -> Response:
    """Take a request in; 202 once it is durable."""

    async def build(command_id: UUID) -> NewCommand:
        return await admitted(site, caller, need, command_id)

    enqueued = await send(site, caller, need, build)
    request_id = derive_id("request", enqueued.command_id)
    href = f"{API}/requests/{request_id}"
    return JSONResponse({"id": str(request_id), "zone": enqueued.zone, "href": href}, 202, {"Location": href})


async def admitted(site: Site, caller: Caller, need: RequestIn, command_id: UUID) -> NewCommand:
    """Route a need; when the directory at hand refuses it, ask once more with a fresh one."""
    for fresh in (False, True):
        try:
            return admit(
                need,
                await site.directory(fresh=fresh),
                command_id=command_id,
                actor=caller.actor,
                received_at=site.clock.now(),
            )
        except IntakeRefused as error:
            if fresh:
                raise invalid(error.faults) from None
    raise AssertionError("unreachable")


@router.get("/requests")
async def list_requests(site: AtSite, which: Annotated[RequestFilter, Query()]) -> Response:
    """Requests, oldest first, page by page."""
    query = RequestQuery(
        zone=which.zone,
        states=tuple(which.state),
        service_type=which.service_type,
        guests=which.guests,
        cursor=which.cursor,
        limit=which.limit,
    )
    try:
        page = await site.store.requests(query)
    except ValueError:
        raise invalid([Fault("query.cursor", "cursor", "is not a cursor of this list; start without one")]) from None
    return JSONResponse({"requests": [row.model_dump(mode="json") for row in page.rows], "next": page.next})


@router.get("/requests/{request_id}")
async def show(site: AtSite, request_id: UUID) -> Response:
    """A request's life so far: state, visit, seats, offers, times; and the rows of zones that serve it as guests."""
    rows = await site.store.request(request_id)
    if not rows:
        return JSONResponse(await _received(site, request_id))
    origin, guests = rows[0], rows[1:]
    offers = await site.store.offers(request_id=request_id)
    return JSONResponse(
        {"id": str(request_id)}
        | origin.model_dump(mode="json")
        | {
            "guests": [row.model_dump(mode="json") for row in guests],
            "offer_list": [offer.model_dump(mode="json") for offer in offers],
        }
    )


async def _received(site: Site, request_id: UUID) -> dict[str, Any]:
    """Tell what is known of a request that its zone has not decided on yet."""
    row = await site.store.submitted(request_id)
    if row is None:
        raise not_found("request", request_id)
    submitted = CommandEnvelope.read(row.data).command
    assert isinstance(submitted, SubmitRequest)
    spec = submitted.spec.model_dump(mode="json", include={"service_type", "site", "windows", "source", "beneficiary"})
    at = row.received_at.isoformat()
    return {
        "id": str(request_id),
        "request_id": str(request_id),
        "zone": row.zone,
        "state": RequestState.RECEIVED.value,
        "created_at": at,
        "updated_at": at,
        "guests": [],
        "offer_list": [],
        **spec,
    }


@router.get("/requests/{request_id}/why")
async def why(site: AtSite, request_id: UUID) -> Response:
    """Why the request is where it is: rule by rule, how many candidates each removed, what would let it be served or why this crew."""
    zone = await home_of(site, request_id)
    if site.services.explain is None:
        raise Problem(503, "unavailable", "this process explains nothing; ask one with the role api")
    explanation = await site.services.explain(zone, request_id) or await _told(site, zone, request_id)
    return JSONResponse(explanation.model_dump(mode="json"))


async def _told(site: Site, zone: str, request_id: UUID) -> Explanation:
    """Explain what is not in its zone's state, not yet or not any more."""
    rows = await site.store.request(request_id)
    state = rows[0].state if rows else RequestState.RECEIVED
    reason = rows[0].reason if rows else "the zone has not looked at it yet"
    return Explanation(
        request_id=request_id,
        zone=zone,
        version=rows[0].version if rows else 0,
        now=site.clock.now(),
        state=state,
        summary=f"{state.value}: {reason}" if reason not in ("", state.value) else state.value,
        offers=rows[0].offers if rows else 0,
    )


@router.post("/requests/{request_id}/cancel", openapi_extra=documented(CancelIn, required=False))
async def cancel(
    site: AtSite, caller: Calling, request_id: UUID, told: Annotated[CancelIn, Depends(body(CancelIn, empty=True))]
) -> Response:
    """End a request; while a guest serves it, the guest is asked."""

    async def build(command_id: UUID) -> NewCommand:
        asked = CancelRequest(request_id=request_id, seen=told.seen, reason=redact(told.reason))
        zone = await home_of(site, request_id)
        return command(site, caller, command_id, zone, asked, correlation_id=request_id)

    return await ask(site, caller, told, build)


@router.post("/requests/{request_id}/change", openapi_extra=documented(ChangeIn))
async def change(
    site: AtSite, caller: Calling, request_id: UUID, told: Annotated[ChangeIn, Depends(body(ChangeIn))]
) -> Response:
    """Change window, place, crew or priority; seats that no longer fit are taken back."""

    async def build(command_id: UUID) -> NewCommand:
        zone = await home_of(site, request_id)
        windows = (told.window,) if told.window is not None else told.windows
        faults = []
        if windows is not None:
            faults += window_faults(windows, timedelta(minutes=1), site.clock.now())
        if told.crew is not None:
            faults += crew_faults(told.crew, (await site.directory()).skills, "crew")
        if told.place is not None and (await site.directory()).zone_at(told.place) is None:
            faults.append(Fault("place", "outside_every_zone", "lies outside every zone"))
        if faults:
            raise invalid(faults)
        asked = ChangeRequest(
            request_id=request_id,
            windows=windows,
            place=told.place.coarse() if told.place else None,
            demands=told.crew,
            priority=told.priority,
            seen=told.seen,
            reason=redact(told.reason),
        )
        return command(site, caller, command_id, zone, asked, correlation_id=request_id)

    return await ask(site, caller, told, build)


@router.post("/requests/{request_id}/triage", openapi_extra=documented(TriageIn))
async def triage(
    site: AtSite, caller: Calling, request_id: UUID, told: Annotated[TriageIn, Depends(body(TriageIn))]
) -> Response:
    """Accept a received request into the queue, or refuse it."""

    async def build(command_id: UUID) -> NewCommand:
        accept = told.decision == "accept"
        asked = TriageRequest(request_id=request_id, accept=accept, seen=told.seen, reason=redact(told.reason))
        zone = await home_of(site, request_id)
        return command(site, caller, command_id, zone, asked, correlation_id=request_id)

    return await ask(site, caller, told, build)


async def home_of(site: Site, request_id: UUID) -> str:
    """Find the zone that owns a request, from the moment that its sender was told its id."""
    rows = await site.store.request(request_id)
    if rows:
        return rows[0].zone
    row = await site.store.submitted(request_id)
    if row is None:
        raise not_found("request", request_id)
    return row.zone
