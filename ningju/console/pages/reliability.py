"""How people have answered, whether they kept what they promised, and how the burden is shared."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from engine.figures import ANSWERS
from engine.ports import Store
from schemas.events import CheckedIn, SeatVacated
from schemas.views import OfferView

SEASON = timedelta(days=90)
MONTH = timedelta(days=28)
WEEK = timedelta(days=7)
JUDGED = 30
"""Accepted visits, the latest, of which it is looked up whether the person came."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a person was asked in the last season and lately, what they said, and what lies before them.

    ``asked`` are offers that they answered or let expire: what was taken back says nothing of them.
    """

    asked: int
    answered: int
    accepted: int
    asked_this_week: int
    visits: int
    ahead: tuple[OfferView, ...]

    @property
    def answers(self) -> float | None:
        """Share of what was asked that they answered."""
        return self.answered / self.asked if self.asked else None

    @property
    def acceptance(self) -> float | None:
        """Share of what was asked that they said yes to."""
        return self.accepted / self.asked if self.asked else None


def record_of(offers: Iterable[OfferView], now: datetime) -> Record:
    """Sum up a person's offers of the last season."""
    lately = [offer for offer in offers if offer.offered_at > now - SEASON]
    judged = [offer for offer in lately if offer.state in ANSWERS]
    ahead = [offer for offer in lately if offer.state in ("open", "accepted") and offer.window.end > now]
    return Record(
        asked=len(judged),
        answered=sum(offer.state != "expired" for offer in judged),
        accepted=sum(offer.state == "accepted" for offer in judged),
        asked_this_week=sum(offer.offered_at > now - WEEK for offer in lately),
        visits=sum(offer.state == "accepted" and now - MONTH < offer.window.end <= now for offer in lately),
        ahead=tuple(sorted(ahead, key=lambda offer: offer.window.start)),
    )


async def records(store: Store, volunteers: Collection[str], now: datetime) -> dict[str, Record]:
    """Sum up what each of some people was asked, in one question."""
    offers: dict[str, list[OfferView]] = {name: [] for name in volunteers}
    for offer in await store.offers_to(volunteers, now - SEASON):
        offers[offer.volunteer].append(offer)
    return {name: record_of(some, now) for name, some in offers.items()}


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of the visits that a person had accepted and that are over."""

    came: int = 0
    withdrew: int = 0
    stayed_away: int = 0

    @property
    def share(self) -> float | None:
        """Share of what they had promised that they kept; what others took back does not count."""
        promised = self.came + self.withdrew + self.stayed_away
        return self.came / promised if promised else None


async def kept(store: Store, volunteer: str, offers: Sequence[OfferView], now: datetime) -> Kept:
    """Look up, visit by visit, whether somebody came to what they had accepted."""
    over = [
        one for one in offers if one.state == "accepted" and one.window.end <= now and one.offered_at > now - SEASON
    ]
    came = withdrew = stayed_away = 0
    for offer in sorted(over, key=lambda one: one.window.start)[-JUDGED:]:
        for record in await store.history(offer.request_id):
            event = record.envelope.event
            if isinstance(event, CheckedIn) and event.volunteer == volunteer:
                came += 1
                break
            if (
                isinstance(event, SeatVacated)
                and event.volunteer == volunteer
                and event.how in ("withdrawn", "no_show")
            ):
                withdrew += event.how == "withdrawn"
                stayed_away += event.how == "no_show"
                break
    return Kept(came, withdrew, stayed_away)


@dataclass(frozen=True, slots=True)
class Share:
    """How the visits of four weeks lie on some people: the fewest, the middle and the most that one of them had."""

    least: int
    middle: float
    most: int


def share(records: Collection[Record]) -> Share | None:
    """How the burden is shared among some people."""
    visits = [record.visits for record in records]
    return Share(min(visits), median(visits), max(visits)) if visits else None
