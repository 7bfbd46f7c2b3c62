"""Topics, the records in them, and how a record's metadata looks on the wire (CloudEvents 1.0, binary mode)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final

from engine.ports import Unavailable

CONTENT_TYPE: Final = "application/json"
SPEC_VERSION: Final = "1.0"
_SPEC_VERSION: Final = ("ce_specversion", SPEC_VERSION.encode())
_CONTENT_TYPE: Final = ("content-type", CONTENT_TYPE.encode())

Headers = list[tuple[str, bytes]]


class Topic(StrEnum):
    """The topics; all have the same number of partitions and, but for requests, the zone's id as key."""

    REQUESTS = "ningju.requests"
    COMMANDS = "ningju.commands"
    EVENTS = "ningju.events"
    DEAD_LETTERS = "ningju.deadletters"


class Disordered(Unavailable):
    """Topics have different numbers of partitions: a zone's commands and events would go by different ones."""

    def __init__(self, counts: Mapping[Topic, int]) -> None:
        told = ", ".join(f"{topic} {count}" for topic, count in counts.items())
        super().__init__(f"topics have different numbers of partitions ({told}); `ningju topics check` says what to do")


@dataclass(frozen=True, slots=True)
class Record:
    """One record to be sent: ``headers`` as Kafka has them, ``key`` is the zone's id."""

    key: bytes
    value: bytes
    headers: Headers = field(default_factory=list)


def encode_headers(*, id: str, type: str, source: str, **extensions: object) -> Headers:
    """Write CloudEvents attributes as Kafka headers.

    Parameters
    ----------
    id, type, source
        The required attributes.
    **extensions
        Written under their own names, as text; ``None`` is left out.
    """
    headers = [_SPEC_VERSION, ("ce_id", id.encode()), _header("ce_type", type), _header("ce_source", source)]
    headers.append(_CONTENT_TYPE)
    headers += [(name, str(value).encode()) for name, value in extensions.items() if value is not None]
    return headers


@lru_cache(maxsize=4_096)
def _header(name: str, value: str) -> tuple[str, bytes]:
    """One header of those that come again and again: kinds and zones are few."""
    return (name, value.encode())


def decode_headers(headers: Iterable[tuple[str, bytes]] | Mapping[str, bytes] | None) -> dict[str, str]:
    """Read Kafka headers as text; the last of a repeated name wins, bytes that are not UTF-8 are replaced."""
    if headers is None:
        return {}
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return {name: value.decode(errors="replace") for name, value in pairs if value is not None}
