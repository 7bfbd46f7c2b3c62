"""Taking requests in, and showing their life."""

import asyncio
from datetime import timedelta

import pytest

from ningju.console.requests import CancelIn
from schemas.base import derive_id
from schemas.commands import CancelRequest, ChangeRequest, SubmitRequest, TriageRequest
from schemas.request import RequestState
from tests.console.world import NOW, World, need, offered, window

URL = "/api/v1/requests"


async def test_a_request_is_taken_in_and_shown_as_received_at_once(world: World) -> None:
    answer = await world.client.post(URL, json=need())

    assert answer.status_code == 202
    told = answer.json()
    assert told["zone"] == "north"
    assert told["href"] == answer.headers["Location"] == f"{URL}/{told['id']}"
    shown = await world.client.get(told["href"])
    assert shown.status_code == 200
    assert shown.json()["state"] == "received"
    (command,) = await world.open()
    assert command.received_at == NOW
    assert isinstance(command.command, SubmitRequest)
    assert str(command.command.spec.request_id) == told["id"]
    assert derive_id("request", command.command_id) == command.command.spec.request_id


async def test_the_same_key_and_body_get_the_same_answer_even_when_the_window_has_passed(world: World) -> None:
    key = {"Idempotency-Key": "order-17"}
    first = await world.client.post(URL, json=need(), headers=key)
    world.clock.time += timedelta(days=30)
    again = await world.client.post(URL, json=need(), headers=key)

    assert (again.status_code, again.json()) == (202, first.json())
    assert len(await world.open()) == 1


async def test_the_same_key_with_another_body_is_a_conflict(world: World) -> None:
    key = {"Idempotency-Key": "order-17"}
    await world.client.post(URL, json=need(), headers=key)
    other = await world.client.post(URL, json=need(priority=5), headers=key)

    assert other.status_code == 409
    assert other.json()["type"] == "urn:ningju:problem:key-reused"
    assert len(await world.open()) == 1


async def test_without_a_key_each_call_is_a_new_request(world: World) -> None:
    first, second = [await world.client.post(URL, json=need()) for _ in range(2)]

    assert first.json()["id"] != second.json()["id"]


async def test_personal_data_is_split_off_before_the_door(world: World) -> None:
    secret = {"id": "card-310105", "name": "李桂英", "phone": "13800001111", "address": "愚园路 1 号 302 室", "tier": 3}
    told = await world.client.post(URL, json=need(beneficiary=secret, note="门铃坏了，请打电话"))

    (row,) = await world.store.open_commands()
    for text in ("李桂英", "13800001111", "愚园路", "card-310105", "门铃", "121.4012345"):
        assert text.encode() not in row.data
        assert text.encode("unicode_escape") not in row.data
        assert text not in (await world.client.get(told.json()["href"])).text
    command = (await world.open())[0].command
    assert isinstance(command, SubmitRequest)
    assert command.spec.tier == 3
    assert command.spec.beneficiary is not None
    person = await world.store.person(command.spec.beneficiary)
    assert person is not None
    assert (person.name, person.phone, person.note) == ("李桂英", "13800001111", "门铃坏了，请打电话")


async def test_requests_of_one_beneficiary_share_a_person(world: World) -> None:
    for hour in (4, 30):
        body = need(beneficiary={"id": "b7", "name": "Wang"}, windows=[window(hour, hour + 2)])
        assert (await world.client.post(URL, json=body)).status_code == 202

    people = {c.command.spec.beneficiary for c in await world.open() if isinstance(c.command, SubmitRequest)}
    assert len(people) == 1


