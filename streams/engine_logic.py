"""The engine's functions on a zone's state, as the streams call them."""

from collections.abc import Sequence

from engine import handling, snapshots
from engine.ports import Decided, Loaded, Record, Snapshot
from engine.zone import Zone
from schemas.envelope import CommandEnvelope


class EngineLogic:
    """`streams.zone_states.ZoneLogic` by the engine."""

    def __init__(self) -> None:
        self._rosters: snapshots.Rosters = {}

    def load(self, zone: str, loaded: Loaded) -> Zone:
        """The state of what a ledger holds."""
        return snapshots.fold(zone, loaded)

    def extend(self, state: Zone, records: Sequence[Record]) -> Zone:
        """The state after ``records``, which follow it without a gap."""
        return snapshots.extend(state, records)

    def handle(self, state: Zone, envelope: CommandEnvelope) -> tuple[Zone, Decided]:
        """Fire what is due, then decide."""
        handled = handling.handle(state, envelope)
        return handled.state, handled.decided

    def failed(self, state: Zone, envelope: CommandEnvelope, error: Exception) -> Decided:
        """The outcome of a command on which `handle` raised."""
        return handling.failed(state, envelope, f"{type(error).__name__}: {error}").decided

    def snapshot(self, state: Zone) -> Snapshot:
        """The state as bytes."""
        return Snapshot(state.zone, state.version, snapshots.SCHEMA, snapshots.dump(state, self._rosters))
