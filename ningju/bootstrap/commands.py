"""What the command line calls: one function for each way of running, each returning an exit code."""

import asyncio

from rich.console import Console

from ningju import logs
from ningju.bootstrap import demo as simulated
from ningju.bootstrap import serving, supervisor
from ningju.settings import DemoSettings, Role, Settings


def up(settings: Settings) -> int:
    """Run everything on this machine, supervised."""
    logs.configure(settings.log_level, settings.log_format)
    if not settings.on_loopback and not settings.signs_in:
        print_refusal(settings)
        return serving.WRONG_USE
    return supervisor.supervise(settings)


def worker(role: Role, settings: Settings) -> int:
    """Run one role; whatever runs it starts it again when it ends by a fault."""
    logs.configure(settings.log_level, settings.log_format)
    if not settings.shared:
        Console(stderr=True).print(
            "[red]Roles in several processes need PostgreSQL: give --database, or run everything with `ningju up`[/red]"
        )
        return serving.WRONG_USE
    if settings.broker is None:
        Console(stderr=True).print("[red]Roles in several processes need Kafka: give --broker[/red]")
        return serving.WRONG_USE
    if not settings.on_loopback and not settings.signs_in:
        print_refusal(settings)
        return serving.WRONG_USE
    return asyncio.run(serving.serve(settings.model_copy(update={"roles": (role,)})))


def demo(settings: DemoSettings) -> int:
    """Run a simulated day."""
    return asyncio.run(simulated.demo(settings, Console()))


def print_refusal(settings: Settings) -> None:
    """Say why nothing listens off the loopback."""
    Console(stderr=True).print(
        f"[red]{settings.host} can be reached from other machines, and nobody has to sign in: "
        "give NINGJU_OIDC_ISSUER, _CLIENT and _SECRET (docs/sign-in.md), or listen on 127.0.0.1[/red]"
    )
