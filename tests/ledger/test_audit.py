"""What the audit asks: orders of operators and letters dealt with, narrowed by kind, request, time, zone and person."""

from datetime import timedelta

from engine.ports import ClosedQuery, DeadLetter, DeedQuery, NewCommand
from ningju.ledger.inspection import Closing, InspectableStore
from schemas.base import derive_id
from schemas.commands import AcceptOffer, CancelRequest, ChangeRoster, Command, PinVisit
from schemas.envelope import Actor, CommandEnvelope
from tests.ledger.builders import NOON
from tests.ledger.conftest import Ledgers

A, B = derive_id("request", "a"), derive_id("request", "b")
HOUR = timedelta(hours=1)


def order(name: str, asked: Command, *, zone: str = "east", who: str = "operator") -> NewCommand:
    envelope = CommandEnvelope(
        command_id=derive_id("order", name),
        zone=zone,
        actor=Actor(kind=who, id="li"),  # type: ignore[arg-type]
        correlation_id=A,
        received_at=NOON,
        command=asked,
    )
    return NewCommand(envelope)


async def found(store: InspectableStore, **fields: object) -> list[str]:
    deeds = await store.deeds(DeedQuery(**fields))  # type: ignore[arg-type]
    names = {derive_id("order", name): name for name in ("pin", "west", "offer", "roster", "volunteer")}
    return [names[deed.command.command_id] for deed in deeds]


async def test_orders_are_narrowed_by_kind_request_time_and_zone(ledgers: Ledgers) -> None:
    store = await ledgers.open()
    await store.enqueue([order("pin", PinVisit(request_id=A)), order("west", CancelRequest(request_id=B), zone="west")])
    ledgers.clock.time += HOUR
    answer = AcceptOffer(offer_id=derive_id("offer"))
    await store.enqueue([order("offer", answer), order("roster", ChangeRoster())])
    await store.enqueue([order("volunteer", answer, who="volunteer")])

    assert await found(store) == ["roster", "offer", "west", "pin"]
    assert await found(store, kinds=frozenset({"pin_visit", "change_roster"})) == ["roster", "pin"]
    assert await found(store, request=str(A)) == ["offer", "pin"]
    assert await found(store, request=str(B)[:8]) == ["west"]
    assert await found(store, request="0000") == []
    assert await found(store, since=NOON + HOUR) == ["roster", "offer"]
    assert await found(store, until=NOON + HOUR) == ["west", "pin"]
    assert await found(store, within=frozenset({"west"})) == ["west"]
    assert await found(store, within=frozenset({"east"}), limit=2) == ["roster", "offer"]


async def test_letters_dealt_with_are_narrowed_and_read_on_where_one_stopped(ledgers: Ledgers) -> None:
    store = await ledgers.open()
    for number in range(5):
        zone = "west" if number == 4 else None
        await store.dead_letter(DeadLetter("ningju.requests", 0, number, "not JSON", b"raw", zone))
    by_offset = {kept.letter.offset: kept.number for kept in await store.letters()}
    sent = Closing("replayed", "operator:li", "was only late", derive_id("replay"))
    await store.close_letter(by_offset[3], Closing("discarded", "operator:wang", "a test"))
    ledgers.clock.time += HOUR
    await store.close_letter(by_offset[1], sent)
    await store.close_letter(by_offset[4], Closing("discarded", "operator:li", "twice"))

    async def offsets(**fields: object) -> list[int]:
        return [one.letter.offset for one in await store.closed_letters(ClosedQuery(**fields))]  # type: ignore[arg-type]

    assert await offsets() == [4, 1, 3]
    assert [one.closing for one in await store.closed_letters(ClosedQuery(how=frozenset({"replayed"})))] == [sent]
    assert await offsets(by="operator:wang") == [3]
    assert await offsets(since=NOON + HOUR) == [4, 1]
    assert await offsets(until=NOON + HOUR) == [3]
    assert await offsets(within=frozenset({"west"})) == [4]
    (first,) = await store.closed_letters(ClosedQuery(limit=1))
    assert first.closed_at is not None
    assert await offsets(before=(first.closed_at, first.number)) == [1, 3]
