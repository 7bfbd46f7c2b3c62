"""State + command + time → facts, or the rule that says no. Pure: no clock, no randomness, no I/O."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from engine.decide.by_hand import assign, hand_on, pin, put_back, take_alarms, take_off
from engine.decide.draft import Accepted, Draft, Refused, Rejected
from engine.decide.offers import accept, decline, withdraw
from engine.decide.plans import propose
from engine.decide.referrals import admit, answered, asked_to_stop
from engine.decide.requests import cancel, change, submit, triage
from engine.decide.roster import change_catalogue, change_roster, configure
from engine.decide.visits import check_in, finish_visit, no_show, rate
from engine.zone import Zone
from schemas.commands import (
    AcceptOffer,
    AdmitReferral,
    AssignCrew,
    CancelReferral,
    CancelRequest,
    ChangeCatalogue,
    ChangeRequest,
    ChangeRoster,
    CheckIn,
    Command,
    ConfigureZone,
    DeclineOffer,
    EndReferral,
    FinishVisit,
    PinVisit,
    ProposePlan,
    RateVisit,
    ReferRequest,
    ReleaseSeat,
    ReleaseVisit,
    ReportNoShow,
    SubmitRequest,
    TakeAlarms,
    Tick,
    TriageRequest,
    WithdrawSeat,
)
from schemas.envelope import Actor, CommandEnvelope
from schemas.events import ItemRefused


def decide(zone: Zone, envelope: CommandEnvelope, now: datetime) -> Accepted | Rejected:
    """Decide one command; every timer due by ``now`` must have fired before.

    Returns
    -------
    Accepted or Rejected
        Facts in their order, or a stable code with what to do about it.
    """
    draft = Draft(zone, now, envelope.correlation_id)
    try:
        refused = _decide(draft, envelope)
    except Refused as refusal:
        return Rejected(refusal.code, refusal.detail)
    return Accepted(tuple(draft.facts), refused)


def _decide(draft: Draft, envelope: CommandEnvelope) -> tuple[ItemRefused, ...]:
    command = envelope.command
    personal = _BY_ACTOR.get(type(command))
    if personal is not None:
        personal(draft, envelope.actor, command)
        return ()
    return _BY_ANYBODY[type(command)](draft, command) or ()


def _woken(draft: Draft, command: Tick) -> None:
    """Decide nothing: the timers have fired before."""


_BY_ACTOR: dict[type[Command], Callable[[Draft, Actor, Any], None]] = {
    AcceptOffer: accept,
    DeclineOffer: decline,
    WithdrawSeat: withdraw,
    CheckIn: check_in,
    FinishVisit: finish_visit,
    ReportNoShow: no_show,
    RateVisit: rate,
    AssignCrew: assign,
    ReleaseVisit: put_back,
    ReleaseSeat: take_off,
    PinVisit: pin,
    TakeAlarms: take_alarms,
    ReferRequest: hand_on,
}
"""Commands that only some may give."""

_BY_ANYBODY: dict[type[Command], Callable[[Draft, Any], tuple[ItemRefused, ...] | None]] = {
    ConfigureZone: configure,
    ChangeCatalogue: change_catalogue,
    ChangeRoster: change_roster,
    SubmitRequest: submit,
    TriageRequest: triage,
    ChangeRequest: change,
    CancelRequest: cancel,
    ProposePlan: propose,
    AdmitReferral: admit,
    EndReferral: answered,
    CancelReferral: asked_to_stop,
    Tick: _woken,
}
