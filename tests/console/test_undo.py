"""Undo: offered for the last own order where its inverse is a legal command, and a command as any other."""

from typing import Any

import pytest

from schemas.base import derive_id
from schemas.commands import AssignCrew, AssignedSeat, CancelRequest, ChangeRequest, Command, PinVisit, ReleaseVisit
from schemas.envelope import Actor
from schemas.events import (
    Event,
    RequestChanged,
    RequestEnded,
    SeatVacated,
    VisitPinned,
    VisitPlanned,
    VisitReleased,
)
from schemas.request import RequestState
from schemas.views import RequestView
from tests.console.world import NOW, World, need_of, offered, received

ROW = offered()
REQUEST = ROW.request_id
VISIT = ROW.visit
assert VISIT is not None
PLANNED = VisitPlanned(request_id=REQUEST, visit_id=VISIT.visit_id, team="t1", window=VISIT.window, seats=(0,))
RELEASED = VisitReleased(request_id=REQUEST, visit_id=VISIT.visit_id)
VACATED = SeatVacated(request_id=REQUEST, seat=0, volunteer="v1", how="released")
PINNED = VisitPinned(request_id=REQUEST, visit_id=VISIT.visit_id)
ASSIGN = AssignCrew(
    request_id=REQUEST, team="t1", start=NOW, seats=(AssignedSeat(demand=0, volunteer="v1"),), reason="x"
)
RAISED = ChangeRequest(request_id=REQUEST, priority=5)
WORSE = RequestChanged(request_id=REQUEST, need=need_of(ROW).changed(priority=5))


async def ordered(
    world: World, command: Command, *events: Event, row: RequestView = ROW, actor: Actor | None = None
) -> str:
    """An operator's order that was accepted, with what it made; the address of the page that tells so."""
    await world.show(row)
    await world.happen("north", 1, received(row))
    command_id = await world.order("north", command, *events, actor=actor)
    await world.show(row.changed(version=world.heads["north"]))
    return f"/request/{REQUEST}?lang=en&said={command_id}"


@pytest.mark.parametrize(
    ("command", "events", "inverse"),
    [
        (PinVisit(request_id=REQUEST), [PINNED], PinVisit(request_id=REQUEST, pinned=False)),
        (RAISED, [WORSE], ChangeRequest(request_id=REQUEST, priority=2)),
        (ASSIGN, [PLANNED], ReleaseVisit(request_id=REQUEST)),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
async def test_what_can_be_taken_back_is_by_one_button(
    world: World, command: Command, events: list[Event], inverse: Any
) -> None:
    address = await ordered(world, command, *events)
    page = (await world.client.get(address)).text
    command_id = address.rpartition("=")[2]
    assert f'action="/undo/{command_id}"' in page
    answer = await world.client.post(f"/undo/{command_id}", data={"key": "k"})
    assert answer.headers["location"].startswith(f"/request/{REQUEST}?said=")
    (envelope,) = await world.open()
    assert envelope.command == inverse.changed(seen=world.heads["north"], reason="undone")
    assert (envelope.actor.kind, envelope.reason, envelope.correlation_id) == ("operator", "undone", REQUEST)


@pytest.mark.parametrize(
    ("command", "events", "row"),
    [
        (CancelRequest(request_id=REQUEST), [RequestEnded(request_id=REQUEST, end=RequestState.CANCELLED)], ROW),
        (ASSIGN, [VACATED, RELEASED, PLANNED], ROW),
        (ASSIGN, [], ROW),
        (ChangeRequest(request_id=REQUEST, windows=(VISIT.window,)), [VACATED, RELEASED, WORSE], ROW),
        (PinVisit(request_id=REQUEST), [PINNED], ROW.changed(state=RequestState.DONE)),
    ],
    ids=["cancelled", "others-were-told", "the-visit-stood", "given-up", "ended"],
)
async def test_what_cannot_be_taken_back_is_not_offered(
    world: World, command: Command, events: list[Event], row: RequestView
) -> None:
    address = await ordered(world, command, *events, row=row)
    assert "/undo/" not in (await world.client.get(address)).text
    answer = await world.client.post(f"/undo/{address.rpartition('=')[2]}?lang=en", data={"key": "k"})
    assert answer.status_code == 409
    assert "cannot be undone any more" in answer.text
    assert await world.open() == []


async def test_what_somebody_else_did_or_what_has_changed_since_is_not_undone(world: World) -> None:
    address = await ordered(world, PinVisit(request_id=REQUEST), PINNED, actor=Actor(kind="operator", id="li"))
    assert "/undo/" not in (await world.client.get(address)).text
    address = await ordered(world, PinVisit(request_id=REQUEST), PINNED)
    await world.show(ROW.changed(version=world.heads["north"] + 1))
    assert "/undo/" not in (await world.client.get(address)).text
    assert (await world.client.post(f"/undo/{address.rpartition('=')[2]}", data={"key": "k"})).status_code == 409
    assert (await world.client.post(f"/undo/{derive_id('none')}", data={"key": "k"})).status_code == 404
