"""What a commit writes, taken from its appends: the same for every store."""

from collections.abc import Sequence
from uuid import UUID

from engine.ports import RowChange, ZoneAppend
from schemas.envelope import Outcome


def check(append: ZoneAppend) -> int:
    """Version of the zone after the append.

    Raises
    ------
    ValueError
        When the records do not follow ``expected_version`` without a gap: the caller is broken.
    """
    version = append.expected_version
    for decided in append.decided:
        for record in decided.records:
            version += 1
            if (record.zone, record.version) != (append.zone, version):
                raise ValueError(f"record {record.zone}/{record.version} where {append.zone}/{version} must follow")
    return version


def outcomes(appends: Sequence[ZoneAppend]) -> list[Outcome]:
    """All outcomes, in order."""
    return [decided.outcome for append in appends for decided in append.decided]


def repeated(appends: Sequence[ZoneAppend]) -> set[str]:
    """Zones that bring a second outcome for a command within the same commit."""
    seen: set[UUID] = set()
    zones: set[str] = set()
    for append in appends:
        for decided in append.decided:
            if decided.outcome.command_id in seen:
                zones.add(append.zone)
            seen.add(decided.outcome.command_id)
    return zones


def last_rows(append: ZoneAppend) -> dict[tuple[str, str], RowChange]:
    """The last word on each row of the read model: earlier ones of the same batch need not be written."""
    return {(row.table, row.key): row for decided in append.decided for row in decided.rows}
