"""One request: its life, its seats, why it is where it is, and everything that an operator may do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from starlette.responses import Response

from engine.deadlines import hops
from engine.ports import Record, RequestQuery
from ningju.console.pages.decisions import NAME, decided
from ningju.console.pages.frame import AtFrame, Frame
from ningju.console.pages.needs import need_of
from ningju.console.pages.orders import Form, form_of, number, ordered, sent_before, told
from ningju.console.pages.routing import pages
from ningju.console.persons import involved, seen
from ningju.console.problems import not_found
from schemas.commands import (
    AcceptOffer,
    ChangeRequest,
    CheckIn,
    Command,
    DeclineOffer,
    FinishVisit,
    ReportNoShow,
    WithdrawSeat,
)
from schemas.events import RequestReferred
from schemas.explanation import Explanation
from schemas.person import Person
from schemas.place import TimeWindow
from schemas.request import RequestState
from schemas.views import OfferView, RequestView

router = pages()

WIDER = {"60": timedelta(hours=1), "180": timedelta(hours=3), "1440": timedelta(days=1)}
ANSWERS = {
    "accept": "Says yes",
    "decline": "Says no",
    "withdraw": "Cannot come after all",
    "check-in": "Has arrived",
    "no-show": "Did not come",
    "finish": "Is finished",
}
FREE = frozenset({"accept"})
"""Orders that say why by themselves: everything else overrules the engine, and needs a reason."""
MISSING_REASON = "Say why: the reason is kept, and people are told."
WRONG_WINDOW = "A window must end after it starts."


@dataclass(frozen=True, slots=True)
class Whole:
    """A request as its zones have it: the origin's row, and the row of the zone where it is worked on."""

    origin: RequestView
    here: RequestView

    @property
    def elsewhere(self) -> bool:
        """Whether another zone works on it."""
        return self.here.zone != self.origin.zone


async def whole(frame: Frame, request_id: UUID) -> Whole:
    """Find a request.

    Raises
    ------
    ningju.console.problems.Problem
        When there is none.
    """
    rows = await frame.site.store.request(request_id)
    if not rows:
        raise not_found("request", request_id)
    guests = [row for row in rows[1:] if not row.state.ended]
    return Whole(rows[0], guests[-1] if guests and rows[0].state is RequestState.REFERRED else rows[0])


@router.get("/request/{request_id}")
async def show(frame: AtFrame, request_id: UUID) -> Response:
    """The page."""
    return await _page(frame, await whole(frame, request_id))


@router.post("/request/{request_id}/people")
async def show_people(frame: AtFrame, request_id: UUID) -> Response:
    """The page with names and phones; who looked at whom is written down first."""
    found = await whole(frame, request_id)
    people = await seen(frame.site, frame.viewer.user, involved([found.here]), request_id)
    return await _page(frame, found, people=people)


async def _page(
    frame: Frame,
    found: Whole,
    *,
    people: dict[str, Person] | None = None,
    fault: str = "",
    status: int = 200,
    since: int | None = None,
) -> Response:
    row = found.here
    if since is None:
        asked = number(frame.request.query_params.get("since", ""))
        since = asked or (frame.verdict.since if frame.verdict is not None else 0)
    history = await frame.site.store.history(row.request_id)
    explained = None if row.state.ended else await explanation(frame, row)
    wider = frame.request.query_params.get("wider", "")
    return frame.page(
        "request.html",
        status,
        title="Request",
        found=found,
        row=row,
        history=history[::-1],
        since=since,
        stale=status == 409 or 0 < since < row.version,
        meanwhile=[one for one in history if since and one.zone == row.zone and one.version > since],
        need=need_of(history, row.zone),
        hops=_hops(frame, row, history),
        offers={offer.offer_id: offer for offer in await _offers(frame, row)},
        why=explained,
        because=because(frame, explained) if explained is not None else "",
        wider=wider if wider in WIDER else "",
        widened=await _widened(frame, row, WIDER[wider]) if wider in WIDER and not row.state.ended else None,
        widths=WIDER,
        twins=await _twins(frame, found.origin),
        people=people,
        fault=fault,
        answers=answers(row),
        words=ANSWERS,
        hands=frame.may("POST", "/request/{request_id}/do"),
        local=frame.moments.local,
    )


def _hops(frame: Frame, row: RequestView, history: Sequence[Record]) -> tuple[str, ...]:
    """Zones that the request may be handed to."""
    view = frame.views.get(row.zone)
    if view is None or row.referral is not None:
        return ()
    events = [one.envelope.event for one in history if one.zone == row.zone]
    tried = {event.to for event in events if isinstance(event, RequestReferred)}
    served_at = next((item.served_at for item in view.service_types if item.id == row.service_type), None)
    return hops(view.config, view.policy, tried, served_at=served_at)


async def explanation(frame: Frame, row: RequestView) -> Explanation | None:
    """Why the request is where it is, where somebody can say."""
    explain = frame.site.services.explain
    found = await explain(row.zone, row.request_id) if explain is not None else None
    return found if isinstance(found, Explanation) else None


async def _widened(frame: Frame, row: RequestView, by: timedelta) -> Explanation | None:
    """Who could do it if every window were wider on both sides; nothing is changed by asking."""
    imagine = frame.site.services.imagine
    if imagine is None:
        return None
    windows = tuple(TimeWindow(start=max(frame.now, one.start - by), end=one.end + by) for one in row.windows)
    asked = ChangeRequest(request_id=row.request_id, windows=windows)
    return await imagine(row.zone, asked, row.request_id)


