"""Plans once by their hash; dead letters counted; persons erasable."""

from datetime import timedelta
from pathlib import Path

from engine.ports import DeadLetter, StoredPlan
from ningju.ledger.inspection import InspectableStore
from ningju.ledger.opening import open_store
from schemas.base import derive_id
from schemas.person import Person
from tests.ledger.builders import NOON, StandingClock, submission
from tests.ledger.conftest import Ledgers


def stored_plan(name: str, zone: str = "east", version: int = 1) -> StoredPlan:
    return StoredPlan(name, zone, version, NOON, name.encode())


async def test_a_plan_is_stored_once_and_the_newest_of_a_zone_is_found(store: InspectableStore) -> None:
    assert await store.plan("a") is None
    assert await store.newest_plan("east") is None
    for plan in (stored_plan("a"), stored_plan("b", version=2), stored_plan("c", "west")):
        await store.put_plan(plan)
    await store.put_plan(StoredPlan("a", "east", 9, NOON + timedelta(days=1), b"other"))
    assert await store.plan("a") == stored_plan("a")
    assert await store.newest_plan("east") == stored_plan("b", version=2)


def letter(offset: int, raw: bytes = b"\xff\x00garbage") -> DeadLetter:
    return DeadLetter("ningju.requests", 2, offset, "not JSON", raw, "east", derive_id("command", offset))


async def test_dead_letters_keep_the_bytes_and_come_newest_first(store: InspectableStore) -> None:
    bare = DeadLetter("ningju.commands", 2, 1, "unreadable", b"")
    for one in (letter(1), letter(2), bare, letter(1, b"again")):
        await store.dead_letter(one)
    assert await store.dead_letters() == [bare, letter(2), letter(1)]
    assert await store.dead_letters(limit=1) == [bare]


async def test_the_bytes_of_dead_letters_expire(ledgers: Ledgers) -> None:
    store, clock = await ledgers.open(letter_expiry=timedelta(days=3)), ledgers.clock
    await store.dead_letter(letter(1))
    clock.time += timedelta(days=2)
    await store.dead_letter(letter(2))
    assert await store.dead_letters() == [letter(2), letter(1)]
    clock.time += timedelta(days=1)
    assert await store.dead_letters() == [letter(2), letter(1, b"")]
    await store.dead_letter(letter(3))
    assert await store.dead_letters() == [letter(3), letter(2), letter(1, b"")]


async def test_a_person_can_be_changed_and_erased(store: InspectableStore) -> None:
    wang = Person(id="p1", name="王芳", phone="13900000000", address="长宁区 1 号", note="三楼")
    await store.put_persons([Person(id="p1", name="王"), Person(id="p2", name="李"), wang])
    assert await store.person("p1") == wang
    assert await store.erase_person("p1")
    assert await store.person("p1") is None
    assert not await store.erase_person("p1")
    assert await store.person("p2") == Person(id="p2", name="李")


async def test_an_erased_person_is_in_no_file_any_more(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'ledger.db'}", StandingClock())
    wang = Person(id="p1", name="王芳", phone="13955512345")
    await store.put_persons([wang])
    await store.enqueue([submission("a", persons=(wang, Person(id="p2", name="李", phone="13955599999")))])

    def files() -> bytes:
        return b"".join(file.read_bytes() for file in tmp_path.iterdir())

    assert b"13955512345" in files()
    assert await store.erase_person("p1")
    assert b"13955512345" not in files()
    assert b"13955599999" in files()
    await store.close()
