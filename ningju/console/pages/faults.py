"""What is wrong with a form, beside the field that it is about; what was typed stays."""

from collections.abc import Mapping
from types import MappingProxyType

from ningju.console.pages.frame import Frame
from ningju.console.pages.orders import Form
from ningju.console.pages.preview import Prospect

Values = dict[str, str]
Faults = Mapping[str, str]
"""What is wrong, in the reader's language, by the name of the form's field."""

NONE: Faults = MappingProxyType({})
FIRST = {"name": "zh", "base": "lon", "place": "lon", "home": "lon", "demands": "skill0", "skills": "skill0"}
LINES = {"expires": "until"}


def typed(form: Form) -> Values:
    """What a form's fields hold; of a box that is ticked, its value."""
    return {name: form.one(name) for name in form.names}


def placed(frame: Frame, found: Prospect) -> dict[str, str]:
    """Why something cannot even be asked of a zone, by the form's fields."""
    faults: dict[str, str] = {}
    for one in found.sieve.refused:
        if one.field != "item":
            faults.setdefault(field_of(one.field), frame.speech.refusal(one.code, one.reason))
    return faults


def field_of(path: str) -> str:
    """The form's field for a path as REST names it: ``base.lat`` is ``lat``, ``demands.1.heads`` is ``heads1``."""
    match path.split("."):
        case ["name" | "base" | "place" | "home", part, *_]:
            return part
        case ["demands" | "skills", number, part, *_]:
            return f"{LINES.get(part, part)}{number}"
        case [first, *_]:
            return FIRST.get(first, first)
        case _:
            return path
