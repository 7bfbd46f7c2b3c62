"""Names and phones: for those who plan, with a note of who saw whose; codes for everybody else."""

from dataclasses import replace

import pytest

from engine.ports import Look
from ningju.console.access import LOCAL, ROLES, Role
from ningju.console.persons import seen
from ningju.console.services import Services, Site
from schemas.base import derive_id
from schemas.envelope import Actor
from schemas.person import Person
from tests.console.world import NOW, World, offered

WANG = Person(id="b-1", name="王芳", phone="13900000000", address="安和路 1 号")
LI = Person(id="v1", name="李建国", phone="13911111111")


@pytest.mark.parametrize("role", ROLES)
async def test_only_those_who_plan_see_names_and_every_look_is_written_down(world: World, role: Role) -> None:
    await world.store.put_persons([WANG, LI])
    site = Site(world.store, world.clock, Services())
    user = replace(LOCAL, role=role, actor=Actor(kind="operator", id="op-1"))
    request_id = derive_id("request", "r1")
    found = await seen(site, user, ["b-1", "v1", "gone", "v1"], request_id)
    looks = await world.store.looks()
    if role in {"viewer", "auditor"}:
        assert found == {name: Person(id=name) for name in ("b-1", "v1", "gone")}
        assert looks == []
    else:
        assert found == {"b-1": WANG, "v1": LI, "gone": Person(id="gone")}
        noted = {replace(look, seq=0) for look in looks}
        assert noted == {Look("operator:op-1", name, request_id, NOW) for name in ("b-1", "v1")}


async def test_the_people_of_a_request_are_told_with_it(world: World) -> None:
    await world.store.put_persons([WANG, LI])
    await world.show(offered(beneficiary="b-1"))
    address = f"/api/v1/requests/{derive_id('request', 'r1')}"
    told = (await world.client.get(f"{address}/people")).json()
    assert told["masked"] is False
    assert [person["name"] for person in told["people"]] == ["王芳", "李建国"]
    assert {look.person for look in await world.store.looks()} == {"b-1", "v1"}
    assert "王芳" not in (await world.client.get(address)).text
    assert (await world.client.get(f"/api/v1/requests/{derive_id('none')}/people")).status_code == 404
