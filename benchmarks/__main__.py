"""``python -m benchmarks``: each command lives in a module of its own and is loaded when it is asked for."""

import argparse
import sys
from importlib import import_module

# name: what it does; the module of that name in this package has ``configure(parser)`` and ``run(args) -> exit code``
COMMANDS = {
    "list": "the sets, where their data is looked for, what is missing",
    "solve": "one public instance through the entry point that production uses; one JSON line",
    "compare": "Ningju beside PyVRP, VROOM, OR-Tools routing and the best known costs, in one run",
    "loop": "commands through the durable path, beside raw aiokafka and a bare Faust agent",
    "matching": "the scenario's day in one call, and growth for visits of one person, beside bare min-cost flow",
    "accept": "accepting offers by REST at a steady pace, beside two raw Kafka hops",
    "restore": "a start on 1,000,000 events, with the snapshots that there are and without any",
    "replan": "a subdistrict's day of disruptions: re-planning beside planning anew and leaving it",
    "console": "a page of the queue as the queue grows, beside a bare answer of the same bytes; live streams",
    "day": "Ningju, nearest-first, alert-next and the hindsight bound on the same day, side by side",
}
MODULES = {"list": "benchmarks.listing"}


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Ningju.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, what in COMMANDS.items():
        command = commands.add_parser(name, help=what, description=what)
        if name in arguments[:1]:
            module = import_module(MODULES.get(name, f"benchmarks.{name}"))
            module.configure(command)
            command.set_defaults(run=module.run)
    args = parser.parse_args(arguments)
    code: int = args.run(args)
    return code


if __name__ == "__main__":
    sys.exit(main())
