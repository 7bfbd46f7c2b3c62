"""How two plans differ, as rows of a page: visits, people, and every term of the cost."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.supposing import Outlook, imagined_requests
from ningju.console.pages.frame import Frame
from ningju.console.pages.words import named
from schemas.plan import Assignment
from solvers import wording

SHOWN = 100
LEVELS = {"service": "Served at all", "promises": "Promises kept", "quality": "Quality"}
IMAGINED = "imagined-"


@dataclass(frozen=True, slots=True)
class Side:
    """A visit in one of the plans."""

    when: str
    team: str
    people: str


@dataclass(frozen=True, slots=True)
class Change:
    """A visit that the plans treat differently."""

    request: str
    service: str
    imagined: bool
    kind: str
    before: Side | None
    after: Side | None
    told: bool


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whose visits change."""

    name: str
    imagined: bool
    gains: int
    loses: int
    moves: int
    told_otherwise: int


@dataclass(frozen=True, slots=True)
class Term:
    """One term under both plans; what the change weighs, less than nothing for the better."""

    level: str
    name: str
    before: int
    after: int
    weighted: int


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it; ``more`` changes and ``more_people`` are not shown."""

    changes: tuple[Change, ...]
    people: tuple[Person, ...]
    terms: tuple[Term, ...]
    more: int
    more_people: int


def draw(frame: Frame, zone: str, found: Outlook, teams: Mapping[str, str]) -> Picture:
    """Put an outlook into words."""
    unreal = imagined_requests(found.orders)
    difference = found.difference
    changes = tuple(
        Change(
            request=change.visit,
            service=frame.speech.service(zone, found.services.get(change.visit, "")),
            imagined=change.visit in unreal,
            kind=named(frame.language, wording.CHANGES[change.kind]),
            before=_side(frame, found, change.before, teams),
            after=_side(frame, found, change.after, teams),
            told=change.told,
        )
        for change in difference.changes[:SHOWN]
    )
    people = tuple(
        Person(
            name=_person(frame, one.volunteer),
            imagined=one.volunteer.startswith(IMAGINED),
            gains=len(one.gains),
            loses=len(one.loses),
            moves=len(one.moves),
            told_otherwise=one.told_otherwise,
        )
        for one in difference.people[:SHOWN]
    )
    terms = tuple(
        Term(
            level=frame.say(LEVELS.get(one.level, one.level)),
            name=named(frame.language, wording.TERMS[one.name]),
            before=one.before,
            after=one.after,
            weighted=one.weighted,
        )
        for one in difference.terms
    )
    more, more_people = len(difference.changes) - len(changes), len(difference.people) - len(people)
    return Picture(changes, people, terms, more, more_people)


def _side(frame: Frame, found: Outlook, item: Assignment | None, teams: Mapping[str, str]) -> Side | None:
    if item is None:
        return None
    when = frame.moments.span(found.moment(item.start), found.moment(item.end))
    people = ", ".join(_person(frame, seat.volunteer) for seat in item.crew)
    return Side(when, teams.get(item.team or "", item.team or ""), people)


def _person(frame: Frame, name: str) -> str:
    if not name.startswith(IMAGINED):
        return name
    return frame.say("imagined {number}", number=name.removeprefix(IMAGINED))
