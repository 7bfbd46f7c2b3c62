"""What the operators' pages ask: the queue in its orders, a request's history, expiring offers, deeds and looks."""

from datetime import timedelta

import pytest

from engine.ports import Because, DeedQuery, Look, NewCommand, RequestOrder, RequestQuery, Waiting
from ningju.ledger.inspection import InspectableStore
from ningju.ledger.memory_read_model import WAITING
from ningju.ledger.paging import urgency
from schemas.base import derive_id
from schemas.envelope import Actor
from schemas.person import Person
from schemas.request import RequestState
from schemas.views import RequestView
from tests.ledger.builders import NOON, append, offer_view, referral, request_view, submission
from tests.ledger.test_read_model import write


def waiting(name: str, priority: int = 2, *, due: int = 60, **fields: object) -> RequestView:
    return request_view(name).changed(priority=priority, respond_by=NOON + timedelta(minutes=due), **fields)


async def pages(store: InspectableStore, order: RequestOrder, **fields: object) -> list[RequestView]:
    """Every page, two rows each."""
    seen: list[RequestView] = []
    query = RequestQuery(order=order, limit=2, **fields)  # type: ignore[arg-type]
    while True:
        page = await store.requests(query)
        seen += page.rows
        if page.next is None:
            return seen
        query = RequestQuery(order=order, limit=2, cursor=page.next, **fields)  # type: ignore[arg-type]


async def test_the_urgent_order_has_alarms_first_then_priority_then_what_is_due(store: InspectableStore) -> None:
    alarm = waiting("alarm", 1, due=600, alarms=("needs_operator",))
    life, soon, late = waiting("life", 5, due=600), waiting("soon", due=5), waiting("late", due=500)
    ended = waiting("ended", 5).changed(state=RequestState.DONE)
    await write(store, late, ended, soon, life, alarm)

    assert await pages(store, "urgent") == [alarm, life, soon, late]
    assert await pages(store, "urgent", alarmed=True) == [alarm]
    assert urgency(ended) is None


