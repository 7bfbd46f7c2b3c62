"""Now: what needs a person, each with its one next action, and how every zone fares."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from engine.ports import PortError, RequestQuery
from ningju.console.pages.frame import HEADERS, AtFrame, Frame
from ningju.console.pages.orders import form_of, order, told
from ningju.console.pages.routing import pages
from ningju.console.persons import staff
from ningju.console.problems import not_found
from ningju.console.services import Site
from schemas.commands import TakeAlarms
from schemas.request import RequestState
from schemas.views import OfferView, RequestView

router = pages()

SHOWN = 24
LOOKED = 100
SOON = timedelta(minutes=10)
OPEN = tuple(state for state in RequestState if not state.ended)

ACTIONS = {
    "needs_operator": "See why, and decide",
    "response_overdue": "See why nobody was asked",
    "crew_incomplete": "Find who could come",
    "check_in_overdue": "Call the crew",
    "finish_overdue": "Ask whether it is over",
    "": "Look at it",
}
ORDER = ("needs_operator", "crew_incomplete", "check_in_overdue", "response_overdue", "finish_overdue")


@dataclass(frozen=True, slots=True)
class Board:
    """What the page shows, the same for everybody who looks."""

    calls: tuple[RequestView, ...]
    more_calls: bool
    keepers: Mapping[str, str]
    triage: int
    expiring: tuple[OfferView, ...]
    counts: Mapping[str, Mapping[RequestState, int]]
    letters: int
    open_commands: int
    waiting: Mapping[str, str]
    figures: Mapping[str, float]

    @property
    def total(self) -> Mapping[RequestState, int]:
        """All zones together."""
        return {state: sum(zone.get(state, 0) for zone in self.counts.values()) for state in OPEN}


@router.get("/")
async def begin(request: Request) -> Response:
    """The console begins with what needs a person."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/now{query}", 307, HEADERS)


@router.get("/now")
async def show(frame: AtFrame) -> Response:
    """The page."""
    board = await look(frame.site)
    return frame.page("now.html", title="Now", **content(frame, board, frame.viewer.actor.key))


@router.post("/now/take")
async def take(frame: AtFrame) -> Response:
    """Take a request's alarms upon oneself; everybody who looks is told."""
    form = await form_of(frame)
    name, zone, keeper = (*form.one("what").split(" "), "", "", "")[:3]
    try:
        rows = await frame.site.store.request(UUID(name))
    except ValueError:
        rows = ()
    row = next((one for one in rows if one.zone == zone), None)
    if row is None:
        raise not_found("request", name[:64])
    asked = TakeAlarms(request_id=row.request_id, instead_of=keeper[:100])
    part = f"{row.request_id} {keeper}"  # the page's one form serves all of its buttons
    return frame.go(told("/now", await order(frame, form, zone, asked, correlation_id=row.request_id, part=part)))


async def _names(site: Site, keepers: Iterable[str]) -> dict[str, str]:
    """What those who see to alarms are called, by ``kind:id``: their colleagues are to know whom to ask."""
    ids = {key: key.partition(":")[2] for key in keepers}
    names = await staff(site.whole, ids.values())
    return {key: names.get(name) or name for key, name in ids.items()}


def content(frame: Frame, board: Board, me: str = "") -> dict[str, Any]:
    """What the page's template wants.

    Parameters
    ----------
    me
        Who looks, as ``kind:id``, to whom their own alarms are not offered; empty in what is pushed to everybody.
    """
    zones = [zone for zone in frame.views if zone in board.counts] or list(frame.views)
    hands = frame.may("POST", "/now/take")
    return {"board": board, "hands": hands, "me": me, "states": OPEN, "zones": zones, "action": action}


def action(row: RequestView) -> str:
    """The one next thing to do about a request."""
    return next((ACTIONS[alarm] for alarm in ORDER if alarm in row.alarms), ACTIONS[""])


async def look(site: Site) -> Board:
    """Ask the read model once; every question has an index, none counts what has ended."""
    store, now = site.store, site.clock.now()
    calls = await store.requests(RequestQuery(order="urgent", alarmed=True, guests=True, limit=LOOKED))
    free = sorted(
        calls.rows, key=lambda row: row.keeper is not None
    )  # what somebody sees to already comes after the rest
    counts = await store.counts(only_open=True)
    try:
        waiting = dict(await site.services.ready()) if site.services.ready else {}
    except PortError as error:
        waiting = {"store": str(error)}
    letters = await site.services.letters.newest(100) if site.services.letters else []
    return Board(
        calls=tuple(free[:SHOWN]),
        more_calls=calls.next is not None or len(free) > SHOWN,
        keepers=await _names(site, [row.keeper.by for row in free[:SHOWN] if row.keeper is not None]),
        triage=sum(zone.get(RequestState.RECEIVED, 0) for zone in counts.values()),
        expiring=tuple(await store.expiring(now + SOON, 12)),
        counts=counts,
        letters=len(letters),
        open_commands=await store.open_count(),
        waiting=waiting,
        figures=dict(site.services.stats.values),
    )
