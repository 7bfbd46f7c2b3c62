"""Requests of other systems, from the topic to the door."""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from time import monotonic

from engine.intake import Directory, IntakeRefused, admit
from engine.ports import Clock, NewCommand, ReadModel
from schemas.base import derive_id
from schemas.envelope import Actor
from schemas.intake import RequestIn
from streams.agents import Unacceptable

FRESH_S = 5.0


class Admission:
    """Admits records of ``ningju.requests`` by the same rules as REST.

    A record's id is its CloudEvents ``source`` and ``id``; without them, its position on the topic and its bytes.
    """

    def __init__(self, read_model: ReadModel, clock: Clock) -> None:
        self._read_model = read_model
        self._clock = clock
        self._directory: Directory | None = None
        self._read_at = 0.0

    async def __call__(self, raw: bytes, headers: Mapping[str, str], position: str) -> NewCommand:
        """Turn one record into a command.

        Raises
        ------
        Unacceptable
            When no zone could ever take it; the reason names the field and says what to do.
        pydantic.ValidationError
            When it is no request at all.
        """
        request = RequestIn.model_validate_json(raw)
        name = _name(headers, position, raw)
        for again in (False, True):
            try:
                return admit(
                    request,
                    await self._directory_of_zones(fresh=again),
                    command_id=derive_id("command", name),
                    actor=Actor(kind="external", id=request.source),
                    received_at=self._clock.now(),
                    fingerprint=hmac.new(name.encode(), raw, sha256).hexdigest(),
                )
            except IntakeRefused as refused:
                if again:
                    raise Unacceptable(f"{refused.field}: {refused.reason} ({refused.code})") from refused
        raise AssertionError("unreachable")

    async def _directory_of_zones(self, *, fresh: bool) -> Directory:
        if fresh or self._directory is None or monotonic() - self._read_at > FRESH_S:
            self._directory = Directory.of(await self._read_model.zones(), self._directory)
            self._read_at = monotonic()
        return self._directory


def _name(headers: Mapping[str, str], position: str, raw: bytes) -> str:
    """Name a record the same each time it comes; a broker that was wiped counts positions from 0 again."""
    source, name = headers.get("ce_source"), headers.get("ce_id")
    return f"{source}\x1f{name}" if source and name else f"{position}\x1f{sha256(raw).hexdigest()}"
