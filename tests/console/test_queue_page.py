"""The queue's page: every filter lives in the address, several are dealt with at once, after a preview."""

from datetime import timedelta

import pytest

from engine.ports import StoredPlan
from ningju.console.pages import queue
from schemas.base import derive_id
from schemas.commands import ChangeRequest, TriageRequest
from schemas.plan import LeftOut, Plan, Rule, RuleCount
from schemas.request import RequestState
from schemas.views import RequestView
from tests.console.world import NOW, World, offered


def waiting(name: str, **fields: object) -> RequestView:
    return offered(name=name, **({"state": RequestState.QUEUED, "visit": None} | fields))  # type: ignore[arg-type]


def left_out(zone: str, why: dict[RequestView, Rule]) -> StoredPlan:
    """A plan that left requests out, each because of what one rule says of most people."""
    left = tuple(
        LeftOut(
            visit=str(row.request_id),
            candidates=0,
            reasons=(RuleCount(rule="blocked", removed=1), RuleCount(rule=rule, removed=5)),
        )
        for row, rule in why.items()
    )
    plan = Plan(status="feasible", left_out=left)
    return StoredPlan("plan", zone, 1, NOW, plan.dump())


async def shown(world: World, address: str) -> list[str]:
    """Ids of the rows, in order."""
    text = (await world.client.get(address)).text
    return [part[:36] for part in text.split('data-request="')[1:]]


def seen(*rows: RequestView) -> dict[str, str]:
    """What a preview says that it showed."""
    return {f"seen-{row.request_id}": str(row.version) for row in rows}


def ids(*rows: RequestView) -> list[str]:
    return [str(row.request_id) for row in rows]


async def test_the_most_urgent_stands_first_and_what_has_ended_is_not_there(world: World) -> None:
    calm, alarm = waiting("calm"), waiting("alarm", alarms=("response_overdue",), priority=1)
    ended = waiting("ended", state=RequestState.DONE)
    await world.show(calm, alarm, ended)
    assert await shown(world, "/queue") == ids(alarm, calm)
    assert await shown(world, "/queue?view=alarms") == ids(alarm)
    assert await shown(world, "/queue?view=ended") == ids(ended)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("zone=south", "south"),
        ("state=received", "new"),
        ("service=talk", "talk"),
        ("alarm=crew_incomplete", "crew"),
        ("age=1d", "old"),
        ("reason=somebody+DECLINED", "declined"),
        ("reason=有人谢绝", "declined"),
        ("reason=doctor", "wrote"),
        ("reason=skill", "left"),
        ("state=ended&reason=doctor", "refused"),
    ],
)
async def test_filters_live_in_the_address(world: World, query: str, name: str) -> None:
    rows = {
        "south": waiting("south").changed(zone="south"),
        "new": waiting("new", state=RequestState.RECEIVED),
        "talk": waiting("talk", service_type="talk"),
        "crew": waiting("crew", alarms=("crew_incomplete",)),
        "old": waiting("old", created_at=NOW - timedelta(days=2)),
        "declined": waiting("declined", reason="declined"),
        "wrote": waiting("wrote", reason="a Doctor's appointment"),
        "left": waiting("left"),
        "refused": waiting("refused", state=RequestState.REFUSED, reason="a doctor does that"),
    }
    await world.store.put_plan(left_out("north", {rows["left"]: "skill", rows["old"]: "reach"}))
    await world.show(*rows.values())
    assert await shown(world, f"/queue?{query}") == ids(rows[name])


async def test_a_number_or_a_code_leads_to_the_request(world: World) -> None:
    row, other = waiting("a", beneficiary="b-17"), waiting("b", beneficiary="beef01")
    await world.show(row, other)
    found = await world.client.get(f"/queue?q={str(row.request_id)[:8]}")
    assert (found.status_code, found.headers["location"]) == (303, f"/request/{row.request_id}")
    assert (await world.client.get("/queue?q=b-17")).headers["location"] == f"/request/{row.request_id}"
    assert (await world.client.get("/queue?q=beef01")).headers["location"] == f"/request/{other.request_id}"


async def test_pages_follow_one_another_without_gap_or_repetition(world: World) -> None:
    rows = [waiting(f"n{n}", respond_by=NOW + timedelta(minutes=n)) for n in range(120)]
    await world.show(*rows)
    seen, address = [], "/queue?order=urgent"
    while address:
        text = (await world.client.get(address)).text
        seen += [part[:36] for part in text.split('data-request="')[1:]]
        address = text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&") if 'rel="next"' in text else ""
    assert seen == ids(*rows)


async def test_what_may_be_one_need_is_marked(world: World) -> None:
    await world.show(waiting("a", beneficiary="b-1"), waiting("b", beneficiary="b-1"), waiting("c", beneficiary="b-2"))
    text = (await world.client.get("/queue?lang=en")).text
    assert text.count("Twice?") == 2


async def test_what_may_be_one_need_is_marked_though_the_other_is_on_another_page(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "ROWS", 1)
    one = waiting("a", beneficiary="b-1", respond_by=NOW + timedelta(hours=1))
    other = waiting("b", beneficiary="b-1", respond_by=NOW + timedelta(hours=9))
    talk, over = waiting("c", beneficiary="b-1", service_type="talk"), waiting("d", beneficiary="b-2")
    await world.show(one, other, talk, over, waiting("e", beneficiary="b-2", state=RequestState.CANCELLED))
    text = (await world.client.get("/queue?service=elder-visit&lang=en")).text
    assert text.count("data-request=") == 1
    assert str(one.request_id) in text
    assert "Twice?" in text
    assert "Twice?" not in (await world.client.get("/queue?q=b-2&lang=en")).text
    assert "Twice?" not in (await world.client.get("/queue?service=talk&lang=en")).text


