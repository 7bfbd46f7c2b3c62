"""The ledgers of all releases fold to the states to which they folded then."""

import json

import pytest

from engine.ports import Loaded, Record, Snapshot
from engine.snapshots import Rosters, append, dump, extend, fold, restore
from engine.zone import Zone
from schemas.envelope import GENESIS, EventEnvelope, record_hash
from schemas.events import Event
from tests.engine.builders import World
from tests.engine.golden_story import GOLDEN, story
from tests.schemas.samples import kinds
from tests.schemas.test_golden import grown

LEDGERS = sorted(GOLDEN.glob("*.jsonl"))


def records(lines: list[bytes]) -> tuple[Record, ...]:
    envelopes = [EventEnvelope.read(line) for line in lines]
    return tuple(Record(e.zone, e.version, line, e) for e, line in zip(envelopes, lines, strict=True))


def test_there_is_a_golden_ledger_in_which_every_kind_of_event_happens() -> None:
    seen = {r.envelope.event.kind for path in LEDGERS for r in records(path.read_bytes().splitlines())}
    assert seen == kinds(Event)


@pytest.mark.parametrize("path", LEDGERS, ids=lambda path: path.stem)
def test_a_golden_ledger_folds_to_its_golden_state(path: object) -> None:
    lines = path.read_bytes().splitlines()  # type: ignore[attr-defined]
    golden = path.with_name(path.stem + ".state.json").read_bytes()  # type: ignore[attr-defined]
    state = fold("z1", Loaded(None, records(lines)))
    assert grown(json.loads(golden), json.loads(dump(state)))


@pytest.mark.parametrize("path", LEDGERS, ids=lambda path: path.stem)
def test_the_chain_of_a_golden_ledger_holds(path: object) -> None:
    head = GENESIS
    for version, record in enumerate(records(path.read_bytes().splitlines()), start=1):  # type: ignore[attr-defined]
        assert (record.version, record.envelope.prev_hash) == (version, head)
        head = record_hash(record.data)


def test_a_snapshot_of_another_schema_is_not_used() -> None:
    world: World = story()
    data = dump(world.state)
    for schema in (0, 1):
        loaded = Loaded(
            Snapshot("z1", world.state.version, schema, data if schema else b"not ours"), tuple(world.records)
        )
        assert dump(fold("z1", loaded)) == data


def test_a_fold_from_a_snapshot_in_the_middle_is_the_fold_of_all() -> None:
    world = story()
    half = len(world.records) // 2
    state = fold("z1", Loaded(None, tuple(world.records[:half])))
    loaded = Loaded(Snapshot("z1", half, 1, dump(state)), tuple(world.records))
    assert dump(fold("z1", loaded)) == dump(world.state)
    assert dump(restore(dump(state))) == dump(state)


def test_many_records_at_once_fold_as_one_by_one_timers_included() -> None:
    one_by_one = Zone.empty("z1")
    for record in story().records:
        one_by_one = append(one_by_one, record)
    for length in (0, 1, len(story().records) // 2, len(story().records)):
        at_once = extend(extend(Zone.empty("z1"), story().records[:length]), story().records[length:])
        assert at_once == one_by_one
        assert at_once.timers == one_by_one.timers
        assert dump(at_once) == dump(one_by_one)


def test_rosters_that_are_kept_change_no_byte_of_any_snapshot() -> None:
    rosters: Rosters = {}
    seen = set()
    for length in range(len(story().records) + 1):
        state = fold("z1", Loaded(None, tuple(story().records[:length])))
        for _ in range(2):  # the second time the roster is known
            assert dump(state, rosters) == dump(state)
        assert dump(restore(dump(state, rosters))) == dump(state)
        seen.add(len(state.volunteers))
    assert len(seen) > 1, "the story has to change the roster"


def test_a_hole_in_the_ledger_stops_the_fold() -> None:
    world = story()
    with pytest.raises(ValueError, match="between versions 4 and 6"):
        fold("z1", Loaded(None, tuple(r for r in world.records if r.version != 5)))
    with pytest.raises(ValueError, match="between versions 0 and 3"):
        fold("z1", Loaded(Snapshot("z1", 2, 0, b"of another schema"), tuple(world.records[2:])))
