"""A person is added or edited: skills with level and expiry, hours and exceptions, limits, reach, way of travelling."""

import re
from datetime import date, datetime, timedelta
from typing import Any

from starlette.responses import Response

from ningju.console.pages.assigning import HOUR_FORM
from ningju.console.pages.decisions import NAME
from ningju.console.pages.facts import WAYS, clock, last_day
from ningju.console.pages.faults import NONE, Faults, Values, placed, typed
from ningju.console.pages.frame import AtFrame, Frame
from ningju.console.pages.life import read_moment
from ningju.console.pages.moments import WEEKDAYS
from ningju.console.pages.orders import Form, form_of, number
from ningju.console.pages.people import find
from ningju.console.pages.preview import CHANGED_MEANWHILE, Wish, look, preview
from ningju.console.pages.routing import pages
from ningju.console.pages.teams import NEW, THERE, WRONG_PLACE, place, somewhere
from schemas.roster import Volunteer
from schemas.views import VolunteerView

router = pages()

BLANK = 2
"""Empty lines below those that are filled in."""
MOST_LINES = 40
LIMITS = {
    "visits_per_day": ("Visits a day", 50),
    "visits_per_week": ("Visits a week", 200),
    "offers_per_week": ("Asked a week", 200),
    "reach_m": ("Reach in metres", 20_040_000),
}
FAULTS = {
    "team": "There is no such team here.",
    "skills": "A skill needs a name of letters and digits and a level from 1 to 5.",
    "expires": "The last day of a skill must be a date.",
    "hours": "Write hours as 08:00-11:30, several with commas.",
    "exceptions": "An exception must end after it begins.",
    "limits": "A limit must be a whole number within its bounds.",
    "travel": "Choose a way of travelling.",
}
_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*[-–—~至到]\s*(\d{1,2}):(\d{2})")

Wrong = dict[str, str]
"""Keys of ``FAULTS`` by the form's fields."""


@router.get("/people/{zone}/{volunteer}/edit")
async def begin(frame: AtFrame, zone: str, volunteer: str) -> Response:
    """The form, filled in with what is."""
    view = await _find(frame, zone, volunteer)
    return await _page(frame, view, shown(frame, view.volunteer))


@router.post("/people/{zone}/{volunteer}/edit")
async def edit(frame: AtFrame, zone: str, volunteer: str) -> Response:
    """Read the form, and show what it would change and whom it withdraws."""
    form, view = await form_of(frame), await _find(frame, zone, volunteer)
    fresh, values = volunteer == NEW, typed(form)
    if not fresh and form.one("seen") != str(view.version):
        return await _page(frame, view, values, {"": frame.say(CHANGED_MEANWHILE)})
    fields, wrong = read(frame, form, view.volunteer)
    if fields["team"] not in await _teams(frame, zone):
        wrong["team"] = "team"
    faults = {field: frame.say(FAULTS[fault]) for field, fault in wrong.items()}
    if fresh:
        faults |= await _new(frame, form, zone, fields)
    if faults:
        return await _page(frame, view, values, faults)
    lists = {zone: {"volunteers": [view.volunteer.model_dump(mode="json") | fields]}}
    wish = Wish(kind="people", lists=lists, back=f"/people?zone={zone}" if fresh else f"/people/{zone}/{volunteer}")
    found = await look(frame, wish)
    if refused := placed(frame, found):
        return await _page(frame, view, values, refused)
    return await preview(frame, wish, found=found)


async def _new(frame: Frame, form: Form, zone: str, fields: dict[str, Any]) -> dict[str, str]:
    """Read what only somebody who is added is asked for; what is wrong with it."""
    home = place(form)
    fields |= {"id": form.one("id"), "home": home, "name": form.one("name")[:200], "phone": form.one("phone")[:50]}
    faults = {} if home is not None else {"lon": frame.say(WRONG_PLACE)}
    _, people = await frame.site.store.roster(zone)
    return faults | ({"id": frame.say(THERE)} if any(one.volunteer.id == fields["id"] for one in people) else {})


async def _find(frame: Frame, zone: str, name: str) -> VolunteerView:
    """Somebody who is there, or a blank for somebody who is to be added."""
    if name != NEW or zone not in frame.views:
        return await find(frame, zone, name)
    teams, _ = await frame.site.store.roster(zone)
    asked = frame.request.query_params.get("team", "")
    first = next((one.team for one in teams if one.team.id == asked), teams[0].team if teams else None)
    home = first.base if first is not None else somewhere(frame.views[zone])
    blank = Volunteer.built(id=NEW, team=first.id if first is not None else "", home=home)
    return VolunteerView.built(zone=zone, version=0, volunteer=blank)


async def _teams(frame: Frame, zone: str) -> dict[str, str]:
    teams, _ = await frame.site.store.roster(zone)
    return {view.team.id: frame.speech.team(view.team) for view in teams}


async def _page(frame: Frame, view: VolunteerView, values: Values, faults: Faults = NONE) -> Response:
    _, people = await frame.site.store.roster(view.zone)
    return frame.page(
        "person_edit.html",
        422 if faults else 200,
        title="Edit",
        fresh=view.volunteer.id == NEW,
        view=view,
        one=view.volunteer,
        values=values,
        faults=faults,
        teams=await _teams(frame, view.zone),
        known=sorted({held.skill for other in people for held in other.volunteer.skills}),
        skill_lines=_lines(values, "skill"),
        exception_lines=_lines(values, "from"),
        days=WEEKDAYS[frame.language],
        limits=LIMITS,
        ways=WAYS,
    )


