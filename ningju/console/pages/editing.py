"""A person is edited: skills with level and expiry, hours and exceptions, limits, reach, way of travelling."""

import re
from datetime import date, datetime, timedelta
from typing import Any

from starlette.responses import Response

from ningju.console.pages.assigning import HOUR_FORM
from ningju.console.pages.facts import WAYS, clock, last_day
from ningju.console.pages.frame import AtFrame, Frame
from ningju.console.pages.life import read_moment
from ningju.console.pages.moments import WEEKDAYS
from ningju.console.pages.orders import Form, form_of, number
from ningju.console.pages.people import find
from ningju.console.pages.preview import CHANGED_MEANWHILE, Wish, preview
from ningju.console.pages.routing import pages
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
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*[-–—~至到]\s*(\d{1,2}):(\d{2})")

Values = dict[str, str]


@router.get("/people/{zone}/{volunteer}/edit")
async def begin(frame: AtFrame, zone: str, volunteer: str) -> Response:
    """The form, filled in with what is."""
    view = await find(frame, zone, volunteer)
    return await _page(frame, view, shown(frame, view.volunteer))


@router.post("/people/{zone}/{volunteer}/edit")
async def edit(frame: AtFrame, zone: str, volunteer: str) -> Response:
    """Read the form, and show what it would change and whom it withdraws."""
    form, view = await form_of(frame), await find(frame, zone, volunteer)
    values = {name: form.one(name) for name in form.names}
    if form.one("seen") != str(view.version):
        return await _page(frame, view, values, [frame.say(CHANGED_MEANWHILE)])
    fields, faults = read(frame, form, view.volunteer)
    if fields["team"] not in await _teams(frame, zone):
        faults.append("team")
    if faults:
        return await _page(frame, view, values, [frame.say(FAULTS[fault]) for fault in dict.fromkeys(faults)])
    lists = {zone: {"volunteers": [view.volunteer.model_dump(mode="json") | fields]}}
    return await preview(frame, Wish(kind="people", lists=lists, back=f"/people/{zone}/{volunteer}"))


async def _teams(frame: Frame, zone: str) -> dict[str, str]:
    teams, _ = await frame.site.store.roster(zone)
    return {view.team.id: frame.speech.team(view.team) for view in teams}


async def _page(frame: Frame, view: VolunteerView, values: Values, faults: list[str] | None = None) -> Response:
    _, people = await frame.site.store.roster(view.zone)
    return frame.page(
        "person_edit.html",
        422 if faults else 200,
        title="Edit",
        view=view,
        one=view.volunteer,
        values=values,
        faults=faults or [],
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
    return values | {name: str(getattr(one, name)) for name in LIMITS}


def read(frame: Frame, form: Form, one: Volunteer) -> tuple[dict[str, Any], list[str]]:
    """The fields of a person as REST takes them, and the names of what is wrong.

    What was left as it was shown stays to the second as it is.
    """
    faults: list[str] = []
    fields: dict[str, Any] = {"team": form.one("team"), "travel": form.one("travel")}
    if fields["travel"] not in WAYS:
        faults.append("travel")
    before, now = shown(frame, one), {name: form.one(name) for name in form.names}
    for name, (_, most) in LIMITS.items():
        limit = number(form.one(name))
        if limit is None or limit > most:
            faults.append("limits")
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


def _skills(frame: Frame, form: Form, one: Volunteer, faults: list[str]) -> list[dict[str, Any]]:
    standing = {(held.skill, last_day(frame, held.expires)): held.expires for held in one.skills if held.expires}
    skills = []
    for n in range(MOST_LINES):
        name, level, until = form.one(f"skill{n}"), number(form.one(f"level{n}") or "1"), form.one(f"until{n}")
        if not name:
            continue
        if not _NAME.fullmatch(name) or level is None or not 1 <= level <= 5:
            faults.append("skills")
            continue
        expires = standing.get((name, until))
        if until and expires is None:
            try:
                day = date.fromisoformat(until) + timedelta(days=1)
                expires = datetime(day.year, day.month, day.day, tzinfo=frame.zone)
            except (ValueError, OverflowError):
                faults.append("expires")
                continue
        skills.append({"skill": name, "level": level, "expires": expires.isoformat() if expires else None})
    return skills


def _weekly(form: Form, faults: list[str]) -> list[dict[str, int]]:
    slots = []
    for day in range(7):
        text = form.one(f"day{day}").replace("，", ",").replace("；", ",").replace(";", ",").replace("：", ":")
        for part in filter(None, (part.strip() for part in text.split(","))):
            found = _SPAN.fullmatch(part)
            start, end = (int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])) if found else (1, 0)
            if not found or max(int(found[2]), int(found[4])) > 59 or not start < end <= 24 * 60:
                faults.append("hours")
                continue
            slots.append({"weekday": day, "start_min": start, "end_min": end})
    return slots


def _exceptions(frame: Frame, form: Form, faults: list[str]) -> list[dict[str, Any]]:
    found = []
    for n in range(MOST_LINES):
        if not form.one(f"from{n}") and not form.one(f"to{n}"):
            continue
        start, end = read_moment(frame, form.one(f"from{n}")), read_moment(frame, form.one(f"to{n}"))
        if start is None or end is None or start >= end:
            faults.append("exceptions")
            continue
        window = {"start": start.isoformat(), "end": end.isoformat()}
        found.append({"window": window, "available": form.one(f"free{n}") == "yes"})
    return found
