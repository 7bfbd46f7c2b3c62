"""Keeps what one test does to logging from the next."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import structlog
from _pytest.logging import LogCaptureHandler


def _drop(*_: object) -> NoReturn:
    raise structlog.DropEvent


@contextmanager
def logging_kept(*, silent: bool) -> Iterator[None]:
    """Begin with structlog as it comes, or with none of its lines, and without handlers that others left."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = [handler for handler in handlers if isinstance(handler, LogCaptureHandler)]
    structlog.reset_defaults()
    if silent:
        structlog.configure(processors=[_drop])
    try:
        yield
    finally:
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)
