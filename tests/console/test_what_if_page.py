"""What if: tried on a copy, told term by term, and ordered only when it is confirmed."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from httpx2 import ASGITransport, AsyncClient, Response

from engine.ports import NewCommand, PortError, Store, Unavailable
from engine.supposing import Wave
from engine.zone import Zone
from ningju.bootstrap.supposing import WhatIf
from ningju.console.access import CSRF_HEADER
from ningju.console.app import create_app
from ningju.console.services import Services
from ningju.ledger.memory import MemoryStore
from schemas.base import derive_id
from schemas.catalogue import Site
from schemas.commands import ChangeCatalogue, ChangeRequest, ChangeRoster, Command, ConfigureZone, SubmitRequest
from schemas.envelope import Actor, CommandEnvelope
from schemas.plan import Plan
from schemas.problem import Limits, Problem
from schemas.zone import Policy
from solvers.solve import solve
from tests.console.world import NOW, SetClock
from tests.console.zone_loop import ZoneLoop
from tests.engine.builders import HERE, NEAR, config, hours, label, request, service, spec, team, volunteer, window


class Here:
    """Solves in this process; what is not to be had can be said before."""

    fault: PortError | None = None
    busy = False
    solves = 0

    async def solve(self, problem: Problem, limits: Limits) -> Plan:
        if self.fault is not None:
            raise self.fault
        if self.busy:
            await asyncio.Event().wait()
        self.solves += 1
        assert limits.seconds is not None, "a what-if has a deadline"
        return solve(problem, limits)


class Place:
    """A zone with a console on it; ``loop`` decides what is at the door."""

    def __init__(self, store: Store, clock: SetClock) -> None:
        self.store = store
        self.loop = ZoneLoop(store)
        self.clock = clock
        self.planner = Here()
        self.client: AsyncClient

    async def state(self, zone: str) -> Zone:
        return self.loop.zone(zone)

    async def decide(self, *commands: Command) -> None:
        for number, command in enumerate(commands):
            command_id = derive_id("set up", number, command.kind)
            envelope = CommandEnvelope(
                command_id=command_id,
                zone="z1",
                actor=Actor(kind="operator", id="set-up"),
                correlation_id=command_id,
                received_at=NOW,
                command=command,
            )
            await self.store.enqueue([NewCommand(envelope)])
        await self.loop.drain()

    async def try_it(self, query: str) -> str:
        return (await self.client.get(f"/what-if?lang=en&zone=z1&try=1&{query}")).text

    async def confirm(self, kind: str, page: str, **fields: str) -> Response:
        """Send the form that a page holds."""
        form = page.partition(f'action="/what-if/{kind}"')[2].partition("</form>")[0]
        hidden = dict(re.findall(r'name="([a-z]+)" value="([^"]*)"', form))
        return await self.client.post(f"/what-if/{kind}?lang=en", data=hidden | fields)


@pytest_asyncio.fixture
async def place() -> AsyncIterator[Place]:
    clock = SetClock()
    store = MemoryStore(clock)
    made = Place(store, clock)
    what_if = WhatIf(made.state, lambda: made.planner, clock)
    app = create_app(store, clock, Services(wait_s=0.0, what_if=what_if), hosts=["console"])
    headers = {CSRF_HEADER: app.state.gate.local.csrf}
    sites = (
        Site(id="s1", zone="z1", name=label("old house"), place=NEAR),
        Site(id="s2", zone="z1", name=label("new house"), place=HERE),
    )
    await made.decide(
        ConfigureZone(config=config(), policy=Policy(solver_iterations=0)),
        ChangeCatalogue(service_types=(service(),), sites=sites),
        ChangeRoster(teams=(team(),), volunteers=(volunteer("ann", visits_per_day=1, visits_per_week=1),)),
        SubmitRequest(spec=spec("r1", window(NOW + hours(3)), site="s1")),
        SubmitRequest(spec=spec("r2", window(NOW + hours(3)), site="s2")),
    )
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://console", headers=headers) as client:
        made.client = client
        yield made
    await store.close()


async def untouched(place: Place) -> bool:
    """Nothing has reached the door, the ledger or the plans since the zone was set up."""
    return not await place.store.open_commands() and await place.store.newest_plan("z1") is None


async def test_more_volunteers_are_told_term_by_term_and_cannot_be_ordered(place: Place) -> None:
    heads = await place.store.heads()
    text = await place.try_it("kind=volunteers&team=t1&skill=care&count=1&level=1")
    assert "Served now: 1 of 2. Then: 2 of 2." in text
    assert "imagined 1" in text
    assert re.search(r"left out</th><td>Served at all</td>.*?-2 better", text, re.DOTALL)
    assert "Imagined people cannot be ordered." in text
    assert "Order it" not in text
    assert await untouched(place)
    assert await place.store.heads() == heads
    assert place.planner.solves == 2


async def test_a_heat_wave_says_how_much_of_it_could_be_served(place: Place) -> None:
    text = await place.try_it("kind=wave&service=care&count=4")
    assert "Of 4 imagined requests" in text
    assert "Imagined requests cannot be ordered." in text
    assert await untouched(place)


async def test_a_wider_window_becomes_one_order_with_actor_and_reason(place: Place) -> None:
    query = f"kind=window&request={request('r1')}&earlier=1&later=3"
    text = await place.try_it(query)
    assert "Change the time of" in text
    assert await untouched(place)

    unsaid = await place.confirm("window", text, reason="")
    assert unsaid.status_code == 422
    assert "Say why" in unsaid.text
    assert await untouched(place)

    done = await place.confirm("window", text, reason="the family agrees")
    assert done.headers["location"].startswith(f"/request/{request('r1')}?said=")
    (row,) = await place.store.open_commands()
    envelope = CommandEnvelope.read(row.data)
    assert isinstance(envelope.command, ChangeRequest)
    assert [(one.start, one.end) for one in envelope.command.windows or ()] == [(NOW + hours(2), NOW + hours(10))]
    assert (envelope.actor.kind, envelope.reason, envelope.command.reason) == (
        "operator", "the family agrees", "the family agrees"
    )  # fmt: skip
    assert envelope.correlation_id == request("r1")


async def test_a_form_that_is_sent_twice_is_one_order(place: Place) -> None:
    text = await place.try_it(f"kind=window&request={request('r1')}&later=3")
    first = await place.confirm("window", text, reason="agreed", key="k")
    await place.loop.drain()
    again = await place.confirm("window", text, reason="agreed", key="k")
    assert again.headers["location"] == first.headers["location"]
    assert await place.store.open_commands() == []


async def test_what_has_changed_since_it_was_looked_at_is_looked_at_again(place: Place) -> None:
    text = await place.try_it(f"kind=window&request={request('r1')}&later=3")
    await place.decide(ChangeRequest(request_id=request("r1"), priority=4))
    late = await place.confirm("window", text, reason="agreed")
    assert late.status_code == 409
    assert "has changed meanwhile" in late.text
    assert await untouched(place)
    fresh = await place.confirm("window", late.text, reason="agreed")
    assert fresh.status_code == 303


async def test_a_closed_site_becomes_a_change_of_the_catalogue_and_moves_what_is_there(place: Place) -> None:
    text = await place.try_it("kind=site&site=s1")
    assert "Take old house out of the catalogue" in text
    assert "(care) to new house" in text
    done = await place.confirm("site", text, reason="rebuilt")
    assert done.headers["location"].startswith("/what-if?kind=site&zone=z1&said=")
    commands = [CommandEnvelope.read(row.data) for row in await place.store.open_commands()]
    assert [one.command.kind for one in commands] == ["change_catalogue", "change_request"]
    assert [one.reason for one in commands] == ["rebuilt", "rebuilt"]
    await place.loop.drain()
    state = place.loop.zone("z1")
    assert set(state.sites) == {"s2"}
    assert state.requests[request("r1")].need.place == HERE  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("kind=window&later=3", "Fill in what is to be tried."),
        (f"kind=window&request={request('none')}&later=3", "This zone has no such request that is open."),
        (f"kind=window&request={request('r1')}", "Fill in what is to be tried."),
        ("kind=site&site=s9", "There is no such site here."),
        ("kind=wave&service=none", "There is no such service here."),
        ("kind=volunteers&team=t9&skill=care", "There is no such team here."),
        ("kind=volunteers&team=t1&skill=%3Dx", "Fill in what is to be tried."),
    ],
)
async def test_what_cannot_be_tried_says_why(place: Place, query: str, said: str) -> None:
    assert said in await place.try_it(query)
    assert place.planner.solves == 0


async def test_no_plan_in_time_says_so_and_changes_nothing(place: Place) -> None:
    place.planner.fault = Unavailable("late")
    text = await place.try_it("kind=wave&service=care&count=4")
    assert "No plan was found in time; nothing has changed." in text
    assert await untouched(place)


async def test_the_forms_are_there_before_anything_is_tried(place: Place) -> None:
    for kind in ("volunteers", "window", "site", "wave", "nonsense"):
        text = (await place.client.get(f"/what-if?lang=en&kind={kind}")).text
        assert "What would happen?" in text
        assert "Served now" not in text
    assert place.planner.solves == 0
    assert (await place.client.post("/what-if/window", data={"zone": "z9"})).status_code == 404


async def test_who_waits_for_the_solver_longer_than_the_deadline_hears_that_there_is_no_plan(place: Place) -> None:
    place.planner.busy = True
    what_if = WhatIf(place.state, lambda: place.planner, place.clock, wait_s=0.01)
    with pytest.raises(Unavailable):
        await what_if.look("z1", Wave("care", 1))


async def test_quiet_hours_are_slept_through(place: Place) -> None:
    place.clock.time = NOW + timedelta(hours=13)  # 22:00
    text = await place.try_it("kind=wave&service=care&count=2")
    assert "Tomorrow 08:00" in text
