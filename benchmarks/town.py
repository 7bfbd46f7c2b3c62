"""The scenario's zones as the engine has them, and the commands that befall them: what other benchmarks stand on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from engine.handling import handle
from engine.intake import Directory, IntakeRefused, admit
from engine.matching import pose, propose
from engine.ports import Decided, RowChange
from engine.zone import Zone
from ningju.simulation.arrivals import Arrival
from ningju.simulation.scenario import Scenario
from schemas.base import derive_id
from schemas.commands import AcceptOffer, Command, DeclineOffer
from schemas.envelope import Actor, CommandEnvelope
from schemas.views import ZoneView
from solvers.solve import solve

BENCH = Actor(kind="operator", id="benchmark")


class StillClock:
    """A clock that stands."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now


@dataclass
class Town:
    """Zones in memory, with all that was decided for them, so that a ledger can be filled with it."""

    now: datetime
    zones: dict[str, Zone] = field(default_factory=dict)
    decided: list[tuple[str, Decided]] = field(default_factory=list)
    views: dict[str, ZoneView] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)

    def send(self, zone: str, command: Command) -> Decided:
        """Have a zone decide a command at ``now``."""
        return self.take(self.envelope(zone, command))

    def take(self, envelope: CommandEnvelope) -> Decided:
        """Have a zone decide a command as it is."""
        handled = handle(self.zones.get(envelope.zone) or Zone.empty(envelope.zone), envelope)
        self.zones[envelope.zone] = handled.state
        self.decided.append((envelope.zone, handled.decided))
        for row in handled.decided.rows:
            self._look(row)
        return handled.decided

    def envelope(self, zone: str, command: Command, actor: Actor = BENCH) -> CommandEnvelope:
        """Write an envelope around a command, with an id of its own."""
        command_id = derive_id("benchmark", zone, next(self.numbers))
        return CommandEnvelope(
            command_id=command_id,
            zone=zone,
            actor=actor,
            correlation_id=command_id,
            received_at=self.now,
            command=command,
        )

    def _look(self, row: RowChange) -> None:
        if isinstance(row.view, ZoneView):
            self.views[row.key] = row.view

    @classmethod
    def settle(cls, scenario: Scenario, now: datetime) -> "Town":
        """Configure every zone of a scenario: policy, catalogue, sites, roster."""
        town = cls(now)
        for zone, command in scenario.setup():
            town.send(zone, command)
        return town

    def admitted(self, arrivals: Iterable[Arrival]) -> Iterator[CommandEnvelope]:
        """Turn arrivals into commands as the intake would, all received now; what it refuses by now is left out."""
        directory = Directory.of(self.views.values())
        for arrival in arrivals:
            command_id = derive_id("benchmark", arrival.idempotency_key)
            try:
                new = admit(arrival.request, directory, command_id=command_id, actor=BENCH, received_at=self.now)
            except IntakeRefused:
                continue
            yield new.envelope

    def match(self) -> None:
        """Match every zone once and offer what is within its notice, as the matcher does."""
        for name in sorted(self.zones):
            posed = pose(self.zones[name], self.now)
            if posed.problem is not None:
                for command in propose(posed, solve(posed.problem, posed.limits)).commands:
                    self.take(command.envelope)

    def answers(self, decline: int = 3) -> Iterator[CommandEnvelope]:
        """Answer every open offer: each ``decline``-th is declined (0: none), the others accepted."""
        for name, zone in sorted(self.zones.items()):
            for number, offer in enumerate(sorted(zone.offers.values(), key=lambda one: one.offer_id), 1):
                says = DeclineOffer if decline and number % decline == 0 else AcceptOffer
                yield self.envelope(name, says(offer_id=offer.offer_id), Actor(kind="volunteer", id=offer.asked))


def interleaved(*streams: Sequence[CommandEnvelope]) -> list[CommandEnvelope]:
    """Mix streams evenly, each in its own order."""
    keyed = [
        ((place + 0.5) / len(stream), number, one)
        for number, stream in enumerate(streams)
        for place, one in enumerate(stream)
    ]
    return [one for _, _, one in sorted(keyed, key=lambda entry: entry[:2])]
