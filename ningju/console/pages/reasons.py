"""Why requests are where they are, looked for by words: what became of them, what people wrote, and why the last plan left them out."""

from collections.abc import Iterable
from functools import cache
from uuid import UUID

from markupsafe import Markup

from engine.ports import Because, Store
from ningju.console.pages.speech import REASONS
from ningju.console.pages.words import LANGUAGES, Language, named, say
from schemas.plan import LeftOut, Plan, Rule
from solvers import wording

MOST = 5_000
"""So many requests that a plan left out are looked for by their ids."""


@cache
def options(language: Language) -> Markup:
    """Every reason that is ours, in words, as a list offers them; the same on every page, so written once."""
    words = [say(language, english) for english in REASONS.values()]
    words += [named(language, label) for label in wording.RULES.values()]
    return Markup().join(Markup('<option value="{}"></option>').format(one) for one in dict.fromkeys(words))


async def because(store: Store, zones: Iterable[str], text: str) -> tuple[Because, dict[UUID, Rule]]:
    """What to ask for when somebody looks for a reason, in either language; and why the last plans left whom out."""
    rules = {rule for rule, label in wording.RULES.items() if _says((rule, label.zh, label.en), text)}
    codes = {code for code, english in REASONS.items() if _says((code, *_words(english)), text)}
    left = await _left_out(store, zones, rules) if rules else {}
    return Because(text=text, codes=tuple(sorted(codes | rules)), left_out=frozenset(left)), left


def _words(english: str) -> list[str]:
    return [say(language, english) for language in LANGUAGES]


def _says(words: Iterable[str], text: str) -> bool:
    return any(text.casefold() in word.casefold() for word in words)


async def _left_out(store: Store, zones: Iterable[str], rules: set[Rule]) -> dict[UUID, Rule]:
    found: dict[UUID, Rule] = {}
    for zone in zones:
        stored = await store.newest_plan(zone)
        for left in Plan.read(stored.data).left_out if stored is not None else ():
            rule = _most(left)
            if rule in rules and len(found) < MOST:
                found[UUID(left.visit)] = rule
    return found


def _most(left: LeftOut) -> Rule | None:
    """The rule that removed most people."""
    most = max(left.reasons, key=lambda one: one.removed, default=None)
    return None if most is None else most.rule
