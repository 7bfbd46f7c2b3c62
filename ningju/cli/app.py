"""The command line. Exit codes: 0 done, 1 the answer is no, 2 wrong use, 3 something it depends on is missing or down."""

import sys

import typer

from engine.ports import PortError
from ningju.cli import asking, inspecting, keeping, letters, running, sending, solving, tokens, topics, webhooks
from ningju.cli.exits import DONE, MISSING, WRONG_USE, Stop, complain
from ningju.reading.files import Unreadable

INTERRUPTED = 130

app = typer.Typer(
    name="ningju",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Ningju 宁聚: community service requests become accepted and completed volunteer visits.",
)
for command in (
    *(running.up, running.worker, running.demo),
    *(sending.submit, asking.queue, asking.explain),
    *(inspecting.replay, inspecting.verify, inspecting.rebuild, inspecting.doctor),
    *(keeping.backup, keeping.restore, keeping.migrate),
    *(solving.solve, solving.schema),
):
    app.command()(command)
app.add_typer(sending.roster, name="roster")
app.add_typer(sending.catalogue, name="catalogue")
app.add_typer(inspecting.export, name="export")
app.add_typer(letters.deadletters, name="deadletters")
app.add_typer(tokens.token, name="token")
app.add_typer(webhooks.webhooks, name="webhooks")
app.add_typer(topics.topics, name="topics")


def run(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        Its exit code.
    """
    try:
        app(arguments)
    except Stop as stop:
        complain(str(stop))
        return stop.code
    except Unreadable as error:
        complain(str(error))
        return WRONG_USE
    except PortError as error:
        complain(str(error))
        return MISSING
    except SystemExit as end:  # how typer ends, with 2 for wrong use
        return end.code if isinstance(end.code, int) else DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    return DONE


def main() -> None:
    """Run the command that the process was started with."""
    sys.exit(run())
