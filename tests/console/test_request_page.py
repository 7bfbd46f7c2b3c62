"""A request's page: its life, its seats, why, and everything that an operator does about it, with the verdict told."""

import json
from typing import Any

import pytest

from engine.ports import Look
from ningju.console.services import Services
from schemas.base import derive_id
from schemas.commands import (
    AcceptOffer,
    AssignCrew,
    CancelRequest,
    ChangeRequest,
    Command,
    DeclineOffer,
    PinVisit,
    ReferRequest,
    ReleaseSeat,
    ReleaseVisit,
    TriageRequest,
)
from schemas.events import RequestChanged, RequestQueued, RequestReferred
from schemas.explanation import Candidate, Explanation
from schemas.person import Person
from schemas.plan import RuleCount
from schemas.request import Referral, RequestState
from schemas.roster import Team, Volunteer
from schemas.views import RequestView, TeamView, VolunteerView, ZoneView
from schemas.zone import Policy
from tests.console.world import NOW, World, label, need_of, offer_of, offered, received, zone_view


def explanation(row: RequestView, **fields: Any) -> Explanation:
    whole: dict[str, Any] = {
        "request_id": row.request_id,
        "zone": row.zone,
        "version": 5,
        "now": NOW,
        "state": row.state,
        "summary": "nobody",
        "volunteers": 10,
        "removed": (RuleCount(rule="reach", removed=7), RuleCount(rule="availability", removed=3)),
        "candidates": (Candidate(volunteer="v7", team="t1", metres=1_500, rule="reach"),),
    }
    return Explanation(**(whole | fields))


@pytest.fixture
def row() -> RequestView:
    return offered(beneficiary="b-1")


@pytest.fixture
def services(row: RequestView) -> Services:
    async def explain(zone: str, request_id: object) -> Explanation:
        return explanation(row)

    async def imagine(zone: str, command: Command, request_id: object) -> Explanation:
        assert isinstance(command, ChangeRequest)
        return explanation(row, passing=4, candidates=(Candidate(volunteer="v9", team="t1", metres=900),))

    async def check(zone: str, command: AssignCrew) -> dict[str, tuple[Any, ...]]:
        return {"v7": ("reach",)} if command.seats[0].volunteer == "v7" else {}

    return Services(wait_s=0.05, poll_s=0.01, explain=explain, imagine=imagine, check=check)


async def sent(world: World) -> list[Command]:
    return [envelope.command for envelope in await world.open()]


async def test_the_page_says_what_who_and_why(world: World, row: RequestView) -> None:
    await world.show(row)
    text = (await world.client.get(f"/request/{row.request_id}?lang=en")).text
    for said in ("elder-visit", "Asking people", "v1", "Nobody can be asked: 7 people live farther", "1.5 km"):
        assert said in text
    assert "无人可询问" in (await world.client.get(f"/request/{row.request_id}?lang=zh")).text
    assert (await world.client.get(f"/request/{derive_id('nobody')}?lang=en")).status_code == 404
    assert (await world.client.get("/request/nonsense?lang=en")).status_code == 422


async def test_a_wider_window_is_tried_out_without_changing_anything(world: World, row: RequestView) -> None:
    await world.show(row)
    text = (await world.client.get(f"/request/{row.request_id}?wider=60&lang=en")).text
    assert "Then 4 people could be asked instead of 0." in text
    assert "v9" in text
    assert await sent(world) == []


async def test_names_and_phones_are_shown_when_asked_for_and_that_is_written_down(
    world: World, row: RequestView
) -> None:
    await world.show(row)
    await world.store.put_persons([Person(id="b-1", name="陈<b>奶奶", phone="13900000000"), Person(id="v1", name="Li")])
    before = (await world.client.get(f"/request/{row.request_id}")).text
    assert "13900000000" not in before
    after = (await world.client.post(f"/request/{row.request_id}/people")).text
    assert "13900000000" in after
    assert "陈&lt;b&gt;奶奶" in after
    looks = await world.store.looks()
    assert {look.person for look in looks} == {"b-1", "v1"}
    assert looks[0] == Look("operator:local", looks[0].person, row.request_id, NOW, looks[0].seq)
    assert "b-1" in (await world.client.get("/audit/looks")).text
    lines = [json.loads(line) for line in (await world.client.get("/audit/looks/export")).text.splitlines()]
    assert [(line["actor"], line["person"], line["request_id"]) for line in lines] == [
        (look.actor, look.person, str(row.request_id)) for look in looks
    ]


