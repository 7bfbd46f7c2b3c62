"""Dead letters: what could not be read or handled, grouped by cause; mended and sent again, or put away with a reason."""

import json
import re
from itertools import groupby

from starlette.responses import Response

from ningju.console.pages.frame import AtFrame, Frame
from ningju.console.pages.orders import form_of, told
from ningju.console.pages.routing import pages
from ningju.console.persons import letter_seen
from ningju.console.problems import not_found
from ningju.console.services import Letter

router = pages()

SHOWN = 200
_VARIES = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+|'[^']*'|\"[^\"]*\"")


def cause(letter: Letter) -> str:
    """A reason without what differs from letter to letter, so that those of one cause stand together."""
    return _VARIES.sub("…", letter.letter.reason.partition("\n")[0])[:120]


@router.get("/letters")
async def show(frame: AtFrame) -> Response:
    """The page."""
    letters = frame.site.services.letters
    found = list(await letters.newest(SHOWN)) if letters is not None else []
    by_cause = sorted(found, key=lambda one: (one.letter.source, cause(one), -one.number))
    groups = [
        (source, name, list(some))
        for (source, name), some in groupby(by_cause, lambda one: (one.letter.source, cause(one)))
    ]
    groups.sort(key=lambda group: -sum(one.count for one in group[2]))
    return frame.page("letters.html", title="Dead letters", groups=groups, more=len(found) == SHOWN)


@router.get("/letters/{number}")
async def show_one(frame: AtFrame, number: int) -> Response:
    """One letter with its bytes and what can be read of them."""
    return await _one(frame, await _find(frame, number))


@router.post("/letters/{number}")
async def deal(frame: AtFrame, number: int) -> Response:
    """Send it again, mended or not, or put it away."""
    form, kept = await form_of(frame), await _find(frame, number)
    letters = frame.site.services.letters
    assert letters is not None
    text = form.one("raw")
    try:
        if form.one("what") == "discard":
            if not form.reason():
                return await _one(frame, kept, fault=frame.say("Say why it is put away."), text=text)
            await letters.discard(number, frame.viewer.actor.key, form.reason())
            return frame.go("/letters")
        mended = text.replace("\r\n", "\n").encode() if text and text.strip() != readable(kept).strip() else None
        command_id = await letters.replay(number, frame.viewer.actor.key, mended, form.reason())
    except ValueError as error:
        return await _one(frame, kept, fault=str(error), text=text)
    await frame.site.store.wait(command_id, frame.site.services.wait_s)
    return frame.go(told("/letters", command_id))


async def _find(frame: Frame, number: int) -> Letter:
    letters = frame.site.services.letters
    kept = await letters.find(number) if letters is not None else None
    if kept is None:
        raise not_found("letter", number)
    return kept


def readable(kept: Letter) -> str:
    """The bytes as text, laid out where they are JSON."""
    text = kept.letter.raw.decode("utf-8", "backslashreplace")
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=1)
    except ValueError:
        return text


async def _one(frame: Frame, kept: Letter, *, fault: str = "", text: str = "") -> Response:
    await letter_seen(frame.site, frame.viewer.user, kept.number)
    raw = kept.letter.raw
    return frame.page(
        "letter.html",
        422 if fault else 200,
        title="Dead letter",
        kept=kept,
        text=text or readable(kept),
        raw=" ".join(f"{byte:02x}" for byte in raw[:512]) + (" …" if len(raw) > 512 else ""),
        editable=kept.letter.source.endswith("requests") and bool(raw),
        fault=fault,
    )
