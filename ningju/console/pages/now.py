"""Now: what needs a person, each with its one next action, and how every zone fares."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from engine.ports import PortError, Pulse, RequestQuery, Solved, Waiting
from ningju.console.pages.frame import HEADERS, AtFrame, Frame
from ningju.console.pages.orders import form_of, order, told
from ningju.console.pages.routing import pages
from ningju.console.persons import staff
from ningju.console.problems import not_found
from ningju.console.services import Site, Worker
from schemas.commands import TakeAlarms
from schemas.request import RequestState
from schemas.views import OfferView, RequestView

router = pages()

SHOWN = 24
LOOKED = 100
SOON = timedelta(minutes=10)
SLOW = timedelta(minutes=1)
"""What has not been answered or delivered for so long says that somebody does not work, or cannot keep up."""
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


WORKERS = {
    "api": "Pages and interface",
    "intake": "Intake",
    "zones": "Decisions",
    "matcher": "Matching",
    "dispatcher": "Messages",
    "solver": "Solver",
}


@dataclass(frozen=True, slots=True)
class Health:
    """How the engine gets along.

    Attributes
    ----------
    open_commands, open_since
        Commands without an answer, and since when the oldest waits.
    behind
        Events of the zones shown that each consumer has not seen yet.
    solved
        Each zone's last solve, with its length where it was solved by this server, and by none otherwise.
    """

    open_commands: int
    pulse: Pulse
    behind: Mapping[str, int]
    solved: Mapping[str, tuple[datetime, float | None]]
    workers: Sequence[Worker]
    waiting: Mapping[str, str]
    figures: Mapping[str, float]
    now: datetime

    @property
    def last(self) -> tuple[str, datetime, float | None] | None:
        """The last solve of all: zone, when, how many seconds."""
        newest = max(self.solved, key=lambda zone: self.solved[zone][0], default=None)
        return None if newest is None else (newest, *self.solved[newest])

    @property
    def open_since(self) -> datetime | None:
        """Since when the oldest command waits; nothing where none is open by now."""
        return self.pulse.open_since if self.open_commands else None

    @property
    def slow(self) -> bool:
        """Whether somebody does not work, or cannot keep up."""
        waits = (self.open_since, self.pulse.unsent_since)
        return any(since is not None and self.now - since > SLOW for since in waits)


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
    waits: Mapping[str, Waiting]
    health: Health

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
    return {
        "board": board,
        "hands": hands,
        "me": me,
        "states": OPEN,
        "zones": zones,
        "action": action,
        "worker_names": WORKERS,
    }


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
    pulse = await site.pulse()
    return Board(
        calls=tuple(free[:SHOWN]),
        more_calls=calls.next is not None or len(free) > SHOWN,
        keepers=await _names(site, [row.keeper.by for row in free[:SHOWN] if row.keeper is not None]),
        triage=sum(zone.get(RequestState.RECEIVED, 0) for zone in counts.values()),
        expiring=tuple(await store.expiring(now + SOON, 12)),
        counts=counts,
        letters=pulse.letters if site.services.letters else 0,
        waits=await store.waiting(now),
        health=await _health(site, pulse, now),
    )


async def _health(site: Site, pulse: Pulse, now: datetime) -> Health:
    services, heads = site.services, await site.heads()
    try:
        waiting = dict(await services.ready()) if services.ready else {}
    except PortError as error:
        waiting = {"store": str(error)}
    here = services.stats.solved
    solved: dict[str, tuple[datetime, float | None]] = {
        zone: (at, None) for zone, at in pulse.plans.items() if zone in heads
    }
    solved |= {zone: (one.at, one.seconds) for zone, one in here.items() if zone in heads and _newer(one, solved, zone)}
    return Health(
        open_commands=await site.store.open_count(),
        pulse=pulse,
        behind={
            consumer: sum(max(0, head - seen.get(zone, 0)) for zone, head in heads.items())
            for consumer, seen in pulse.cursors.items()
        },
        solved=solved,
        workers=services.workers(),
        waiting=waiting,
        figures=dict(services.stats.values),
        now=now,
    )


def _newer(one: Solved, solved: Mapping[str, tuple[datetime, float | None]], zone: str) -> bool:
    return zone not in solved or one.at >= solved[zone][0]
