"""``ningju topics``: what Kafka holds for us, made, compared and mended by its administrator."""

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from ningju.cli.exits import MISSING, NO, wrong
from ningju.cli.flags import Broker, Json, flag, settings
from ningju.settings import Settings

if TYPE_CHECKING:
    from ningju.bootstrap.broker import Topics

topics = typer.Typer(no_args_is_help=True, help="Kafka's topics, and who may do what with them.")

Partitions = Annotated[int | None, flag("--partitions", "of each topic; 4 where they are made")]
Replication = Annotated[int | None, flag("--replication", "copies of each partition; 3, on a single broker 1")]


@topics.command()
def ensure(
    broker: Broker = None, partitions: Partitions = None, replication: Replication = None, as_json: Json = False
) -> None:
    """Make missing topics and set retention and safety; numbers of partitions and copies are never changed."""
    from ningju.bootstrap import broker as broking

    told = _told(broker, partitions, replication)
    _tell(broking.ensure(told), as_json)


@topics.command()
def check(
    broker: Broker = None, partitions: Partitions = None, replication: Replication = None, as_json: Json = False
) -> None:
    """Compare topics with what they should be; what differs is named with its cure, and the exit code is 3."""
    from ningju.bootstrap import broker as broking

    told = _told(broker, partitions, replication)
    _tell(broking.check(told), as_json)


@topics.command()
def renew(
    broker: Broker = None,
    partitions: Partitions = None,
    replication: Replication = None,
    yes: Annotated[bool, flag("--yes", "all roles are stopped, and the ledger has what the topics hold")] = False,
    as_json: Json = False,
) -> None:
    """Empty commands and events after a restore: a broker that is ahead of the ledger hands on what never was."""
    from ningju.bootstrap import broker as broking

    told = _told(broker, partitions, replication)
    if not yes:
        wrong("stop all roles first, then say --yes; requests and dead letters are left as they are")
    _tell(broking.renew(told), as_json)


@topics.command()
def grant(
    broker: Broker = None,
    prefix: Annotated[str, flag("--prefix", "a role's user is PREFIX and the role's name")] = "ningju-",
    sender: Annotated[list[str] | None, flag("--sender", "another system's user that sends requests")] = None,
    dry: Annotated[
        bool, flag("--dry", "only say what would change; the exit code is then 1 if anything would")
    ] = False,
    as_json: Json = False,
) -> None:
    """Allow each role's user what the role needs, take everything else on our topics away."""
    from ningju.bootstrap import broker as broking

    done = broking.grant(_told(broker, None, None), prefix, sender or [], dry=dry)
    if as_json:
        typer.echo(json.dumps({"given": done.given, "taken": done.taken}))
    for mark, rules in (("+", done.given), ("-", done.taken)):
        for rule in () if as_json else rules:
            typer.echo(f"{mark} {rule}")
    if dry and (done.given or done.taken):
        raise typer.Exit(NO)


def _told(broker: str | None, partitions: int | None, replication: int | None) -> Settings:
    told = settings(Settings, broker=broker, partitions=partitions, replication=replication)
    if told.broker is None:
        wrong("say which Kafka: --broker HOST:PORT; the embedded broker makes its topics by itself")
    return told


def _tell(found: "Topics", as_json: bool) -> None:
    if as_json:
        faults = [{"topic": one.topic, "what": one.what, "cure": one.cure} for one in found.faults]
        typer.echo(json.dumps({"done": found.done, "faults": faults}))
    else:
        for line in found.done:
            typer.echo(line)
        if found.faults:
            table = Table("topic", "what is wrong", "what to do")
            for fault in found.faults:
                table.add_row(fault.topic, fault.what, fault.cure)
            Console().print(table)
        else:
            typer.echo("all topics are as they should be")
    if found.faults:
        raise typer.Exit(MISSING)
