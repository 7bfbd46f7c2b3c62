"""From a page's form through the one door, and back to a page that tells the verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal
from uuid import UUID, uuid4

from starlette.responses import Response

from engine.intake import redact
from engine.ports import NewCommand
from ningju.console.callers import Caller
from ningju.console.pages.inverse import inverse
from ningju.console.sending import command, send, verdict
from schemas.commands import Command
from schemas.envelope import CommandEnvelope, Outcome

if TYPE_CHECKING:
    from ningju.console.pages.frame import Frame

SAID = "said"
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of what a form asked for, to be told on the next page."""

    command_id: UUID
    status: Literal["accepted", "rejected", "failed", "pending"]
    order: str
    text: str = ""
    undo: bool = False
    since: int = 0
    """What the operator had seen of a request that has changed meanwhile."""


class Form:
    """The fields of a form that was sent."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        self._fields = fields

    def one(self, name: str) -> str:
        """One field, without blanks around it; empty when it was not sent."""
        return next(iter(self._fields.get(name, ())), "").strip()

    def many(self, name: str) -> list[str]:
        """All values of a field."""
        return [value for value in self._fields.get(name, ()) if value]

    @property
    def names(self) -> list[str]:
        """Names of the fields that were sent."""
        return list(self._fields)

    def reason(self) -> str:
        """Why, without phone numbers and addresses: reasons go into events."""
        return redact(self.one("reason").replace("\0", ""))[:LONGEST_REASON]


def queue_of(form: Form) -> str:
    """Where in the queue a form was sent from, to lead back there; never out of this site."""
    back = form.one("back")
    return back if back == "/queue" or back.startswith("/queue?") else "/queue"


def number(text: str) -> int | None:
    """A whole number as a form or an address says it; nothing when it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else None


async def form_of(frame: "Frame") -> Form:
    """Read the form that was sent."""
    return Form(await frame.form())


async def order(
    frame: "Frame",
    form: Form,
    zone: str,
    asked: Command,
    *,
    correlation_id: UUID | None = None,
    part: str = "",
    reason: str | None = None,
) -> UUID:
    """Put one command through the door and wait for its verdict; sent twice, the same form is one command.

    Parameters
    ----------
    part
        Tells the commands of one form apart.
    reason
        Why, where it is not what the form says.
    """
    caller = _caller(frame, form, part)
    why = form.reason() if reason is None else reason

    async def build(command_id: UUID) -> NewCommand:
        return command(frame.site, caller, command_id, zone, asked, correlation_id=correlation_id, reason=why)

    enqueued = await send(frame.site, caller, asked, build)
    await verdict(frame.site, caller, enqueued)
    return enqueued.command_id


def _caller(frame: "Frame", form: Form, part: str = "") -> Caller:
    key = form.one("key")[:64] or uuid4().hex
    return Caller(frame.viewer.actor, f"{key}/{part}", None, frame.request.url.path)


async def sent_before(frame: "Frame", form: Form, part: str = "") -> UUID | None:
    """The command that this very form has become already: whoever sends it twice has changed nothing meanwhile."""
    command_id = _caller(frame, form, part).command_id()
    return command_id if await frame.site.store.command(command_id) is not None else None


def told(address: str, command_id: UUID) -> str:
    """The address of the page that tells the verdict."""
    path, mark, fragment = address.partition("#")
    return f"{path}{'&' if '?' in path else '?'}{SAID}={command_id}{mark}{fragment}"


async def ordered(
    frame: "Frame",
    form: Form,
    zone: str,
    asked: Command,
    back: str,
    *,
    correlation_id: UUID | None = None,
    reason: str | None = None,
) -> Response:
    """Give one order and lead back to where its verdict is told."""
    said = await order(frame, form, zone, asked, correlation_id=correlation_id, reason=reason)
    return frame.go(told(back, said))


async def heard(frame: "Frame") -> Verdict | None:
    """The verdict that this page is to tell, if it is to tell one."""
    try:
        command_id = UUID(frame.request.query_params.get(SAID, ""))
    except ValueError:
        return None
    row = await frame.site.store.command(command_id)
    if row is None:
        return None
    envelope = CommandEnvelope.read(row.data)
    what = frame.speech.order(envelope.command)
    outcome = (await frame.site.store.outcomes([command_id])).get(command_id)
    verdict = _verdict(frame, command_id, what, outcome)
    if outcome is not None and outcome.code == "request_changed":
        return replace(verdict, since=getattr(envelope.command, "seen", None) or 0)
    mine = outcome is not None and envelope.actor == frame.viewer.actor and frame.may("POST", "/undo/{command_id}")
    undoable = mine and outcome is not None and await inverse(frame.site.store, envelope, outcome) is not None
    return replace(verdict, undo=undoable)


def _verdict(frame: "Frame", command_id: UUID, what: str, outcome: Outcome | None) -> Verdict:
    if outcome is None:
        return Verdict(command_id, "pending", what, frame.say("No answer yet. It is safe: load the page again soon."))
    if outcome.status == "accepted":
        return Verdict(command_id, "accepted", what)
    if outcome.status == "failed":
        return Verdict(command_id, "failed", what, frame.say("It could not be handled and is kept as a dead letter."))
    return Verdict(command_id, "rejected", what, frame.speech.code(outcome))
