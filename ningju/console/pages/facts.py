"""Items of rosters and catalogues in words, field by field, and what differs between two of them."""

from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from ningju.console.pages.frame import Frame
from ningju.console.pages.moments import WEEKDAYS
from ningju.console.pages.words import named
from schemas.base import Frozen
from schemas.catalogue import ServiceType, Site, SkillDemand
from schemas.place import Place
from schemas.roster import Exemption, SkillHeld, Team, Volunteer, WeeklySlot

WAYS = {"walk": "On foot", "bicycle": "By bicycle", "transit": "By bus and metro", "car": "By car"}
LEVELS = {"district": "The district", "subdistrict": "The subdistrict"}
ASKED = {"volunteer": "The volunteers themselves", "leader": "The team leader"}
FIELDS: dict[str, str] = {
    "team": "Team",
    "home": "Home",
    "base": "Base",
    "place": "Place",
    "zone": "Zone",
    "name": "Called",
    "leader": "Team leader",
    "zones_served": "Serves also",
    "skills": "Skills",
    "weekly": "Hours",
    "exemptions": "Exceptions",
    "visits_per_day": "Visits a day",
    "visits_per_week": "Visits a week",
    "offers_per_week": "Asked a week",
    "reach_m": "Reach",
    "travel": "Way",
    "paused": "Paused",
    "answers": "Asked and accepted before",
    "demands": "Crew",
    "duration_s": "Takes",
    "priority": "Priority",
    "response_target_s": "To be asked within",
    "completion_target_s": "To be done within",
    "notice_s": "People are asked at most before",
    "quiet_hours": "Keeps quiet hours",
    "featured_by": "Featured by",
    "served_at": "Served by",
    "needs_triage": "New ones are triaged",
    "offered_to": "Asks",
    "one_team": "One team only",
    "kind": "Kind",
    "featured": "Featured list",
}
LISTS = {"teams": "Team", "volunteers": "Volunteer", "service_types": "Service", "sites": "Site"}


def clock(minute: int) -> str:
    """A minute of the day, as a clock has it."""
    return "24:00" if minute == 24 * 60 else f"{time(minute // 60, minute % 60):%H:%M}"


def last_day(frame: Frame, expires: datetime) -> str:
    """The last day on which a skill counts, by the site's clock."""
    return (frame.moments.local(expires) - timedelta(microseconds=1)).date().isoformat()


def hours(frame: Frame, weekly: Sequence[WeeklySlot]) -> list[tuple[str, str]]:
    """A week's hours, by weekday."""
    slots = sorted(weekly, key=lambda slot: (slot.weekday, slot.start_min))
    return [
        (WEEKDAYS[frame.language][slot.weekday], f"{clock(slot.start_min)}–{clock(slot.end_min)}") for slot in slots
    ]


def facts(frame: Frame, item: Frozen) -> list[tuple[str, str]]:
    """What is to be said of an item, in the order of its fields."""
    return [(frame.say(FIELDS[name]), told(frame, item, name)) for name in type(item).model_fields if name in FIELDS]


def differences(frame: Frame, before: Frozen | None, after: Frozen | None) -> list[tuple[str, str, str]]:
    """Fields that differ, with what they were and are; of what is new all that is not as usual."""
    item = after or before
    assert item is not None
    if before is not None and after is not None:
        names = [name for name in type(item).model_fields if getattr(before, name) != getattr(after, name)]
    else:
        fields = type(item).model_fields
        names = [name for name, field in fields.items() if getattr(item, name) != field.default]
    return [
        (
            frame.say(FIELDS[name]),
            told(frame, before, name) if before is not None else "",
            told(frame, after, name) if after is not None else "",
        )
        for name in names
        if name in FIELDS
    ]


def told(frame: Frame, item: Frozen, name: str) -> str:
    """One field in words."""
    value = getattr(item, name)
    if value is None or value == () or value == "":
        nothing = _NOTHING.get((type(item), name))
        return "–" if nothing is None else nothing(frame)
    if isinstance(value, bool):
        return frame.say("yes") if value else frame.say("no")
    if name.endswith("_s"):
        return _length(frame, value)
    if name.endswith("_m"):
        return f"{value / 1000:.1f} km"
    say = _TOLD.get(name)
    return str(value) if say is None else say(frame, value)


def _length(frame: Frame, seconds: int) -> str:
    """A duration to the minute: what differs must not look the same."""
    if seconds < 7_200 or seconds % (3_600 if seconds < 172_800 else 86_400) == 0:
        return frame.moments.length(seconds)
    return f"{seconds / 3_600:g} {'小时' if frame.language == 'zh' else 'h'}"


def _skills(frame: Frame, skills: Sequence[SkillHeld]) -> str:
    parts = []
    for held in skills:
        until = f" ({frame.say('until {when}', when=last_day(frame, held.expires))})" if held.expires else ""
        parts.append(f"{held.skill} {held.level}{until}")
    return ", ".join(parts)


def _exceptions(frame: Frame, exemptions: Sequence[Exemption]) -> str:
    words = {True: frame.say("available"), False: frame.say("not available")}
    return "; ".join(f"{frame.moments.window(one.window)}: {words[one.available]}" for one in exemptions)


def _demands(frame: Frame, demands: Sequence[SkillDemand]) -> str:
    return ", ".join(f"{one.heads} × {one.skill} ≥ {one.level}" for one in demands)


def _place(frame: Frame, place: Place) -> str:
    return f"{place.lon:.5f}, {place.lat:.5f}"


def _services(frame: Frame, names: Sequence[str]) -> str:
    return ", ".join(frame.speech.service("", name) for name in names)


def _owner(frame: Frame, name: str) -> str:
    return frame.speech.zone(name) if name in frame.views else frame.speech.site("", name)


_TOLD: dict[str, Callable[[Frame, Any], str]] = {
    "home": _place,
    "base": _place,
    "place": _place,
    "name": lambda frame, label: named(frame.language, label),
    "zone": lambda frame, zone: frame.speech.zone(zone),
    "zones_served": lambda frame, zones: ", ".join(map(frame.speech.zone, zones)),
    "skills": _skills,
    "weekly": lambda frame, weekly: "; ".join(f"{day} {span}" for day, span in hours(frame, weekly)),
    "exemptions": _exceptions,
    "travel": lambda frame, way: frame.say(WAYS[way]),
    "answers": lambda frame, answers: f"{answers.asked} / {answers.accepted}",
    "demands": _demands,
    "priority": lambda frame, priority: frame.speech.priority(priority),
    "featured_by": _owner,
    "served_at": lambda frame, level: frame.say(LEVELS[level]),
    "offered_to": lambda frame, who: frame.say(ASKED[who]),
    "featured": _services,
}
_NOTHING: dict[tuple[type[Frozen], str], Callable[[Frame], str]] = {
    (ServiceType, "featured_by"): lambda frame: frame.say("nobody: it is common"),
    (ServiceType, "reach_m"): lambda frame: frame.say("as far as each one goes"),
    (ServiceType, "served_at"): lambda frame: frame.say("where it is asked for"),
    (Team, "zones_served"): lambda frame: frame.say("no other zone"),
    (Site, "featured"): lambda frame: frame.say("nothing"),
    (Volunteer, "exemptions"): lambda frame: frame.say("none"),
}
