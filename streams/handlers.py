"""What the consumers of events do with them: mark zones for the matcher; tell people and other zones."""

from collections.abc import Callable, Sequence
from datetime import datetime

from engine.consequences import consequences
from engine.matching import stirs
from schemas.envelope import EventEnvelope
from streams.consuming import Effects, Handler


def marking(mark: Callable[[str, datetime], None]) -> Handler:
    """Make the matcher's handler: a zone is marked when an event may change what could be matched in it.

    Parameters
    ----------
    mark
        Told zone and time; `streams.match_loop.MatchLoop.mark`.
    """

    def handle(events: Sequence[EventEnvelope]) -> Effects:
        latest = {envelope.zone: envelope.now for envelope in events if stirs(envelope.event)}
        for zone, now in latest.items():
            mark(zone, now)
        return Effects()

    return handle


def dispatch(events: Sequence[EventEnvelope]) -> Effects:
    """Tell people and other zones what events ask of them."""
    effects = [consequences(envelope) for envelope in events]
    return Effects(
        commands=tuple(command for effect in effects for command in effect.commands),
        notifications=tuple(notification for effect in effects for notification in effect.notifications),
    )
