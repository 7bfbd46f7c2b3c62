"""Commands and events as every release has written them are read by this one."""

import json

import pytest
from pydantic import ValidationError

from schemas.commands import Command
from schemas.envelope import CommandEnvelope, EventEnvelope
from schemas.events import Event
from tests.schemas.samples import COMMANDS, EVENTS, GOLDEN, kinds, samples

FILES = sorted(GOLDEN.glob("*.json"))


def reader(name: str) -> type[CommandEnvelope] | type[EventEnvelope]:
    return CommandEnvelope if name.startswith("command.") else EventEnvelope


def test_every_command_and_event_has_its_golden_file() -> None:
    assert {command.kind for command in COMMANDS} == kinds(Command)
    assert {event.kind for event in EVENTS} == kinds(Event)
    assert {path.name for path in FILES} >= set(samples())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_golden_file_is_read_and_written_again_without_loss(path: object) -> None:
    text = path.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    written = json.loads(reader(path.name).read(text).dump())  # type: ignore[attr-defined]
    assert grown(json.loads(text), written)


@pytest.mark.parametrize(("name", "sample"), samples().items(), ids=lambda x: x if isinstance(x, str) else "")
def test_what_golden_files_say_means_what_it_meant(name: str, sample: CommandEnvelope | EventEnvelope) -> None:
    assert reader(name).read((GOLDEN / name).read_text(encoding="utf-8")) == sample


@pytest.mark.parametrize("name", ["command.accept_offer.json", "event.seat_offered.json"])
def test_an_unknown_field_is_refused_at_the_edge_and_ignored_from_the_store(name: str) -> None:
    value = json.loads((GOLDEN / name).read_text(encoding="utf-8"))
    inner = "command" if name.startswith("command") else "event"
    value[inner]["from_the_future"] = 1
    value["also_new"] = {"x": []}
    text = json.dumps(value)
    assert reader(name).read(text) == samples()[name]
    with pytest.raises(ValidationError, match="from_the_future"):
        reader(name).model_validate_json(text)


@pytest.mark.parametrize("name", ["command.accept_offer.json", "event.seat_offered.json"])
def test_an_unknown_kind_stops_the_reader(name: str) -> None:
    value = json.loads((GOLDEN / name).read_text(encoding="utf-8"))
    value["command" if name.startswith("command") else "event"]["kind"] = "invented_later"
    with pytest.raises(ValidationError, match="invented_later"):
        reader(name).read(json.dumps(value))


def grown(old: object, new: object) -> bool:
    """Whether ``new`` says all that ``old`` said; fields may have been added."""
    if isinstance(old, dict) and isinstance(new, dict):
        return all(key in new and grown(value, new[key]) for key, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(grown, old, new))
    return old == new
