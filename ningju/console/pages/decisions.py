"""What an operator decides about a request, from the page's form to the command."""

import re
from uuid import UUID

from ningju.console.pages.orders import Form, number
from schemas.catalogue import SkillDemand
from schemas.commands import (
    CancelRequest,
    ChangeRequest,
    Command,
    PinVisit,
    ReferRequest,
    ReleaseSeat,
    ReleaseVisit,
    TriageRequest,
)
from schemas.place import TimeWindow
from schemas.request import Need

MOST_HEADS = 20
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
"""Ids of people, as forms may say them."""


def decided(
    request_id: UUID, what: str, form: Form, windows: tuple[TimeWindow, ...] | None, seen: int, need: Need | None
) -> Command | None:
    """The command behind a form of a request's page; nothing where the form makes none.

    Parameters
    ----------
    windows
        The windows that the form says, if it says any.
    need
        What the request needs, where the form changes its crew.
    """
    reason, priority = form.reason(), number(form.one("priority")) or 0
    match what:
        case "accept" | "refuse":
            return TriageRequest(request_id=request_id, accept=what == "accept", seen=seen, reason=reason)
        case "cancel":
            return CancelRequest(request_id=request_id, seen=seen, reason=reason)
        case "put-back":
            return ReleaseVisit(request_id=request_id, seen=seen, reason=reason)
        case "take-off" if NAME.fullmatch(form.one("volunteer")):
            return ReleaseSeat(request_id=request_id, volunteer=form.one("volunteer"), seen=seen, reason=reason)
        case "pin" | "unpin":
            return PinVisit(request_id=request_id, pinned=what == "pin", seen=seen, reason=reason)
        case "refer":
            to = form.one("to") if NAME.fullmatch(form.one("to")) else None
            return ReferRequest(request_id=request_id, to=to, seen=seen, reason=reason)
        case "windows":
            return ChangeRequest(request_id=request_id, windows=windows, seen=seen, reason=reason)
        case "priority" if 1 <= priority <= 5:
            return ChangeRequest(request_id=request_id, priority=priority, seen=seen, reason=reason)
        case "crew" if need is not None:
            return ChangeRequest(request_id=request_id, demands=_heads(form, need), seen=seen, reason=reason)
        case _:
            return None


def _heads(form: Form, need: Need) -> tuple[SkillDemand, ...]:
    """How many people of each kind the form asks for."""
    return tuple(
        demand.changed(heads=min(max(number(form.one(f"heads{place}")) or demand.heads, 1), MOST_HEADS))
        for place, demand in enumerate(need.demands)
    )