async def test_several_are_triaged_after_a_preview(world: World) -> None:
    new = [waiting(name, state=RequestState.RECEIVED) for name in ("a", "b")]
    begun = waiting("c", state=RequestState.QUEUED)
    await world.show(*new, begun)
    form = {"id": ids(*new, begun), "what": "accept", "key": "k1", "back": "/queue?state=received"}
    preview = await world.client.post("/queue?lang=en", data=form)
    assert "Accept into the queue: 2 requests" in preview.text
    assert "stays as it is" in preview.text
    assert await world.open() == []

    form |= seen(*new)
    done = await world.client.post("/queue", data=form | {"sure": "yes"})
    assert done.status_code == 303
    assert done.headers["location"] == "/queue?state=received&done=0-2-k1"  # nobody has decided yet
    sent = [command.command for command in await world.open()]
    assert sent == [TriageRequest(request_id=row.request_id, accept=True, seen=row.version) for row in new]
    await world.client.post("/queue", data=form | {"sure": "yes"})
    assert len(await world.open()) == 2, "the same form twice is one order"


async def test_a_refusal_without_a_reason_is_not_sent(world: World) -> None:
    row = waiting("a", state=RequestState.RECEIVED)
    await world.show(row)
    form = {"id": ids(row), "what": "refuse", "sure": "yes", "key": "k"} | seen(row)
    assert "Say why" in (await world.client.post("/queue?lang=en", data=form)).text
    assert await world.open() == []
    await world.client.post("/queue", data=form | {"reason": "out of scope, call 13912345678"})
    (sent,) = await world.open()
    assert isinstance(sent.command, TriageRequest)
    assert not sent.command.accept
    assert sent.command.reason.startswith("out of scope")
    assert "13912345678" not in sent.command.reason
    assert sent.actor.kind == "operator"


async def test_a_priority_is_changed_for_several(world: World) -> None:
    row = waiting("a")
    await world.show(row)
    form = {"id": ids(row), "what": "priority", "priority": "5", "sure": "yes", "key": "k"} | seen(row)
    assert "Say why" in (await world.client.post("/queue?lang=en", data=form)).text
    assert await world.open() == []
    form["reason"] = "in pain"
    await world.client.post("/queue", data=form)
    (sent,) = await world.open()
    assert sent.command == ChangeRequest(request_id=row.request_id, priority=5, seen=row.version, reason="in pain")


async def test_what_has_changed_since_the_preview_is_shown_again_and_nothing_is_done(world: World) -> None:
    row, other = waiting("a"), waiting("b")
    await world.show(row.changed(version=9), other)
    form = {"id": ids(row, other), "what": "cancel", "reason": "x", "sure": "yes", "key": "k"} | seen(row, other)
    answer = await world.client.post("/queue?lang=en", data=form)
    assert answer.status_code == 409
    assert "Some have changed while you were looking" in answer.text
    assert f'name="seen-{row.request_id}" value="9"' in answer.text
    assert await world.open() == []


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/queue/../x", "javascript:1", ""])
async def test_a_form_leads_nowhere_else(world: World, back: str) -> None:
    row = waiting("a", state=RequestState.RECEIVED)
    await world.show(row)
    form = {"id": ids(row), "what": "accept", "sure": "yes", "key": "k", "back": back} | seen(row)
    assert (await world.client.post("/queue", data=form)).headers["location"] == "/queue?done=0-1-k"


async def test_nonsense_is_not_understood_and_does_no_harm(world: World) -> None:
    answer = await world.client.post("/queue?lang=en", data={"id": ["x", str(derive_id("nobody"))], "what": "explode"})
    assert "None was chosen." in answer.text
    assert (await world.client.post("/queue", content=b"\xff" * 300_000)).status_code == 200


async def test_a_filter_is_kept_under_a_name_and_found_again(world: World) -> None:
    back = "/queue?zone=north&alarm=any&reason=declined&cursor=x&said=y&done=1-1"
    kept = await world.client.post("/queue/views", data={"name": " 晨会  北片 ", "back": back, "what": "keep"})
    assert (kept.status_code, kept.headers["location"]) == (303, back)
    text = (await world.client.get("/queue?zone=north&alarm=any&reason=declined&lang=en")).text
    assert '<a href="/queue?zone=north&amp;alarm=any&amp;reason=declined" aria-current="page">★ 晨会 北片</a>' in text
    await world.client.post("/queue/views", data={"name": "", "back": back, "what": "keep"})
    await world.client.post("/queue/views", data={"name": "away", "back": "https://evil.example/queue?zone=x"})
    assert [(one.name, one.query) for one in await world.store.views_of("operator:local")] == [
        ("away", ""),
        ("晨会 北片", "zone=north&alarm=any&reason=declined"),
    ]
    await world.client.post("/queue/views", data={"name": "晨会 北片", "what": "drop"})
    assert "晨会" not in (await world.client.get("/queue")).text
    for n in range(40):
        await world.client.post("/queue/views", data={"name": f"n{n}", "back": "/queue"})
    assert len(await world.store.views_of("operator:local")) == 30