@pytest.mark.parametrize("what", ["accept", "decline"])
async def test_an_answer_on_behalf_is_the_operators_and_says_how_they_know(
    world: World, row: RequestView, what: str
) -> None:
    await world.show(row, offer_of(row))
    form = {"seat": "0", "volunteer": "v1", "what": what, "reason": "on the phone", "key": "k"}
    answer = await world.client.post(f"/request/{row.request_id}/answer", data=form)
    (envelope,) = await world.open()
    offer_id = offer_of(row).offer_id
    wanted = (
        AcceptOffer(offer_id=offer_id) if what == "accept" else DeclineOffer(offer_id=offer_id, reason="on the phone")
    )
    assert envelope.command == wanted
    assert (envelope.actor.kind, envelope.reason) == ("operator", "on the phone")
    assert answer.headers["location"] == f"/request/{row.request_id}?said={envelope.command_id}"


async def test_the_verdict_is_told_in_the_readers_language(world: World, row: RequestView) -> None:
    await world.show(row)
    form = {"what": "cancel", "reason": "moved away", "seen": "5", "zone": "north", "key": "k"}
    address = (await world.client.post(f"/request/{row.request_id}/do", data=form)).headers["location"]
    assert "on its way" in (await world.client.get(f"{address}&lang=en")).text
    await world.decide("rejected", "under_way", "the visit has begun; finish it")
    assert "not done" in (await world.client.get(f"{address}&lang=en")).text
    assert "服务已开始，请先结束。" in (await world.client.get(f"{address}&lang=zh")).text


@pytest.mark.parametrize(
    ("what", "fields", "wanted"),
    [
        ("cancel", {}, CancelRequest),
        ("put-back", {}, ReleaseVisit),
        ("take-off", {"volunteer": "v1"}, ReleaseSeat),
        ("priority", {"priority": "5"}, ChangeRequest),
        ("windows", {"start": "2026-03-02T14:00", "end": "2026-03-02T16:00"}, ChangeRequest),
        ("refuse", {}, TriageRequest),
    ],
)
async def test_an_order_is_given_with_its_reason(
    world: World, row: RequestView, what: str, fields: dict[str, str], wanted: type
) -> None:
    await world.show(row)
    form = {"what": what, "reason": "because", "seen": "5", "zone": "north", "key": "k"} | fields
    await world.client.post(f"/request/{row.request_id}/do", data=form)
    (command,) = await sent(world)
    assert type(command) is wanted
    assert command.reason == "because"  # type: ignore[union-attr]
    if what == "windows":
        assert command.windows[0].start.hour == 6  # type: ignore[union-attr]  # 14:00 in Shanghai


def neighbours(*names: str, **policy: Any) -> ZoneView:
    """North as it is, with siblings and a district above."""
    view = zone_view("north", 121.39, version=2)
    config = view.config.changed(parent="home", siblings=names)
    return view.changed(config=config, policy=Policy(**policy))


async def test_a_request_is_handed_to_a_zone_of_the_operators_choice(world: World) -> None:
    row = offered(state=RequestState.QUEUED, visit=None)
    await world.show(row, neighbours("south", "east", referral_hops=3))
    referral = Referral(referral_id=derive_id("referral"), origin="north", hop=1, expires_at=NOW)
    begun = received(row)
    gone = RequestReferred(request_id=row.request_id, referral=referral, to="home", spec=begun.spec, need=need_of(row))
    await world.happen("north", 1, begun)
    await world.happen("north", 1, gone)
    page = (await world.client.get(f"/request/{row.request_id}?lang=en")).text
    form = page.partition('value="refer"')[2].partition("</form>")[0]
    assert [part.partition('"')[0] for part in form.split('<option value="')[1:]] == ["south", "east"]
    order = {"what": "refer", "to": "east", "reason": "he lived there", "seen": "5", "zone": "north", "key": "k"}
    await world.client.post(f"/request/{row.request_id}/do", data=order)
    assert await sent(world) == [ReferRequest(request_id=row.request_id, to="east", seen=5, reason="he lived there")]


