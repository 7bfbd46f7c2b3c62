"""``ningju up``, ``ningju worker`` and ``ningju demo``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ningju.cli.exits import wrong
from ningju.cli.flags import Broker, Data, Database, Host, LogFormat, LogLevel, Port, Scenario, Seed, flag, settings
from ningju.settings import DemoSettings, Role, Settings

RosterFile = Annotated[
    Path | None, flag("--roster", "zones, catalogue, teams and volunteers to start with, as JSON", metavar="FILE")
]


def up(
    data: Data = None,
    database: Database = None,
    broker: Broker = None,
    host: Host = None,
    port: Port = None,
    scenario: Scenario = None,
    roster: RosterFile = None,
    seed: Seed = None,
    roles: Annotated[str | None, flag("--roles", "some of api,intake,zones,matcher,dispatcher; none: all")] = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
) -> None:
    """Run everything on this machine; ready when /healthz/ready says so, ended by SIGTERM."""
    if scenario is not None and roster is not None:
        wrong("give --scenario or --roster, not both")
    chosen = settings(
        Settings,
        data=data,
        database=database,
        broker=broker,
        host=host,
        port=port,
        scenario=scenario,
        roster=roster,
        seed=seed,
        roles=None if roles is None else tuple(part.strip() for part in roles.strip("[]").replace('"', "").split(",")),
        log_level=log_level,
        log_format=log_format,
    )
    from ningju.bootstrap import commands

    raise typer.Exit(commands.up(chosen))


def worker(
    role: Annotated[Role, typer.Argument(metavar="ROLE", help="api, intake, zones, matcher or dispatcher")],
    database: Database = None,
    broker: Broker = None,
    host: Host = None,
    port: Port = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
) -> None:
    """Run one role; needs PostgreSQL and Kafka."""
    chosen = settings(
        Settings,
        database=database,
        broker=broker,
        host=host,
        port=port,
        log_level=log_level,
        log_format=log_format,
    )
    from ningju.bootstrap import commands

    raise typer.Exit(commands.worker(role, chosen))


def demo(
    days: Annotated[int | None, flag("--days", "days of arrivals")] = None,
    scenario: Scenario = None,
    seed: Seed = None,
    places: Annotated[Path | None, flag("--places", "real places (CSV, GCJ-02)", metavar="FILE")] = None,
    boundaries: Annotated[Path | None, flag("--boundaries", "subdistricts (GeoJSON)", metavar="FILE")] = None,
    arrivals: Annotated[Path | None, flag("--arrivals", "real times of requests (CSV)", metavar="FILE")] = None,
    policy: Annotated[
        Literal["ningju", "nearest-first", "alert-next"] | None, flag("--policy", "how visits are matched")
    ] = None,
    report: Annotated[Path | None, flag("--report", "write the report here, as JSON", metavar="FILE")] = None,
    picture: Annotated[Path | None, flag("--picture", "draw the summary here, as SVG", metavar="FILE")] = None,
    keep_running: Annotated[
        bool | None, flag("--keep-running/--no-keep-running", "go on after the run; at a terminal it does")
    ] = None,
    data: Data = None,
    database: Database = None,
    broker: Broker = None,
    port: Port = None,
    log_level: LogLevel = None,
) -> None:
    """Let a day of Changning go by, with simulated volunteers, through the real path."""
    chosen = settings(
        DemoSettings,
        days=days,
        scenario=scenario,
        seed=seed,
        places=places,
        boundaries=boundaries,
        arrivals=arrivals,
        policy=policy,
        report=report,
        picture=picture,
        keep_running=keep_running,
        data=data,
        database=database,
        broker=broker,
        port=port,
        log_level=log_level,
    )
    from ningju.bootstrap import commands

    raise typer.Exit(commands.demo(chosen))
