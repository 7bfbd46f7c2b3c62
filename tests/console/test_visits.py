"""What volunteers and beneficiaries answer."""

from typing import Any

import pytest

from schemas.base import derive_id
from schemas.commands import (
    AcceptOffer,
    CheckIn,
    Command,
    DeclineOffer,
    FinishVisit,
    RateVisit,
    ReleaseSeat,
    ReportNoShow,
    WithdrawSeat,
)
from schemas.request import Referral
from tests.console.world import NOW, World, offer_of, offered

ROW = offered()
OFFER = derive_id("offer", "r1")
REQUEST = ROW.request_id
AT_ONCE = {"Prefer": "wait=0"}


@pytest.mark.parametrize(
    ("call", "body", "asked"),
    [
        ("offers/{offer}/accept", None, AcceptOffer(offer_id=OFFER)),
        ("offers/{offer}/accept", {"volunteer": "v2"}, AcceptOffer(offer_id=OFFER, volunteer="v2")),
        ("offers/{offer}/decline", {"reason": "tired"}, DeclineOffer(offer_id=OFFER, reason="tired")),
        ("visits/{visit}/check-in", None, CheckIn(request_id=REQUEST, volunteer="v1")),
        ("visits/{visit}/finish", {}, FinishVisit(request_id=REQUEST, volunteer="v1")),
        ("visits/{visit}/withdraw", {"reason": "ill"}, WithdrawSeat(request_id=REQUEST, volunteer="v1", reason="ill")),
        (
            "visits/{visit}/release",
            {"volunteer": "v2", "seen": 5, "reason": "ask 13800001111"},
            ReleaseSeat(request_id=REQUEST, volunteer="v2", seen=5, reason="ask …"),
        ),
        ("visits/{visit}/no-show", {"volunteer": "v2"}, ReportNoShow(request_id=REQUEST, volunteer="v2")),
        ("visits/{visit}/rating", {"stars": 4}, RateVisit(request_id=REQUEST, stars=4)),
    ],
)
async def test_a_call_becomes_the_command_in_the_zone_of_the_offer(
    world: World, call: str, body: dict[str, Any] | None, asked: Command
) -> None:
    await world.show(ROW, offer_of(ROW))
    assert ROW.visit is not None
    url = "/api/v1/" + call.format(offer=OFFER, visit=ROW.visit.visit_id)
    answer = await world.client.post(url, json=body, headers=AT_ONCE | {"X-Actor": "volunteer:v1"})

    assert answer.status_code == 202
    assert answer.json()["status"] == "pending"
    (command,) = await world.open()
    assert command.command == asked
    assert command.zone == "north"
    assert (command.actor.kind, command.actor.id) == ("volunteer", "v1")
    assert command.correlation_id == REQUEST


async def test_the_same_key_accepts_once(world: World) -> None:
    await world.show(ROW, offer_of(ROW))
    headers = AT_ONCE | {"Idempotency-Key": "a1"}
    first = await world.client.post(f"/api/v1/offers/{OFFER}/accept", headers=headers)
    again = await world.client.post(f"/api/v1/offers/{OFFER}/accept", headers=headers)

    assert first.json() == again.json()
    assert len(await world.open()) == 1
    await world.decide()
    answered = await world.client.post(f"/api/v1/offers/{OFFER}/accept", headers=headers)
    assert answered.status_code == 200


async def test_one_key_does_not_serve_two_people(world: World) -> None:
    await world.show(ROW, offer_of(ROW))
    answers = [
        await world.client.post(
            f"/api/v1/offers/{OFFER}/accept", headers=AT_ONCE | {"Idempotency-Key": "a1", "X-Actor": actor}
        )
        for actor in ("volunteer:v1", "volunteer:v2")
    ]
    assert [answer.status_code for answer in answers] == [202, 409]


async def test_the_stars_of_a_guests_visit_go_to_the_origin(world: World) -> None:
    referral = Referral(referral_id=derive_id("ref"), origin="north", hop=1, expires_at=NOW)
    guest = offered("south", referral=referral)
    await world.show(guest)
    assert guest.visit is not None
    url = f"/api/v1/visits/{guest.visit.visit_id}"
    await world.client.post(f"{url}/rating", json={"stars": 5}, headers=AT_ONCE)
    await world.client.post(f"{url}/finish", headers=AT_ONCE)

    assert [(c.command.kind, c.zone) for c in await world.open()] == [
        ("rate_visit", "north"),
        ("finish_visit", "south"),
    ]


async def test_an_operator_names_the_volunteer(world: World) -> None:
    await world.show(ROW)
    assert ROW.visit is not None
    answer = await world.client.post(f"/api/v1/visits/{ROW.visit.visit_id}/check-in")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "volunteer"


async def test_unknown_offers_and_visits_are_404(world: World) -> None:
    nobody = derive_id("nobody")
    for call in (f"offers/{nobody}/accept", f"visits/{nobody}/check-in"):
        assert (await world.client.post(f"/api/v1/{call}", json={})).status_code == 404


@pytest.mark.parametrize("actor", ["v1", "king:v1", "volunteer:", "volunteer:李", "volunteer:" + "v" * 100])
async def test_an_actor_that_cannot_be_read_is_refused(world: World, actor: str) -> None:
    headers = {b"X-Actor": actor.encode()}
    answer = await world.client.post(f"/api/v1/offers/{OFFER}/accept", headers=headers)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "header.x-actor"
