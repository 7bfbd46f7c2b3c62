"""The page Now: what an operator reads of zones and engine, and what stays in its place when it is pushed anew."""

import re

from schemas.request import RequestState
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
