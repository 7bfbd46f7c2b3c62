"""Exit codes, and the errors that end a command with one."""

from typing import NoReturn

from rich.console import Console
from rich.text import Text

DONE, NO, WRONG_USE, MISSING = 0, 1, 2, 3

errors = Console(stderr=True, soft_wrap=True)


class Stop(Exception):
    """Ends a command with a code and a word on what to do."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def wrong(reason: str) -> NoReturn:
    """End with *wrong use*."""
    raise Stop(WRONG_USE, reason)


def missing(reason: str) -> NoReturn:
    """End with *something it depends on is missing or down*."""
    raise Stop(MISSING, reason)


def complain(reason: str) -> None:
    """Say on standard error what is wrong."""
    errors.print(Text(reason, style="red"))
