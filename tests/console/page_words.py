"""Every sentence that the pages may say: what code and templates hand to the catalogue."""

import re
from pathlib import Path

import ningju.console
from ningju.console.pages import (
    deeds,
    editing,
    facts,
    figures,
    frame,
    importing,
    life,
    listing,
    measures,
    new,
    now,
    outlook,
    people,
    preview,
    queue,
    refusals,
    speech,
    teams,
    what_if,
)

CONSOLE = Path(ningju.console.__file__).parent
_SAID = re.compile(r"""(?:\b_|\.say|\b_say)\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')""")
_TITLE = re.compile(r'title="([^"]+)"')


def sentences() -> set[str]:
    """What is said by its own words, and what tables of the code say."""
    found: set[str] = set()
    for path in (*CONSOLE.glob("templates/*.html"), *CONSOLE.glob("pages/*.py")):
        text = path.read_text(encoding="utf-8")
        found |= {one or other for one, other in _SAID.findall(text)}
        if path.suffix == ".py":
            found |= set(_TITLE.findall(text))
    return found | _tables()


def _tables() -> set[str]:
    tables = [speech.STATES, speech.ALARMS, speech.SEATS, speech.OFFERS, speech.ACTORS, speech.PRIORITIES]
    tables += [
        speech.REASONS,
        refusals.CODES,
        speech.ORDERS,
        now.ACTIONS,
        now.WORKERS,
        queue.BULK,
        deeds.KINDS,
        queue.ORDERS,
        life.ANSWERS,
        new.WORDS,
        new.FAULTS,
        figures.GROUPS,
        facts.WAYS,
        facts.LEVELS,
        facts.ASKED,
        facts.FIELDS,
        facts.LISTS,
        editing.FAULTS,
        importing.TEXTS,
        listing.SWITCHES,
        people.STATES,
        refusals.REFUSALS,
        what_if.KINDS,
        what_if.FAULTS,
        outlook.LEVELS,
    ]
    found = {text for table in tables for text in table.values()}  # type: ignore[attr-defined]
    found |= {text for _, text in frame.PAGES} | {text for _, text, _ in queue.VIEWS}
    found |= {measure.name for measure in measures.MEASURES}
    found |= {text for text, _ in editing.LIMITS.values()} | {text for text, *_ in listing.LENGTHS.values()}
    found |= {
        teams.WRONG_NAME,
        teams.WRONG_PLACE,
        teams.THERE,
        listing.WRONG_CREW,
        listing.WRONG_NUMBER,
        preview.CHANGED_MEANWHILE,
    }
    found |= {"Site", "Team's base", "A team's way on this day", "Within reach"}  # the legend of the map
    found |= {what_if.BUSY, what_if.AGED}
    found |= {life.MISSING_REASON, life.WRONG_WINDOW}
    return found | _in_source("chronicle.py") | _in_source("routing.py")


def _in_source(name: str) -> set[str]:
    """Sentences that stand in a table inside a function."""
    text = (CONSOLE / "pages" / name).read_text(encoding="utf-8")
    return set(
        re.findall(r'"(?:declined|expired|rescinded|withdrawn|no_show|roster|released)": "(\{volunteer\}[^"]+)"', text)
    ) | set(re.findall(r'\d{3}: "([^"]+)"', text))
