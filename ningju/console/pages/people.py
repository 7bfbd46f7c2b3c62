"""People: skills, hours, load and how they have answered; a person is paused or called back, after a preview."""

from starlette.responses import Response

from ningju.console.pages.facts import WAYS, hours
from ningju.console.pages.frame import AtFrame, Frame
from ningju.console.pages.life import MISSING_REASON
from ningju.console.pages.orders import form_of, ordered
from ningju.console.pages.reliability import kept, record_of, records, share
from ningju.console.pages.routing import pages
from ningju.console.persons import seen
from ningju.console.problems import not_found
from schemas.commands import ChangeRoster
from schemas.person import Person
from schemas.roster import Volunteer
from schemas.views import VolunteerView

router = pages()

ROWS = 50
STATES = {"": "All", "open": "Can be asked", "paused": "Paused"}


@router.get("/people")
async def show(frame: AtFrame) -> Response:
    """The page: one zone's teams and people, by id."""
    asked = frame.request.query_params
    zone = asked.get("zone", "") if asked.get("zone") in frame.views else next(iter(frame.views), "")
    teams, people = await frame.site.store.roster(zone) if zone else ([], [])
    team, skill, text = asked.get("team", ""), asked.get("skill", ""), asked.get("q", "").strip().lower()[:64]
    state = asked.get("state", "") if asked.get("state") in STATES else ""
    found = [
        view
        for view in people
        if (not team or view.volunteer.team == team)
        and (not skill or any(held.skill == skill for held in view.volunteer.skills))
        and (not state or view.volunteer.paused == (state == "paused"))
        and view.volunteer.id.lower().startswith(text)
        and view.volunteer.id > asked.get("after", "")
    ]
    rows = found[:ROWS]
    known = await records(frame.site.store, [view.volunteer.id for view in rows], frame.now)
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
        state=state,
        states=STATES,
        text=text,
        rows=rows,
        records=known,
        share=share(known.values()),
        hours=weekly_hours,
        next=found[ROWS - 1].volunteer.id if len(found) > ROWS else "",
        hands=frame.may("POST", "/people/import"),
    )


def weekly_hours(one: Volunteer) -> float:
    """Hours a week in which somebody can be asked."""
    return sum(slot.end_min - slot.start_min for slot in one.weekly) / 60


@router.get("/people/{zone}/{volunteer}")
async def show_one(frame: AtFrame, zone: str, volunteer: str) -> Response:
    """One person."""
    return await _one(frame, await find(frame, zone, volunteer))


@router.post("/people/{zone}/{volunteer}/name")
async def show_name(frame: AtFrame, zone: str, volunteer: str) -> Response:
    """One person with name and phone; who looked is written down first."""
    view = await find(frame, zone, volunteer)
    return await _one(frame, view, person=(await seen(frame.site, frame.viewer.user, [volunteer]))[volunteer])


@router.post("/people/{zone}/{volunteer}/pause")
async def pause(frame: AtFrame, zone: str, volunteer: str) -> Response:
    """Ask a person for nothing until they are called back, or call them back."""
    form, view = await form_of(frame), await find(frame, zone, volunteer)
    if form.one("seen") != str(view.version):
        return await _one(frame, view, fault=frame.say("This person has changed meanwhile; look, and decide again."))
    if not form.reason():
        return await _one(frame, view, fault=frame.say(MISSING_REASON))
    asked = ChangeRoster(volunteers=(view.volunteer.changed(paused=form.one("what") == "pause"),))
    return await ordered(frame, form, zone, asked, f"/people/{zone}/{volunteer}")


async def find(frame: Frame, zone: str, name: str) -> VolunteerView:
    """Find a person.

    Raises
    ------
    ningju.console.problems.Problem
        When there is none.
    """
    _, people = await frame.site.store.roster(zone)
    found = next((view for view in people if view.volunteer.id == name), None)
    if found is None:
        raise not_found("volunteer", name)
    return found


async def _one(frame: Frame, view: VolunteerView, *, person: Person | None = None, fault: str = "") -> Response:
    store, one = frame.site.store, view.volunteer
    offers = await store.offers(volunteer=one.id)
    teams, people = await store.roster(view.zone)
    mates = [other.volunteer.id for other in people if other.volunteer.team == one.team]
    team = next((row.team for row in teams if row.team.id == one.team), None)
    return frame.page(
        "person.html",
        422 if fault else 200,
        title="People",
        view=view,
        one=one,
        team=frame.speech.team(team) if team is not None else one.team,
        leads=[row.team for row in teams if row.team.leader == one.id],
        hours=hours(frame, one.weekly),
        record=record_of(offers, frame.now),
        kept=await kept(store, one.id, offers, frame.now),
        share=share((await records(store, mates, frame.now)).values()),
        ways=WAYS,
        person=person,
        fault=fault,
        hands=frame.may("POST", "/people/{zone}/{volunteer}/pause"),
    )
