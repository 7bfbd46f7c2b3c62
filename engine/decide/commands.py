"""State + command + time → facts, or the rule that says no. Pure: no clock, no randomness, no I/O."""

from datetime import datetime
from typing import assert_never

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
    CancelReferral,
    CancelRequest,
    ChangeCatalogue,
    ChangeRequest,
    ChangeRoster,
    CheckIn,
    ConfigureZone,
    DeclineOffer,
    EndReferral,
    FinishVisit,
    ProposePlan,
    RateVisit,
    ReportNoShow,
    SubmitRequest,
    Tick,
    TriageRequest,
    WithdrawSeat,
)
from schemas.envelope import CommandEnvelope
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
    command, actor = envelope.command, envelope.actor
    match command:
        case ConfigureZone():
            configure(draft, command)
        case ChangeCatalogue():
            return change_catalogue(draft, command)
        case ChangeRoster():
            return change_roster(draft, command)
        case SubmitRequest():
            submit(draft, command)
        case TriageRequest():
            triage(draft, command)
        case ChangeRequest():
            change(draft, command)
        case CancelRequest():
            cancel(draft, command)
        case ProposePlan():
            return propose(draft, command)
        case AcceptOffer():
            accept(draft, actor, command)
        case DeclineOffer():
            decline(draft, actor, command)
        case WithdrawSeat():
            withdraw(draft, actor, command)
        case CheckIn():
            check_in(draft, actor, command)
        case FinishVisit():
            finish_visit(draft, actor, command)
        case ReportNoShow():
            no_show(draft, actor, command)
        case RateVisit():
            rate(draft, actor, command)
        case AdmitReferral():
            admit(draft, command)
        case EndReferral():
            answered(draft, command)
        case CancelReferral():
            asked_to_stop(draft, command)
        case Tick():
            pass
        case _:  # pragma: no cover
            assert_never(command)
    return ()
