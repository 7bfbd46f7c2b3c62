"""Lists that are taken item by item: what is wrong with one does not hold up the others."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, JsonValue, ValidationError
from pydantic_core import to_json

from ningju.console.problems import faults_of
from schemas.base import Frozen

COMMAND_BYTES = 180_000
"""What one command may carry: a record on the topic stays well below the broker's limit of a million bytes."""

Mode = Literal["whole", "patch"]
Seen = Annotated[
    int | None,
    Field(
        ge=0,
        description="`version` of the zone that was looked at; 409 `roster_changed` or `catalogue_changed` when somebody "
        "has changed it since",
    ),
]
Items = Annotated[tuple[JsonValue, ...], Field(max_length=50_000)]

M = TypeVar("M", bound=Frozen)


class RefusedItem(Frozen):
    """An item that was not taken; ``index`` is its place in the list that was sent."""

    list: str
    index: int | None
    id: str | None
    field: str
    code: str
    reason: str


@dataclass
class Sieve:
    """Collects what is refused while lists are read."""

    refused: list[RefusedItem] = field(default_factory=list)

    def refuse(self, where: str, index: int | None, name: str | None, at: str, code: str, reason: str) -> None:
        """Note one refusal."""
        self.refused.append(RefusedItem(list=where, index=index, id=name, field=at, code=code, reason=reason))

    def read(self, where: str, model: type[M], items: Sequence[JsonValue]) -> dict[str, tuple[int, M]]:
        """Read the items of a list that are well-formed, by id; the same id again must be the same item."""
        good: dict[str, tuple[int, M]] = {}
        for index, item in enumerate(items):
            name = _name(item)
            try:
                parsed = model.model_validate_json(to_json(item))
            except ValidationError as error:
                for fault in faults_of(error, outside="item"):
                    self.refuse(where, index, name, fault.field, fault.code, fault.reason)
                continue
            name = str(parsed.id)  # type: ignore[attr-defined]
            if name in good and good[name][1] != parsed:
                reason = f"item {good[name][0]} has this id too, with other content; only the first is taken"
                self.refuse(where, index, name, "id", "duplicate", reason)
                continue
            good.setdefault(name, (index, parsed))
        return good

    def named(self, where: str) -> set[str]:
        """Ids of refused items: they are neither taken nor, being named, removed."""
        return {item.id for item in self.refused if item.list == where and item.id is not None}

    def leaving(self, where: str, told: Frozen, old: Iterable[str], good: Iterable[str]) -> set[str]:
        """Ids that leave because a whole list does not name them.

        A list that was not sent says nothing. Nor does one of which nothing could be read, or in which a refused item has no
        id: it may have meant anybody.
        """
        taken, refused = set(good), [item for item in self.refused if item.list == where]
        silent = where not in told.model_fields_set
        if silent or (refused and not taken) or any(item.id is None for item in refused):
            return set()
        return set(old) - taken - self.named(where)


def chunks(items: Iterable[M], budget: int = COMMAND_BYTES) -> Iterator[list[M]]:
    """Divide items so that each part's JSON stays within ``budget`` bytes (a single item may be larger)."""
    part: list[M] = []
    size = 0
    for item in items:
        length = len(item.dump()) + 1
        if part and size + length > budget:
            yield part
            part, size = [], 0
        part.append(item)
        size += length
    if part:
        yield part


def _name(item: Any) -> str | None:
    name = item.get("id") if isinstance(item, dict) else None
    return name[:64] if isinstance(name, str) else None