def because(frame: Frame, why: Explanation) -> str:
    """The explanation in one sentence."""
    if why.state is RequestState.RECEIVED:
        return frame.say("It waits for triage: accept or refuse it.")
    if why.referred_to is not None:
        return frame.say("{zone} has it at the moment.", zone=frame.speech.zone(why.referred_to))
    if why.assigned is not None and not why.tentative:
        return frame.say("It has a crew; what was weighed stands below.")
    if why.passing and why.tentative:
        return frame.say("{count} people could be asked; somebody is asked with the next plan.", count=why.passing)
    if why.passing:
        return frame.say("{count} people could be asked, but they are needed more elsewhere.", count=why.passing)
    worst = max(why.removed, key=lambda count: count.removed, default=None)
    if worst is None:
        return frame.say("Nobody can be asked: there are no volunteers here.")
    rule = frame.speech.rule(worst.rule)
    return frame.say("Nobody can be asked: {count} people {rule}.", count=worst.removed, rule=rule)


async def _offers(frame: Frame, row: RequestView) -> list[OfferView]:
    return [one for one in await frame.site.store.offers(request_id=row.request_id) if one.state == "open"]


async def _twins(frame: Frame, row: RequestView) -> Sequence[RequestView]:
    """Other open requests of the same beneficiary for the same service."""
    if row.beneficiary is None or row.state.ended:
        return ()
    query = RequestQuery(beneficiary=row.beneficiary, service_type=row.service_type, only_open=True, limit=5)
    rows = (await frame.site.store.requests(query)).rows
    return [one for one in rows if one.request_id != row.request_id]


def answers(row: RequestView) -> dict[int, tuple[str, ...]]:
    """What can be said on behalf of whom, seat by seat."""
    found: dict[int, tuple[str, ...]] = {}
    for seat in row.visit.seats if row.visit is not None else ():
        if seat.state == "offered":
            found[seat.seat] = ("accept", "decline")
        elif seat.state == "accepted":
            found[seat.seat] = ("check-in", "withdraw", "no-show")
        elif seat.state == "arrived":
            found[seat.seat] = ("finish",)
    return found


@router.post("/request/{request_id}/answer")
async def answer(frame: AtFrame, request_id: UUID) -> Response:
    """Pass on what somebody says on the phone; it is recorded as said to the operator."""
    form, found = await form_of(frame), await whole(frame, request_id)
    row, place = found.here, number(form.one("seat")) or 0
    what = form.one("what")
    seats = row.visit.seats if row.visit is not None else ()
    seat = next((seat for seat in seats if seat.seat == place), None)
    if seat is None or seat.volunteer != form.one("volunteer") or what not in answers(row).get(seat.seat, ()):
        return await changed(frame, found, form)
    name = seat.volunteer
    reason = form.reason()
    if teller := next((one for one in (form.one("by"),) if NAME.fullmatch(one)), ""):
        reason = f"{teller}: {reason}"
    asked: Command
    if what in ("accept", "decline") and seat.offer_id is not None:
        instead = form.one("instead")
        asked = AcceptOffer(offer_id=seat.offer_id, volunteer=instead if NAME.fullmatch(instead) else None)
        if what == "decline":
            asked = DeclineOffer(offer_id=seat.offer_id, reason=reason)
    elif what == "withdraw":
        asked = WithdrawSeat(request_id=request_id, volunteer=name, reason=reason)
    elif what == "check-in":
        asked = CheckIn(request_id=request_id, volunteer=name)
    elif what == "no-show":
        asked = ReportNoShow(request_id=request_id, volunteer=name)
    else:
        asked = FinishVisit(request_id=request_id, volunteer=name)
    back = f"/request/{request_id}"
    return await ordered(frame, form, row.zone, asked, back, correlation_id=request_id, reason=reason)


async def changed(frame: Frame, found: Whole, form: Form) -> Response:
    """Tell that a request has changed since an operator saw it, and what the others did; nothing is overwritten."""
    if command_id := await sent_before(frame, form):
        return frame.go(told(f"/request/{found.here.request_id}", command_id))
    return await _page(frame, found, status=409, since=number(form.one("seen")) or 0)


@router.post("/request/{request_id}/do")
async def act(frame: AtFrame, request_id: UUID) -> Response:
    """Overrule: change, put back, hand on, cancel, triage. What has changed since is not overwritten in silence."""
    form, found = await form_of(frame), await whole(frame, request_id)
    what, seen = form.one("what"), number(form.one("seen")) or 0
    row = found.origin if what == "cancel" else found.here
    if row.version > seen or row.zone != form.one("zone"):
        return await changed(frame, found, form)
    if what not in FREE and not form.reason():
        return await _page(frame, found, fault=frame.say(MISSING_REASON), status=422)
    windows = None
    if what == "windows":
        window = read_window(frame, form)
        if window is None:
            return await _page(frame, found, fault=frame.say(WRONG_WINDOW), status=422)
        windows = (window,)
    need = need_of(await frame.site.store.history(request_id), row.zone) if what == "crew" else None
    asked = decided(request_id, what, form, windows, seen, need)
    if asked is None:
        return frame.go(f"/request/{request_id}")
    return await ordered(frame, form, row.zone, asked, f"/request/{request_id}", correlation_id=request_id)


def read_window(frame: Frame, form: Form) -> TimeWindow | None:
    """A window as two fields of a form say it, by the site's clock."""
    start, end = read_moment(frame, form.one("start")), read_moment(frame, form.one("end"))
    return TimeWindow(start=start, end=end) if start is not None and end is not None and start < end else None


def read_moment(frame: Frame, text: str) -> datetime | None:
    """A moment as a form says it, by the site's clock."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=frame.zone)
    except ValueError:
        return None