async def test_newest_is_oldest_turned_round(store: InspectableStore) -> None:
    views = [request_view(n, minutes=n // 2) for n in range(5)]
    await write(store, *views)
    assert await pages(store, "newest") == (await pages(store, "oldest"))[::-1]
    assert len(await pages(store, "oldest")) == 5


async def test_a_queue_is_searched_by_what_a_person_would_ask(store: InspectableStore) -> None:
    old = request_view("old", minutes=0).changed(beneficiary="b-17", reason="declined")
    new = request_view("new", minutes=60).changed(alarms=("crew_incomplete", "needs_operator"))
    ended = request_view("ended", state=RequestState.DONE, minutes=5)
    await write(store, old, new, ended)

    async def found(**fields: object) -> list[RequestView]:
        return list((await store.requests(RequestQuery(**fields))).rows)  # type: ignore[arg-type]

    assert await found(only_open=True) == [old, new]
    assert await found(beneficiary="b-17") == [old]
    assert await found(reason="declined") == [old]
    assert await found(alarm="needs_operator") == [new]
    assert await found(alarm="response_overdue") == []
    assert await found(created_before=NOON + timedelta(minutes=60)) == [old, ended]
    assert await found(id_prefix=str(new.request_id)[:8]) == [new]
    assert await found(id_prefix="%") == []
    assert await found(because=Because("Mrs. 100%")) == []
    assert await found(because=Because("CLIN")) == [old]
    assert await found(because=Because("somebody said no", ("declined",))) == [old]
    assert await found(because=Because("x", left_out=frozenset({new.request_id, ended.request_id}))) == [new]
    assert await found(because=Because("x"), zone="west") == []
    assert await found(id_prefix=str(new.request_id)) == [new]


async def test_what_waits_is_told_by_zone_against_its_target(store: InspectableStore) -> None:
    now = NOON + timedelta(minutes=60)
    late, due = waiting("late", 5, due=20, alarms=("response_overdue",)), waiting("due", 1, due=60)
    new = waiting("new", due=500).changed(state=RequestState.RECEIVED, created_at=NOON - timedelta(days=1))
    asked = waiting("asked", due=0).changed(first_offer_at=NOON)  # now it is the end of its window that counts
    offered, ended = (waiting(state, due=0, state=state) for state in (RequestState.OFFERED, RequestState.DONE))
    west = waiting("west", due=90).changed(zone="west")
    guest = waiting("guest", due=0).changed(zone="west", referral=referral("guest"))
    await write(store, late, due, new, asked, offered, ended)
    await write(store, west, guest)

    assert await store.waiting(now) == {
        "east": Waiting(count=4, oldest=new.created_at, due=NOON + timedelta(minutes=20), late=1),
        "west": Waiting(count=1, oldest=NOON, due=NOON + timedelta(minutes=90), late=0),
    }
    assert await pages(store, "urgent", due_before=now, states=WAITING) == [late]
    assert await pages(store, "newest", due_before=now + timedelta(microseconds=1), states=WAITING, zone="east") == [
        *sorted([late, due], key=lambda row: str(row.request_id), reverse=True)
    ]


async def test_the_same_need_in_twice_is_found(store: InspectableStore) -> None:
    ann, ben = Person(id="ann", name="Ann", phone="1"), Person(id="ben", name="Ben")
    await store.put_persons([ann, ben])
    first, second = (waiting(n, beneficiary="ann").changed(created_at=NOON + timedelta(hours=n)) for n in (1, 2))
    other, nobody = waiting("other", beneficiary="ben", service_type="talk"), waiting("nobody", beneficiary="erased")
    ended = waiting("ended", beneficiary="ann").changed(state=RequestState.DONE)
    west = waiting("west", beneficiary="ann").changed(zone="west")
    guest = first.changed(zone="west", referral=referral("guest"))
    await write(store, first, second, other, nobody, ended)
    await write(store, west, guest)

    assert await store.same_needs({"ann", "ben"}) == {("ann", "meal"): 3, ("ben", "talk"): 1}
    assert await store.same_needs({"ann"}, within=frozenset({"west"})) == {("ann", "meal"): 1}
    assert await store.same_needs(()) == {}
    assert await store.asked_for("meal", 9) == [(second, ann), (first, ann), (west, ann)]
    assert await store.asked_for("meal", 1) == [(second, ann)]
    assert await store.asked_for("meal", 9, within=frozenset({"west"})) == [(west, ann)]


async def test_a_row_that_ends_leaves_the_queue(store: InspectableStore) -> None:
    view = waiting("a", alarms=("needs_operator",))
    await write(store, view)
    await write(store, view.changed(state=RequestState.DONE, alarms=()))
    assert await pages(store, "urgent") == []
    assert await store.counts(only_open=True) == {}
    assert await store.counts() == {"east": {RequestState.DONE: 1}}


async def test_offers_that_are_open_are_found_by_their_expiry(store: InspectableStore) -> None:
    first, second = offer_view("1", "a", "v1", minutes=0), offer_view("2", "b", "v2", minutes=30)
    answered = offer_view("3", "c", "v3", minutes=0).changed(state="accepted")
    await write(store, second, first, answered)
    assert await store.expiring(second.expires_at + timedelta(seconds=1)) == [first, second]
    assert await store.expiring(second.expires_at) == [first]
    assert await store.expiring(second.expires_at + timedelta(seconds=1), limit=1) == [first]


async def test_a_history_is_the_events_of_one_request_by_time(store: InspectableStore) -> None:
    await store.commit([append("east", 0, "a", "b", "c"), append("west", 0, "b again", "c again")])
    mine = (await store.events("east"))[1]
    request_id = mine.envelope.event.request_id  # type: ignore[union-attr]
    origin = request_view("any").changed(request_id=request_id, version=3, created_at=mine.envelope.now)
    guest = origin.changed(zone="west", version=2, referral=referral("b"))
    await write(store, origin)
    await write(store, guest)

    assert await store.history(request_id) == [mine]
    assert await store.history(derive_id("request", "unknown")) == []


def by(actor: Actor, name: str) -> NewCommand:
    command = submission(name)
    return NewCommand(command.envelope.changed(actor=actor), command.fingerprint)


@pytest.mark.parametrize("who", ["li", "wang"])
async def test_deeds_are_what_operators_have_asked_newest_first(store: InspectableStore, who: str) -> None:
    operator = Actor(kind="operator", id=who)
    await store.enqueue([by(operator, "a"), by(Actor(kind="volunteer", id=who), "b"), by(operator, "c")])
    await store.enqueue([by(Actor(kind="operator", id="other"), "d")])
    await store.commit([append("east", 0, "a")])

    mine = await store.deeds(DeedQuery(actor=f"operator:{who}"))
    assert [deed.outcome is None for deed in mine] == [True, False]
    everybody = await store.deeds(DeedQuery())
    assert len(everybody) == 3
    older = await store.deeds(DeedQuery(before=everybody[0].command.seq, limit=1))
    assert [deed.command.seq for deed in older] == [everybody[1].command.seq]


async def test_who_saw_whose_data_is_kept(store: InspectableStore) -> None:
    look = Look("operator:li", "p1", derive_id("request", "a"), NOON)
    await store.note_looks([look, Look("operator:li", "p2", None, NOON)])
    kept = await store.looks()
    assert [(one.person, one.request_id) for one in kept] == [("p2", None), ("p1", look.request_id)]
    assert [one.person for one in await store.looks(before=kept[0].seq)] == ["p1"]


@pytest.mark.parametrize("order", ["oldest", "newest", "urgent"])
async def test_whoever_may_look_into_some_zones_only_finds_nothing_of_the_others(
    store: InspectableStore, order: RequestOrder
) -> None:
    here, there = (request_view(name).changed(zone=zone) for name, zone in (("a", "east"), ("b", "west")))
    await write(store, here, there)
    assert await pages(store, order, within=frozenset({"east"})) == [here]
    assert await pages(store, order, within=frozenset({"east"}), zone="west") == []
    assert await pages(store, order, within=frozenset()) == []
    assert len(await pages(store, order, within=frozenset({"east", "west"}))) == 2
