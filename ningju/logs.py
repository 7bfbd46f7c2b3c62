"""Logs: a constant message, a stable ``action``, ids; one line an outcome, and never personal data."""

import logging
import sys
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from engine.intake import redact

CHATTY = (
    "aiokafka",
    "kafka",
    "faust",
    "mode",
    "alembic",
    "sqlalchemy",
    "httpx",
    "httpx2",
    "httpcore",
    "asyncio",
    "streams.driver",
    "streams.apps",
)  # the last two are faust's own chatter under our names


def blank_numbers(_: WrappedLogger, __: str, entry: EventDict) -> EventDict:
    """Blank what looks like a phone number or a mail address in messages of libraries, which know no rule of ours."""
    if isinstance(entry.get("event"), str) and "action" not in entry:
        entry["event"] = redact(entry["event"])
    return entry


def bare_exceptions(_: WrappedLogger, __: str, entry: EventDict) -> EventDict:
    """Keep of an exception its type and where it was raised: its message may quote what somebody sent."""
    info = entry.pop("exc_info", None)
    if info:
        error = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
        if isinstance(error, BaseException):
            faults = _each(error)
            entry["error"] = ", ".join(type(fault).__name__ for fault in faults)
            frames, trace = [], faults[0].__traceback__
            while trace is not None:
                code = trace.tb_frame.f_code
                frames.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}")
                trace = trace.tb_next
            entry["at"] = " > ".join(frames[-8:])
    return entry


def _each(error: BaseException) -> list[BaseException]:
    """Faults that came together, which groups only gather."""
    if isinstance(error, BaseExceptionGroup):
        return [fault for part in error.exceptions for fault in _each(part)]
    return [error]


def configure(
    level: str = "info", form: Literal["auto", "json", "console"] = "auto", stream: TextIO | None = None
) -> None:
    """Send everything that is logged, by us and by libraries, through one form.

    Parameters
    ----------
    form
        ``auto`` is for people at a terminal and JSON lines elsewhere.
    stream
        Where to; standard error where none is given, so that answers of commands stay alone on standard output.
    """
    out = stream or sys.stderr
    lines = form == "console" or (form == "auto" and out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        bare_exceptions,
        blank_numbers,
    ]
    final: Processor = (
        structlog.dev.ConsoleRenderer(colors=out.isatty())
        if lines
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, final]
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"  # a path may hold an id for each call; /metrics counts them
        logger.setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(root.level),
        cache_logger_on_first_use=False,
    )
