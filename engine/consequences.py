"""What an event means for people and for other zones: the dispatcher's pure half."""

from dataclasses import dataclass

from engine.ports import NewCommand
from schemas.base import derive_id
from schemas.commands import AdmitReferral, CancelReferral, Command, EndReferral
from schemas.envelope import Actor, CommandEnvelope, EventEnvelope
from schemas.events import (
    CrewCompleted,
    OfferEnded,
    ReferralCancelAsked,
    ReferralEnded,
    RequestReferred,
    SeatOffered,
    SeatVacated,
)
from schemas.views import Notification

SAGA = Actor(kind="system", id="saga")

TOLD_WHEN_VACATED = frozenset({"released", "roster"})


@dataclass(frozen=True, slots=True)
class Consequences:
    """Messages to people and commands for other zones. Ids are derived: the same event again gives the same ones."""

    notifications: tuple[Notification, ...] = ()
    commands: tuple[NewCommand, ...] = ()


NONE = Consequences()


def consequences(envelope: EventEnvelope) -> Consequences:
    """Tell what one event asks of the world outside its zone.

    Returns
    -------
    Consequences
        Empty for most events.
    """
    event = envelope.event
    match event:
        case SeatOffered():
            return _tell(
                Notification(
                    key=derive_id("notification", envelope.event_id, event.asked),
                    zone=envelope.zone,
                    kind="offer",
                    to=event.asked,
                    request_id=event.request_id,
                    offer_id=event.offer_id,
                    visit_id=event.visit_id,
                    volunteer=event.volunteer,
                    service_type=event.service_type,
                    place=event.place,
                    window=event.window,
                    expires_at=event.expires_at,
                )
            )
        case OfferEnded(how="rescinded"):
            return _tell(
                Notification(
                    key=derive_id("notification", envelope.event_id, event.volunteer),
                    zone=envelope.zone,
                    kind="offer_rescinded",
                    to=event.volunteer,
                    request_id=event.request_id,
                    offer_id=event.offer_id,
                    volunteer=event.volunteer,
                    reason=event.reason,
                )
            )
        case CrewCompleted():
            return _tell(
                *(
                    Notification(
                        key=derive_id("notification", envelope.event_id, member),
                        zone=envelope.zone,
                        kind="confirmed",
                        to=member,
                        request_id=event.request_id,
                        volunteer=member,
                        window=event.window,
                    )
                    for member in event.crew
                )
            )
        case SeatVacated() if event.how in TOLD_WHEN_VACATED:
            return _tell(
                Notification(
                    key=derive_id("notification", envelope.event_id, event.volunteer),
                    zone=envelope.zone,
                    kind="released",
                    to=event.volunteer,
                    request_id=event.request_id,
                    volunteer=event.volunteer,
                    reason=event.reason,
                )
            )
        case RequestReferred():
            admit = AdmitReferral(referral=event.referral, spec=event.spec, need=event.need)
            return _ask(envelope, event.to, "admit", admit)
        case ReferralCancelAsked():
            cancel = CancelReferral(
                referral_id=event.referral_id, request_id=event.request_id, origin=envelope.zone, reason=event.reason
            )
            return _ask(envelope, event.to, "cancel", cancel)
        case ReferralEnded():
            end = EndReferral(
                referral_id=event.referral_id,
                request_id=event.request_id,
                result=event.result,
                guest=envelope.zone,
                reason=event.reason,
            )
            return _ask(envelope, event.origin, "end", end)
        case _:
            return NONE


def _tell(*notifications: Notification) -> Consequences:
    return Consequences(notifications=notifications)


def _ask(cause: EventEnvelope, zone: str, step: str, command: Command) -> Consequences:
    envelope = CommandEnvelope(
        command_id=derive_id("saga", step, cause.event_id),
        zone=zone,
        actor=SAGA,
        reason=cause.reason,
        correlation_id=cause.correlation_id,
        causation_id=cause.event_id,
        received_at=cause.now,
        command=command,
    )
    return Consequences(commands=(NewCommand(envelope),))
