from datetime import timedelta

from schemas.base import derive_id
from schemas.envelope import EventEnvelope
from schemas.events import ReferralCancelAsked, RequestQueued
from streams.handlers import dispatch, marking
from tests.streams.builders import NOON, TESTER


def envelope(version: int, event, zone: str = "a") -> EventEnvelope:
    cause = derive_id("cause", zone, version)
    return EventEnvelope(
        event_id=derive_id("event", zone, version),
        zone=zone,
        version=version,
        now=NOON + timedelta(minutes=version),
        actor=TESTER,
        correlation_id=cause,
        causation_id=cause,
        prev_hash="0" * 64,
        event=event,
    )


REQUEST = derive_id("request", 1)


def test_a_queued_request_marks_its_zone_for_the_matcher_once_a_batch() -> None:
    marked = []
    handle = marking(lambda zone, at: marked.append((zone, at)))
    effects = handle([envelope(1, RequestQueued(request_id=REQUEST)), envelope(2, RequestQueued(request_id=REQUEST))])
    assert marked == [("a", NOON + timedelta(minutes=2))]
    assert not effects.commands


def test_what_other_zones_are_asked_becomes_commands_with_derived_ids() -> None:
    event = envelope(1, ReferralCancelAsked(request_id=REQUEST, referral_id=REQUEST, to="b"))
    once, again = dispatch([event]), dispatch([event])
    assert [command.envelope.zone for command in once.commands] == ["b"]
    assert once == again
