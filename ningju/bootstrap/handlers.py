"""What the consumers of events do with them: mark zones for the matcher, tell people and other zones."""

from collections.abc import Sequence

from engine.consequences import consequences
from engine.matching import stirs
from schemas.envelope import EventEnvelope
from streams.consuming import Effects
from streams.match_loop import MatchLoop


class Marking:
    """Marks a zone dirty when an event may change what could be matched in it.

    Attributes
    ----------
    matcher
        Given once it is there: it needs the states of the pipeline that calls this. Until then nothing is consumed.
    """

    def __init__(self) -> None:
        self.matcher: MatchLoop | None = None

    def __call__(self, events: Sequence[EventEnvelope]) -> Effects:
        """Mark, and ask for nothing."""
        assert self.matcher is not None
        for envelope in events:
            if stirs(envelope.event):
                self.matcher.mark(envelope.zone, envelope.now)
        return Effects()


def dispatch(events: Sequence[EventEnvelope]) -> Effects:
    """Gather what events mean for people and for other zones."""
    found = [consequences(envelope) for envelope in events]
    return Effects(
        commands=tuple(command for one in found for command in one.commands),
        notifications=tuple(message for one in found for message in one.notifications),
    )
