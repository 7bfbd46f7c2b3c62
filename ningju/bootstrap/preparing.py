"""What a fresh system is given at start: a scenario's zones and people, or a roster file's."""

from collections.abc import Iterable

import structlog

from engine.ports import NewCommand
from ningju.bootstrap.system import System
from ningju.simulation.scenario import Scenario
from ningju.simulation.sources import load
from schemas.base import derive_id
from schemas.commands import Command
from schemas.envelope import Actor, CommandEnvelope, Outcome

log = structlog.get_logger(__name__)

SCENARIO = Actor(kind="system", id="scenario")
VERDICT_S = 60.0


class Unusable(ValueError):
    """What the system was to start from cannot be used; the text says what to do."""


async def prepare(system: System) -> None:
    """Set a scenario's zones up, unless there are zones already.

    Raises
    ------
    Unusable
        When the scenario is unknown, or a zone refuses what it is told.
    """
    name = system.settings.scenario
    if name is None or await system.store.heads():
        return
    try:
        scenario = load(name, system.settings.seed)
    except ValueError as unknown:
        raise Unusable(str(unknown)) from unknown
    for command in setup(scenario, system):
        await system.pipeline.door.enqueue([command])
        accepted(await system.store.wait(command.envelope.command_id, VERDICT_S), command)
    await system.store.put_persons(scenario.persons)
    log.info("scenario is set up", action="prepared", scenario=name, zones=len(scenario.zones))


def setup(scenario: Scenario, system: System) -> Iterable[NewCommand]:
    """Commands that set a scenario up, in order, with derived ids."""
    for index, (zone, command) in enumerate(scenario.setup()):
        yield _command(
            derived=("setup", scenario.name, scenario.seed, index), zone=zone, command=command, system=system
        )


def accepted(outcome: Outcome | None, command: NewCommand) -> None:
    """Insist that a set-up command was taken whole.

    Raises
    ------
    Unusable
        When it was not, with the zone's reason.
    """
    zone, kind = command.envelope.zone, command.envelope.command.kind
    if outcome is None:
        raise Unusable(f"zone {zone} has not answered {kind} within {VERDICT_S:.0f} s; look at its log")
    if outcome.status != "accepted" or outcome.refused:
        first = outcome.refused[0].reason if outcome.refused else outcome.detail
        raise Unusable(f"zone {zone} refused {kind}: {first}")


def _command(*, derived: tuple[object, ...], zone: str, command: Command, system: System) -> NewCommand:
    command_id = derive_id(*derived)
    return NewCommand(
        CommandEnvelope(
            command_id=command_id,
            zone=zone,
            actor=SCENARIO,
            correlation_id=command_id,
            received_at=system.clock.now(),
            command=command,
        )
    )
