"""Dead letters are dealt with once, and their bytes go in time, whether or not another letter comes."""

from datetime import timedelta
from pathlib import Path

from engine.ports import DeadLetter
from ningju.ledger.inspection import Closing, InspectableStore
from ningju.ledger.opening import open_store
from schemas.base import derive_id
from tests.ledger.builders import NOON, StandingClock
from tests.ledger.conftest import Ledgers


def letter(offset: int, raw: bytes = b"\xff\x00garbage") -> DeadLetter:
    return DeadLetter("ningju.requests", 2, offset, "not JSON", raw, "east", derive_id("command", offset))


async def test_a_letter_is_found_by_its_number_with_how_often_and_when_it_came(ledgers: Ledgers) -> None:
    store = await ledgers.open(letter_expiry=timedelta(days=30))
    await store.dead_letter(letter(1))
    ledgers.clock.time += timedelta(hours=1)
    for one in (letter(2), letter(1)):
        await store.dead_letter(one)
    second, first = await store.letters()
    assert (second.letter, first.letter) == (letter(2), letter(1))
    assert (first.count, first.first_at, first.last_at) == (2, NOON, NOON + timedelta(hours=1))
    assert first.expires_at == NOON + timedelta(days=30)
    assert await store.letter(first.number) == first
    assert await store.letter(99) is None
    assert await store.letters(limit=1) == [second]


async def test_a_letter_is_closed_once_and_then_shown_only_when_asked_for(store: InspectableStore) -> None:
    for one in (letter(1), letter(2)):
        await store.dead_letter(one)
    second, first = await store.letters()
    discarded = Closing("discarded", "operator:li", "a test of the sender's")
    replayed = Closing("replayed", "operator:li", replayed_as=derive_id("replay"))
    assert await store.close_letter(first.number, discarded)
    assert not await store.close_letter(first.number, replayed)
    assert not await store.close_letter(99, discarded)
    assert [kept.number for kept in await store.letters()] == [second.number]
    assert await store.close_letter(second.number, replayed)
    assert [(kept.closing, kept.closed_at) for kept in await store.letters(closed=True)] == [
        (replayed, NOON),
        (discarded, NOON),
    ]
    await store.dead_letter(letter(1))  # the broker brings it again: it stays dealt with
    assert await store.letters() == []


async def test_expired_bytes_are_dropped_without_another_letter(ledgers: Ledgers) -> None:
    store, clock = await ledgers.open(letter_expiry=timedelta(days=3)), ledgers.clock
    await store.dead_letter(letter(1))
    clock.time += timedelta(days=2)
    await store.dead_letter(letter(2))
    assert await store.expire_letters() == 0
    clock.time += timedelta(days=1)
    assert await store.expire_letters() == 1
    assert await store.expire_letters() == 0
    assert [kept.letter for kept in await store.letters()] == [letter(2), letter(1, b"")]


async def test_expired_bytes_are_in_no_file_any_more(tmp_path: Path) -> None:
    clock = StandingClock()
    store = await open_store(f"sqlite:///{tmp_path / 'ledger.db'}", clock)
    await store.dead_letter(letter(1, b"call 13955512345"))

    def files() -> bytes:
        return b"".join(file.read_bytes() for file in tmp_path.iterdir())

    assert b"13955512345" in files()
    clock.time += timedelta(days=30)
    assert await store.expire_letters() == 1
    assert b"13955512345" not in files()
    await store.close()
