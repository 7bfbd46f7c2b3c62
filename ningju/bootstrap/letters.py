"""Dead letters: looked at, sent through the door once more, or put away; and their bytes dropped in time."""

import asyncio
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from pydantic import ValidationError

from engine.ports import Clock, Enqueued, NewCommand
from ningju.bootstrap.admitting import Admission
from ningju.bootstrap.clock import SystemClock
from ningju.bootstrap.inspecting import opened
from ningju.dispatch import subscriptions as webhooks
from ningju.ledger.inspection import Closing, InspectableStore, KeptLetter
from ningju.settings import Settings
from schemas.base import derive_id
from schemas.envelope import CommandEnvelope, Outcome
from streams.agents import Unacceptable
from streams.backoff import Backoff
from streams.topics import Topic

EXPIRY_S = 60.0

Kept: TypeAlias = KeptLetter


class NotReplayable(ValueError):
    """A letter that is not to be replayed; the text says why and what to do instead."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """The new command of a replayed letter, and its outcome if there was one in time."""

    number: int
    command_id: UUID
    zone: str
    outcome: Outcome | None


async def letters(settings: Settings, limit: int, *, closed: bool) -> list[KeptLetter]:
    """Dead letters, newest first."""
    async with opened(settings) as store:
        return await store.letters(limit, closed=closed)


async def letter(settings: Settings, number: int) -> KeptLetter | None:
    """One dead letter."""
    async with opened(settings) as store:
        return await store.letter(number)


async def replay(settings: Settings, number: int, by: str, wait_s: float) -> Replayed:
    """Send what a letter holds through the door once more, as a new command.

    Its id is derived from the letter's own, so that replaying twice is one command.

    Raises
    ------
    NotReplayable
        When there is nothing to replay, with the reason.
    """
    async with opened(settings) as store:
        enqueued = await send(store, await _open(store, number), by, SystemClock())
        outcome = await store.wait(enqueued.command_id, wait_s) if wait_s > 0 else None
        return Replayed(number, enqueued.command_id, enqueued.zone, outcome)


async def discard(settings: Settings, number: int, by: str, reason: str) -> None:
    """Put a letter away: nobody has to look at it any more.

    Raises
    ------
    NotReplayable
        When it is unknown or closed already.
    """
    async with opened(settings) as store:
        await put_away(store, await _open(store, number), by, reason)


async def send(store: InspectableStore, kept: KeptLetter, by: str, clock: Clock, reason: str = "") -> Enqueued:
    """Send what an open letter holds through the door, and close it.

    Raises
    ------
    NotReplayable
        When there is nothing to replay, with the reason.
    """
    (enqueued,) = await store.enqueue([await _command_of(store, kept, clock)])
    await store.close_letter(kept.number, Closing("replayed", by, reason, replayed_as=enqueued.command_id))
    return enqueued


async def put_away(store: InspectableStore, kept: KeptLetter, by: str, reason: str) -> None:
    """Close an open letter without sending it.

    Raises
    ------
    NotReplayable
        When somebody else was quicker.
    """
    if not await store.close_letter(kept.number, Closing("discarded", by, reason)):
        raise NotReplayable(f"somebody else has dealt with letter {kept.number} meanwhile")


async def _command_of(store: InspectableStore, kept: KeptLetter, clock: Clock) -> NewCommand:
    """Write the command that a letter's replay is.

    Raises
    ------
    NotReplayable
        When there is nothing to replay, with the reason.
    """
    letter = kept.letter
    if letter.source == Topic.REQUESTS:
        return await _admitted(store, kept, clock)
    if letter.source.startswith(f"{webhooks.SOURCE}:"):
        again = f"GET /api/v1/events?zone={letter.zone}&after={letter.offset - 1}&limit=1"
        raise NotReplayable(f"its receiver took it at no try: they can read it by {again}; discard the letter")
    if letter.source != Topic.COMMANDS:
        raise NotReplayable("what zones decided is read from the ledger whenever it is missing: discard the letter")
    old = await _command(store, kept)
    outcome = (await store.outcomes([old.command_id])).get(old.command_id)
    if outcome is None and await store.command(old.command_id) is not None:
        raise NotReplayable(f"command {old.command_id} is still open and is sent again by itself: leave it alone")
    if outcome is not None and outcome.status != "failed":
        raise NotReplayable(f"command {old.command_id} was {outcome.status} after all: discard the letter")
    return NewCommand(
        old.changed(
            command_id=derive_id("replay", old.command_id), causation_id=old.command_id, received_at=clock.now()
        )
    )


async def expire(store: InspectableStore, every_s: float = EXPIRY_S) -> None:
    """Drop the bytes of expired letters, now and again, until cancelled."""
    backoff = Backoff()
    while True:
        await backoff.insist(store.expire_letters)
        await asyncio.sleep(every_s)


async def _open(store: InspectableStore, number: int) -> KeptLetter:
    kept = await store.letter(number)
    if kept is None:
        raise NotReplayable(f"there is no dead letter {number}; `ningju deadletters list` shows them")
    if kept.closing is not None:
        told = f" as command {kept.closing.replayed_as}" if kept.closing.replayed_as else ""
        raise NotReplayable(f"letter {number} was {kept.closing.how}{told} by {kept.closing.by}")
    return kept


async def _admitted(store: InspectableStore, kept: KeptLetter, clock: Clock) -> NewCommand:
    letter = kept.letter
    if not letter.raw:
        raise NotReplayable("its bytes have expired: ask its sender to send it again, and discard the letter")
    try:
        return await Admission(store, clock)(letter.raw, {}, f"{letter.source}/{letter.partition}/{letter.offset}")
    except Unacceptable as refused:
        raise NotReplayable(f"it would be refused again: {refused}") from refused
    except ValidationError as bad:
        raise NotReplayable("it is no request that can be read: discard the letter and tell its sender") from bad


async def _command(store: InspectableStore, kept: KeptLetter) -> CommandEnvelope:
    letter = kept.letter
    row = await store.command(letter.command_id) if letter.command_id is not None else None
    raw = letter.raw if row is None else row.data  # the inbox keeps what the letter's bytes were
    if not raw:
        raise NotReplayable("its bytes have expired, and no command stands behind it: discard the letter")
    try:
        return CommandEnvelope.read(raw)
    except ValidationError as bad:
        raise NotReplayable("it is no command that this release can read: upgrade, or discard the letter") from bad
