"""What every model of the project shares: frozen, strict, closed at the edge and open when read back."""

from datetime import UTC, datetime
from functools import cache
from hashlib import sha1
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

_set = object.__setattr__


class Frozen(BaseModel):
    """Immutable, strict model that refuses unknown fields at the edge.

    What comes from the store or the wire is read with :meth:`read`, which ignores unknown *fields*: schemas only
    grow, and a reader that is one release behind must not stop.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    @classmethod
    def read(cls, data: bytes | str) -> Self:
        """Read one stored or transported JSON value, ignoring fields that this release does not know.

        Raises
        ------
        pydantic.ValidationError
            When a known field is missing or malformed.
        """
        return cls.model_validate_json(data, extra="ignore")

    def dump(self) -> bytes:
        """Write the model as JSON in field order: the same value gives the same bytes."""
        # What ``model_dump_json`` asks, without its detour by a text and a dozen options.
        return self.__pydantic_serializer__.to_json(self)

    @classmethod
    def built(cls, **fields: Any) -> Self:
        """Put together what is valid already, without looking at it: the caller answers for all of it.

        For what is made of parts that were validated when they came in. Whatever is computed anew and might leave its
        bounds, as every event's content, goes through the constructor, for it must be readable for ever.
        """
        blank, names = _blank(cls)
        made = cls.__new__(cls)
        _set(made, "__dict__", blank | fields)
        _set(made, "__pydantic_fields_set__", names)
        _set(made, "__pydantic_extra__", None)
        _set(made, "__pydantic_private__", None)
        return made

    def changed(self, **fields: Any) -> Self:
        """Copy with some fields replaced; the caller answers for their types."""
        return self.model_copy(update=fields)


@cache
def _blank(model: type[Frozen]) -> tuple[dict[str, Any], set[str]]:
    """Fields in their order, which is that of the bytes, with their defaults or nothing where there is none; their names."""
    fields = model.model_fields.items()
    return {name: None if field.is_required() else field.default for name, field in fields}, set(model.model_fields)


YEARS = range(1900, 3000)


def _utc(moment: datetime) -> datetime:
    if not YEARS.start <= moment.year < YEARS.stop:  # adding a duration or a zone's offset must never overflow
        raise ValueError(f"a time must lie in the years {YEARS.start} to {YEARS.stop - 1}")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_utc)]
"""An aware time, kept in UTC."""

Identifier = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]
"""Short name of a thing that people or other systems name: a zone, a team, a volunteer, a skill."""

Seconds = Annotated[int, Field(ge=0, le=10_000_000)]
Metres = Annotated[int, Field(ge=0, le=20_040_000)]
Level = Annotated[int, Field(ge=1, le=5)]
Priority = Annotated[int, Field(ge=1, le=5)]
Reason = Annotated[str, Field(max_length=500)]

NAMESPACE = UUID("6f1d3c0a-5b5e-5d0c-9a53-6e696e676a75")
_NAMED = sha1(NAMESPACE.bytes, usedforsecurity=False)
_VALUE = (1 << 128) - 1 & ~(0xF << 76) & ~(0b11 << 62)
_VERSION_5 = 5 << 76 | 0b10 << 62


def derive_id(*parts: object) -> UUID:
    """Derive the id that the same cause always gets.

    Parameters
    ----------
    parts
        What the id stands for, in order; their ``str`` must not depend on the process.
    """
    # This is uuid5(NAMESPACE, …); beginning anew with the namespace each time, that takes twice as long.
    digest = _NAMED.copy()
    digest.update("\x1f".join([str(part) for part in parts]).encode())
    return UUID(int=int.from_bytes(digest.digest()[:16]) & _VALUE | _VERSION_5)


class Label(Frozen):
    """A name in both languages of the screens."""

    zh: Annotated[str, Field(max_length=200)]
    en: Annotated[str, Field(max_length=200)]
