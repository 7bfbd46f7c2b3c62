"""What if: something is supposed of a zone, the plan differs term by term, and what can be ordered is ordered from here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from uuid import UUID

from starlette.responses import Response

from engine.ports import RequestQuery, Unavailable
from engine.supposing import MOST, Closure, Impossible, Orders, Outlook, Recruits, Supposition, Wave, Wider
from ningju.console.pages.frame import AtFrame, Frame
from ningju.console.pages.life import MISSING_REASON
from ningju.console.pages.orders import Form, form_of, number, order, sent_before, told
from ningju.console.pages.outlook import Picture, draw
from ningju.console.pages.refusals import CODES
from ningju.console.pages.routing import pages
from ningju.console.problems import not_found
from schemas.commands import ChangeCatalogue, ChangeRequest, Command
from schemas.request import RequestState
from schemas.views import RequestView

router = pages()

KINDS = {
    "volunteers": "More volunteers",
    "window": "A wider window",
    "site": "A site is closed",
    "wave": "A heat wave",
}
HOURS = (0, 1, 3, 6, 24)
WAITING = (RequestState.QUEUED, RequestState.OFFERED, RequestState.ACCEPTED)
LISTED = 100
FAULTS = {
    "unknown_site": "There is no such site here.",
    "unknown_service": "There is no such service here.",
    "no_site": "Neither an open request of this kind nor a site says where more could be.",
}
BUSY = "No plan was found in time; nothing has changed. Try again in a moment."
AGED = "What would be ordered has changed meanwhile. Look again before you confirm."


@dataclass(frozen=True)
class Asked:
    """What the address or the form asks for; what it asks for wrongly does not count. ``ordered``: of a kind for sure."""

    frame: Frame
    form: Form
    ordered: str = ""

    def _hours(self, name: str) -> timedelta:
        found = number(self.form.one(name)) or 0
        return timedelta(hours=found if found in HOURS else 0)

    @cached_property
    def kind(self) -> str:
        asked = self.ordered or self.form.one("kind")
        return asked if asked in KINDS else next(iter(KINDS))

    @cached_property
    def zone(self) -> str:
        views = self.frame.views
        settled = sorted(views, key=lambda zone: views[zone].level == "district")
        return self.form.one("zone") if self.form.one("zone") in views else next(iter(settled), "")

    @cached_property
    def skills(self) -> list[str]:
        """Skills that services of the zone ask for."""
        view = self.frame.views.get(self.zone)
        items = view.service_types if view is not None else ()
        return sorted({demand.skill for item in items for demand in item.demands})

    @cached_property
    def count(self) -> int:
        return min(max(number(self.form.one("count")) or 5, 1), MOST)

    @cached_property
    def level(self) -> int:
        return min(max(number(self.form.one("level")) or 1, 1), 5)

    @cached_property
    def earlier(self) -> timedelta:
        return self._hours("earlier")

    @cached_property
    def later(self) -> timedelta:
        return self._hours("later")

    @cached_property
    def request(self) -> UUID | None:
        try:
            return UUID(self.form.one("request"))
        except ValueError:
            return None

    @property
    def what(self) -> Supposition | None:
        """What is supposed; nothing while something is missing."""
        one = self.form.one
        match self.kind:
            case "volunteers" if one("team") and one("skill") in self.skills:
                return Recruits(one("team"), one("skill"), self.level, self.count)
            case "window" if self.request is not None and (self.earlier or self.later):
                return Wider(self.request, self.earlier, self.later)
            case "site" if one("site"):
                return Closure(one("site"), one("to"))
            case "wave" if one("service"):
                return Wave(one("service"), self.count)
            case _:
                return None


@router.get("/what-if")
async def show(frame: AtFrame) -> Response:
    """The page; with something supposed, what would come of it."""
    fields = {name: [value] for name, value in frame.request.query_params.items()}
    asked = Asked(frame, Form(fields))
    return await _page(frame, asked, tries=asked.form.one("try") == "1")


@router.post("/what-if/window")
async def widen(frame: AtFrame) -> Response:
    """Change the window in earnest."""
    return await _order(frame, "window")


@router.post("/what-if/site")
async def close(frame: AtFrame) -> Response:
    """Take the site out of the catalogue, and move what was to be done there."""
    return await _order(frame, "site")


async def _order(frame: Frame, kind: str) -> Response:
    form = await form_of(frame)
    if form.one("zone") not in frame.views:
        raise not_found("zone", form.one("zone"))
    asked = Asked(frame, form, kind)
    if (before := await sent_before(frame, form, "0")) is not None:
        return frame.go(told(_back(asked), before))
    try:
        found = await _orders(frame, asked)
    except Impossible as none:
        return await _page(frame, asked, fault=_why(frame, none.code), status=422)
    if found is None:
        return await _page(frame, asked, fault=frame.say("Fill in what is to be tried."), status=422)
    if found.mark != form.one("mark"):
        return await _page(frame, asked, tries=True, fault=frame.say(AGED), status=409)
    if not form.reason():
        return await _page(frame, asked, tries=True, fault=frame.say(MISSING_REASON), status=422)
    said = UUID(int=0)
    for part, command in enumerate(found.real):
        said = await _give(frame, form, asked.zone, command, str(part))
        outcome = (await frame.site.store.outcomes([said])).get(said)
        if outcome is not None and outcome.status != "accepted":
            break  # the rest was tried together with it
    return frame.go(told(_back(asked), said))


async def _give(frame: Frame, form: Form, zone: str, command: Command, part: str) -> UUID:
    if not isinstance(command, ChangeRequest):
        return await order(frame, form, zone, command, part=part)
    reasoned = command.changed(reason=form.reason())
    return await order(frame, form, zone, reasoned, correlation_id=command.request_id, part=part)


async def _orders(frame: Frame, asked: Asked) -> Orders | None:
    what_if, what = frame.site.services.what_if, asked.what
    if what_if is None or what is None:
        return None
    return await what_if.orders(asked.zone, what)


def _back(asked: Asked) -> str:
    """Where the verdict is told."""
    if asked.kind == "window" and asked.request is not None:
        return f"/request/{asked.request}"
    return f"/what-if?kind={asked.kind}&zone={asked.zone}"


def _why(frame: Frame, code: str) -> str:
    english = FAULTS.get(code) or CODES.get(code)
    return frame.say(english) if english is not None else code


async def _page(frame: Frame, asked: Asked, *, tries: bool = False, fault: str = "", status: int = 200) -> Response:
    found: Outlook | None = None
    if tries and not (fault and status == 422 and asked.what is None):
        found, missing = await _look(frame, asked)
        fault, status = fault or missing, status if status != 200 or not missing else 422
    stands = found is not None and not found.code
    rows = await _waiting(frame, asked) if asked.kind == "window" else []
    teams = [view for view in await frame.site.store.teams() if view.zone == asked.zone]
    view = frame.views.get(asked.zone)
    return frame.page(
        "what_if.html",
        status,
        title="What if",
        asked=asked,
        kinds=KINDS,
        hours=HOURS,
        most=MOST,
        rows=rows,
        teams=[(one.team.id, frame.speech.team(one.team)) for one in teams],
        sites=[(site.id, frame.speech.site(asked.zone, site.id)) for site in (view.sites if view else ())],
        services=[
            (item.id, frame.speech.service(asked.zone, item.id)) for item in (view.service_types if view else ())
        ],
        fault=fault or (_why(frame, found.code) if found is not None and found.code else ""),
        outlook=found if stands else None,
        picture=await _picture(frame, asked, found) if found is not None and stands else None,
        orders=_sentences(frame, asked, found) if found is not None and stands else [],
        confirms=frame.may("POST", f"/what-if/{asked.kind}"),
        able=frame.site.services.what_if is not None,
    )


async def _look(frame: Frame, asked: Asked) -> tuple[Outlook | None, str]:
    """The outlook, or why there is none."""
    what_if, what = frame.site.services.what_if, asked.what
    if what_if is None:
        return None, ""
    if what is None:
        return None, frame.say("Fill in what is to be tried.")
    try:
        return await what_if.look(asked.zone, what), ""
    except Impossible as none:
        return None, _why(frame, none.code)
    except Unavailable:
        return None, frame.say(BUSY)


async def _picture(frame: Frame, asked: Asked, found: Outlook) -> Picture:
    teams: Mapping[str, str] = {view.team.id: frame.speech.team(view.team) for view in await frame.site.store.teams()}
    return draw(frame, asked.zone, found, teams)


async def _waiting(frame: Frame, asked: Asked) -> Sequence[RequestView]:
    """Requests whose window could be wider, the one that is asked for first."""
    if not asked.zone:
        return ()
    query = RequestQuery(zone=asked.zone, states=WAITING, order="urgent", limit=LISTED)
    rows = list((await frame.site.store.requests(query)).rows)
    if asked.request is not None and all(row.request_id != asked.request for row in rows):
        rows = [row for row in await frame.site.store.request(asked.request) if row.zone == asked.zone] + rows
    return rows


def _sentences(frame: Frame, asked: Asked, found: Outlook) -> list[str]:
    """The orders as people say them."""
    said = []
    for command in found.orders.real:
        if isinstance(command, ChangeCatalogue):
            sites = ", ".join(frame.speech.site(asked.zone, site) for site in command.removed_sites)
            said.append(frame.say("Take {site} out of the catalogue", site=sites))
        elif isinstance(command, ChangeRequest) and command.windows:
            windows = "; ".join(frame.moments.window(window) for window in command.windows)
            name = frame.speech.short(command.request_id)
            said.append(frame.say("Change the time of {id} to {windows}", id=name, windows=windows))
        elif isinstance(command, ChangeRequest):
            name = frame.speech.short(command.request_id)
            service = frame.speech.service(asked.zone, found.services.get(str(command.request_id), ""))
            to = _site_at(frame, asked.zone, command)
            said.append(frame.say("Move {id} ({service}) to {site}", id=name, service=service, site=to))
    return said


def _site_at(frame: Frame, zone: str, command: ChangeRequest) -> str:
    """The site whose place a request is moved to."""
    for site in frame.views[zone].sites:
        if site.place.coarse() == command.place:
            return frame.speech.site(zone, site.id)
    return "–"
