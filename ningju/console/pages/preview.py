"""A change of rosters or catalogues, shown item by item before it is made: what differs, whom it withdraws, what is refused."""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

from pydantic import ValidationError
from starlette.responses import Response

from engine.intake import Fault
from engine.trying import Loss
from ningju.console import catalogue, roster
from ningju.console.batches import Change, Intent, as_seen, send_all
from ningju.console.callers import Caller
from ningju.console.catalogue import CatalogueIn
from ningju.console.forms import FORM_LIMIT
from ningju.console.items import Mode, RefusedItem, Sieve
from ningju.console.pages.facts import LISTS, differences
from ningju.console.pages.frame import AtFrame, Frame
from ningju.console.pages.life import MISSING_REASON
from ningju.console.pages.orders import Form, told
from ningju.console.pages.routing import pages
from ningju.console.problems import Problem, faults_of, invalid
from ningju.console.roster import RosterIn
from schemas.base import Frozen
from schemas.roster import Team, Volunteer

router = pages()

Kind = Literal["people", "catalogue"]
SHOWN = 200
LARGEST = 50_000_000
EVERYWHERE = ""
"""Stands for the catalogues of all zones."""
CHANGED_MEANWHILE = "Something has changed meanwhile: look at it again before you confirm it."


class Wish(Frozen):
    """What somebody wants changed, as forms carry it from the preview to the order.

    ``lists`` are bodies as REST takes them, by zone; ``faults`` are entries of a file that could not even be sent.
    """

    kind: Kind
    lists: dict[str, dict[str, Any]]
    mode: Mode = "patch"
    back: str = ""
    faults: tuple[dict[str, Any], ...] = ()

    def packed(self) -> str:
        """The wish as a form's field: small, whatever it holds."""
        return base64.b64encode(zlib.compress(self.dump(), 6)).decode()

    @classmethod
    def unpacked(cls, text: str) -> "Wish":
        """Read a form's field.

        Raises
        ------
        Problem
            422 when it is no wish.
        """
        try:
            inflating = zlib.decompressobj()
            data = inflating.decompress(base64.b64decode(text, validate=True), LARGEST)
            if not inflating.eof:
                raise ValueError
            return cls.model_validate_json(data)
        except (ValueError, zlib.error, ValidationError):
            raise invalid([Fault("told", "form", "is not what a preview has made")]) from None


@dataclass
class Prospect:
    """What a wish comes to, at this moment."""

    intents: list[Intent]
    sieve: Sieve
    losses: list[tuple[str, Loss]] = field(default_factory=list)
    tried: bool = True

    @property
    def changes(self) -> list[tuple[str, Change]]:
        """Every change, with its zone."""
        return [(intent.zone, change) for intent in self.intents for change in intent.changes]

    @property
    def persons(self) -> int:
        """How many names and phones are written though nothing else of these people changes."""
        return sum(len(intent.persons) for intent in self.intents)

    def digest(self) -> str:
        """Tells whether what was seen is still what would happen."""
        parts = [f"{part.zone}{part.asked.dump().decode()}" for intent in self.intents for part in intent.parts]
        before = [change.before.dump().decode() if change.before else "" for _, change in self.changes]
        lost = [f"{loss.request_id} {loss.volunteer} {loss.accepted}" for _, loss in self.losses]
        return sha256("\n".join([*parts, *before, *lost]).encode()).hexdigest()[:16]


async def look(frame: Frame, wish: Wish) -> Prospect:
    """Find out what a wish would do; nothing is given yet."""
    sieve = Sieve()
    for fault in wish.faults:
        sieve.refused.append(RefusedItem.model_validate(fault | {"index": None}))
    intents = []
    for zone, lists in wish.lists.items():
        if wish.kind == "people":
            if zone not in frame.views:
                raise Problem(404, "not-found", f"no zone {zone}")
            intents.append(await roster.intend(frame.site, zone, _body(RosterIn, lists), wish.mode, sieve))
        elif zone == EVERYWHERE:
            views = list(frame.views.values())
            intents += catalogue.intend_all(views, _body(CatalogueIn, lists), wish.mode, sieve)
        elif zone in frame.views:
            intents.append(catalogue.intend(frame.views, zone, _body(CatalogueIn, lists), wish.mode, sieve))
        else:
            raise Problem(404, "not-found", f"no zone {zone}")
    found = Prospect(intents, sieve)
    attempt = frame.site.services.attempt
    for intent in intents:
        if not intent.parts:
            continue
        if attempt is None:
            found.tried = False
            continue
        trial = await attempt(intent.zone, [part.asked for part in intent.parts])
        found.losses += [(intent.zone, loss) for loss in trial.losses]
        lists_of = {name: where for part in intent.parts for where, _, name in part.items}
        for one in trial.refused:
            code, _, _ = one.reason.partition(":")
            sieve.refuse(lists_of.get(one.item, ""), None, one.item, "item", code, one.reason)
    return found


