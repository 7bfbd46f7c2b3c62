"""Teams and volunteers: who could go, when, how far and how often."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.base import Frozen, Identifier, Label, Level, Metres, Moment
from schemas.place import Place, TimeWindow

TravelMode = Literal["walk", "bicycle", "transit", "car"]
Minute = Annotated[int, Field(ge=0, le=1440)]


class SkillHeld(Frozen):
    """A skill that a volunteer has, and until when the qualification is valid."""

    skill: Identifier
    level: Level = 1
    expires: Moment | None = None


class WeeklySlot(Frozen):
    """Availability that comes back each week, in minutes of the local day; Monday is 0."""

    weekday: Annotated[int, Field(ge=0, le=6)]
    start_min: Minute
    end_min: Minute

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.end_min <= self.start_min:
            raise ValueError("a weekly slot must end after it starts, on the same day")
        return self


class Exemption(Frozen):
    """A dated exception to the weekly pattern; later ones win over earlier ones."""

    window: TimeWindow
    available: bool = False


class Answers(Frozen):
    """How often a person was asked in the last season, before this ledger begins, and how often they said yes."""

    asked: Annotated[int, Field(ge=0, le=10_000)] = 0
    accepted: Annotated[int, Field(ge=0, le=10_000)] = 0

    @model_validator(mode="after")
    def _of_those(self) -> Self:
        if self.accepted > self.asked:
            raise ValueError("nobody accepts more often than they are asked")
        return self


class Volunteer(Frozen):
    """A person who may be asked, by id: name and phone live in the person table alone."""

    id: Identifier
    team: Identifier
    home: Place
    skills: tuple[SkillHeld, ...] = ()
    weekly: tuple[WeeklySlot, ...] = ()
    exemptions: tuple[Exemption, ...] = ()
    visits_per_day: Annotated[int, Field(ge=0, le=50)] = 2
    visits_per_week: Annotated[int, Field(ge=0, le=200)] = 5
    offers_per_week: Annotated[int, Field(ge=0, le=200)] = 4
    reach_m: Metres = 3_000
    travel: TravelMode = "walk"
    paused: bool = False
    answers: Answers = Answers()


class Team(Frozen):
    """A service team; an empty ``zones_served`` means its home zone alone."""

    id: Identifier
    zone: Identifier
    name: Label
    base: Place
    leader: Identifier | None = None
    zones_served: tuple[Identifier, ...] = ()


class Roster(Frozen):
    """Teams and volunteers as a file or a ``PUT`` brings them."""

    teams: tuple[Team, ...] = ()
    volunteers: tuple[Volunteer, ...] = ()
