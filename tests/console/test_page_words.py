"""Words and times of the pages, in both languages."""

import ast
import string
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from starlette.requests import Request

import engine
from ningju.console.pages.moments import Moments
from ningju.console.pages.refusals import CODES, REFUSALS
from ningju.console.pages.speech import Speech
from ningju.console.pages.words import chinese, language_of, say
from schemas.place import TimeWindow
from solvers import wording
from tests.console.page_words import sentences

NOON = datetime(2026, 3, 4, 4, 0, tzinfo=UTC)  # a Wednesday, 12:00 in Shanghai
HOUR = timedelta(hours=1)


def test_the_catalogue_has_every_sentence_and_no_other() -> None:
    assert set(chinese()) == sentences()


def test_a_sentence_has_the_same_parts_in_both_languages() -> None:
    def parts(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert {english for english, zh in chinese().items() if parts(english) != parts(zh)} == set()


def raised(call: str) -> Iterator[str]:
    """What engine/ tells as a code where it says no to a command or an item; both words of a choice, too."""
    for path in Path(engine.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == call):
                continue
            named = {one.arg: one.value for one in node.keywords}
            if "request_id" in named:
                continue  # an item of a plan: the matcher is told, no page
            told = named.get("reason") or node.args[0]
            for one in [told.body, told.orelse] if isinstance(told, ast.IfExp) else [told]:
                first = one.values[0] if isinstance(one, ast.JoinedStr) else one
                if isinstance(first, ast.Constant):
                    yield str(first.value).partition(":")[0]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_no_of_the_engine_is_said_in_both_languages(language: str) -> None:
    speech = Speech(language, {})  # type: ignore[arg-type]
    codes = {*raised("Refused"), *wording.RULES}  # a rule is told where a leader names somebody who breaks it
    assert {"no_reason", "too_late", "window", "under_way", "not_waiting", "not_leader"} <= codes
    assert {code for code in codes if speech.no(code, "?") == "?"} == set()
    assert {code for code in raised("ItemRefused") if code not in REFUSALS} == set()
    if language == "zh":
        assert {code for code in codes if speech.no(code, "?").isascii()} == set()


def test_no_no_is_kept_that_nothing_says() -> None:
    assert set(CODES) - set(raised("Refused")) == set()


def test_a_rule_that_is_broken_is_said_of_the_person_who_was_named() -> None:
    def said(language: str) -> str:
        return Speech(language, {}).no("skill", "")  # type: ignore[arg-type]

    assert said("en") == "They do not have the skill; name another member."
    assert said("zh") == "此人没有所需技能，请改派其他队员。"


def moments(language: str) -> Moments:
    return Moments(language, NOON, ZoneInfo("Asia/Shanghai"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("start_h", "end_h", "zh", "en"),
    [
        (2, 4, "今天下午2–4点", "Today 14:00–16:00"),
        (2.5, 4, "今天下午2:30–4点", "Today 14:30–16:00"),
        (-3, 2, "今天上午9点–下午2点", "Today 09:00–14:00"),
        (21, 23, "明天上午9–11点", "Tomorrow 09:00–11:00"),
        (11, 12, "今天晚上11点–24点", "Today 23:00–24:00"),
        (11, 13, "今天晚上11点–明天凌晨1点", "Today 23:00–Tomorrow 01:00"),
        (-24 * 63, -24 * 63 + 1, "12月31日（周三）中午12点–下午1点", "Wed 31 Dec 2025 12:00–13:00"),
        (24 * 4, 24 * 4 + 1, "3月8日（周日）中午12点–下午1点", "Sun 8 Mar 12:00–13:00"),
    ],
)
def test_a_window_is_said_as_a_person_would(start_h: float, end_h: float, zh: str, en: str) -> None:
    window = TimeWindow(start=NOON + start_h * HOUR, end=NOON + end_h * HOUR)
    assert moments("zh").window(window).removeprefix("2025年") == zh
    assert moments("en").window(window) == en


@pytest.mark.parametrize(
    ("hours", "zh", "en"),
    [
        (0, "刚刚", "just now"),
        (-0.2, "12 分钟前", "12 min ago"),
        (-5, "5 小时前", "5 h ago"),
        (72, "还有3 天", "in 3 days"),
    ],
)
def test_how_long_ago_and_until(hours: float, zh: str, en: str) -> None:
    assert moments("zh").since(NOON + hours * HOUR) == zh
    assert moments("en").since(NOON + hours * HOUR) == en


@pytest.mark.parametrize(
    ("query", "cookie", "accept", "language"),
    [
        ("lang=en", "language=zh", "zh", "en"),
        ("lang=fr", "language=en", "zh", "en"),
        ("", "", "fr, en-GB;q=0.8, zh;q=0.5", "en"),
        ("", "", "en;q=0.2, zh-CN", "zh"),
        ("", "", "fr;q=x, en;q=oops", "zh"),
        ("", "", "", "zh"),
    ],
)
def test_the_language_is_what_was_asked_for_then_chosen_then_preferred(
    query: str, cookie: str, accept: str, language: str
) -> None:
    headers = [(b"cookie", cookie.encode()), (b"accept-language", accept.encode())]
    request = Request({"type": "http", "query_string": query.encode(), "headers": headers})
    assert language_of(request) == language


def test_what_has_no_chinese_is_said_in_english() -> None:
    assert say("zh", "Nobody has said this before {n}", n=3) == "Nobody has said this before 3"
