"""Everything a zone can be asked. One envelope, one union, told apart by ``kind``."""

from typing import Annotated, Literal, get_args
from uuid import UUID

from pydantic import Field

from schemas.base import Frozen, Identifier, Moment, Priority, Reason
from schemas.catalogue import ServiceType, Site, SkillDemand
from schemas.place import Place
from schemas.plan import WaivableRule
from schemas.request import Need, Referral, RequestSpec, Stars, Windows
from schemas.roster import Team, Volunteer
from schemas.zone import Policy, ZoneConfig

WAIVABLE: frozenset[str] = frozenset(get_args(WaivableRule))


class ConfigureZone(Frozen):
    """Set the zone's place in the tree and its policy."""

    kind: Literal["configure_zone"] = "configure_zone"
    config: ZoneConfig
    policy: Policy


class ChangeCatalogue(Frozen):
    """Add, replace or remove service types and sites. ``seen``: see :class:`ChangeRoster`."""

    kind: Literal["change_catalogue"] = "change_catalogue"
    service_types: tuple[ServiceType, ...] = ()
    sites: tuple[Site, ...] = ()
    removed_service_types: tuple[Identifier, ...] = ()
    removed_sites: tuple[Identifier, ...] = ()
    seen: Annotated[int, Field(ge=0)] | None = None


class ChangeRoster(Frozen):
    """Add, replace or remove teams and volunteers; withdraws what that makes impossible, in the same commit.

    ``seen`` is the zone's version that was looked at: when the roster has changed since, by anything but commands of the
    same call (they share a ``correlation_id``), nothing is overwritten.
    """

    kind: Literal["change_roster"] = "change_roster"
    teams: tuple[Team, ...] = ()
    volunteers: tuple[Volunteer, ...] = ()
    removed_teams: tuple[Identifier, ...] = ()
    removed_volunteers: tuple[Identifier, ...] = ()
    seen: Annotated[int, Field(ge=0)] | None = None


class SubmitRequest(Frozen):
    """A new need. Always ends in an event: what cannot be served here for good is refused with a reason."""

    kind: Literal["submit_request"] = "submit_request"
    spec: RequestSpec


class TriageRequest(Frozen):
    """Accept a received request into the queue, or refuse it. ``seen``: see :class:`AssignCrew`."""

    kind: Literal["triage_request"] = "triage_request"
    request_id: UUID
    accept: bool
    seen: Annotated[int, Field(ge=0)] | None = None
    reason: Reason = ""


class ChangeRequest(Frozen):
    """Change window, place, crew or priority; offers and seats that no longer fit are taken back.

    ``seen`` is the version of the request that was looked at: what has changed since is not overwritten.
    """

    kind: Literal["change_request"] = "change_request"
    request_id: UUID
    windows: Windows | None = None
    place: Place | None = None
    demands: tuple[SkillDemand, ...] | None = None
    priority: Priority | None = None
    seen: Annotated[int, Field(ge=0)] | None = None
    reason: Reason = ""


class CancelRequest(Frozen):
    """End the request; while a guest serves it, the guest is asked and its ledger order decides. ``seen``: see :class:`AssignCrew`."""

    kind: Literal["cancel_request"] = "cancel_request"
    request_id: UUID
    seen: Annotated[int, Field(ge=0)] | None = None
    reason: Reason = ""


class ProposedSeat(Frozen):
    """One head: which demand it sits for, who, and the version of that person's calendar that the plan saw."""

    demand: Annotated[int, Field(ge=0)]
    volunteer: Identifier
    seen: Annotated[int, Field(ge=0)]


class ProposedVisit(Frozen):
    """One item of a plan, with its own preconditions: request and people as the plan saw them."""

    request_id: UUID
    seen: Annotated[int, Field(ge=0)]
    team: Identifier
    start: Moment
    seats: Annotated[tuple[ProposedSeat, ...], Field(min_length=1)]


class ProposePlan(Frozen):
    """What the matcher proposes to offer now. The plan's full content stands in the plan table under ``plan_hash``.

    ``refer`` names requests that nobody here can serve: they are referred, and a guest's go back to their origin.
    """

    kind: Literal["propose_plan"] = "propose_plan"
    plan_hash: str
    solved_at_version: Annotated[int, Field(ge=0)]
    items: tuple[ProposedVisit, ...] = ()
    refer: tuple[UUID, ...] = ()


class AcceptOffer(Frozen):
    """Take an offered seat; a leader may name the member who goes."""

    kind: Literal["accept_offer"] = "accept_offer"
    offer_id: UUID
    volunteer: Identifier | None = None


class DeclineOffer(Frozen):
    """Say no to an offered seat."""

    kind: Literal["decline_offer"] = "decline_offer"
    offer_id: UUID
    reason: Reason = ""


class WithdrawSeat(Frozen):
    """Give an accepted seat back (ill, prevented)."""

    kind: Literal["withdraw_seat"] = "withdraw_seat"
    request_id: UUID
    volunteer: Identifier
    reason: Reason = ""


class CheckIn(Frozen):
    """A crew member has arrived; the first one starts the visit."""

    kind: Literal["check_in"] = "check_in"
    request_id: UUID
    volunteer: Identifier


