"""Taking back: the command that undoes another, where the life of the request still allows it."""

from collections.abc import Sequence
from typing import Literal, cast

from engine.ports import Record, Store
from ningju.console.pages.needs import need_of
from schemas.commands import AssignCrew, ChangeRequest, Command, PinVisit, ReleaseVisit
from schemas.envelope import CommandEnvelope, Outcome
from schemas.views import RequestView

Field = Literal["windows", "place", "demands", "priority"]
FIELDS: tuple[Field, ...] = ("windows", "place", "demands", "priority")
UNDOABLE = frozenset({"pin_visit", "change_request", "assign_crew"})
UNDONE = "undone"


async def inverse(store: Store, envelope: CommandEnvelope, outcome: Outcome) -> Command | None:
    """The command that puts back what another has done, if nothing has happened to the request since.

    What ended a request, told people that they need not come, or asked another zone cannot be taken back.
    """
    command = envelope.command
    if outcome.status != "accepted" or command.kind not in UNDOABLE:
        return None
    request_id = command.request_id  # type: ignore[union-attr]
    row = next((one for one in await store.request(request_id) if one.zone == envelope.zone), None)
    if row is None or row.state.ended or row.version > outcome.after:
        return None
    history = await store.history(request_id)
    done = [one for one in history if one.zone == envelope.zone and outcome.before < one.version <= outcome.after]
    return _inverse(command, row, outcome, history, {one.envelope.event.kind for one in done})


def _inverse(
    command: Command, row: RequestView, outcome: Outcome, history: Sequence[Record], kinds: set[str]
) -> Command | None:
    released = bool(kinds & {"visit_released", "seat_vacated", "offer_ended"})
    match command:
        case PinVisit():
            return command.changed(pinned=not command.pinned, seen=outcome.after, reason=UNDONE)
        case ChangeRequest() if not released:
            before = need_of(history, row.zone, outcome.before)
            if before is None:
                return None
            fields = {name: getattr(before, name) for name in FIELDS if getattr(command, name) is not None}
            changed = ChangeRequest(request_id=row.request_id, seen=outcome.after, reason=UNDONE, **fields)
            return cast(Command, changed)
        case AssignCrew() if not released and "visit_planned" in kinds:
            return ReleaseVisit(request_id=row.request_id, seen=outcome.after, reason=UNDONE)
        case _:
            return None
