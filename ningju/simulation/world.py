"""What nobody can see beforehand: how each person would answer each request, and whether they would come.

Every answer is a pure function of seed, person and request. It does not depend on who is asked first or how often, so
different ways of matching face the same people, and a bound can be worked out by one who knows all answers.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import Literal

from ningju.simulation.crowd import OLDEST, YOUNGEST
from ningju.simulation.ground import distance_m
from schemas.place import Place
from schemas.roster import Volunteer

Kind = Literal["accept", "decline", "silence"]

SILENCE = (0.10, 0.28)
WILLING = (0.54, 0.86)
FAR_PER_KM = 0.04
KNOWN = 0.15
WITHDRAWS = 0.03
STAYS_AWAY = 0.035
RATES = 0.6
LATENCY_MIN = 5.0
LATENCY_SPREAD = 0.8
LONGEST = timedelta(minutes=28)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person would say to an offer, and how long after they hear of it (silence: never)."""

    kind: Kind
    latency: timedelta


@dataclass(frozen=True, slots=True)
class Conduct:
    """What a person would do with a promise: give it back at ``withdraws`` of the time left, or stay away."""

    withdraws: float | None
    comes: bool


class HiddenWorld:
    """The behaviours of a scenario's people.

    Parameters
    ----------
    seed
        Of the behaviours alone: the same people answer differently under another seed.
    volunteers, ages
        Everybody who may be asked.
    """

    def __init__(self, seed: int, volunteers: Mapping[str, Volunteer], ages: Mapping[str, int]) -> None:
        self._seed = seed
        self._volunteers = volunteers
        self._ages = ages

    def answer(self, volunteer: str, request: str, *, place: Place, preferred: bool) -> Answer:
        """Tell how a person would answer an offer for a request.

        Parameters
        ----------
        request
            The simulation's own key of the request, not an id that the system gave it.
        place
            Where the visit is; far ones are taken less gladly.
        preferred
            Whether the beneficiary asked for this very person.
        """
        person = self._volunteers.get(volunteer)
        home = place if person is None else person.home
        far = distance_m(home, place) / 1_000 * FAR_PER_KM
        silent = _between(SILENCE, self._draw("silence", volunteer))
        willing = _between(WILLING, self._draw("willing", volunteer)) - far + (KNOWN if preferred else 0.0)
        latency = self._latency(volunteer, request)
        if self._draw("hears", volunteer, request) < silent:
            return Answer("silence", latency)
        says_yes = self._draw("accepts", volunteer, request) < min(max(willing, 0.05), 0.9)
        return Answer("accept" if says_yes else "decline", latency)

    def usual_yes(self, volunteer: str) -> float:
        """How often a person says yes on the whole: what a season of asking them would show."""
        silent = _between(SILENCE, self._draw("silence", volunteer))
        return (1 - silent) * _between(WILLING, self._draw("willing", volunteer))

    def conduct(self, volunteer: str, request: str) -> Conduct:
        """Tell what a person would do after accepting."""
        draw = self._draw("conduct", volunteer, request)
        if draw < WITHDRAWS:
            return Conduct(0.05 + 0.9 * draw / WITHDRAWS, True)
        return Conduct(None, draw >= WITHDRAWS + STAYS_AWAY)

    def reports_absence(self, request: str) -> bool:
        """Whether somebody at the place tells soon that a crew member is missing."""
        return self._draw("absence", request) < 0.5

    def stars(self, request: str) -> int | None:
        """How the beneficiary would rate the visit; None when they would not."""
        if self._draw("rates", request) >= RATES:
            return None
        draw = self._draw("stars", request)
        return 5 if draw < 0.62 else 4 if draw < 0.88 else 3 if draw < 0.97 else 2

    def _latency(self, volunteer: str, request: str) -> timedelta:
        age = self._ages.get(volunteer, 65)
        slower = 1 + 0.5 * (age - YOUNGEST) / (OLDEST - YOUNGEST)
        # Box-Muller; the draw is never 0.
        first, second = self._draw("latency", volunteer, request), self._draw("latency-2", volunteer, request)
        normal = math.sqrt(-2 * math.log(1 - first)) * math.cos(2 * math.pi * second)
        minutes = LATENCY_MIN * slower * math.exp(LATENCY_SPREAD * normal)
        return min(timedelta(seconds=max(30, round(minutes * 60))), LONGEST)

    def _draw(self, *what: str) -> float:
        text = "\x1f".join((str(self._seed), *what))
        return int.from_bytes(blake2b(text.encode(), digest_size=7).digest()) / 2**56


def _between(bounds: tuple[float, float], draw: float) -> float:
    return bounds[0] + (bounds[1] - bounds[0]) * draw
