"""People and teams: skills, hours, load and how they have answered; a person is paused or called back, after a preview."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time, timedelta

from starlette.responses import Response

from ningju.console.pages.frame import AtFrame, Frame
from ningju.console.pages.life import MISSING_REASON
from ningju.console.pages.moments import WEEKDAYS
from ningju.console.pages.orders import form_of, ordered
from ningju.console.pages.routing import pages
from ningju.console.persons import seen
from ningju.console.problems import not_found
from schemas.commands import ChangeRoster
from schemas.person import Person
from schemas.views import OfferView, VolunteerView

router = pages()

ROWS = 100
SEASON = timedelta(days=90)
WAYS = {"walk": "On foot", "bicycle": "By bicycle", "transit": "By bus and metro", "car": "By car"}


@dataclass(frozen=True, slots=True)
class Record:
    """How a person has answered lately, and what lies before them."""

    answers: Counter[str]
    ahead: tuple[OfferView, ...]


@router.get("/people")
async def show(frame: AtFrame) -> Response:
    """The page: one zone's teams and people, by id."""
    asked = frame.request.query_params
    zone = asked.get("zone", "") if asked.get("zone") in frame.views else next(iter(frame.views), "")
    teams, people = await frame.site.store.roster(zone) if zone else ([], [])
    team, skill, text = asked.get("team", ""), asked.get("skill", ""), asked.get("q", "").strip().lower()[:64]
    found = [
        view
        for view in people
        if (not team or view.volunteer.team == team)
        and (not skill or any(held.skill == skill for held in view.volunteer.skills))
        and view.volunteer.id.lower().startswith(text)
        and view.volunteer.id > asked.get("after", "")
    ]
    return frame.page(
        "people.html",
        title="People",
        zone=zone,
        teams=[
            (view, frame.speech.team(view.team), sum(one.volunteer.team == view.team.id for one in people))
            for view in teams
        ],
        team=team,
        skill=skill,
        skills=sorted({held.skill for view in people for held in view.volunteer.skills}),
        text=text,
        rows=found[:ROWS],
        next=found[ROWS - 1].volunteer.id if len(found) > ROWS else "",
    )


@router.get("/people/{zone}/{volunteer}")
async def show_one(frame: AtFrame, zone: str, volunteer: str) -> Response:
    """One person."""
    return await _one(frame, await _find(frame, zone, volunteer))


@router.post("/people/{zone}/{volunteer}/name")
async def show_name(frame: AtFrame, zone: str, volunteer: str) -> Response:
    """One person with name and phone; who looked is written down first."""
    view = await _find(frame, zone, volunteer)
    return await _one(frame, view, person=(await seen(frame.site, frame.viewer.user, [volunteer]))[volunteer])


@router.post("/people/{zone}/{volunteer}/pause")
async def pause(frame: AtFrame, zone: str, volunteer: str) -> Response:
    """Ask a person for nothing until they are called back, or call them back."""
    form, view = await form_of(frame), await _find(frame, zone, volunteer)
    if form.one("seen") != str(view.version):
        return await _one(frame, view, fault=frame.say("This person has changed meanwhile; look, and decide again."))
    if not form.reason():
        return await _one(frame, view, fault=frame.say(MISSING_REASON))
    asked = ChangeRoster(volunteers=(view.volunteer.changed(paused=form.one("what") == "pause"),))
    return await ordered(frame, form, zone, asked, f"/people/{zone}/{volunteer}")


async def _find(frame: Frame, zone: str, name: str) -> VolunteerView:
    _, people = await frame.site.store.roster(zone)
    found = next((view for view in people if view.volunteer.id == name), None)
    if found is None:
        raise not_found("volunteer", name)
    return found


async def _one(frame: Frame, view: VolunteerView, *, person: Person | None = None, fault: str = "") -> Response:
    offers = await frame.site.store.offers(volunteer=view.volunteer.id)
    return frame.page(
        "person.html",
        422 if fault else 200,
        title="People",
        view=view,
        one=view.volunteer,
        hours=_hours(frame, view),
        record=_record(frame, offers),
        ways=WAYS,
        person=person,
        fault=fault,
        hands=frame.may("POST", "/people/{zone}/{volunteer}/pause"),
    )


def _hours(frame: Frame, view: VolunteerView) -> list[tuple[str, str]]:
    slots = sorted(view.volunteer.weekly, key=lambda slot: (slot.weekday, slot.start_min))
    return [
        (WEEKDAYS[frame.language][slot.weekday], f"{_clock(slot.start_min)}–{_clock(slot.end_min)}") for slot in slots
    ]


def _clock(minute: int) -> str:
    return "24:00" if minute == 24 * 60 else f"{time(minute // 60, minute % 60):%H:%M}"


def _record(frame: Frame, offers: Sequence[OfferView]) -> Record:
    lately = [offer for offer in offers if offer.offered_at > frame.now - SEASON]
    ahead = [offer for offer in offers if offer.state in ("open", "accepted") and offer.window.end > frame.now]
    ahead.sort(key=lambda offer: offer.window.start)
    return Record(Counter(offer.state for offer in lately), tuple(ahead[:20]))