def _lines(values: Values, name: str) -> range:
    filled = [n for n in range(MOST_LINES) if values.get(f"{name}{n}")]
    return range(min(MOST_LINES, max(filled, default=-1) + 1 + BLANK))


def shown(frame: Frame, one: Volunteer) -> Values:
    """A person as the form's fields."""
    values: Values = {"team": one.team, "travel": one.travel}
    for n, held in enumerate(one.skills):
        values |= {f"skill{n}": held.skill, f"level{n}": str(held.level)}
        values[f"until{n}"] = last_day(frame, held.expires) if held.expires else ""
    for day in range(7):
        slots = sorted(slot.start_min * 10_000 + slot.end_min for slot in one.weekly if slot.weekday == day)
        values[f"day{day}"] = ", ".join(f"{clock(slot // 10_000)}-{clock(slot % 10_000)}" for slot in slots)
    for n, exception in enumerate(one.exemptions):
        values[f"from{n}"] = f"{frame.moments.local(exception.window.start):{HOUR_FORM}}"
        values[f"to{n}"] = f"{frame.moments.local(exception.window.end):{HOUR_FORM}}"
        values[f"free{n}"] = "yes" if exception.available else ""
    if one.id == NEW:
        values |= {"lon": str(one.home.lon), "lat": str(one.home.lat)}
    return values | {name: str(getattr(one, name)) for name in LIMITS}


def read(frame: Frame, form: Form, one: Volunteer) -> tuple[dict[str, Any], Wrong]:
    """The fields of a person as REST takes them, and what is wrong with which field of the form.

    What was left as it was shown stays to the second as it is.
    """
    faults: Wrong = {}
    fields: dict[str, Any] = {"team": form.one("team"), "travel": form.one("travel")}
    if fields["travel"] not in WAYS:
        faults["travel"] = "travel"
    before, now = shown(frame, one), {name: form.one(name) for name in form.names}
    for name, (_, most) in LIMITS.items():
        limit = number(form.one(name))
        if limit is None or limit > most:
            faults[name] = "limits"
        fields[name] = limit
    if _differs(before, now, "skill", "level", "until"):
        fields["skills"] = _skills(frame, form, one, faults)
    if _differs(before, now, "day"):
        fields["weekly"] = _weekly(form, faults)
    if _differs(before, now, "from", "to", "free"):
        fields["exemptions"] = _exceptions(frame, form, faults)
    return fields, faults


def _differs(before: Values, now: Values, first: str, *others: str) -> bool:
    """Whether any line was changed; what is chosen in a line without its first field says nothing."""
    for n in range(MOST_LINES):
        told = [
            name for name in others if name in ("until", "to") or now.get(f"{first}{n}") or before.get(f"{first}{n}")
        ]
        if any(before.get(f"{name}{n}", "") != now.get(f"{name}{n}", "") for name in (first, *told)):
            return True
    return False


def _skills(frame: Frame, form: Form, one: Volunteer, faults: Wrong) -> list[dict[str, Any]]:
    standing = {(held.skill, last_day(frame, held.expires)): held.expires for held in one.skills if held.expires}
    skills = []
    for n in range(MOST_LINES):
        name, level, until = form.one(f"skill{n}"), number(form.one(f"level{n}") or "1"), form.one(f"until{n}")
        if not name:
            continue
        if not NAME.fullmatch(name) or level is None or not 1 <= level <= 5:
            faults[f"skill{n}"] = "skills"
            continue
        expires = standing.get((name, until))
        if until and expires is None:
            try:
                day = date.fromisoformat(until) + timedelta(days=1)
                expires = datetime(day.year, day.month, day.day, tzinfo=frame.zone)
            except (ValueError, OverflowError):
                faults[f"until{n}"] = "expires"
                continue
        skills.append({"skill": name, "level": level, "expires": expires.isoformat() if expires else None})
    return skills


def _weekly(form: Form, faults: Wrong) -> list[dict[str, int]]:
    slots = []
    for day in range(7):
        text = form.one(f"day{day}").replace("，", ",").replace("；", ",").replace(";", ",").replace("：", ":")
        for part in filter(None, (part.strip() for part in text.split(","))):
            found = _SPAN.fullmatch(part)
            start, end = (int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])) if found else (1, 0)
            if not found or max(int(found[2]), int(found[4])) > 59 or not start < end <= 24 * 60:
                faults[f"day{day}"] = "hours"
                continue
            slots.append({"weekday": day, "start_min": start, "end_min": end})
    return slots


def _exceptions(frame: Frame, form: Form, faults: Wrong) -> list[dict[str, Any]]:
    found = []
    for n in range(MOST_LINES):
        if not form.one(f"from{n}") and not form.one(f"to{n}"):
            continue
        start, end = read_moment(frame, form.one(f"from{n}")), read_moment(frame, form.one(f"to{n}"))
        if start is None or end is None or start >= end:
            faults[f"from{n}"] = "exceptions"
            continue
        window = {"start": start.isoformat(), "end": end.isoformat()}
        found.append({"window": window, "available": form.one(f"free{n}") == "yes"})
    return found