class FinishVisit(Frozen):
    """The visit is over."""

    kind: Literal["finish_visit"] = "finish_visit"
    request_id: UUID
    volunteer: Identifier | None = None


class ReportNoShow(Frozen):
    """A crew member did not come."""

    kind: Literal["report_no_show"] = "report_no_show"
    request_id: UUID
    volunteer: Identifier


class RateVisit(Frozen):
    """The beneficiary's rating of a visit that is done."""

    kind: Literal["rate_visit"] = "rate_visit"
    request_id: UUID
    stars: Stars


class AssignedSeat(Frozen):
    """One head that an operator chose: which demand it sits for, and who."""

    demand: Annotated[int, Field(ge=0)]
    volunteer: Identifier


class AssignCrew(Frozen):
    """An operator's choice of people, team and time, instead of the matcher's.

    With ``agreed`` the people have said yes already (on the phone), else they are asked. ``waived`` names the rules that
    this may break; those that keep people safe cannot be waived. ``seen`` is the version of the request that the
    operator saw: what has changed since is not overwritten.
    """

    kind: Literal["assign_crew"] = "assign_crew"
    request_id: UUID
    team: Identifier
    start: Moment
    seats: Annotated[tuple[AssignedSeat, ...], Field(min_length=1, max_length=20)]
    agreed: bool = False
    waived: Annotated[tuple[WaivableRule, ...], Field(max_length=20)] = ()
    seen: Annotated[int, Field(ge=0)] | None = None
    reason: Reason = ""


class ReleaseVisit(Frozen):
    """Give a visit up and have the request matched anew; everybody who was asked or has accepted is told."""

    kind: Literal["release_visit"] = "release_visit"
    request_id: UUID
    seen: Annotated[int, Field(ge=0)] | None = None
    reason: Reason = ""


class ReleaseSeat(Frozen):
    """Take one person off a visit, asked or accepted: they are told, and not asked again for this request; the others stay.

    ``seen``: see :class:`AssignCrew`.
    """

    kind: Literal["release_seat"] = "release_seat"
    request_id: UUID
    volunteer: Identifier
    seen: Annotated[int, Field(ge=0)] | None = None
    reason: Reason = ""


class PinVisit(Frozen):
    """Have a visit stay as it is, or no longer: while it is pinned the engine neither moves it nor gives it up.

    Empty seats are still filled, for the same team and time; people can still say no. The pin ends with the visit.
    """

    kind: Literal["pin_visit"] = "pin_visit"
    request_id: UUID
    pinned: bool = True
    seen: Annotated[int, Field(ge=0)] | None = None
    reason: Reason = ""


class TakeAlarms(Frozen):
    """Take a request's alarms upon oneself, so that nobody else does it too. ``instead_of``: who is known to have them."""

    kind: Literal["take_alarms"] = "take_alarms"
    request_id: UUID
    instead_of: str = ""
    reason: Reason = ""


class ReferRequest(Frozen):
    """Hand a request on, without waiting for the engine to find that nobody here can serve it.

    ``to`` names the parent or a sibling that has not been asked yet; left out, the next one is asked.
    """

    kind: Literal["refer_request"] = "refer_request"
    request_id: UUID
    to: Identifier | None = None
    seen: Annotated[int, Field(ge=0)] | None = None
    reason: Reason = ""


class AdmitReferral(Frozen):
    """Saga: serve a request for its origin."""

    kind: Literal["admit_referral"] = "admit_referral"
    referral: Referral
    spec: RequestSpec
    need: Need
    excluded: tuple[Identifier, ...] = ()


class EndReferral(Frozen):
    """Saga: the guest's answer, told to the origin."""

    kind: Literal["end_referral"] = "end_referral"
    referral_id: UUID
    request_id: UUID
    result: Literal["served", "failed", "cancelled"]
    guest: Identifier
    reason: Reason = ""


class CancelReferral(Frozen):
    """Saga: the origin asks the guest to stop; a visit under way is finished all the same.

    With ``origin`` a guest that does not know the referral yet answers too, and will not admit it afterwards.
    """

    kind: Literal["cancel_referral"] = "cancel_referral"
    referral_id: UUID
    request_id: UUID
    origin: Identifier | None = None
    reason: Reason = ""


class Tick(Frozen):
    """Wake an idle zone because a timer is due; carries no decision of its own."""

    kind: Literal["tick"] = "tick"
    due: Moment


Command = Annotated[
    ConfigureZone
    | ChangeCatalogue
    | ChangeRoster
    | SubmitRequest
    | TriageRequest
    | ChangeRequest
    | CancelRequest
    | ProposePlan
    | AcceptOffer
    | DeclineOffer
    | WithdrawSeat
    | CheckIn
    | FinishVisit
    | ReportNoShow
    | RateVisit
    | AssignCrew
    | ReleaseVisit
    | ReleaseSeat
    | PinVisit
    | TakeAlarms
    | ReferRequest
    | AdmitReferral
    | EndReferral
    | CancelReferral
    | Tick,
    Field(discriminator="kind"),
]
