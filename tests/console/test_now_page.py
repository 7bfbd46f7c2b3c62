"""The page Now: what an operator reads of zones and engine, and what stays in its place when it is pushed anew."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from engine.ports import DeadLetter, Solved, StoredPlan
from ningju.console.services import Services, Worker
from schemas.request import RequestState
from schemas.views import RequestView
from tests.console.world import NOW, World, offer_of, offered

FOCUSABLE = re.compile(r'<(?:a|button|input|select|summary)\b[^>]*>|<[^>]*\btabindex="0"[^>]*>')


async def board(world: World, language: str = "en") -> str:
    text = (await world.client.get(f"/now?lang={language}")).text
    return text[text.index('<div id="now"') : text.index("</main>")]


async def test_whatever_can_have_the_focus_has_an_id_of_its_own_that_stays(world: World) -> None:
    alarm = offered(name="lost", alarms=("needs_operator",), state=RequestState.QUEUED, visit=None)
    asked = offered(name="asked", alarms=("crew_incomplete",))
    new = offered(name="new", state=RequestState.RECEIVED, visit=None)
    await world.show(alarm, asked, new, offer_of(asked).changed(expires_at=NOW.replace(minute=9)))

    async def ids() -> list[str]:
        found = [re.search(r'\bid="([^"]+)"', tag) for tag in FOCUSABLE.findall(await board(world))]
        assert None not in found
        return [one[1] for one in found if one is not None]

    before = await ids()
    assert len(before) >= 9
    assert len(set(before)) == len(before)
    await world.show(
        new.changed(state=RequestState.QUEUED, version=6), offered("south", "more", alarms=("needs_operator",))
    )
    gone = set(before) - set(await ids())
    assert gone == {"triage", "count-north-received"}


def waits(name: str, zone: str = "north", **fields: object) -> RequestView:
    return offered(zone, name, **({"state": RequestState.QUEUED, "visit": None} | fields))  # type: ignore[arg-type]


async def rows(world: World, heading: str) -> list[str]:
    """The text of a table's rows under a heading."""
    part = (await board(world)).split(heading)[1].split("</table>")[0].split("<tbody>")[1]
    return [" ".join(re.sub("<[^>]+>", " ", row).split()) for row in part.split("<tr>")[1:]]


async def test_each_zone_tells_what_waits_against_its_target(world: World) -> None:
    await world.show(
        waits("old", created_at=NOW - timedelta(hours=5), respond_by=NOW - timedelta(hours=3)),
        waits("new", state=RequestState.RECEIVED, respond_by=NOW + timedelta(minutes=10)),
        waits("elsewhere", "south", created_at=NOW - timedelta(minutes=7), respond_by=NOW + timedelta(minutes=23)),
        offered("south", "asked", respond_by=NOW - timedelta(hours=1)),
    )
    assert await rows(world, "Waiting against target") == [
        "north waits for 5 h 1 of 2 past target 3 h over",
        "south waits for 7 min none of 1 past target first target in 23 min",
    ]
    text = (await world.client.get("/queue?zone=north&state=waiting&age=late&lang=en")).text
    assert 'href="/queue?zone=north&amp;state=waiting&amp;age=late"' in await board(world)
    assert text.count("data-request=") == 1, "the queue has as many as were counted"


async def facts(world: World) -> dict[str, str]:
    """What is said of the engine."""
    part = (await board(world)).split('id="health"')[1]
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", part, re.DOTALL)
    plain = [" ".join(re.sub("<[^>]+>", " ", text).split()) for pair in found for text in pair]
    return dict(zip(plain[::2], plain[1::2], strict=True))


class TestEngine:
    @pytest.fixture
    def services(self, services: Services) -> Services:
        workers = (Worker("zones"), Worker("matcher", works=False))
        return replace(services, consumers=("matcher",), workers=lambda: workers)

    async def test_how_far_behind_who_is_and_when_a_plan_was_made(self, world: World, services: Services) -> None:
        await world.happen("north", 4)
        await world.happen("south", 2)
        await world.store.settle("matcher", {"north": 1})
        await world.store.put_plan(StoredPlan("a", "south", 1, NOW - timedelta(minutes=30), b""))
        services.stats.solved["north"] = Solved(NOW - timedelta(minutes=3), 0.42)
        told = await facts(world)
        assert told["Matching: events not seen yet"] == "5"
        assert told["Last plan"] == "3 min ago · north · took 0.42 s"
        assert told["Working in this server"] == "Decisions Matching: not let in yet"
        assert told["Messages not delivered yet"] == "0"
        assert [row.partition("planned ")[2] for row in await rows(world, "Waiting against target")] == [
            "3 min ago took 0.42 s",
            "30 min ago",
        ]

    async def test_a_command_that_nobody_answers_is_said_to_be_slow(self, world: World) -> None:
        row = waits("a")
        await world.show(row)
        await world.client.post("/now/take", data={"what": f"{row.request_id} north ", "key": "k"})
        assert "Slow" not in await board(world)
        world.clock.time = NOW + timedelta(minutes=2)
        assert (await facts(world))["Commands without an answer yet"] == "1 · the oldest came 2 min ago"
        assert "Something has waited for more than a minute" in await board(world)


class TestLetters:
    @pytest.fixture
    def services(self, services: Services) -> Services:
        return replace(services, letters=object())  # type: ignore[arg-type]  # here they are only counted

    async def test_dead_letters_are_counted_however_many_there_are(self, world: World) -> None:
        for offset in range(120):
            await world.store.dead_letter(DeadLetter("ningju.requests", 0, offset, "unreadable", b"x"))
        assert "Look at 120 dead letters" in await board(world)
