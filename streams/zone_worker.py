"""What a batch of commands does: one decision after the other, one commit for all."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Generic
from uuid import UUID

import structlog

from engine.ports import (
    CommitUnknown,
    Conflict,
    DeadLetter,
    Door,
    Ledger,
    Record,
    Snapshot,
    Stats,
    Unavailable,
    ZoneAppend,
)
from schemas.envelope import CommandEnvelope
from streams.backoff import Backoff
from streams.dead_letters import Letters
from streams.zone_states import S, ZoneLogic, ZoneStates

log = structlog.get_logger(__name__)

BREATH_S = 0.02
"""Seconds of deciding after which the event loop gets a turn."""

SNAPSHOT_EVERY = 1_000
"""Events of a zone between two of its snapshots: a restore that is quick enough needs no more of them."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A command and where it came from."""

    envelope: CommandEnvelope
    raw: bytes
    topic: str
    partition: int
    offset: int


class ZoneWorker(Generic[S]):
    """Decides batches of commands and commits them.

    Parameters
    ----------
    states
        Of the zones whose commands come here. It must be of this worker alone, or of its process.
    snapshot_every
        Events after which a zone's snapshot is written anew.
    on_doubt
        Called after a commit of unknown outcome: events may be in the ledger that nobody was told of.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        door: Door,
        letters: Letters,
        logic: ZoneLogic[S],
        states: ZoneStates[S],
        stats: Stats | None = None,
        snapshot_every: int = SNAPSHOT_EVERY,
        backoff: Backoff | None = None,
        on_doubt: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_doubt = on_doubt
        self._ledger = ledger
        self._door = door
        self._letters = letters
        self._logic = logic
        self._states = states
        self._stats = stats or Stats()
        self._snapshot_every = snapshot_every
        self._snapshots: dict[str, int] = {}
        self._backoff = backoff or Backoff()
        self._lock = asyncio.Lock()

    @property
    def waiting(self) -> bool:
        """Whether the database is away and the worker waits for it."""
        return self._backoff.waiting

    @property
    def busy(self) -> bool:
        """Whether a batch is in hand."""
        return self._lock.locked()

    async def work(self, batch: Sequence[Delivered]) -> list[Record]:
        """Decide and commit a batch; return when it is durable.

        A command that has an outcome already, or comes twice in the batch, is not decided again. One whose decision
        raises gets the outcome ``failed`` and a dead letter, and the rest go on.

        Returns
        -------
        list
            The records that were committed. Empty after a commit of unknown outcome that was written all the same: the
            publisher reads them from the ledger.
        """
        unique: dict[UUID, Delivered] = {}
        for one in batch:
            unique.setdefault(one.envelope.command_id, one)
        async with self._lock:
            letters: dict[UUID, DeadLetter] = {}
            tries = 0
            while True:
                zones = {one.envelope.zone for one in unique.values()}
                try:
                    known = await self._door.outcomes(unique.keys())
                    todo = [one for command_id, one in unique.items() if command_id not in known]
                    if not todo:
                        return []
                    states, appends = await self._decide(todo, letters)
                    for letter in letters.values():
                        await self._letters.dead_letter(letter)
                    await self._ledger.commit(appends)
                except Conflict as conflict:
                    self._states.drop(zones)
                    self._stats.add("conflicts")
                    log.info("zones changed meanwhile", action="commit_conflict", zones=sorted(conflict.zones))
                    tries += 1
                    if tries > 1:
                        await self._backoff.wait(tries - 1)
                except (Unavailable, CommitUnknown) as fault:
                    self._states.drop(zones)
                    tries += 1
                    log.warning("commit put off", action="commit_put_off", tries=tries, reason=str(fault))
                    await self._backoff.wait(tries)
                    if isinstance(fault, CommitUnknown):
                        self._on_doubt()
                else:
                    for append in appends:
                        self._states.put(append.zone, states[append.zone])
                        if append.snapshot is not None:
                            self._snapshots[append.zone] = append.snapshot.version
                    self._stats.add("commands", len(todo))
                    return [record for append in appends for decided in append.decided for record in decided.records]

    async def _decide(
        self, todo: Sequence[Delivered], letters: dict[UUID, DeadLetter]
    ) -> tuple[dict[str, S], list[ZoneAppend]]:
        by_zone: dict[str, list[Delivered]] = {}
        for one in todo:
            by_zone.setdefault(one.envelope.zone, []).append(one)
        states: dict[str, S] = {}
        appends = []
        breath = perf_counter()
        for zone, commands in by_zone.items():
            state = before = await self._states.state(zone)
            decisions = []
            for one in commands:
                try:
                    state, decided = self._logic.handle(state, one.envelope)
                except Exception as error:  # noqa: BLE001 - whatever a decision raises, the zone goes on
                    decided = self._logic.failed(state, one.envelope, error)
                    self._report(one, error)
                    letters[one.envelope.command_id] = self._letter(one, error)
                decisions.append(decided)
                if perf_counter() - breath > BREATH_S:
                    await asyncio.sleep(0)
                    breath = perf_counter()
            states[zone] = state
            appends.append(
                ZoneAppend(
                    zone=zone,
                    expected_version=before.version,
                    decided=tuple(decisions),
                    next_due=state.next_due,
                    snapshot=self._due_snapshot(zone, state),
                )
            )
        return states, appends

    def _due_snapshot(self, zone: str, state: S) -> Snapshot | None:
        # Not the version it was restored at: short lives, one after the other, would put the snapshot off for ever.
        last = self._snapshots.get(zone, self._states.written(zone) or 0)
        return self._logic.snapshot(state) if state.version - last >= self._snapshot_every else None

    def _report(self, one: Delivered, error: Exception) -> None:
        self._stats.add("failed")
        log.error(
            "a decision raised",
            action="command_failed",
            zone=one.envelope.zone,
            command_id=str(one.envelope.command_id),
            kind=one.envelope.command.kind,
            exc_info=error,
        )

    def _letter(self, one: Delivered, error: Exception) -> DeadLetter:
        return DeadLetter(
            source=one.topic,
            partition=one.partition,
            offset=one.offset,
            reason=f"{type(error).__name__}: {error}",
            raw=one.raw,
            zone=one.envelope.zone,
            command_id=one.envelope.command_id,
        )
