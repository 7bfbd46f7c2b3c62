"""Several orders of one form taken back: first shown which still can be, then each by its own inverse."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import Response

from engine.ports import Deed, DeedQuery
from ningju.console.callers import Caller
from ningju.console.pages.frame import AtFrame, Frame
from ningju.console.pages.inverse import UNDONE, inverse
from ningju.console.pages.orders import Form, form_of, order, queue_of, sent_before
from ningju.console.pages.routing import pages
from schemas.commands import Command
from schemas.envelope import CommandEnvelope
from schemas.views import RequestView

router = pages()

LOOKED_THROUGH = 200
"""Own orders among which those of one form are looked for."""

_DONE = re.compile(r"(u?)(\d{1,4})-(\d{1,4})(?:-([A-Za-z0-9]{1,64}))?")
_KEY = re.compile(r"[A-Za-z0-9]{1,64}")


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a form that orders one thing of several requests, as the address of the next page tells it."""

    done: int
    all: int
    key: str = ""
    back: bool = False

    @classmethod
    def read(cls, text: str) -> "Done | None":
        """Read it from an address."""
        found = _DONE.fullmatch(text)
        return None if found is None else cls(int(found[2]), int(found[3]), found[4] or "", bool(found[1]))

    def told(self, back: str) -> str:
        """The address that leads back and tells it."""
        key = f"-{self.key}" if _KEY.fullmatch(self.key) else ""
        return f"{back}{'&' if '?' in back else '?'}done={'u' * self.back}{self.done}-{self.all}{key}"


@dataclass(frozen=True, slots=True)
class One:
    """One order of a form, the request as it is now, and what would take the order back, if anything does."""

    envelope: CommandEnvelope
    row: RequestView
    back: Command | None


async def _orders(frame: Frame, key: str) -> list[tuple[CommandEnvelope, Deed]]:
    """One's own orders that one form became: their ids are made of its key."""
    if not key:
        return []
    deeds = await frame.site.store.deeds(DeedQuery(actor=frame.viewer.actor.key, limit=LOOKED_THROUGH))
    read = [(CommandEnvelope.read(deed.command.data), deed) for deed in deeds]
    return [(one, deed) for one, deed in read if one.command_id == _id(frame, key, one.correlation_id)]


def _id(frame: Frame, key: str, request_id: UUID) -> UUID:
    return Caller(frame.viewer.actor, f"{key}/{request_id}", None, "/queue").command_id()


async def undoable(frame: Frame, key: str) -> bool:
    """Whether any order of a form can still be taken back."""
    if not frame.may("POST", "/queue/undo"):
        return False
    for envelope, deed in await _orders(frame, key):
        if deed.outcome is not None and await inverse(frame.site.store, envelope, deed.outcome) is not None:
            return True
    return False


async def _looked_at(frame: Frame, key: str) -> list[One]:
    found = []
    for envelope, deed in await _orders(frame, key):
        rows = await frame.site.store.request(envelope.correlation_id)
        row = next((one for one in rows if one.zone == envelope.zone), None)
        if row is None or deed.outcome is None or deed.outcome.status != "accepted":
            continue
        found.append(One(envelope, row, await inverse(frame.site.store, envelope, deed.outcome)))
    return found


@router.get("/queue/undo")
async def preview(frame: AtFrame) -> Response:
    """Show what would be taken back."""
    asked = Form({name: [value] for name, value in frame.request.query_params.items()})
    key = asked.one("of")
    return _page(frame, key, queue_of(asked), await _looked_at(frame, key))


@router.post("/queue/undo")
async def take_back(frame: AtFrame) -> Response:
    """Take back what still can be; the same form twice is the same orders."""
    form, said = await form_of(frame), list[UUID]()
    key, back = form.one("of"), queue_of(form)
    found = await _looked_at(frame, key)
    for one in found:
        request_id = one.row.request_id
        if (before := await sent_before(frame, form, str(request_id))) is not None:
            said.append(before)
        elif one.back is not None:
            put = order(
                frame, form, one.row.zone, one.back, correlation_id=request_id, part=str(request_id), reason=UNDONE
            )
            said.append(await put)
    if not said:
        return _page(frame, key, back, found, 409)
    outcomes = await frame.site.store.outcomes(said)
    done = sum(outcome.status == "accepted" for outcome in outcomes.values())
    return frame.go(Done(done, len(said), back=True).told(back))


def _page(frame: Frame, key: str, back: str, found: Sequence[One], status: int = 200) -> Response:
    return frame.page("queue_undo.html", status, title="Undo", of=key, back=back, found=found)


def undo_address(key: str, back: str) -> str:
    """Where the orders of a form are shown before they are taken back."""
    return "/queue/undo?" + urlencode({"of": key, "back": back})