async def test_where_no_zone_is_left_none_is_offered(world: World) -> None:
    row = offered(state=RequestState.QUEUED, visit=None)
    await world.show(row)
    page = (await world.client.get(f"/request/{row.request_id}?lang=en")).text
    assert "Change the time" in page
    assert "Hand to another zone" not in page


OVERRULES = ("cancel", "refuse", "put-back", "take-off", "refer", "pin", "unpin", "windows", "priority", "crew")


@pytest.mark.parametrize("what", OVERRULES)
async def test_what_needs_a_reason_is_not_sent_without(world: World, row: RequestView, what: str) -> None:
    await world.show(row)
    form = {"what": what, "seen": "5", "zone": "north", "key": "k", "priority": "5", "heads0": "2", "reason": " "}
    form["volunteer"] = "v1"
    form |= {"start": "2026-03-02T14:00", "end": "2026-03-02T16:00"}
    assert (await world.client.post(f"/request/{row.request_id}/do", data=form)).status_code == 422
    assert await sent(world) == []


@pytest.mark.parametrize("pinned", [True, False])
async def test_every_form_that_overrules_asks_for_a_reason_before_it_is_sent(
    world: World, row: RequestView, pinned: bool
) -> None:
    assert row.visit is not None
    await world.show(row.changed(visit=row.visit.changed(pinned=pinned)))
    await world.happen("north", 1, received(row))
    await world.show(neighbours("south"))
    page = (await world.client.get(f"/request/{row.request_id}?lang=en")).text
    forms = [form for form in page.split("<form ")[1:] if f'/request/{row.request_id}/do"' in form]
    asked = {form.split('name="what" value="')[1].split('"')[0]: form.split("</form>")[0] for form in forms}
    assert set(asked) == set(OVERRULES) - {"refuse", "pin" if pinned else "unpin"}
    assert [what for what, form in asked.items() if 'name="reason" maxlength="500" required' not in form] == []


async def test_a_plain_accept_says_why_by_itself(world: World) -> None:
    row = offered(state=RequestState.RECEIVED, visit=None)
    await world.show(row)
    page = (await world.client.get(f"/request/{row.request_id}?lang=en")).text
    accept = page.split('name="what" value="accept"')[1].split("</form>")[0]
    assert 'name="reason"' in accept
    assert "required" not in accept
    form = {"what": "accept", "seen": "5", "zone": "north", "key": "k"}
    assert (await world.client.post(f"/request/{row.request_id}/do", data=form)).status_code == 303
    assert await sent(world) == [TriageRequest(request_id=row.request_id, accept=True, seen=5)]


async def test_why_something_was_overruled_stands_in_its_life_once(world: World, row: RequestView) -> None:
    await world.show(row)
    need = need_of(row).changed(priority=5)
    await world.happen("north", 1, RequestChanged(request_id=row.request_id, need=need), reason="fell last night")
    await world.happen("north", 1, RequestQueued(request_id=row.request_id, reason="in pain"), reason="in pain")
    page = (await world.client.get(f"/request/{row.request_id}?lang=en")).text
    life = page[page.index('<ol class="life">') :]
    assert life.count("fell last night") == 1
    assert life.count("in pain") == 1


async def test_one_person_is_taken_off_by_name_and_whoever_has_come_is_not(world: World, row: RequestView) -> None:
    assert row.visit is not None
    seat = row.visit.seats[0]
    seats = (seat, seat.changed(seat=1, volunteer="v2", state="arrived"), seat.changed(seat=2, volunteer=None))
    await world.show(row.changed(visit=row.visit.changed(seats=seats)))
    page = (await world.client.get(f"/request/{row.request_id}?lang=en")).text
    form = page.partition('value="take-off"')[2].partition("</form>")[0]
    assert [part.partition('"')[0] for part in form.split('<option value="')[1:]] == ["v1"]
    order = {"what": "take-off", "volunteer": "v1", "reason": "ill", "seen": "5", "zone": "north", "key": "k"}
    nobody = await world.client.post(f"/request/{row.request_id}/do", data=order | {"volunteer": "<v1>"})
    assert nobody.status_code == 303
    assert await sent(world) == []
    answer = await world.client.post(f"/request/{row.request_id}/do", data=order)
    assert await sent(world) == [ReleaseSeat(request_id=row.request_id, volunteer="v1", seen=5, reason="ill")]
    assert "Take one person off" in (await world.client.get(f"{answer.headers['location']}&lang=en")).text


