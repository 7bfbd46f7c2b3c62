"""Assignment by hand: who, with which team, when; the rules that it breaks are named before it is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import ValidationError
from starlette.responses import Response

from engine.moving import Move
from ningju.console.pages.frame import AtFrame, Frame
from ningju.console.pages.life import MISSING_REASON, Whole, changed, explanation, read_moment, whole
from ningju.console.pages.orders import Form, form_of, number, ordered
from ningju.console.pages.routing import pages
from schemas.commands import WAIVABLE, AssignCrew, AssignedSeat
from schemas.plan import Rule
from schemas.views import RequestView
from solvers import wording

router = pages()

HOUR_FORM = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the form holds so far: a person or nobody for each seat, in their order."""

    team: str
    start: datetime | None
    who: tuple[str, ...]
    agreed: bool
    waived: frozenset[str]
    reason: str = ""


@router.get("/request/{request_id}/assign")
async def begin(frame: AtFrame, request_id: UUID) -> Response:
    """The form, filled in with what suits best."""
    found = await whole(frame, request_id)
    row, asked = found.here, frame.request.query_params
    visit = row.visit
    team = asked.get("team") or (visit.team if visit is not None else "")
    if team and (moved_to := read_moment(frame, asked.get("start", ""))) is not None:
        return await _moved(frame, found, team, moved_to)
    start = visit.window.start if visit is not None and not asked.get("team") else _first_start(frame, row)
    choice = Choice(team, start, tuple(filter(None, [asked.get("who", "")])), False, frozenset())
    return await _page(frame, found, choice)


@router.post("/request/{request_id}/assign")
async def assign(frame: AtFrame, request_id: UUID) -> Response:
    """Check; then, when it was said to be meant, send."""
    form, found = await form_of(frame), await whole(frame, request_id)
    row = found.here
    choice = Choice(
        form.one("team"),
        read_moment(frame, form.one("start")),
        tuple(form.one(f"who{n}") for n in range(len(_demands(frame, row)))),
        form.one("agreed") == "yes",
        frozenset(form.many("waive")) & WAIVABLE,
        form.reason(),
    )
    command = _command(frame, row, choice, form)
    if command is None:
        return await _page(frame, found, choice, fault=frame.say("Fill in a team, a start and at least one person."))
    broken = await _broken(frame, row, command)
    left = {rule for rules in broken.values() for rule in rules} - choice.waived
    if form.one("sure") != "yes" or left:
        return await _page(frame, found, choice, broken=broken, checked=True)
    if not form.reason():
        fault = frame.say("Say why these rules may be broken." if broken else MISSING_REASON)
        return await _page(frame, found, choice, broken=broken, checked=True, fault=fault)
    if command.seen is not None and row.version > command.seen:
        return await changed(frame, found, form)
    return await ordered(frame, form, row.zone, command, _back(frame, request_id), correlation_id=request_id)


def _back(frame: Frame, request_id: UUID) -> str:
    """The timeline where the visit was dragged, else the request's page; never out of this site."""
    back = frame.request.query_params.get("back", "")
    return back if back.startswith("/timeline?") else f"/request/{request_id}"


async def _moved(frame: Frame, found: Whole, team: str, start: datetime) -> Response:
    """The form for a visit that is to be moved: who would go, which rule fails, what it costs; asks for a reason.

    With ``part`` only that much of the page: ``form`` for a visit that was dropped, ``hint`` for one that is dragged.
    """
    row, asked = found.here, frame.request.query_params
    move = frame.site.services.move
    want, instead = asked.get("who", ""), asked.get("instead", "")
    moved = await move(row.zone, row.request_id, team, start, want, instead) if move is not None else None
    who: list[str] = []
    left = list(moved.seats) if moved is not None else []
    for demand, _ in _demands(frame, row):
        seat = next((one for one in left if one.demand == demand), None)
        who.append(seat.volunteer if seat is not None else "")
        if seat is not None:
            left.remove(seat)
    choice = Choice(team, start, tuple(who), False, frozenset())
    broken = moved.broken if moved is not None else {}
    part = asked.get("part", "")
    template = {"form": "assign_form.html", "hint": "assign_hint.html"}.get(part, "assign.html")
    return await _page(frame, found, choice, broken=broken, checked=moved is not None, move=moved, template=template)


def _first_start(frame: Frame, row: RequestView) -> datetime | None:
    for window in row.windows:
        start = max(window.start, frame.now.replace(second=0, microsecond=0))
        if start < window.end:
            return start
    return row.windows[0].start


def _command(frame: Frame, row: RequestView, choice: Choice, form: Form) -> AssignCrew | None:
    if choice.start is None or not choice.team:
        return None
    try:
        return AssignCrew(
            request_id=row.request_id,
            team=choice.team,
            start=choice.start,
            seats=tuple(
                AssignedSeat(demand=demand, volunteer=name)
                for (demand, _), name in zip(_demands(frame, row), choice.who, strict=True)
                if name
            ),
            agreed=choice.agreed,
            waived=tuple(sorted(choice.waived)),  # type: ignore[arg-type]
            seen=number(form.one("seen")),
            reason=form.reason(),
        )
    except (ValidationError, ValueError):
        return None


async def _broken(frame: Frame, row: RequestView, command: AssignCrew) -> Mapping[str, Sequence[Rule]]:
    check = frame.site.services.check
    return await check(row.zone, command) if check is not None else {}


async def _page(
    frame: Frame,
    found: Whole,
    choice: Choice,
    *,
    broken: Mapping[str, Sequence[Rule]] | None = None,
    checked: bool = False,
    fault: str = "",
    move: Move | None = None,
    template: str = "assign.html",
) -> Response:
    row = found.here
    teams, volunteers = await frame.site.store.roster(row.zone)
    why = await explanation(frame, row) if move is None else None
    nearest = [one.volunteer for one in why.candidates] if why is not None else []
    members = sorted(one.volunteer.id for one in volunteers if one.volunteer.team == choice.team)
    return frame.page(
        template,
        422 if fault else 200,
        title="Assign by hand",
        row=row,
        choice=choice,
        teams=[(view.team.id, frame.speech.team(view.team)) for view in teams],
        names=list(dict.fromkeys([*(name for name in nearest if name in members), *members]))[:300],
        demands=_demands(frame, row),
        start=frame.moments.local(choice.start).strftime(HOUR_FORM) if choice.start is not None else "",
        broken=broken or {},
        can_waive=sorted({rule for rules in (broken or {}).values() for rule in rules} & WAIVABLE),
        checked=checked,
        waivable=WAIVABLE,
        fault=fault,
        moved=move is not None or "moved" in frame.request.query_params,
        move=move,
        costs=tuple(wording.terms(move.terms)) if move is not None else (),
        refused=frame.speech.no(move.code, move.detail) if move is not None and move.code else "",
        back=frame.request.query_params.get("back", ""),
    )


def _demands(frame: Frame, row: RequestView) -> list[tuple[int, str]]:
    """The demand and skill of each seat that is to be filled."""
    if row.visit is not None:
        skills = list(dict.fromkeys((seat.skill, seat.level) for seat in row.visit.seats))
        return [(skills.index((seat.skill, seat.level)), f"{seat.skill} ≥ {seat.level}") for seat in row.visit.seats]
    for item in frame.views[row.zone].service_types if row.zone in frame.views else ():
        if item.id == row.service_type and item.crew == row.crew:
            return [
                (number, f"{demand.skill} ≥ {demand.level}")
                for number, demand in enumerate(item.demands)
                for _ in range(demand.heads)
            ]
    return [(0, "")] * row.crew
