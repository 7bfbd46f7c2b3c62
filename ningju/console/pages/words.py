"""What the pages say, in both languages: the code and the templates say it in English, ``zh.toml`` in Chinese."""

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

from fastapi import Request

from schemas.base import Label

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
COOKIE = "language"

_RANGE = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=([0-9.]+))?\s*")


@cache
def chinese() -> dict[str, str]:
    """The Chinese of each English sentence."""
    text = files("ningju.console.pages").joinpath("zh.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text))


def say(language: Language, english: str, **parts: object) -> str:
    """Say a sentence in a language; what has no Chinese yet is said in English."""
    sentence = chinese().get(english, english) if language == "zh" else english
    return sentence.format(**parts) if parts else sentence


def named(language: Language, label: Label) -> str:
    """A thing's name in a language; where it has only one, that one."""
    first, second = (label.zh, label.en) if language == "zh" else (label.en, label.zh)
    return first or second


def language_of(request: Request) -> Language:
    """What the address asks for, else what was chosen before, else what the browser prefers, else Chinese."""
    for asked in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        for language in LANGUAGES:
            if asked == language:
                return language
    return _preferred(request.headers.get("accept-language", "").split(","))


def _preferred(ranges: Iterable[str]) -> Language:
    best: tuple[float, Language] | None = None
    for one in ranges:
        found = _RANGE.fullmatch(one)
        if found is None:
            continue
        try:
            weight = float(found[2] or 1)
        except ValueError:
            continue
        for language in LANGUAGES:
            if found[1].lower() == language and weight > 0 and (best is None or weight > best[0]):
                best = (weight, language)
    return "zh" if best is None else best[1]
