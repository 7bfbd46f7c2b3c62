"""The door with a bell: what enters is published at once."""

from collections.abc import Callable, Collection, Sequence
from uuid import UUID

from engine.ports import Door, Enqueued, NewCommand, OpenCommand
from schemas.envelope import Outcome

Note = Callable[[Sequence[NewCommand], Sequence[Enqueued]], None]


class PublishingDoor:
    """A door that tells the publisher of new commands as soon as they are durable.

    Parameters
    ----------
    door
        The inbox.
    note
        Told after each write what was written; `streams.publishing.CommandPublisher.note`.
    """

    def __init__(self, door: Door, note: Note) -> None:
        self._door = door
        self._note = note

    async def enqueue(self, commands: Sequence[NewCommand]) -> list[Enqueued]:
        """Write commands, then tell the publisher."""
        answers = await self._door.enqueue(commands)
        self._note(commands, answers)
        return answers

    async def open_commands(self, after: int = 0, limit: int = 1_000) -> list[OpenCommand]:
        return await self._door.open_commands(after, limit)

    async def open_count(self) -> int:
        return await self._door.open_count()

    async def outcomes(self, command_ids: Collection[UUID]) -> dict[UUID, Outcome]:
        return await self._door.outcomes(command_ids)

    async def wait(self, command_id: UUID, timeout: float) -> Outcome | None:
        return await self._door.wait(command_id, timeout)

    async def command(self, command_id: UUID) -> OpenCommand | None:
        return await self._door.command(command_id)

    async def submitted(self, request_id: UUID) -> OpenCommand | None:
        return await self._door.submitted(request_id)