def _body(model: type[RosterIn] | type[CatalogueIn], lists: Mapping[str, Any]) -> Any:
    try:
        return model.model_validate_json(json.dumps(lists))
    except ValidationError as error:
        raise invalid(faults_of(error)) from None


async def preview(
    frame: Frame,
    wish: Wish,
    *,
    found: Prospect | None = None,
    fault: str = "",
    status: int = 200,
    reason: str = "",
) -> Response:
    """The page that shows what a wish would do, and asks for a reason."""
    found = found or await look(frame, wish)
    changes = [
        (LISTS[change.list], change, _title(frame, change), differences(frame, change.before, change.after))
        for _, change in found.changes[:SHOWN]
    ]
    return frame.page(
        "preview.html",
        422 if fault and status == 200 else status,
        title="Preview",
        wish=wish,
        told=wish.packed(),
        seen=found.digest(),
        found=found,
        counts=_counts(found),
        changes=changes,
        more=max(0, len(found.changes) - SHOWN),
        losses=found.losses[:SHOWN],
        more_losses=max(0, len(found.losses) - SHOWN),
        refused=found.sieve.refused[:SHOWN],
        lists=LISTS,
        fault=fault,
        reason=reason,
        done=None,
    )


def _counts(found: Prospect) -> dict[str, int]:
    changes = [change for _, change in found.changes]
    return {
        "new": sum(change.before is None for change in changes),
        "changed": sum(change.before is not None and change.after is not None for change in changes),
        "gone": sum(change.after is None for change in changes),
        "same": sum(intent.unchanged for intent in found.intents),
        "refused": len(found.sieve.refused),
    }


def _title(frame: Frame, change: Change) -> str:
    item = change.after or change.before
    if isinstance(item, Volunteer) or item is None:
        return change.id
    if isinstance(item, Team):
        return f"{frame.speech.team(item)} ({change.id})"
    return f"{frame.speech.label(item.name)} ({change.id})"  # type: ignore[attr-defined]


@router.post("/people/change")
async def change_people(frame: AtFrame) -> Response:
    """Make what the preview showed of teams and people."""
    return await _confirmed(frame, "people")


@router.post("/catalogue/change")
async def change_catalogue(frame: AtFrame) -> Response:
    """Make what the preview showed of services and sites."""
    return await _confirmed(frame, "catalogue")


async def _confirmed(frame: Frame, kind: Kind) -> Response:
    form = Form(await frame.form(FORM_LIMIT))
    wish = Wish.unpacked(form.one("told"))
    if wish.kind != kind:
        raise invalid([Fault("told", "kind", "belongs to another page")])
    if not form.reason():
        return await preview(frame, wish, fault=frame.say(MISSING_REASON))
    heads = await frame.site.store.heads()  # what changes after this moment is not in what follows: the zones compare
    found = await look(frame, wish)
    if found.digest() != form.one("seen"):
        return await preview(frame, wish, fault=frame.say(CHANGED_MEANWHILE), status=409, reason=form.reason())
    before = len(found.sieve.refused)
    caller = Caller(frame.viewer.actor, None, None, frame.request.url.path)
    for intent in found.intents:
        if intent.persons:
            await frame.site.store.put_persons(intent.persons)
    parts = as_seen((part for intent in found.intents for part in intent.parts), heads)
    taken, sent = await send_all(frame.site, caller, parts, found.sieve, reason=form.reason()) if parts else (0, [])
    if len(sent) == 1 and len(found.sieve.refused) == before and wish.back.startswith("/"):
        return frame.go(told(wish.back, sent[0].command_id))
    return frame.page(
        "preview.html",
        title="Changed",
        wish=wish,
        found=found,
        counts=_counts(found),
        changes=[],
        more=0,
        losses=[],
        more_losses=0,
        refused=_once(found.sieve.refused)[:SHOWN],
        lists=LISTS,
        fault="",
        done=taken,
        pending=sum(one.outcome is None for one in sent),
    )


def _once(refused: Sequence[RefusedItem]) -> list[RefusedItem]:
    """What the trial and then the zone refused is told once."""
    return list({(one.list, one.id, one.field, one.code): one for one in refused}.values())
