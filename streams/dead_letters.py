"""What could not be read or handled: kept in the ledger's table, and told on the topic."""

from typing import Protocol

import structlog

from engine.ports import DeadLetter, Unavailable
from streams.backoff import Backoff
from streams.producer import Sender
from streams.topics import Record, Topic, encode_headers

log = structlog.get_logger(__name__)


class Letters(Protocol):
    """Where dead letters are kept; ``engine.ports.Archive`` is one."""

    async def dead_letter(self, letter: DeadLetter) -> None:
        """Keep what could not be handled."""
        ...


class DeadLetters:
    """Keeps dead letters, then tells them on the topic as well as it can: the table is what counts."""

    def __init__(self, letters: Letters, sender: Sender, *, backoff: Backoff | None = None) -> None:
        self._letters = letters
        self._sender = sender
        self._backoff = backoff or Backoff()

    async def dead_letter(self, letter: DeadLetter) -> None:
        """Keep what could not be handled; returns when it is durable."""
        await self._backoff.insist(lambda: self._letters.dead_letter(letter))
        log.warning(
            "a record became a dead letter",
            action="dead_letter",
            topic=letter.source,
            partition=letter.partition,
            offset=letter.offset,
            zone=letter.zone,
        )
        headers = encode_headers(
            id=f"{letter.source}/{letter.partition}/{letter.offset}",
            type="ningju.deadletter",
            source=f"/ningju/{letter.source}",
            topic=letter.source,
            partition=letter.partition,
            offset=letter.offset,
            reason=letter.reason,
            zone=letter.zone,
        )
        try:
            await self._sender.send(Topic.DEAD_LETTERS, [Record((letter.zone or "").encode(), letter.raw, headers)])
        except Unavailable as fault:
            log.warning("a dead letter is in the table alone", action="dead_letter_untold", reason=str(fault))
