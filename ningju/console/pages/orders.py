"""From a page's form through the one door, and back to a page that tells the verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from uuid import UUID, uuid4

from starlette.responses import Response

from engine.intake import redact
from engine.ports import NewCommand
from ningju.console.callers import Caller
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

    def reason(self) -> str:
        """Why, without phone numbers and addresses: reasons go into events."""
        return redact(self.one("reason").replace("\0", ""))[:LONGEST_REASON]


def number(text: str) -> int | None:
    """A whole number as a form or an address says it; nothing when it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else None


async def form_of(frame: "Frame") -> Form:
    """Read the form that was sent."""
    return Form(await frame.form())


async def order(
    frame: "Frame", form: Form, zone: str, asked: Command, *, correlation_id: UUID | None = None, part: str = ""
) -> UUID:
    """Put one command through the door and wait for its verdict; sent twice, the same form is one command.

    Parameters
    ----------
    part
        Tells the commands of one form apart.
    """
    key = form.one("key")[:64] or uuid4().hex
    caller = Caller(frame.viewer.actor, f"{key}/{part}", None, frame.request.url.path)

    async def build(command_id: UUID) -> NewCommand:
        return command(frame.site, caller, command_id, zone, asked, correlation_id=correlation_id, reason=form.reason())

    enqueued = await send(frame.site, caller, asked, build)
    await verdict(frame.site, caller, enqueued)
    return enqueued.command_id


def told(address: str, command_id: UUID) -> str:
    """The address of the page that tells the verdict."""
    path, mark, fragment = address.partition("#")
    return f"{path}{'&' if '?' in path else '?'}{SAID}={command_id}{mark}{fragment}"


async def ordered(
    frame: "Frame", form: Form, zone: str, asked: Command, back: str, *, correlation_id: UUID | None = None
) -> Response:
    """Give one order and lead back to where its verdict is told."""
    return frame.go(told(back, await order(frame, form, zone, asked, correlation_id=correlation_id)))


async def heard(frame: "Frame") -> Verdict | None:
    """The verdict that this page is to tell, if it is to tell one."""
    try:
        command_id = UUID(frame.request.query_params.get(SAID, ""))
    except ValueError:
        return None
    row = await frame.site.store.command(command_id)
    if row is None:
        return None
    what = frame.speech.order(CommandEnvelope.read(row.data).command)
    outcome = (await frame.site.store.outcomes([command_id])).get(command_id)
    return _verdict(frame, command_id, what, outcome)


def _verdict(frame: "Frame", command_id: UUID, what: str, outcome: Outcome | None) -> Verdict:
    if outcome is None:
        return Verdict(command_id, "pending", what, frame.say("No answer yet. It is safe: load the page again soon."))
    if outcome.status == "accepted":
        return Verdict(command_id, "accepted", what)
    if outcome.status == "failed":
        return Verdict(command_id, "failed", what, frame.say("It could not be handled and is kept as a dead letter."))
    return Verdict(command_id, "rejected", what, frame.speech.code(outcome))
