"""Offers and visits: what volunteers, leaders and beneficiaries answer."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from engine.intake import Fault, redact
from engine.ports import NewCommand
from ningju.console.bodies import body, documented
from ningju.console.callers import Caller, Calling
from ningju.console.problems import invalid, not_found
from ningju.console.requests import Seen
from ningju.console.sending import API, ask, command
from ningju.console.services import AtSite, Site
from schemas.base import Frozen, Identifier, Reason
from schemas.commands import (
    AcceptOffer,
    CheckIn,
    Command,
    DeclineOffer,
    FinishVisit,
    RateVisit,
    ReleaseSeat,
    ReportNoShow,
    WithdrawSeat,
)
from schemas.request import Stars
from schemas.views import RequestView

router = APIRouter(prefix=API, tags=["offers and visits"])


class AcceptIn(Frozen):
    """A leader may name the member who goes."""

    volunteer: Identifier | None = None


class DeclineIn(Frozen):
    """Why not, if one wants to say."""

    reason: Reason = ""


class AttendIn(Frozen):
    """Whom it is about; the calling volunteer where it is left out."""

    volunteer: Identifier | None = None


class WithdrawIn(Frozen):
    """Who cannot come after all, and why."""

    volunteer: Identifier | None = None
    reason: Reason = ""


class ReleaseIn(Frozen):
    """Whom an operator takes off the crew, and why."""

    volunteer: Identifier
    seen: Seen = None
    reason: Reason = ""


class NoShowIn(Frozen):
    """Who did not come."""

    volunteer: Identifier


class RatingIn(Frozen):
    """One to five stars."""

    stars: Stars


@router.get("/offers/{offer_id}")
async def show_offer(site: AtSite, offer_id: UUID) -> Response:
    """One offer and what became of it."""
    offer = await site.store.offer(offer_id)
    if offer is None:
        raise not_found("offer", offer_id)
    return JSONResponse(offer.model_dump(mode="json"))


@router.post("/offers/{offer_id}/accept", openapi_extra=documented(AcceptIn, required=False))
async def accept(
    site: AtSite, caller: Calling, offer_id: UUID, told: Annotated[AcceptIn, Depends(body(AcceptIn, empty=True))]
) -> Response:
    """Take an offered seat."""
    return await _answer_offer(site, caller, offer_id, told, AcceptOffer(offer_id=offer_id, volunteer=told.volunteer))


@router.post("/offers/{offer_id}/decline", openapi_extra=documented(DeclineIn, required=False))
async def decline(
    site: AtSite, caller: Calling, offer_id: UUID, told: Annotated[DeclineIn, Depends(body(DeclineIn, empty=True))]
) -> Response:
    """Say no to an offered seat."""
    return await _answer_offer(
        site, caller, offer_id, told, DeclineOffer(offer_id=offer_id, reason=redact(told.reason))
    )


async def _answer_offer(site: Site, caller: Caller, offer_id: UUID, told: Frozen, asked: Command) -> Response:
    async def build(command_id: UUID) -> NewCommand:
        offer = await site.store.offer(offer_id)
        if offer is None:
            raise not_found("offer", offer_id)
        return command(site, caller, command_id, offer.zone, asked, correlation_id=offer.request_id)

    return await ask(site, caller, told, build)


@router.post("/visits/{visit_id}/check-in", openapi_extra=documented(AttendIn, required=False))
async def check_in(
    site: AtSite, caller: Calling, visit_id: UUID, told: Annotated[AttendIn, Depends(body(AttendIn, empty=True))]
) -> Response:
    """A crew member has arrived."""

    def asked(row: RequestView) -> Command:
        return CheckIn(request_id=row.request_id, volunteer=_whom(caller, told.volunteer))

    return await _answer_visit(site, caller, visit_id, told, asked)


@router.post("/visits/{visit_id}/finish", openapi_extra=documented(AttendIn, required=False))
async def finish(
    site: AtSite, caller: Calling, visit_id: UUID, told: Annotated[AttendIn, Depends(body(AttendIn, empty=True))]
) -> Response:
    """The visit is over."""

    def asked(row: RequestView) -> Command:
        own = caller.actor.id if caller.actor.kind == "volunteer" else None
        return FinishVisit(request_id=row.request_id, volunteer=told.volunteer or own)

    return await _answer_visit(site, caller, visit_id, told, asked)


@router.post("/visits/{visit_id}/withdraw", openapi_extra=documented(WithdrawIn, required=False))
async def withdraw(
    site: AtSite, caller: Calling, visit_id: UUID, told: Annotated[WithdrawIn, Depends(body(WithdrawIn, empty=True))]
) -> Response:
    """Give an accepted seat back."""

    def asked(row: RequestView) -> Command:
        who = _whom(caller, told.volunteer)
        return WithdrawSeat(request_id=row.request_id, volunteer=who, reason=redact(told.reason))

    return await _answer_visit(site, caller, visit_id, told, asked)


@router.post("/visits/{visit_id}/release", openapi_extra=documented(ReleaseIn))
async def release(
    site: AtSite, caller: Calling, visit_id: UUID, told: Annotated[ReleaseIn, Depends(body(ReleaseIn))]
) -> Response:
    """Take one person off, asked or accepted: they are told and not asked again for the request; the others stay."""

    def asked(row: RequestView) -> Command:
        return ReleaseSeat(
            request_id=row.request_id, volunteer=told.volunteer, seen=told.seen, reason=redact(told.reason)
        )

    return await _answer_visit(site, caller, visit_id, told, asked)


@router.post("/visits/{visit_id}/no-show", openapi_extra=documented(NoShowIn))
async def no_show(
    site: AtSite, caller: Calling, visit_id: UUID, told: Annotated[NoShowIn, Depends(body(NoShowIn))]
) -> Response:
    """A crew member did not come."""

    def asked(row: RequestView) -> Command:
        return ReportNoShow(request_id=row.request_id, volunteer=told.volunteer)

    return await _answer_visit(site, caller, visit_id, told, asked)


@router.post("/visits/{visit_id}/rating", openapi_extra=documented(RatingIn))
async def rate(
    site: AtSite, caller: Calling, visit_id: UUID, told: Annotated[RatingIn, Depends(body(RatingIn))]
) -> Response:
    """Rate a visit that is done; the request's origin keeps the stars, whoever served it."""

    def asked(row: RequestView) -> Command:
        return RateVisit(request_id=row.request_id, stars=told.stars)

    return await _answer_visit(site, caller, visit_id, told, asked, at_origin=True)


async def _answer_visit(
    site: Site,
    caller: Caller,
    visit_id: UUID,
    told: Frozen,
    asked: Callable[[RequestView], Command],
    *,
    at_origin: bool = False,
) -> Response:
    async def build(command_id: UUID) -> NewCommand:
        row = await site.store.visit(visit_id)
        if row is None:
            raise not_found("visit", visit_id)
        zone = row.referral.origin if at_origin and row.referral else row.zone
        return command(site, caller, command_id, zone, asked(row), correlation_id=row.request_id)

    return await ask(site, caller, told, build)


def _whom(caller: Caller, named: str | None) -> str:
    if named is not None:
        return named
    if caller.actor.kind == "volunteer":
        return caller.actor.id
    raise invalid([Fault("volunteer", "missing", "name the volunteer, or call as one")])
