"""What the console asks."""

import pytest

from engine.ports import RequestQuery, RowChange
from ningju.ledger.inspection import InspectableStore
from schemas.base import Label, derive_id
from schemas.request import RequestState
from schemas.roster import Team, Volunteer
from schemas.views import OfferView, RequestView, TeamView, VolunteerView, ZoneView
from schemas.zone import Policy, ZoneConfig
from tests.ledger.builders import HERE, append, offer_view, referral, request_view, row, visit_view


async def write(store: InspectableStore, *views: RequestView | OfferView) -> None:
    """Each zone's rows in a commit of its own."""
    for zone in sorted({view.zone for view in views}):
        version = (await store.heads()).get(zone, 0)
        rows = tuple(row(view) for view in views if view.zone == zone)
        await store.commit([append(zone, version, (zone, version), rows=rows)])


async def test_a_request_shows_its_origin_first_and_then_its_guests(store: InspectableStore) -> None:
    guest = request_view("a", "aaa", referral=referral("a"))
    origin = request_view("a", "east", state=RequestState.REFERRED, minutes=1)
    await write(store, guest, origin, request_view("b"))
    assert await store.request(origin.request_id) == (origin, guest)
    assert await store.request(derive_id("request", "none")) == ()


async def test_pages_are_stable_while_rows_are_added_and_changed(store: InspectableStore) -> None:
    views = [request_view(n, minutes=n // 2) for n in range(9)]
    await write(store, *views)
    expected = sorted(views, key=lambda view: (view.created_at, str(view.request_id)))
    seen: list[RequestView] = []
    query = RequestQuery(limit=2)
    while True:
        page = await store.requests(query)
        assert len(page.rows) <= 2
        seen += page.rows
        await write(store, expected[0].changed(state=RequestState.DONE), request_view(f"old {len(seen)}", minutes=-5))
        if page.next is None:
            break
        query = RequestQuery(limit=2, cursor=page.next)
    assert seen == expected
    assert (await store.requests(RequestQuery(limit=9))).next is not None
    assert (await store.requests(RequestQuery(limit=14))).next is None


async def test_requests_are_filtered_by_zone_state_service_and_guests(store: InspectableStore) -> None:
    a = request_view("a", minutes=1)
    b = request_view("b", "west", service_type="visit", minutes=2)
    c = request_view("c", state=RequestState.DONE, minutes=3)
    guest = request_view("b", "east", referral=referral("b", "west"), minutes=4)
    await write(store, a, b, c, guest)

    async def found(query: RequestQuery) -> list[RequestView]:
        return list((await store.requests(query)).rows)

    assert await found(RequestQuery()) == [a, b, c]
    assert await found(RequestQuery(guests=True)) == [a, b, c, guest]
    assert await found(RequestQuery(zone="east")) == [a, c]
    assert await found(RequestQuery(states=(RequestState.DONE, RequestState.UNSERVED))) == [c]
    assert await found(RequestQuery(service_type="visit")) == [b]
    assert await found(RequestQuery(zone="west", service_type="meal")) == []
    assert await store.counts() == {
        "east": {RequestState.QUEUED: 1, RequestState.DONE: 1},
        "west": {RequestState.QUEUED: 1},
    }


@pytest.mark.parametrize("cursor", ["x", "bm9uc2Vuc2U=", "WzFd", "WyJhIiwxLDJd", "中"])
async def test_a_made_up_cursor_is_refused(store: InspectableStore, cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        await store.requests(RequestQuery(cursor=cursor))


async def test_offers_are_found_by_id_request_and_volunteer_oldest_first(store: InspectableStore) -> None:
    first, second = offer_view("1", "a", "v2", minutes=1), offer_view("2", "b", "v1", minutes=2)
    third, fourth = offer_view("3", "a", "v1", minutes=3), offer_view("4", "a", "v1", "west", minutes=0)
    await write(store, third, second, first, fourth)
    assert await store.offer(second.offer_id) == second
    assert await store.offer(derive_id("offer", "none")) is None
    assert await store.offers(request_id=first.request_id) == [fourth, first, third]
    assert await store.offers(volunteer="v1") == [fourth, second, third]
    assert await store.offers(request_id=first.request_id, volunteer="v2") == [first]
    assert await store.offers_to(["v1", "v9"], fourth.offered_at) == [second, third]
    assert await store.offers_to([], fourth.offered_at) == []
    await write(store, second.changed(state="accepted"))
    found = await store.offer(second.offer_id)
    assert found is not None
    assert found.state == "accepted"


async def test_a_visit_leads_to_its_request_even_after_it_was_given_up(store: InspectableStore) -> None:
    view = request_view("a", visit=visit_view("v"))
    await write(store, view)
    assert await store.visit(derive_id("visit", "v")) == view
    released = request_view("a")
    await write(store, released)
    assert await store.visit(derive_id("visit", "v")) == released
    assert await store.visit(derive_id("visit", "none")) is None


async def test_a_visit_at_a_guest_means_the_guests_row(store: InspectableStore) -> None:
    await write(store, request_view("a", "east", visit=visit_view("v")))
    origin = request_view("a", "east", state=RequestState.REFERRED)
    guest = request_view("a", "west", referral=referral("a"), visit=visit_view("v"))
    await write(store, origin, guest)
    assert await store.visit(derive_id("visit", "v")) == guest


async def test_zones_and_rosters(store: InspectableStore) -> None:
    def zone_view(name: str) -> ZoneView:
        label = Label(zh=name, en=name)
        config = ZoneConfig(id=name, name=label, level="subdistrict")
        return ZoneView(zone=name, version=1, name=label, level="subdistrict", config=config, policy=Policy())

    team = TeamView(zone="east", version=1, team=Team(id="t1", zone="east", name=Label(zh="队", en="T"), base=HERE))
    people = [
        VolunteerView(zone="east", version=1, volunteer=Volunteer(id=name, team="t1", home=HERE))
        for name in ("v2", "v1")
    ]
    rows = (
        RowChange("zone", "east", zone_view("east")),
        RowChange("team", "t1", team),
        *(RowChange("volunteer", one.volunteer.id, one) for one in people),
    )
    await store.commit([append("east", 0, 1, rows=rows)])
    await store.commit([append("aaa", 0, 2, rows=(RowChange("zone", "aaa", zone_view("aaa")),))])
    assert await store.zones() == [zone_view("aaa"), zone_view("east")]
    assert await store.zone("east") == zone_view("east")
    assert await store.zone("none") is None
    assert await store.roster("east") == ([team], people[::-1])
    assert await store.roster("aaa") == ([], [])
    await store.commit([append("east", 1, 3, rows=(RowChange("volunteer", "v2", None),))])
    assert await store.roster("east") == ([team], [people[1]])
