"""What things are called and what happened, in sentences: states, alarms, reasons, events, orders."""

from collections.abc import Mapping
from uuid import UUID

from ningju.console.pages.moments import Moments
from ningju.console.pages.refusals import CODES, REFUSALS
from ningju.console.pages.words import Language, named, say
from schemas import events as e
from schemas.base import Label
from schemas.commands import Command
from schemas.envelope import Actor, EventEnvelope, Outcome
from schemas.plan import Rule
from schemas.request import RequestState
from schemas.roster import Team
from schemas.views import RequestView, ZoneView
from solvers import wording

STATES = {
    "received": "Needs triage",
    "queued": "Waiting",
    "offered": "Asking people",
    "accepted": "Crew ready",
    "under_way": "Under way",
    "referred": "In another zone",
    "done": "Done",
    "unserved": "Not served",
    "cancelled": "Cancelled",
    "refused": "Refused",
}
ALARMS = {
    "needs_operator": "Needs you",
    "response_overdue": "Nobody asked in time",
    "crew_incomplete": "Crew incomplete",
    "check_in_overdue": "Nobody has checked in",
    "finish_overdue": "Not finished in time",
}
SEATS = {"empty": "Empty", "offered": "Asked", "accepted": "Accepted", "arrived": "Arrived"}
OFFERS = {
    "open": "Waiting for an answer",
    "accepted": "Accepted",
    "declined": "Declined",
    "expired": "No answer",
    "rescinded": "Taken back",
}
ACTORS = {
    "volunteer": "Volunteer",
    "leader": "Team leader",
    "operator": "Operator",
    "beneficiary": "Beneficiary",
    "system": "Ningju",
    "external": "Other system",
}
PRIORITIES = {1: "Low", 2: "Normal", 3: "Raised", 4: "High", 5: "Life and health"}

REASONS = {
    "declined": "somebody declined",
    "expired": "nobody answered in time",
    "no answer": "no answer",
    "withdrawn": "somebody withdrew",
    "no_show": "somebody did not come",
    "did not come": "did not come",
    "crew_incomplete": "the crew was not complete in time",
    "last_window": "the last window has passed",
    "referral_expired": "the other zone did not answer in time",
    "roster": "the roster changed",
    "replanned": "planned anew",
    "changed": "the request changed",
    "postponed": "moved to a later start",
    "seat_taken": "somebody else took the seat",
    "cancelled": "cancelled",
    "referred": "handed to another zone",
    "triage": "refused in triage",
    "nobody_here": "nobody here can serve it",
    "served_elsewhere": "zones of another level serve it",
    "window_past": "the window has passed",
    "window_too_short": "the window is too short",
    "not_offered_here": "not offered here",
    "unknown_service_type": "unknown service",
    "leader_changed": "the team has another leader",
    "put_back": "put back by an operator",
    "undone": "undone",
    "reassigned": "assigned by hand",
    "left": "has left the roster",
    "paused": "is paused",
    "moved_team": "is in another team now",
}


