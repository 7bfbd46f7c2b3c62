"""People and teams, and a person who is paused."""

from datetime import timedelta

import pytest

from schemas.commands import ChangeRoster
from schemas.events import CheckedIn, SeatVacated
from schemas.person import Person
from schemas.place import Place
from schemas.roster import SkillHeld, Team, Volunteer, WeeklySlot
from schemas.views import TeamView, VolunteerView
from tests.console.world import NOW, World, label, offer_of, offered

HERE = Place(lon=121.401, lat=31.211)


@pytest.fixture
async def someone(world: World) -> VolunteerView:
    team = Team(id="t1", zone="north", name=label("队"), base=HERE)
    await world.show(TeamView(zone="north", version=1, team=team))
    views = [
        VolunteerView(
            zone="north",
            version=3,
            volunteer=Volunteer(
                id=name,
                team="t1",
                home=HERE,
                skills=(SkillHeld(skill=skill, level=2),),
                weekly=(WeeklySlot(weekday=0, start_min=8 * 60, end_min=24 * 60),),
            ),
        )
        for name, skill in (("v1", "care"), ("v2", "law"))
    ]
    await world.show(*views)
    return views[0]


async def test_people_are_found_by_team_skill_and_id(world: World, someone: VolunteerView) -> None:
    async def names(query: str) -> list[str]:
        text = (await world.client.get(f"/people?zone=north&{query}")).text
        return ["v" + part.split('"')[0] for part in text.split('href="/people/north/v')[1:]]

    assert await names("") == ["v1", "v2"]
    assert await names("team=t1&skill=law") == ["v2"]
    assert await names("q=V1") == ["v1"]
    assert await names("after=v1") == ["v2"]
    assert "Nobody is like this." in (await world.client.get("/people?zone=south&lang=en")).text


async def test_a_person_has_hours_answers_and_what_lies_ahead(world: World, someone: VolunteerView) -> None:
    row = offered()
    await world.show(row, offer_of(row), offer_of(offered(name="r2")).changed(state="declined"))
    text = (await world.client.get("/people/north/v1?lang=en")).text
    assert "Mon 08:00–24:00" in text
    assert "gives back what lies ahead: 1 visits" in text
    assert "<dt>Answered</dt><dd>1 (100 %)</dd>" in text
    assert "<dt>Said yes</dt><dd>0 (0 %)</dd>" in text
    assert (await world.client.get("/people/north/nobody")).status_code == 404
    assert (await world.client.get("/people/atlantis/v1")).status_code == 404


async def test_a_person_is_paused_with_a_reason_and_called_back(world: World, someone: VolunteerView) -> None:
    address = "/people/north/v1/pause?lang=en"
    form = {"what": "pause", "seen": "3", "key": "k"}
    assert "Say why" in (await world.client.post(address, data=form)).text
    old = await world.client.post(address, data=form | {"seen": "2", "reason": "ill"})
    assert "has changed meanwhile" in old.text
    assert await world.open() == []
    done = await world.client.post(address, data=form | {"reason": "ill"})
    assert done.headers["location"].startswith("/people/north/v1?said=")
    (envelope,) = await world.open()
    assert envelope.command == ChangeRoster(volunteers=(someone.volunteer.changed(paused=True),))
    assert envelope.reason == "ill"


async def test_a_name_is_shown_when_asked_for(world: World, someone: VolunteerView) -> None:
    await world.store.put_persons([Person(id="v1", name="李华", phone="139")])
    assert "李华" not in (await world.client.get("/people/north/v1")).text
    assert "李华" in (await world.client.post("/people/north/v1/name")).text
    assert [look.person for look in await world.store.looks()] == ["v1"]
    assert (await world.store.looks())[0].at == NOW


async def test_the_list_says_how_people_are_burdened_and_how_they_answer(world: World, someone: VolunteerView) -> None:
    rows = [offered(name=f"r{n}") for n in range(4)]
    states = ("accepted", "declined", "expired", "rescinded")
    await world.show(*(offer_of(row).changed(state=state) for row, state in zip(rows, states, strict=True)))
    text = (await world.client.get("/people?zone=north&lang=en&q=v1")).text
    assert "answers 67 %, says yes 33 %" in text
    assert "asked 4 of 4 this week" in text


async def test_whether_somebody_kept_what_they_promised_is_told(world: World, someone: VolunteerView) -> None:
    rows = [offered(name=f"r{n}") for n in range(3)]
    events = [
        CheckedIn(request_id=rows[0].request_id, volunteer="v1"),
        SeatVacated(request_id=rows[1].request_id, seat=0, volunteer="v1", how="withdrawn"),
        SeatVacated(request_id=rows[2].request_id, seat=0, volunteer="v1", how="released"),
    ]
    await world.show(*rows, *(offer_of(row).changed(state="accepted") for row in rows))
    for event in events:
        await world.happen("north", event=event)
    world.clock.time = NOW + timedelta(hours=3)
    text = (await world.client.get("/people/north/v1?lang=en")).text
    assert "came 1 times, withdrew 1, stayed away 0 (50 %)" in text
