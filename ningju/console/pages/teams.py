"""A team: who leads it, where it serves, how it is burdened; and its form."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from starlette.responses import Response

from ningju.console.pages.facts import facts
from ningju.console.pages.faults import NONE, Faults, Values, placed, typed
from ningju.console.pages.frame import AtFrame, Frame
from ningju.console.pages.orders import Form, form_of
from ningju.console.pages.preview import CHANGED_MEANWHILE, Wish, look, preview
from ningju.console.pages.reliability import records, share
from ningju.console.pages.routing import pages
from ningju.console.problems import not_found
from schemas.base import Label
from schemas.place import Place
from schemas.roster import Team
from schemas.views import TeamView, VolunteerView, ZoneView

router = pages()

WRONG_NAME = "Give a name in one language at least."
WRONG_PLACE = "Give longitude and latitude in degrees."
THERE = "There is something of this number already; edit it instead."
NEW = "+"
"""Stands in an address for what is to be added: no id is written like this."""
ANYWHERE = Place(lon=121.47, lat=31.23)
"""Where a zone without sites and boundary begins."""


@router.get("/teams/{zone}/{team}")
async def show(frame: AtFrame, zone: str, team: str) -> Response:
    """The page."""
    view, people = await _find(frame, zone, team)
    return await _page(frame, view, people)


@router.post("/teams/{zone}/{team}")
async def edit(frame: AtFrame, zone: str, team: str) -> Response:
    """Read the form, and show what it would change and whom it withdraws."""
    form, (view, people) = await form_of(frame), await _find(frame, zone, team)
    fresh, name, base = team == NEW, names(form), place(form)
    faults = named_and_placed(frame, name, base)
    if not fresh and form.one("seen") != str(view.version):
        faults[""] = frame.say(CHANGED_MEANWHILE)
    if fresh and form.one("id") in {other.team.id for other in (await frame.site.store.roster(zone))[0]}:
        faults["id"] = frame.say(THERE)
    if faults:
        return await _page(frame, view, people, form, faults)
    served = [one for one in form.many("zones_served") if one in frame.views and one != zone]
    kept = [one for one in view.team.zones_served if one not in frame.views]  # zones that the operator may not see
    body = view.team.model_dump(mode="json") | {
        "id": form.one("id") if fresh else team,
        "name": name,
        "base": base,
        "leader": form.one("leader") or None,
        "zones_served": kept + served,
    }
    if set(body["zones_served"]) == set(view.team.zones_served):
        body["zones_served"] = list(view.team.zones_served)
    lists, back = {zone: {"teams": [body]}}, f"/people?zone={zone}" if fresh else f"/teams/{zone}/{team}"
    wish = Wish(kind="people", lists=lists, back=back)
    found = await look(frame, wish)
    if faults := placed(frame, found):
        return await _page(frame, view, people, form, faults)
    return await preview(frame, wish, found=found)


def named_and_placed(frame: Frame, name: dict[str, str] | None, where: dict[str, Any] | None) -> dict[str, str]:
    """What is wrong with the name and the place that a form says."""
    faults = {"zh": frame.say(WRONG_NAME)} if name is None else {}
    return faults | ({"lon": frame.say(WRONG_PLACE)} if where is None else {})


def names(form: Form) -> dict[str, str] | None:
    """A name as two fields of a form say it; nothing when there is none."""
    zh, en = form.one("zh")[:200], form.one("en")[:200]
    return {"zh": zh or en, "en": en or zh} if zh or en else None


def place(form: Form) -> dict[str, Any] | None:
    """A place as two fields of a form say it; nothing when it is none."""
    try:
        return Place(lon=float(form.one("lon")), lat=float(form.one("lat"))).model_dump()
    except (ValueError, ValidationError):
        return None


def somewhere(view: ZoneView) -> Place:
    """A place in a zone, to begin with."""
    corners = [corner for ring in view.config.boundary[:1] for corner in ring[:1]]
    return next(
        (site.place for site in view.sites), Place(lon=corners[0][0], lat=corners[0][1]) if corners else ANYWHERE
    )


async def _find(frame: Frame, zone: str, name: str) -> tuple[TeamView, list[VolunteerView]]:
    if name == NEW and zone in frame.views and frame.may("POST", "/teams/{zone}/{team}"):
        blank = Team.built(id=NEW, zone=zone, name=Label(zh="", en=""), base=somewhere(frame.views[zone]))
        return TeamView.built(zone=zone, version=0, team=blank), []
    teams, people = await frame.site.store.roster(zone)
    found = next((view for view in teams if view.team.id == name), None)
    if found is None:
        raise not_found("team", name)
    return found, [view for view in people if view.volunteer.team == name]


def _shown(team: Team) -> Values:
    """A team as the form's fields."""
    fields = {"id": "", "zh": team.name.zh, "en": team.name.en, "leader": team.leader or ""}
    return fields | {"lon": str(team.base.lon), "lat": str(team.base.lat)}


async def _page(
    frame: Frame, view: TeamView, people: Sequence[VolunteerView], form: Form | None = None, faults: Faults = NONE
) -> Response:
    members = [one.volunteer.id for one in people]
    known = await records(frame.site.store, members, frame.now)
    asked = sum(record.asked for record in known.values())
    return frame.page(
        "team.html",
        422 if faults else 200,
        title="Team",
        fresh=view.team.id == NEW,
        view=view,
        team=view.team,
        facts=facts(frame, view.team),
        members=members,
        paused=sum(one.volunteer.paused for one in people),
        share=share(known.values()),
        asked=asked,
        accepted=sum(record.accepted for record in known.values()),
        answered=sum(record.answered for record in known.values()),
        faults=faults,
        values=typed(form) if form is not None else _shown(view.team),
        served=form.many("zones_served") if form is not None else view.team.zones_served,
        hands=frame.may("POST", "/teams/{zone}/{team}"),
    )
