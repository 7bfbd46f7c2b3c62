"""What models share: their bytes, being put together without a look, ids."""

from uuid import uuid5

import pytest
from pydantic import ValidationError

from schemas.base import NAMESPACE, Frozen, derive_id
from schemas.envelope import EventEnvelope, Outcome
from tests.schemas.samples import NOON, samples


@pytest.mark.parametrize("sample", samples().values(), ids=list(samples()))
def test_the_bytes_are_those_of_the_models_json(sample: Frozen) -> None:
    assert sample.dump() == sample.model_dump_json().encode()


@pytest.mark.parametrize("sample", samples().values(), ids=list(samples()))
def test_what_is_put_together_is_what_the_constructor_makes(sample: Frozen) -> None:
    parts = {name: getattr(sample, name) for name in reversed(type(sample).model_fields)}
    built = type(sample).built(**parts)
    assert built == sample
    assert hash(built) == hash(sample)
    assert built.dump() == sample.dump()
    assert built.changed() == sample
    assert type(sample).read(built.dump()) == sample


def test_what_is_put_together_has_the_defaults() -> None:
    parts = {"command_id": derive_id("x"), "zone": "z", "status": "accepted", "now": NOON, "before": 1, "after": 2}
    assert Outcome.built(**parts).dump() == Outcome(**parts).dump()  # type: ignore[arg-type]


def test_what_is_put_together_cannot_be_changed_either() -> None:
    sample = samples()["event.seat_accepted.json"]
    built = EventEnvelope.built(**{name: getattr(sample, name) for name in EventEnvelope.model_fields})
    with pytest.raises(ValidationError, match="frozen"):
        built.version = 8  # type: ignore[misc]


@pytest.mark.parametrize("parts", [("event", "z", 1), ("居委会", NOON), ("",)])
def test_a_derived_id_is_the_fifth_kind_of_the_names(parts: tuple[object, ...]) -> None:
    assert derive_id(*parts) == uuid5(NAMESPACE, "\x1f".join(map(str, parts)))