class Speech:
    """Says things in one language, knowing the zones' catalogues."""

    def __init__(self, language: Language, views: Mapping[str, ZoneView], moments: Moments) -> None:
        self.language = language
        self._views = views
        self._moments = moments

    def _say(self, english: str, **parts: object) -> str:
        return say(self.language, english, **parts)

    def state(self, state: RequestState | str) -> str:
        """A request's state."""
        return self._say(STATES[str(getattr(state, "value", state))])

    def alarm(self, alarm: str) -> str:
        """An alarm."""
        return self._say(ALARMS.get(alarm, alarm))

    def seat(self, state: str) -> str:
        """A seat's state."""
        return self._say(SEATS[state])

    def offer(self, state: str) -> str:
        """What became of an offer."""
        return self._say(OFFERS[state])

    def priority(self, priority: int) -> str:
        """A priority in words."""
        return self._say(PRIORITIES[priority])

    def rule(self, rule: Rule) -> str:
        """What a rule says of the people whom it removes."""
        return named(self.language, wording.RULES[rule])

    def reason(self, reason: str) -> str:
        """A reason: ours are translated, what a person wrote stays as it is."""
        if reason in wording.RULES:
            return self.rule(reason)
        english = REASONS.get(reason)
        return reason if english is None else self._say(english)

    def refusal(self, code: str, reason: str) -> str:
        """Why an item of a list was not taken."""
        english = REFUSALS.get(code)
        return reason if english is None else self._say(english)

    def label(self, label: Label) -> str:
        """A name."""
        return named(self.language, label)

    def code(self, outcome: Outcome) -> str:
        """Why a zone said no."""
        return self.no(outcome.code, outcome.detail)

    def no(self, code: str, detail: str) -> str:
        """What a zone's no means."""
        if code in CODES:
            return self._say(CODES[code])
        if code in wording.RULES:
            return self._say("They {why}; name another member.", why=self.rule(code))
        return detail

    def zone(self, zone: str) -> str:
        """A zone's name."""
        view = self._views.get(zone)
        return zone if view is None else named(self.language, view.name)

    def team(self, team: Team) -> str:
        """A team's name; its id where it has none."""
        return named(self.language, team.name) or team.id

    def service(self, zone: str, service_type: str) -> str:
        """A service's name, by its zone's catalogue or another's."""
        views = self._views.values()
        first = [self._views[zone]] if zone in self._views else []
        for view in (*first, *views):
            for item in view.service_types:
                if item.id == service_type:
                    return named(self.language, item.name)
        return service_type

    def site(self, zone: str, site: str | None) -> str:
        """A site's name."""
        for view in self._views.values():
            for one in view.sites:
                if one.id == site:
                    return named(self.language, one.name)
        return site or ""

    def where(self, row: RequestView) -> str:
        """The site of a request, else its zone."""
        return self.site(row.zone, row.site) if row.site else self.zone(row.zone)

    def actor(self, actor: Actor) -> str:
        """Who acted."""
        kind = self._say(ACTORS[actor.kind])
        return kind if actor.kind == "system" else f"{kind} {actor.id}"

    def short(self, request_id: UUID | str) -> str:
        """The part of an id that people read out."""
        return str(request_id)[:8]

    def happened(self, envelope: EventEnvelope) -> str:
        """One event as a sentence."""
        event = envelope.event
        reason = self.reason(getattr(event, "reason", "") or "")
        text = self._event(event)
        return f"{text}{'：' if self.language == 'zh' else ': '}{reason}" if reason else text

    def _event(self, event: e.Event) -> str:
        match event:
            case e.RequestReceived():
                if event.referral is not None:
                    return self._say("Taken over from {zone}", zone=self.zone(event.referral.origin))
                return self._say("Received")
            case e.RequestQueued():
                return self._say("Put into the queue")
            case e.RequestChanged():
                windows = "; ".join(self._moments.window(window) for window in event.need.windows)
                return self._say(
                    "Changed: {windows}, priority {priority}", windows=windows, priority=event.need.priority
                )
            case e.RequestEnded():
                return self._say("Ended: {state}", state=self.state(event.end))
            case e.RequestRated():
                return self._say("Rated {stars} of 5", stars=event.stars)
            case e.NoticeReached():
                return self._say("People may be asked from now on")
            case e.VisitPlanned():
                when = self._moments.window(event.window)
                return self._say("Planned for team {team}, {when}", team=event.team, when=when)
            case e.SeatOffered():
                until = self._moments.at(event.expires_at)
                if event.asked != event.volunteer:
                    return self._say(
                        "{asked} was asked to send {volunteer}, until {until}",
                        asked=event.asked,
                        volunteer=event.volunteer,
                        until=until,
                    )
                return self._say("{volunteer} was asked, until {until}", volunteer=event.volunteer, until=until)
            case e.SeatAccepted():
                return self._say("{volunteer} accepted", volunteer=event.volunteer)
            case e.OfferEnded():
                english = {
                    "declined": "{volunteer} declined",
                    "expired": "{volunteer} did not answer",
                    "rescinded": "{volunteer} need not answer any more",
                }[event.how]
                return self._say(english, volunteer=event.volunteer)
            case e.SeatVacated():
                english = {
                    "withdrawn": "{volunteer} withdrew",
                    "no_show": "{volunteer} did not come",
                    "roster": "{volunteer} is not available any more",
                    "released": "{volunteer} was released",
                }[event.how]
                return self._say(english, volunteer=event.volunteer)
            case e.CrewCompleted():
                return self._say("The crew is complete")
            case e.VisitReleased():
                return self._say("The visit was given up")
            case e.VisitPinned():
                if event.pinned:
                    return self._say("The visit was pinned")
                return self._say("The visit is not pinned any more")
            case e.CheckedIn():
                return self._say("{volunteer} checked in", volunteer=event.volunteer)
            case e.VisitFinished():
                return self._say("The visit is over")
            case e.RequestReferred():
                return self._say("Handed to {zone}", zone=self.zone(event.to))
            case e.ReferralCancelAsked():
                return self._say("{zone} was asked to stop", zone=self.zone(event.to))
            case e.ReferralEnded():
                return self._say("Answered {zone}", zone=self.zone(event.origin))
            case e.ReferralReturned():
                return self._say("{zone} has answered", zone=self.zone(event.guest))
            case e.AlarmRaised():
                return self._say("Alarm: {alarm}", alarm=self.alarm(event.alarm))
            case e.AlarmCleared():
                return self._say("Alarm over: {alarm}", alarm=self.alarm(event.alarm))
            case e.AlarmsTaken():
                alarms = ", ".join(map(self.alarm, event.alarms))
                return self._say("Seen to by {who}: {alarms}", who=event.by.partition(":")[2], alarms=alarms)
            case e.RatingClosed():
                return self._say("The time to rate is over")
            case _:
                return event.kind

    def order(self, command: Command) -> str:
        """What a command asks for."""
        english = ORDERS.get(command.kind)
        if command.kind == "triage_request":
            english = "Accept" if command.accept else "Refuse"
        if command.kind == "pin_visit" and not command.pinned:
            english = "Unpin"
        return command.kind if english is None else self._say(english)


ORDERS = {
    "configure_zone": "Configure a zone",
    "change_catalogue": "Change the catalogue",
    "change_roster": "Change the roster",
    "submit_request": "New request",
    "change_request": "Change the request",
    "cancel_request": "Cancel the request",
    "accept_offer": "Accept for somebody",
    "decline_offer": "Decline for somebody",
    "withdraw_seat": "Withdraw somebody",
    "check_in": "Check somebody in",
    "finish_visit": "Finish the visit",
    "report_no_show": "Somebody did not come",
    "rate_visit": "Rate the visit",
    "propose_plan": "Propose a plan",
    "assign_crew": "Assign by hand",
    "release_visit": "Put back",
    "refer_request": "Hand to another zone",
    "take_alarms": "See to an alarm",
    "pin_visit": "Pin",
}
