"""What things are called: states, alarms, reasons, zones, services, orders."""

from collections.abc import Mapping
from uuid import UUID

from ningju.console.pages.refusals import CODES, REFUSALS
from ningju.console.pages.words import Language, named, say
from schemas.base import Label
from schemas.commands import Command
from schemas.envelope import Actor, Outcome
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
    "taken_off": "taken off by an operator",
    "undone": "undone",
    "reassigned": "assigned by hand",
    "left": "has left the roster",
    "paused": "is paused",
    "moved_team": "is in another team now",
}


class Speech:
    """Says things in one language, knowing the zones' catalogues."""

    def __init__(self, language: Language, views: Mapping[str, ZoneView]) -> None:
        self.language = language
        self._views = views

    def say(self, english: str, **parts: object) -> str:
        """A sentence of the catalogue."""
        return say(self.language, english, **parts)

    def state(self, state: RequestState | str) -> str:
        """A request's state."""
        return self.say(STATES[str(getattr(state, "value", state))])

    def alarm(self, alarm: str) -> str:
        """An alarm."""
        return self.say(ALARMS.get(alarm, alarm))

    def seat(self, state: str) -> str:
        """A seat's state."""
        return self.say(SEATS[state])

    def offer(self, state: str) -> str:
        """What became of an offer."""
        return self.say(OFFERS[state])

    def priority(self, priority: int) -> str:
        """A priority in words."""
        return self.say(PRIORITIES[priority])

    def rule(self, rule: Rule) -> str:
        """What a rule says of the people whom it removes."""
        return named(self.language, wording.RULES[rule])

    def reason(self, reason: str) -> str:
        """A reason: ours are translated, what a person wrote stays as it is."""
        if reason in wording.RULES:
            return self.rule(reason)
        english = REASONS.get(reason)
        return reason if english is None else self.say(english)

    def refusal(self, code: str, reason: str) -> str:
        """Why an item of a list was not taken."""
        english = REFUSALS.get(code)
        return reason if english is None else self.say(english)

    def label(self, label: Label) -> str:
        """A name."""
        return named(self.language, label)

    def code(self, outcome: Outcome) -> str:
        """Why a zone said no."""
        return self.no(outcome.code, outcome.detail)

    def no(self, code: str, detail: str) -> str:
        """What a zone's no means."""
        if code in CODES:
            return self.say(CODES[code])
        if code in wording.RULES:
            return self.say("They {why}; name another member.", why=self.rule(code))
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
        kind = self.say(ACTORS[actor.kind])
        return kind if actor.kind == "system" else f"{kind} {actor.id}"

    def short(self, request_id: UUID | str) -> str:
        """The part of an id that people read out."""
        return str(request_id)[:8]

    def order(self, command: Command) -> str:
        """What a command asks for."""
        english = ORDERS.get(command.kind)
        if command.kind == "triage_request":
            english = "Accept" if command.accept else "Refuse"
        if command.kind == "pin_visit" and not command.pinned:
            english = "Unpin"
        return command.kind if english is None else self.say(english)


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
    "release_seat": "Take one person off",
    "refer_request": "Hand to another zone",
    "take_alarms": "See to an alarm",
    "pin_visit": "Pin",
}
