"""Cursors over events: a version for one zone, an opaque vector of versions for all."""

import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping

from pydantic import TypeAdapter, ValidationError

from schemas.base import Identifier
from schemas.envelope import Version

LONGEST = 1_000_000
_VECTOR = TypeAdapter(dict[Identifier, Version])


def write_cursor(zone: str | None, versions: Mapping[str, int]) -> str:
    """Write where a reader stands."""
    if zone is not None:
        return str(versions.get(zone, 0))
    packed = zlib.compress(json.dumps(dict(sorted(versions.items())), separators=(",", ":")).encode())
    return urlsafe_b64encode(packed).decode().rstrip("=")


def read_cursor(text: str, zone: str | None) -> dict[str, int]:
    """Read where a reader stands; the empty text is the beginning.

    Raises
    ------
    ValueError
        When it is no cursor, or a single version without its zone.
    """
    if not text:
        return {}
    if text.isascii() and text.isdecimal():
        if zone is None:
            if int(text[:19]) == 0:
                return {}
            raise ValueError("a version needs a zone; over all zones give the cursor that the answer before gave")
        if len(text) > 18:
            raise ValueError("is larger than any version")
        return {zone: int(text)}
    try:
        unpacked = zlib.decompressobj().decompress(urlsafe_b64decode(text + "=" * (-len(text) % 4)), LONGEST)
        versions = _VECTOR.validate_json(unpacked, strict=True)
    except (ValueError, zlib.error, ValidationError):
        raise ValueError("is no cursor; leave it out to begin with the first event") from None
    return versions if zone is None else {zone: versions.get(zone, 0)}
