"""What happened, event by event, in sentences."""

from ningju.console.pages.moments import Moments
from ningju.console.pages.speech import Speech
from schemas import events as e
from schemas.envelope import EventEnvelope


class Chronicle:
    """Tells events in the language of its speech."""

    def __init__(self, speech: Speech, moments: Moments) -> None:
        self._speech = speech
        self._moments = moments

    def told(self, envelope: EventEnvelope) -> str:
        """One event as a sentence."""
        event = envelope.event
        reason = self._speech.reason(getattr(event, "reason", "") or "")
        text = self._event(event)
        return f"{text}{'：' if self._speech.language == 'zh' else ': '}{reason}" if reason else text

    def why(self, envelope: EventEnvelope) -> str:
        """Why the one who acted did so, where the event does not say it itself."""
        said = envelope.reason == getattr(envelope.event, "reason", None)
        return "" if said else self._speech.reason(envelope.reason)

    def _event(self, event: e.Event) -> str:
        match event:
            case e.RequestReceived():
                if event.referral is not None:
                    return self._speech.say("Taken over from {zone}", zone=self._speech.zone(event.referral.origin))
                return self._speech.say("Received")
            case e.RequestQueued():
                return self._speech.say("Put into the queue")
            case e.RequestChanged():
                windows = "; ".join(self._moments.window(window) for window in event.need.windows)
                return self._speech.say(
                    "Changed: {windows}, priority {priority}", windows=windows, priority=event.need.priority
                )
            case e.RequestEnded():
                return self._speech.say("Ended: {state}", state=self._speech.state(event.end))
            case e.RequestRated():
                return self._speech.say("Rated {stars} of 5", stars=event.stars)
            case e.NoticeReached():
                return self._speech.say("People may be asked from now on")
            case e.VisitPlanned():
                when = self._moments.window(event.window)
                return self._speech.say("Planned for team {team}, {when}", team=event.team, when=when)
            case e.SeatOffered():
                until = self._moments.at(event.expires_at)
                if event.asked != event.volunteer:
                    return self._speech.say(
                        "{asked} was asked to send {volunteer}, until {until}",
                        asked=event.asked,
                        volunteer=event.volunteer,
                        until=until,
                    )
                return self._speech.say("{volunteer} was asked, until {until}", volunteer=event.volunteer, until=until)
            case e.SeatAccepted():
                return self._speech.say("{volunteer} accepted", volunteer=event.volunteer)
            case e.OfferEnded():
                english = {
                    "declined": "{volunteer} declined",
                    "expired": "{volunteer} did not answer",
                    "rescinded": "{volunteer} need not answer any more",
                }[event.how]
                return self._speech.say(english, volunteer=event.volunteer)
            case e.SeatVacated():
                english = {
                    "withdrawn": "{volunteer} withdrew",
                    "no_show": "{volunteer} did not come",
                    "roster": "{volunteer} is not available any more",
                    "released": "{volunteer} was released",
                }[event.how]
                return self._speech.say(english, volunteer=event.volunteer)
            case e.CrewCompleted():
                return self._speech.say("The crew is complete")
            case e.VisitReleased():
                return self._speech.say("The visit was given up")
            case e.VisitPinned():
                if event.pinned:
                    return self._speech.say("The visit was pinned")
                return self._speech.say("The visit is not pinned any more")
            case e.CheckedIn():
                return self._speech.say("{volunteer} checked in", volunteer=event.volunteer)
            case e.VisitFinished():
                return self._speech.say("The visit is over")
            case e.RequestReferred():
                return self._speech.say("Handed to {zone}", zone=self._speech.zone(event.to))
            case e.ReferralCancelAsked():
                return self._speech.say("{zone} was asked to stop", zone=self._speech.zone(event.to))
            case e.ReferralEnded():
                return self._speech.say("Answered {zone}", zone=self._speech.zone(event.origin))
            case e.ReferralReturned():
                return self._speech.say("{zone} has answered", zone=self._speech.zone(event.guest))
            case e.AlarmRaised():
                return self._speech.say("Alarm: {alarm}", alarm=self._speech.alarm(event.alarm))
            case e.AlarmCleared():
                return self._speech.say("Alarm over: {alarm}", alarm=self._speech.alarm(event.alarm))
            case e.AlarmsTaken():
                alarms = ", ".join(map(self._speech.alarm, event.alarms))
                return self._speech.say("Seen to by {who}: {alarms}", who=event.by.partition(":")[2], alarms=alarms)
            case e.RatingClosed():
                return self._speech.say("The time to rate is over")
            case _:
                return event.kind
