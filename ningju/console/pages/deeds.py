"""What the audit tells: orders of operators and dead letters that they dealt with, narrowed by the address, one list by time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.ports import ClosedQuery, Deed, DeedQuery
from ningju.console.pages.frame import Frame
from ningju.console.pages.life import read_moment
from ningju.console.pages.orders import number
from ningju.console.pages.speech import ORDERS
from ningju.console.services import ClosedLetter, Site

FIELDS = ("actor", "kind", "request", "since", "until")
LETTERS = {"letter_replayed": "A dead letter sent again", "letter_discarded": "A dead letter put away"}
KINDS = {
    **{kind: text for kind, text in ORDERS.items() if kind != "propose_plan"},
    "triage_request": "Accept or refuse",
    "pin_visit": "Pin or unpin",
    **LETTERS,
}
_REQUEST = re.compile(r"[0-9a-f]{4,8}(-[0-9a-f-]{0,28})?")

Act = Deed | ClosedLetter


@dataclass(frozen=True, slots=True)
class Place:
    """How far a list has been read: the last order's number, and when the last letter was dealt with, and its number."""

    seq: int | None = None
    letter: tuple[datetime, int] | None = None

    @classmethod
    def read(cls, text: str) -> "Place":
        """A place as an address says it; the beginning when it says none."""
        seq, when, letter = [*text.split("_"), "", ""][:3]
        try:
            at, place = datetime.fromisoformat(when), number(letter)
        except ValueError:
            return cls(number(seq))
        return cls(number(seq), (at, place) if at.tzinfo is not None and place is not None else None)

    def write(self) -> str:
        """The place as an address says it."""
        seq = "" if self.seq is None else str(self.seq)
        return seq if self.letter is None else f"{seq}_{self.letter[0].isoformat()}_{self.letter[1]}"


class Which:
    """What the address asks for; what it asks for wrongly does not count."""

    def __init__(self, frame: Frame) -> None:
        asked = {name: frame.request.query_params.get(name, "").strip()[:80] for name in FIELDS}
        self.actor = asked["actor"] if ":" in asked["actor"] or not asked["actor"] else f"operator:{asked['actor']}"
        self.kind = asked["kind"] if asked["kind"] in KINDS else ""
        self.request = asked["request"].lower() if _REQUEST.fullmatch(asked["request"].lower()) else ""
        self.since, self.until = read_moment(frame, asked["since"]), read_moment(frame, asked["until"])
        self.place = Place.read(frame.request.query_params.get("before", ""))
        self.asked = {name: value for name, value in asked.items() if value}

    def orders(self, place: Place, limit: int) -> DeedQuery | None:
        """The question for orders, if any are asked for."""
        if self.kind in LETTERS:
            return None
        return DeedQuery(
            actor=self.actor or None,
            kinds=frozenset({self.kind} - {""}),
            request=self.request,
            since=self.since,
            until=self.until,
            before=place.seq,
            limit=limit,
        )

    def letters(self, place: Place, limit: int, within: frozenset[str] | None) -> ClosedQuery | None:
        """The question for letters, if any are asked for: of which request one was, nobody knew when it was dealt with."""
        if self.request or (self.kind and self.kind not in LETTERS):
            return None
        return ClosedQuery(
            by=self.actor or None,
            how=frozenset({self.kind.removeprefix("letter_")} - {""}),
            since=self.since,
            until=self.until,
            within=within,
            before=place.letter,
            limit=limit,
        )


async def acts(
    site: Site, which: Which, place: Place, limit: int, within: frozenset[str] | None
) -> tuple[list[Act], Place | None]:
    """What was done, newest first, from a place on; and where it goes on, if it does."""
    orders, letters = which.orders(place, limit + 1), which.letters(place, limit + 1, within)
    deeds: Sequence[Deed] = await site.store.deeds(orders) if orders is not None else ()
    closed: Sequence[ClosedLetter] = ()
    if letters is not None and site.services.letters is not None:
        closed = await site.services.letters.closed(letters)
    found: list[Act] = []
    done = dealt = 0
    while len(found) < limit and (done < len(deeds) or dealt < len(closed)):
        if dealt == len(closed) or (done < len(deeds) and at(deeds[done]) >= at(closed[dealt])):
            found.append(deeds[done])
            done += 1
        else:
            found.append(closed[dealt])
            dealt += 1
    if done == len(deeds) and dealt == len(closed):
        return found, None
    last = deeds[done - 1].command.seq if done else place.seq
    letter = (at(closed[dealt - 1]), closed[dealt - 1].number) if dealt else place.letter
    return found, Place(last, letter)


def at(act: Act) -> datetime:
    """When something was done."""
    if isinstance(act, Deed):
        return act.command.received_at
    assert act.closed_at is not None
    return act.closed_at
