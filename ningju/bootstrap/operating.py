"""What the operators' pages ask beyond the ports: a zone's state tried out, and dead letters dealt with."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from engine.decide.by_hand import broken
from engine.explaining import Why, explain
from engine.ports import Clock, ClosedQuery
from engine.trying import attempt
from engine.zone import Zone
from ningju.bootstrap.letters import NotReplayable, put_away, send
from ningju.ledger.inspection import InspectableStore, KeptLetter
from schemas.base import derive_id
from schemas.commands import AssignCrew, Command
from schemas.explanation import Explanation
from schemas.plan import Rule


def imagine(zone: Zone, command: Command, request_id: UUID, now: datetime, why: Why) -> Explanation | None:
    """Explain a request as it would be after a command: the state is a value, so nothing has to be taken back."""
    trial = attempt(zone, (command,), now)
    return None if trial.code else explain(trial.state, request_id, now, why)


def check(zone: Zone, command: AssignCrew, now: datetime) -> dict[str, tuple[Rule, ...]]:
    """Name the rules that an assignment would break; of what is not here nothing can be said."""
    record = zone.requests.get(command.request_id)
    seats = [seat for seat in command.seats if seat.volunteer in zone.volunteers]
    if record is None or record.need is None or command.team not in zone.teams:
        return {}
    if any(seat.demand >= len(record.need.demands) for seat in seats) or not seats:
        return {}
    start = command.start.replace(microsecond=0)
    return broken(zone, record, now, team=command.team, start=start, seats=seats, agreed=command.agreed)


class Letters:
    """Dead letters as the pages see them.

    Parameters
    ----------
    store
        Gives the store, which is opened later than the pages are wired.
    """

    def __init__(self, store: Callable[[], InspectableStore], clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def newest(self, limit: int) -> Sequence[KeptLetter]:
        """Those that nobody has dealt with, newest first."""
        return await self._store().letters(limit)

    async def find(self, number: int) -> KeptLetter | None:
        """One that nobody has dealt with."""
        kept = await self._store().letter(number)
        return None if kept is None or kept.closing is not None else kept

    async def closed(self, query: ClosedQuery) -> Sequence[KeptLetter]:
        """Those that somebody has dealt with, the last one first."""
        return await self._store().closed_letters(query)

    async def replay(self, number: int, by: str, raw: bytes | None = None, reason: str = "") -> UUID:
        """Send it through the door once more, or what ``raw`` makes of it.

        Raises
        ------
        NotReplayable
            When there is nothing to replay, with what to do instead.
        """
        kept = await self._open(number)
        if raw is not None and raw != kept.letter.raw:
            # What was mended is another message: it must not be taken for the old one.
            letter = replace(kept.letter, raw=raw, partition=-1, offset=int(derive_id(raw).int % 2**62))
            kept = replace(kept, letter=letter)
        return (await send(self._store(), kept, by, self._clock, reason)).command_id

    async def discard(self, number: int, by: str, reason: str) -> None:
        """Put it away.

        Raises
        ------
        NotReplayable
            When it is unknown or closed already.
        """
        await put_away(self._store(), await self._open(number), by, reason)

    async def _open(self, number: int) -> KeptLetter:
        kept = await self.find(number)
        if kept is None:
            raise NotReplayable(f"letter {number} is not there, or somebody has dealt with it")
        return kept
