"""What handling a command leaves behind: records in a chain, rows, an outcome."""

from uuid import UUID

from engine.handling import failed, handle
from schemas.base import derive_id
from schemas.commands import AcceptOffer, ChangeRoster, DeclineOffer, SubmitRequest, Tick
from schemas.envelope import GENESIS, CommandEnvelope, EventEnvelope, event_id, record_hash
from schemas.request import RequestSpec, RequestState
from schemas.views import OfferView, RequestView
from tests.engine.builders import MONDAY, OPERATOR, World, by, hours, minutes, request, spec, volunteer, window

START = MONDAY + hours(6)
R1 = request("r1")


def row(world: World, table: str, key: object) -> RequestView | OfferView:
    assert world.last is not None
    views = [change.view for change in world.last.rows if (change.table, change.key) == (table, str(key))]
    assert len(views) == 1
    assert isinstance(views[0], RequestView | OfferView)
    return views[0]


def test_records_form_a_chain_with_derived_ids() -> None:
    world = World().settled()
    world.submit("r1")
    world.offer("r1", START, "ann")
    head = GENESIS
    for version, record in enumerate(world.records, start=1):
        assert (record.version, record.envelope.prev_hash) == (version, head)
        assert record.envelope.event_id == event_id("z1", version)
        assert EventEnvelope.read(record.data) == record.envelope
        head = record_hash(record.data)
    assert world.state.head_hash == head


def test_events_of_a_request_carry_its_correlation_whoever_causes_them() -> None:
    world = World().settled()
    world.submit("r1")
    world.submit("r2")
    of = {name: world.state.requests[request(name)].correlation_id for name in ("r1", "r2")}
    assert of["r1"] != of["r2"]
    world.plan(world.item("r1", START, "ann"), world.item("r2", START, "bob"))
    world.until(MONDAY + minutes(30))
    for record in world.records:
        name = getattr(record.envelope.event, "request_id", None)
        for key, correlation in of.items():
            if name == request(key):
                assert record.envelope.correlation_id == correlation


def test_a_timer_s_events_name_the_timer_as_their_cause() -> None:
    world = World().settled()
    world.submit("r1")
    world.offer("r1", START, "ann")
    offer_id = world.offer_of("ann")
    world.until(MONDAY + minutes(30))
    assert world.last is not None
    ended = world.last.records[0].envelope
    assert ended.actor.id == "timer"
    assert ended.causation_id == derive_id("timer", "OFFER_EXPIRY", offer_id, MONDAY + minutes(30))
    assert ended.now == MONDAY + minutes(30)


def test_timers_fire_at_their_own_time_when_nobody_came_by_for_long() -> None:
    world = World().settled()
    world.submit("r1")
    world.offer("r1", START, "ann")
    world.ok(Tick(due=MONDAY), after=hours(100))
    times = [record.envelope.now for record in world.records if record.envelope.actor.id == "timer"]
    assert times == sorted(times)
    assert times[0] == MONDAY + minutes(30)
    assert times[-1] == MONDAY + hours(9) + minutes(30)
    assert not world.state.requests


def test_the_rows_follow_a_request_to_its_end() -> None:
    world = World().settled()
    world.submit("r1")
    view = row(world, "request", R1)
    assert isinstance(view, RequestView)
    assert (view.state, view.crew, view.version) == (RequestState.QUEUED, 1, world.state.version)
    world.offer("r1", START, "ann")
    offer = row(world, "offer", world.offer_of("ann"))
    assert isinstance(offer, OfferView)
    assert (offer.state, offer.asked, offer.ended_at) == ("open", "ann", None)
    world.ok(DeclineOffer(offer_id=offer.offer_id, reason="busy"), by("ann"))
    declined = row(world, "offer", offer.offer_id)
    assert isinstance(declined, OfferView)
    assert (declined.state, declined.reason, declined.ended_at) == ("declined", "busy", MONDAY)
    world.drain()
    ended = row(world, "request", R1)
    assert isinstance(ended, RequestView)
    assert (ended.state, ended.reason, ended.offers) == (RequestState.UNSERVED, "nobody_accepted", 1)
    assert ended.ended_at == MONDAY + hours(9) + minutes(30)


def test_each_row_is_written_once_a_command() -> None:
    world = World().settled()
    world.submit("r1")
    world.offer("r1", START, "ann")
    assert world.last is not None
    keys = [(change.table, change.key) for change in world.last.rows]
    assert len(keys) == len(set(keys))


def test_removed_people_leave_the_rows() -> None:
    world = World().settled()
    world.ok(ChangeRoster(removed_volunteers=("cat",), volunteers=(volunteer("dan"),)))
    assert world.last is not None
    assert {(change.key, change.view is None) for change in world.last.rows} == {("cat", True), ("dan", False)}


def test_a_rejected_command_changes_nothing_and_says_what_to_do() -> None:
    world = World().settled()
    before = world.state
    outcome = world.no("offer_closed", AcceptOffer(offer_id=UUID(int=5)), by("ann"))
    assert world.state is before
    assert outcome.before == outcome.after == before.version


def test_a_command_that_made_the_engine_raise_is_answered_without_events() -> None:
    world = World().settled()
    envelope = CommandEnvelope(
        command_id=UUID(int=1),
        zone="z1",
        actor=OPERATOR,
        correlation_id=UUID(int=1),
        received_at=MONDAY,
        command=SubmitRequest(spec=world_spec()),
    )
    handled = failed(world.state, envelope, "x" * 9_000)
    assert handled.state is world.state
    assert handled.decided.outcome.status == "failed"
    assert len(handled.decided.outcome.detail) <= 500
    assert not handled.decided.records


def world_spec() -> RequestSpec:
    return spec("r9", window(START))


def test_handling_is_a_function_of_state_and_command() -> None:
    world = World().settled()
    envelope = CommandEnvelope(
        command_id=UUID(int=1),
        zone="z1",
        actor=OPERATOR,
        correlation_id=UUID(int=1),
        received_at=MONDAY,
        command=SubmitRequest(spec=world_spec()),
    )
    first, second = handle(world.state, envelope), handle(world.state, envelope)
    assert first.decided == second.decided
    assert first.state == second.state