async def test_the_second_of_two_operators_is_told_and_overwrites_nothing(world: World, row: RequestView) -> None:
    await world.show(row.changed(version=9))
    form = {"what": "cancel", "reason": "x", "seen": "5", "zone": "north", "key": "k"}
    await world.happen("north", 5)
    await world.happen("north", 1, RequestQueued(request_id=row.request_id, reason="put_back"))
    answer = await world.client.post(f"/request/{row.request_id}/do?lang=en", data=form)
    assert answer.status_code == 409
    assert await sent(world) == []
    told = answer.text[answer.text.index('role="alert"') :]
    assert "The request changed while you were looking" in told
    assert "Put into the queue: put back by an operator" in told[: told.index("</div>")]
    text = (await world.client.get(f"/request/{row.request_id}?since=5&lang=en")).text
    assert "The request changed while you were looking" in text


async def test_the_same_form_sent_twice_is_one_order_and_no_conflict(world: World, row: RequestView) -> None:
    await world.show(row)
    form = {"what": "cancel", "reason": "x", "seen": "5", "zone": "north", "key": "k"}
    first = await world.client.post(f"/request/{row.request_id}/do", data=form)
    await world.show(row.changed(version=9))
    second = await world.client.post(f"/request/{row.request_id}/do", data=form)
    assert (second.status_code, second.headers["location"]) == (303, first.headers["location"])


async def test_a_form_that_does_not_say_what_it_saw_does_nothing(world: World, row: RequestView) -> None:
    await world.show(row)
    form = {"what": "cancel", "reason": "x", "zone": "north", "key": "k"}
    assert (await world.client.post(f"/request/{row.request_id}/do", data=form)).status_code == 409
    assert await sent(world) == []


async def test_a_leader_on_the_phone_sends_somebody_else_and_it_is_recorded_as_such(
    world: World, row: RequestView
) -> None:
    await world.show(row, offer_of(row).changed(asked="lee"))
    page = (await world.client.get(f"/request/{row.request_id}?lang=en")).text
    assert '<option value="lee">Team leader lee' in page
    form = {"seat": "0", "volunteer": "v1", "what": "accept", "by": "lee", "instead": "v2", "reason": "on the phone"}
    await world.client.post(f"/request/{row.request_id}/answer", data=form | {"key": "k", "seen": "5"})
    (envelope,) = await world.open()
    assert envelope.command == AcceptOffer(offer_id=offer_of(row).offer_id, volunteer="v2")
    assert (envelope.actor.kind, envelope.reason) == ("operator", "lee: on the phone")


@pytest.mark.parametrize(("pinned", "what", "word"), [(False, "pin", "Pin"), (True, "unpin", "Unpin")])
async def test_a_visit_is_pinned_and_unpinned_and_says_so(
    world: World, row: RequestView, pinned: bool, what: str, word: str
) -> None:
    assert row.visit is not None
    await world.show(row.changed(visit=row.visit.changed(pinned=pinned)))
    page = (await world.client.get(f"/request/{row.request_id}?lang=en")).text
    assert f"<summary>{word}</summary>" in page
    assert ('<span class="tag pinned">Pinned</span>' in page) is pinned
    assert ("Pinned" in (await world.client.get("/queue?lang=en")).text) is pinned
    form = {"what": what, "reason": "promised", "seen": "5", "zone": "north", "key": "k"}
    await world.client.post(f"/request/{row.request_id}/do", data=form)
    assert await sent(world) == [PinVisit(request_id=row.request_id, pinned=not pinned, seen=5, reason="promised")]


