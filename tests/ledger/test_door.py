"""Commands enter once, stamped, in order, up to a limit."""

import asyncio
from datetime import timedelta

import pytest

from engine.ports import QueueFull
from ningju.ledger.inspection import InspectableStore
from schemas.base import derive_id
from schemas.envelope import CommandEnvelope
from schemas.person import Person
from tests.ledger.builders import NOON, StandingClock, append, command, submission
from tests.ledger.conftest import Ledgers


async def test_a_new_command_is_stamped_by_the_door_and_open(store: InspectableStore) -> None:
    (answer,) = await store.enqueue([command("a")])
    assert (answer.status, answer.received_at, answer.zone) == ("new", NOON, "east")
    (row,) = await store.open_commands()
    assert (row.command_id, row.zone, row.received_at) == (derive_id("command", "a"), "east", NOON)
    assert CommandEnvelope.read(row.data) == command("a").envelope.changed(received_at=NOON)
    assert await store.open_count() == 1
    assert await store.command(row.command_id) == row


async def test_answers_come_in_the_order_of_the_commands_and_tell_duplicates_apart(
    store: InspectableStore, clock: StandingClock
) -> None:
    first = [command("b", fingerprint="x"), command("a"), command("b", fingerprint="x"), command("b", fingerprint="y")]
    assert [answer.status for answer in await store.enqueue(first)] == ["new", "new", "known", "conflict"]
    clock.time += timedelta(hours=1)
    again = await store.enqueue(
        [command("b", fingerprint="z"), command("c"), command("a"), command("b", fingerprint="x")]
    )
    assert [answer.status for answer in again] == ["conflict", "new", "known", "known"]
    assert [answer.received_at for answer in again] == [NOON, NOON + timedelta(hours=1), NOON, NOON]
    assert [row.command_id for row in await store.open_commands()] == [derive_id("command", name) for name in "bac"]


async def test_nothing_to_enqueue_is_no_fault(store: InspectableStore) -> None:
    assert await store.enqueue([]) == []


async def test_a_request_leads_to_the_command_that_brought_it(store: InspectableStore) -> None:
    new = submission("a")
    await store.enqueue([command("b"), new])
    request_id = derive_id("request", new.envelope.command_id)
    found = await store.submitted(request_id)
    assert found is not None
    assert found.command_id == new.envelope.command_id
    await store.commit([append("east", 0, "a")])
    assert await store.submitted(request_id) == found, "an outcome does not make it unfindable"
    assert await store.submitted(derive_id("request", "other")) is None


async def test_open_commands_come_in_order_page_by_page(store: InspectableStore) -> None:
    for name in range(7):
        await store.enqueue([command(name)])
    await store.commit([append("east", 0, 2, 5)])
    seen: list[object] = []
    after = 0
    while page := await store.open_commands(after, limit=2):
        assert len(page) <= 2
        seen += [row.command_id for row in page]
        assert page[-1].seq > after
        after = page[-1].seq
    assert seen == [derive_id("command", name) for name in (0, 1, 3, 4, 6)]
    assert await store.open_count() == 5


async def test_a_full_queue_refuses_people_and_never_the_engine(ledgers: Ledgers) -> None:
    store = await ledgers.open(inbox_limit=3, retry_after=timedelta(seconds=7))
    await store.enqueue([command(name, bounded=True) for name in range(2)])
    with pytest.raises(QueueFull) as full:
        await store.enqueue([command(name, bounded=True) for name in range(2, 4)])
    assert full.value.retry_after == timedelta(seconds=7)
    assert await store.open_count() == 2, "nothing of the refused call was written"
    answers = await store.enqueue([command(name, bounded=True) for name in (0, 1, 2)])
    assert [answer.status for answer in answers] == ["known", "known", "new"], "known ones need no room"
    await store.enqueue([command(name) for name in "abcde"])
    with pytest.raises(QueueFull):
        await store.enqueue([command(9, bounded=True)])
    await store.commit([append("east", 0, 1)])
    (answer,) = await store.enqueue([command(9, bounded=True)])
    assert answer.status == "new", "an outcome makes room"


async def test_a_caller_that_waits_hears_of_the_commit(store: InspectableStore) -> None:
    await store.enqueue([command("a")])
    waiting = asyncio.create_task(store.wait(derive_id("command", "a"), 20))
    await asyncio.sleep(0.05)
    await store.commit([append("east", 0, "a")])
    outcome = await waiting
    assert outcome is not None
    assert (outcome.command_id, outcome.after) == (derive_id("command", "a"), 1)
    assert await store.wait(derive_id("command", "a"), 0) == outcome
    assert await store.wait(derive_id("command", "b"), 0) is None
    assert await store.wait(derive_id("command", "b"), 0.05) is None


async def test_a_caller_hears_of_a_commit_by_another_process(ledgers: Ledgers) -> None:
    here, there = await ledgers.open(), await ledgers.open()
    await here.enqueue([command("a")])
    waiting = asyncio.create_task(here.wait(derive_id("command", "a"), 20))
    await asyncio.sleep(0.05)
    await there.commit([append("east", 0, "a")])
    assert await waiting is not None


async def test_persons_are_written_with_a_new_command_and_not_with_a_known_one(store: InspectableStore) -> None:
    await store.enqueue([submission("a", persons=(Person(id="p1", name="王芳", phone="1390"),))])
    assert await store.person("p1") == Person(id="p1", name="王芳", phone="1390")
    assert await store.erase_person("p1")
    await store.enqueue([submission("a", persons=(Person(id="p1", name="王芳"),))])
    assert await store.person("p1") is None, "a second copy of a command does not bring an erased person back"


async def test_many_callers_at_once_each_get_their_own_answer(store: InspectableStore) -> None:
    answers = await asyncio.gather(*(store.enqueue([command(name // 2)]) for name in range(100)))
    assert [answer.command_id for (answer,) in answers] == [derive_id("command", name // 2) for name in range(100)]
    assert sum(answer.status == "new" for (answer,) in answers) == 50
    rows = await store.open_commands()
    assert len(rows) == 50
    assert [row.seq for row in rows] == sorted({row.seq for row in rows})