async def test_a_full_queue_says_when_to_come_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.ports import QueueFull

    async def full(_: object) -> None:
        raise QueueFull(timedelta(seconds=7))

    monkeypatch.setattr(world.store, "enqueue", full)
    answer = await world.client.post(URL, json=need())

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "7"
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_store_that_is_away_is_a_503_and_nothing_is_promised(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.ports import Unavailable

    async def away(_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(world.store, "enqueue", away)
    answer = await world.client.post(URL, json=need())

    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


async def test_a_commit_of_unknown_outcome_is_looked_up_before_it_is_answered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.ports import CommitUnknown

    real = world.store.enqueue

    async def written_but_broken(commands: object) -> None:
        await real(commands)  # type: ignore[arg-type]
        raise CommitUnknown

    monkeypatch.setattr(world.store, "enqueue", written_but_broken)
    assert (await world.client.post(URL, json=need())).status_code == 202

    async def lost(_: object) -> None:
        raise CommitUnknown

    monkeypatch.setattr(world.store, "enqueue", lost)
    assert (await world.client.post(URL, json=need())).status_code == 503


async def test_a_request_that_nobody_knows_is_a_404(world: World) -> None:
    answer = await world.client.get(f"{URL}/{derive_id('nobody')}")

    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:ningju:problem:not-found"


async def test_cancelling_waits_for_the_zone_and_says_what_it_said(world: World) -> None:
    row = offered()
    await world.show(row)
    call = asyncio.create_task(
        world.client.post(f"{URL}/{row.request_id}/cancel", json={"reason": "better"}, headers={"Prefer": "wait=5"})
    )
    while not await world.open():
        await asyncio.sleep(0)
    (command,) = await world.open()
    assert command.command == CancelRequest(request_id=row.request_id, reason="better")
    await world.decide()
    answer = await call

    assert answer.status_code == 200
    assert answer.json()["status"] == "accepted"
    assert answer.headers["Preference-Applied"] == "wait=5"


async def test_a_refusal_by_the_zone_is_a_409_with_its_code_and_reason(world: World) -> None:
    row = offered()
    await world.show(row)
    key = {"Idempotency-Key": "k1"}
    pending = await world.client.post(f"{URL}/{row.request_id}/cancel", headers=key)
    await world.decide("rejected", "already_ended", "the request has ended; send a new one")
    answer = await world.client.post(f"{URL}/{row.request_id}/cancel", headers=key)

    assert pending.status_code == 202
    assert answer.status_code == 409
    problem = answer.json()
    assert (problem["code"], problem["detail"]) == ("already_ended", "the request has ended; send a new one")
    assert problem["command_id"] == pending.json()["command_id"]
    later = await world.client.get(pending.json()["href"])
    assert (later.json()["status"], later.json()["code"]) == ("rejected", "already_ended")


async def test_a_command_that_made_the_engine_raise_is_a_500_that_points_to_the_dead_letter(world: World) -> None:
    row = offered()
    await world.show(row)
    key = {"Idempotency-Key": "k1", "Prefer": "wait=0"}
    await world.client.post(f"{URL}/{row.request_id}/cancel", headers=key)
    await world.decide("failed", "engine_error", "")

    answer = await world.client.post(f"{URL}/{row.request_id}/cancel", headers=key)
    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:ningju:problem:failed"


async def test_a_request_can_be_cancelled_before_its_zone_has_seen_it(world: World) -> None:
    told = (await world.client.post(URL, json=need())).json()
    answer = await world.client.post(f"{URL}/{told['id']}/cancel", headers={"Prefer": "wait=0"})

    assert answer.status_code == 202
    assert [command.zone for command in await world.open()] == ["north", "north"]


async def test_a_change_is_coarsened_and_checked(world: World) -> None:
    row = offered()
    await world.show(row)
    url, now = f"{URL}/{row.request_id}/change", {"Prefer": "wait=0"}
    place = {"lon": 121.4054321, "lat": 31.2154321}
    body = {"window": window(5, 8), "place": place, "crew": [{"skill": "care", "heads": 2}]}
    answer = await world.client.post(url, json=body, headers=now)

    assert answer.status_code == 202
    (command,) = await world.open()
    assert isinstance(command.command, ChangeRequest)
    assert command.command.place is not None
    assert command.command.place.lon == 121.405
    assert command.command.demands is not None
    assert command.command.demands[0].heads == 2
    for wrong in (
        {},
        {"window": window(-3, -1)},
        {"place": {"lon": 0, "lat": 0}},
        {"crew": [{"skill": "magic"}]},
        {"crew": [{"skill": "care", "heads": 15}, {"skill": "care", "level": 2, "heads": 15}]},
        {"window": window(5, 8), "windows": [window(5, 8)]},
        {"priority": 6},
    ):
        assert (await world.client.post(url, json=wrong, headers=now)).status_code == 422


@pytest.mark.parametrize(
    ("body", "accept"),
    [({"accept": True}, True), ({"decision": "accept"}, True), ({"refuse": True, "reason": "no"}, False)],
)
async def test_triage_understands_its_short_and_long_forms(world: World, body: dict[str, object], accept: bool) -> None:
    row = offered(state=RequestState.RECEIVED, visit=None)
    await world.show(row)
    await world.client.post(f"{URL}/{row.request_id}/triage", json=body, headers={"Prefer": "wait=0"})

    (command,) = await world.open()
    assert isinstance(command.command, TriageRequest)
    assert command.command.accept is accept


@pytest.mark.parametrize(
    ("call", "body"),
    [("cancel", {}), ("change", {"priority": 4}), ("triage", {"decision": "accept"})],
)
async def test_the_version_that_was_looked_at_goes_with_the_order(
    world: World, call: str, body: dict[str, object]
) -> None:
    row = offered()
    await world.show(row)
    url = f"{URL}/{row.request_id}/{call}"
    for told in (body, body | {"seen": 7}):
        assert (await world.client.post(url, json=told, headers={"Prefer": "wait=0"})).status_code == 202
    assert [one.command.seen for one in await world.open()] == [None, 7]  # type: ignore[union-attr]
    for wrong in (-1, "7", 1.5):
        assert (await world.client.post(url, json=body | {"seen": wrong})).status_code == 422


def test_a_body_without_a_version_is_under_its_key_what_it_was_before_there_were_any() -> None:
    assert CancelIn(reason="x").dump() == b'{"reason":"x"}'
    assert CancelIn(reason="x", seen=0).dump() == b'{"seen":0,"reason":"x"}'


async def test_a_refusal_at_triage_needs_a_reason(world: World) -> None:
    row = offered(state=RequestState.RECEIVED, visit=None)
    await world.show(row)
    answer = await world.client.post(f"{URL}/{row.request_id}/triage", json={"refuse": True})

    assert answer.status_code == 422


async def test_a_phone_number_in_a_reason_does_not_reach_the_ledger(world: World) -> None:
    row = offered()
    await world.show(row)
    reason = "call 138-0000-1111 or a.b@example.org, room 302"
    await world.client.post(f"{URL}/{row.request_id}/cancel", json={"reason": reason}, headers={"Prefer": "wait=0"})

    (command,) = await world.open()
    assert isinstance(command.command, CancelRequest)
    assert command.command.reason == "call … or …, room 302"


async def test_lists_are_filtered_and_paged(world: World) -> None:
    rows = [offered(name=f"r{n}", created_at=NOW + timedelta(minutes=n)) for n in range(5)]
    await world.show(*rows, offered("south", "other", state=RequestState.DONE))

    seen, cursor = [], None
    while True:
        query = {"zone": "north", "state": ["offered", "queued"], "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await world.client.get(URL, params=query)).json()
        seen += [row["request_id"] for row in page["requests"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [str(row.request_id) for row in rows]
    for wrong in ({"stat": "queued"}, {"state": "asleep"}, {"limit": 0}, {"cursor": "garbage"}):
        assert (await world.client.get(URL, params=wrong)).status_code == 422


async def test_a_new_zone_is_found_without_waiting_for_the_cache(world: World) -> None:
    from tests.console.world import zone_view

    far = need(place={"lon": 121.505, "lat": 31.21})
    assert (await world.client.post(URL, json=far)).status_code == 422
    await world.show(zone_view("east", 121.50))
    assert (await world.client.post(URL, json=far)).json()["zone"] == "east"
