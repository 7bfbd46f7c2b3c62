"""A request by phone, and dead letters."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from engine.ports import DeadLetter
from ningju.console.services import Services
from schemas.base import derive_id
from schemas.commands import SubmitRequest
from schemas.request import RequestState
from schemas.views import RequestView
from tests.console.world import NOW, World, offered


async def test_a_site_shows_its_two_lists(world: World) -> None:
    assert "Choose where help is needed" in (await world.client.get("/new?lang=en")).text
    north = (await world.client.get("/new?site=north-home&lang=en")).text
    south = (await world.client.get("/new?site=south-home&lang=en")).text
    assert "Featured here" not in north
    assert "Featured here" in south
    assert "Tomorrow, in the morning" in south


async def test_a_request_is_taken_in_once_with_its_person_apart(world: World) -> None:
    form = {
        "site": "north-home",
        "service": "elder-visit",
        "when": "2026-03-03/morning",
        "name": "陈奶奶",
        "phone": "13900000000",
        "key": "k",
        "sure": "yes",
    }
    for _ in range(2):
        answer = await world.client.post("/new", data=form)
        assert answer.status_code == 303
    (envelope,) = await world.open()
    assert isinstance(envelope.command, SubmitRequest)
    spec = envelope.command.spec
    assert (spec.site, spec.source) == ("north-home", "phone")
    assert spec.windows[0].start == NOW + timedelta(hours=23)
    assert b"13900000000" not in envelope.dump()
    person = await world.store.person(str(spec.beneficiary))
    assert person is not None
    assert person.phone == "13900000000"


FORM = {"site": "north-home", "service": "elder-visit", "when": "2026-03-03/morning"}


async def taken(world: World, **fields: str) -> RequestView:
    """A request that was taken in by phone, as the zone then has it."""
    await world.client.post("/new", data=FORM | fields | {"sure": "yes"})
    (envelope,) = [one for one in await world.open() if isinstance(one.command, SubmitRequest)]
    spec = envelope.command.spec  # type: ignore[union-attr]
    row = offered(state=RequestState.QUEUED, visit=None).changed(
        request_id=spec.request_id, beneficiary=spec.beneficiary, site=spec.site
    )
    await world.show(row)
    return row


@pytest.mark.parametrize(
    ("first", "again", "same"),
    [
        ({"code": "b-17"}, {"code": "b-17"}, True),
        ({"code": "b-17"}, {"code": "b-18"}, False),
        ({"name": "陈奶奶", "phone": "+86 139 0000 0000"}, {"phone": "139-0000-0000"}, True),
        ({"name": "陈奶奶"}, {"name": " 陈 奶奶"}, True),
        ({"name": "陈奶奶", "address": "1弄2号"}, {"name": "陈奶奶", "address": "3弄"}, False),
        ({"name": "陈奶奶", "phone": "12"}, {"name": "李奶奶", "phone": "12"}, False),
        ({"code": "b-17"}, {"code": "b-17", "service": "talk", "site": "south-home"}, False),
    ],
)
async def test_a_need_that_seems_to_be_in_already_is_told_before_it_is_taken_in_again(
    world: World, first: dict[str, str], again: dict[str, str], same: bool
) -> None:
    row = await taken(world, key="first", **first)
    form = FORM | {"key": "second"} | again
    text = (await world.client.post("/new?lang=en", data=form | {"sure": "no"})).text
    assert ("This need may be in already" in text) is same
    assert (f'<a href="/request/{row.request_id}"' in text) is same
    assert "陈奶奶</a>" not in text
    before = len(await world.open())
    answer = await world.client.post("/new?lang=en", data=form | {"sure": "yes"})
    assert answer.status_code == (200 if same else 303), "whoever has not been told is told first"
    if same:
        assert len(await world.open()) == before
        told = form | {"sure": "yes", "twin": str(row.request_id)}
        assert (await world.client.post("/new", data=told)).status_code == 303
    assert len(await world.open()) == before + 1


async def test_a_form_that_is_sent_twice_is_not_its_own_twin(world: World) -> None:
    row = await taken(world, key="k", code="b-17")
    answer = await world.client.post("/new", data=FORM | {"key": "k", "code": "b-17", "sure": "yes"})
    assert answer.headers["location"].startswith(f"/request/{row.request_id}?")


async def test_a_form_that_is_sent_again_is_answered_as_before_whatever_came_in_meanwhile(world: World) -> None:
    row = await taken(world, key="k", code="b-17")
    await world.show(row.changed(request_id=uuid4()))
    answer = await world.client.post("/new", data=FORM | {"key": "k", "code": "b-17", "sure": "yes"})
    assert answer.headers["location"].startswith(f"/request/{row.request_id}?")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"service": ""}, "Choose a service."),
        ({"start": "2026-03-01T08:00", "end": "2026-03-01T10:00"}, "This time cannot be"),
        ({"start": "2026-03-04T10:00", "end": "2026-03-04T08:00"}, "A window must end after it starts."),
        ({"when": "never"}, "A window must end after it starts."),
        ({"code": "no code!"}, "The beneficiary was not understood."),
    ],
)
async def test_what_is_wrong_is_said_and_what_was_filled_in_stays(
    world: World, fields: dict[str, str], said: str
) -> None:
    form = {"site": "north-home", "service": "elder-visit", "when": "2026-03-03/morning", "name": "Ann", "sure": "yes"}
    answer = await world.client.post("/new?lang=en", data=form | fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="Ann"' in answer.text
    assert await world.open() == []


@dataclass
class Kept:
    number: int
    letter: DeadLetter
    count: int = 3
    first_at: datetime = NOW
    last_at: datetime = NOW
    expires_at: datetime = NOW


@dataclass
class Drawer:
    kept: dict[int, Kept] = field(default_factory=dict)
    said: list[tuple[object, ...]] = field(default_factory=list)

    async def newest(self, limit: int) -> list[Kept]:
        return list(self.kept.values())[:limit]

    async def find(self, number: int) -> Kept | None:
        return self.kept.get(number)

    async def replay(self, number: int, by: str, raw: bytes | None = None, reason: str = "") -> UUID:
        if raw == b"worse":
            raise ValueError("it is no request that can be read")
        self.said.append((number, by, raw))
        return derive_id("replayed")

    async def discard(self, number: int, by: str, reason: str) -> None:
        self.said.append((number, by, reason))


class TestLetters:
    @pytest.fixture
    def services(self) -> Services:
        self.drawer = Drawer()
        return Services(wait_s=0, letters=self.drawer)

    def keep(self, number: int, reason: str, raw: bytes = b'{"a":1}') -> None:
        self.drawer.kept[number] = Kept(number, DeadLetter("ningju.requests", 0, number, reason, raw))

    async def test_letters_of_one_cause_stand_together(self, world: World) -> None:
        assert "There are no dead letters" in (await world.client.get("/letters?lang=en")).text
        self.keep(1, "field 7 of 'a' is <bad>")
        self.keep(2, "field 12 of 'b' is <bad>")
        self.keep(3, "not JSON")
        text = (await world.client.get("/letters?lang=en")).text
        assert text.count("<h2>") == 2
        assert "<bad>" not in text

    async def test_a_letter_is_mended_and_sent_again(self, world: World) -> None:
        self.keep(1, "not JSON", b"\xff{'a'}")
        page = (await world.client.get("/letters/1?lang=en")).text
        assert [(look.actor, look.person) for look in await world.store.looks()] == [("operator:local", "letter:1")]
        assert "\\xff" in page
        assert "ff 7b" in page
        worse = await world.client.post("/letters/1?lang=en", data={"what": "replay", "raw": "worse"})
        assert "it is no request that can be read" in worse.text
        await world.client.post("/letters/1", data={"what": "replay", "raw": '{"a": 2}'})
        await world.client.post("/letters/1", data={"what": "replay", "raw": "\\xff{'a'}"})
        assert self.drawer.said == [(1, "operator:local", b'{"a": 2}'), (1, "operator:local", None)]

    async def test_a_letter_is_put_away_with_a_reason_only(self, world: World) -> None:
        self.keep(1, "not JSON")
        without = await world.client.post("/letters/1?lang=en", data={"what": "discard"})
        assert "Say why it is put away." in without.text
        done = await world.client.post("/letters/1", data={"what": "discard", "reason": "a test"})
        assert done.headers["location"] == "/letters"
        assert self.drawer.said == [(1, "operator:local", "a test")]
        assert (await world.client.get("/letters/9")).status_code == 404


async def test_a_place_on_the_map_finds_its_zone_and_that_zones_lists(world: World) -> None:
    north = (await world.client.get("/new?lon=121.4012&lat=31.2112&lang=en")).text
    south = (await world.client.get("/new?lon=121.4212&lat=31.2112&lang=en")).text
    assert "Featured here" not in north
    assert "Featured here" in south
    assert "No zone has this place" in (await world.client.get("/new?lon=10&lat=10&lang=en")).text
    for nonsense in ("lon=x&lat=31", "lon=nan&lat=31", "lon=500&lat=31", "lon=&lat="):
        assert "Choose where help is needed" in (await world.client.get(f"/new?{nonsense}&lang=en")).text


@pytest.mark.parametrize("site", ["", "north-home"])
async def test_a_place_on_the_map_is_where_the_visit_is(world: World, site: str) -> None:
    form = {"site": site, "lon": "121.4012345", "lat": "31.2112345", "service": "elder-visit"}
    form |= {"when": "2026-03-03/morning", "key": "k", "sure": "yes"}
    assert (await world.client.post("/new", data=form)).status_code == 303
    (envelope,) = await world.open()
    assert isinstance(envelope.command, SubmitRequest)
    spec = envelope.command.spec
    assert envelope.zone == "north"
    assert spec.site == (site or None)
    assert (spec.place.lon, spec.place.lat) == (121.401, 31.211)  # a hundred metres are all that commands carry


async def test_who_could_do_it_is_asked_while_the_form_is_filled_in_and_half_a_form_is_no_fault(world: World) -> None:
    form = {"site": "north-home", "service": "", "when": "2026-03-03/morning", "sure": "no"}
    assert (await world.client.post("/new", data=form)).status_code == 422
    beside = await world.client.post("/new?lang=en", data=form, headers={"HX-Request": "true"})
    assert beside.status_code == 200
    assert 'id="could"' in beside.text
    assert await world.open() == []
