"""What a fresh system is given at start: a scenario's zones and people, or a roster file's."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import structlog
from pydantic import ValidationError

from engine.beginning import beginning
from engine.ports import NewCommand
from ningju.bootstrap.system import System
from ningju.simulation.sources import load
from schemas.base import derive_id
from schemas.commands import Command
from schemas.district import District
from schemas.envelope import Actor, CommandEnvelope, Outcome

log = structlog.get_logger(__name__)

SCENARIO = Actor(kind="system", id="scenario")
VERDICT_S = 60.0


class Unusable(ValueError):
    """What the system was to start from cannot be used; the text says what to do."""


async def prepare(system: System) -> None:
    """Set zones up from a scenario or a file, unless there are zones already.

    Raises
    ------
    Unusable
        When the scenario is unknown, the file is bad, or a zone refuses what it is told.
    """
    name, file = system.settings.scenario, system.settings.roster
    if (name is None and file is None) or await system.store.heads():
        return
    if file is not None:
        district, origin = read_district(file), file.name
    else:
        assert name is not None
        district, origin = _scenario(name, system.settings.seed), name
    for command in setup(beginning(district), origin, system):
        await system.pipeline.door.enqueue([command])
        accepted(await system.store.wait(command.envelope.command_id, VERDICT_S), command)
    await system.store.put_persons(district.persons)
    log.info("zones are set up", action="prepared", origin=origin, zones=len(district.zones))


def read_district(file: Path) -> District:
    """Read what a system starts from.

    Raises
    ------
    Unusable
        When the file is not there or not a district; the text names the first fault.
    """
    try:
        return District.model_validate_json(file.read_bytes())
    except OSError as away:
        raise Unusable(f"{file} cannot be read: {away.strerror}") from away
    except ValidationError as bad:
        fault = bad.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in fault["loc"]) or "the whole file"
        hint = "`ningju schema district` shows the form"
        raise Unusable(f"{file}: {where}: {fault['msg']} ({bad.error_count()} faults); {hint}") from bad


def _scenario(name: str, seed: int) -> District:
    try:
        return load(name, seed).district
    except ValueError as unknown:
        raise Unusable(str(unknown)) from unknown


def setup(steps: Iterable[tuple[str, Command]], origin: str, system: System) -> Iterator[NewCommand]:
    """Set-up commands in order, with derived ids."""
    for index, (zone, command) in enumerate(steps):
        yield _command(derived=("setup", origin, index), zone=zone, command=command, system=system)


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
