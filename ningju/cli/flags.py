"""Flags that several commands share; each has its ``NINGJU_*`` twin."""

from pathlib import Path
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

import typer
from pydantic import ValidationError

from ningju.cli.exits import wrong
from ningju.settings import Settings

S = TypeVar("S", bound=Settings)


def flag(name: str, text: str, *more: str, **options: Any) -> Any:
    """Make a flag with its twin: ``--keep-running`` and ``NINGJU_KEEP_RUNNING``."""
    twin = "NINGJU_" + name.split("/", maxsplit=1)[0].removeprefix("--").replace("-", "_").upper()
    return typer.Option(name, *more, envvar=twin, help=text, **options)


Data = Annotated[Path | None, flag("--data", "folder of the embedded database", metavar="DIR")]
Database = Annotated[
    str | None,
    flag("--database", "address of the database, such as postgresql://…; none: SQLite in --data", metavar="URL"),
]
Broker = Annotated[str | None, flag("--broker", "Kafka's HOST:PORT; none: the embedded broker", metavar="HOST:PORT")]
Host = Annotated[str | None, flag("--host", "address to listen on; only the loopback where nobody signs in")]
Port = Annotated[int | None, flag("--port", "port to listen on; 0 takes any that is free")]
Scenario = Annotated[str | None, flag("--scenario", "changning, heatwave or tiny")]
Seed = Annotated[int | None, flag("--seed", "the same seed gives the same")]
LogLevel = Annotated[str | None, flag("--log-level", "debug, info, warning or error")]
LogFormat = Annotated[str | None, flag("--log-format", "auto, json or console")]
Url = Annotated[str, flag("--url", "where Ningju answers")]
Json = Annotated[bool, flag("--json", "JSON for scripts")]
Zone = Annotated[str | None, flag("--zone", "one zone alone")]
TimeZone = Annotated[str, flag("--timezone", "of times that say none, and of those that are shown")]
Actor = Annotated[str, flag("--actor", "who acts, as kind:id")]

URL = "http://127.0.0.1:8080"
OPERATOR = "operator:local"


def settings(kind: type[S], **given: Any) -> S:
    """Build settings from the flags that were given; the rest comes from the environment.

    Raises
    ------
    Stop
        With *wrong use*, naming each setting that is wrong.
    """
    try:
        return kind(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = [
            ": ".join(part for part in (".".join(map(str, fault["loc"])), fault["msg"]) if part)
            for fault in error.errors(include_input=False)
        ]
        wrong("; ".join(faults))


def time_zone(name: str) -> ZoneInfo:
    """Find a time zone.

    Raises
    ------
    Stop
        With *wrong use* when there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        wrong(f"--timezone: {name!r} is no time zone such as Asia/Shanghai")