async def test_the_crew_is_changed_demand_by_demand(world: World, row: RequestView) -> None:
    await world.show(row)
    await world.happen("north", 1, received(row))
    page = (await world.client.get(f"/request/{row.request_id}?lang=en")).text
    assert 'name="heads1"' in page
    form = {"what": "crew", "heads0": "2", "heads1": "900", "reason": "heavy", "seen": "5", "zone": "north", "key": "k"}
    await world.client.post(f"/request/{row.request_id}/do", data=form)
    (command,) = await sent(world)
    assert isinstance(command, ChangeRequest)
    assert command.demands is not None
    assert [(demand.skill, demand.heads) for demand in command.demands] == [("care", 2), ("lift", 20)]


@pytest.fixture
def waiting() -> RequestView:
    return offered(state=RequestState.QUEUED, visit=None)


async def roster(world: World) -> None:
    here = {"lon": 121.401, "lat": 31.211}
    team = Team.model_validate({"id": "t1", "zone": "north", "name": label("队"), "base": here})
    await world.show(TeamView(zone="north", version=1, team=team))
    for name in ("v7", "v8"):
        person = Volunteer.model_validate({"id": name, "team": "t1", "home": here})
        await world.show(VolunteerView(zone="north", version=1, volunteer=person))


async def test_an_assignment_names_the_rules_that_it_breaks_and_is_sent_when_they_are_waived(
    world: World, waiting: RequestView
) -> None:
    await world.show(waiting)
    await roster(world)
    address = f"/request/{waiting.request_id}/assign"
    page = (await world.client.get(f"{address}?team=t1&who=v7&lang=en")).text
    assert 'value="v7"' in page
    form = {"team": "t1", "start": "2026-03-02T09:00", "who0": "v7", "seen": "5", "key": "k", "sure": "yes"}
    told = (await world.client.post(f"{address}?lang=en", data=form)).text
    assert "live farther away than they go" in told
    assert await sent(world) == []
    form |= {"waive": "reach"}
    kept = (await world.client.post(f"{address}?lang=en", data=form | {"sure": "no", "reason": "she drives"})).text
    assert 'value="she drives"' in kept
    assert "Say why these rules" in (await world.client.post(f"{address}?lang=en", data=form)).text
    answer = await world.client.post(address, data=form | {"reason": "she drives", "agreed": "yes"})
    assert answer.status_code == 303
    (command,) = await sent(world)
    assert isinstance(command, AssignCrew)
    assert (command.waived, command.agreed, command.seen, command.reason) == (("reach",), True, 5, "she drives")
    assert command.start == NOW


async def test_checking_sends_nothing_and_an_empty_form_says_what_is_missing(
    world: World, waiting: RequestView
) -> None:
    await world.show(waiting)
    await roster(world)
    address = f"/request/{waiting.request_id}/assign?lang=en"
    form = {"team": "t1", "start": "2026-03-02T09:00", "who0": "v8", "seen": "5", "key": "k", "sure": "no"}
    assert "No rule is broken." in (await world.client.post(address, data=form)).text
    assert "at least one person" in (await world.client.post(address, data={"key": "k"})).text
    unsaid = await world.client.post(address, data=form | {"sure": "yes"})
    assert unsaid.status_code == 422
    assert "Say why" in unsaid.text
    assert await sent(world) == []


async def test_the_audit_says_who_did_what_when_and_why(world: World, row: RequestView) -> None:
    await world.show(row)
    form = {"what": "cancel", "reason": "moved <away>", "seen": "5", "zone": "north", "key": "k"}
    await world.client.post(f"/request/{row.request_id}/do", data=form)
    await world.decide("rejected", "under_way", "no")
    text = (await world.client.get("/audit?lang=en")).text
    assert "Cancel the request" in text
    assert "moved &lt;away&gt;" in text
    assert "The visit has begun; finish it." in text
    assert str(row.request_id) in text
    assert "Nobody has done anything like this" in (await world.client.get("/audit?actor=operator:x&lang=en")).text
    lines = (await world.client.get("/audit/export")).text.splitlines()
    assert len(lines) == 1
    assert (await world.client.get("/audit/export?actor=operator:x")).text == ""
    assert (await world.client.get("/audit/export?actor=operator:local")).text.splitlines() == lines
