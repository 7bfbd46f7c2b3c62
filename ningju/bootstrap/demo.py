"""The demo: a scenario through the real path, with simulated people, a live view, a summary and a report."""

import asyncio
import io
import shutil
import signal
from collections.abc import Coroutine
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import structlog
from rich.console import Console
from rich.text import Text

from engine.ports import Unavailable
from ningju import logs
from ningju.bootstrap.clock import ContinuedClock
from ningju.bootstrap.lock import sole_writer
from ningju.bootstrap.preparing import Unusable, accepted, setup
from ningju.bootstrap.server import LoopbackTaken
from ningju.bootstrap.serving import DONE, MISSING, NO, WRONG_USE
from ningju.bootstrap.stepping import Stepping
from ningju.bootstrap.system import System
from ningju.dispatch.notifiers import Fanout, LogNotifier
from ningju.ledger.verify import verify
from ningju.settings import DemoSettings
from ningju.simulation.calls import Line
from ningju.simulation.clock import SteppedClock
from ningju.simulation.pacing import Pace, Progress
from ningju.simulation.people import People
from ningju.simulation.report import write_report
from ningju.simulation.residents import Book, Residents
from ningju.simulation.scenario import Scenario
from ningju.simulation.sources import load
from ningju.simulation.summary import kept, summary
from ningju.simulation.view import view
from schemas.report import Report, SolverFigures
from schemas.views import Notification
from streams.match_loop import Solve

log = structlog.get_logger(__name__)

MARK = "demo"
OVERTIME = timedelta(days=3)
"""How long after the last window the clock runs on at most: every request ends by rule long before."""


class Telephone:
    """The notifier of the simulation: rings whoever has moved in."""

    def __init__(self) -> None:
        self.people: People | None = None

    async def deliver(self, notification: Notification) -> None:
        """Let the people hear of it."""
        assert self.people is not None
        await self.people.deliver(notification)


async def demo(settings: DemoSettings, console: Console) -> int:
    """Run a scenario to its end, show the summary, and go on running where that is wanted.

    Returns
    -------
    int
        Exit code: 1 when a promise was broken, 2 on wrong use, 3 when something is missing.
    """
    try:
        scenario = load(
            settings.scenario or "changning",
            settings.seed,
            days=settings.days,
            policy=settings.policy,
            places=settings.places,
            boundaries=settings.boundaries,
            arrivals=settings.arrivals,
        )
        for file in (settings.report, settings.picture):  # said before the run, not after it
            if file is not None and not file.parent.is_dir() and file.parent != settings.data:
                raise Unusable(f"{file.parent} is no folder; make it, or write {file.name} elsewhere")
        fresh_folder(settings)
        with (settings.data / "demo.log").open("a", encoding="utf-8") as lines:
            logs.configure(settings.log_level, "json", lines)
            report, until = await simulate(settings, scenario, console)
            if settings.picture is not None:
                draw(report, scenario, settings.picture)
            keep = settings.keep_running if settings.keep_running is not None else console.is_terminal
            if keep:
                return await _keep_running(settings, scenario, report, until, console)
            console.print(summary(report, scenario))
            console.print(Text(f"To look around: ningju up --data {settings.data}", style="dim"))
            return DONE if kept(report) else NO
    except (LoopbackTaken, ValueError) as wrong:
        console.print(Text(str(wrong), style="red"), soft_wrap=True)
        return WRONG_USE
    except Unavailable as missing:
        console.print(Text(str(missing), style="red"), soft_wrap=True)
        return MISSING


def draw(report: Report, scenario: Scenario, picture: Path) -> None:
    """Draw the summary as SVG, as a terminal of a hundred columns shows it."""
    canvas = Console(file=io.StringIO(), record=True, width=100)
    canvas.print(summary(report, scenario))
    canvas.save_svg(str(picture), title="ningju demo")


def fresh_folder(settings: DemoSettings) -> None:
    """Make the folder of the demo's ledger; an earlier demo's is replaced, anything else is left alone.

    Raises
    ------
    Unusable
        When the folder holds something that is not a demo's.
    ningju.bootstrap.lock.LedgerTaken
        When that demo is still running.
    """
    folder = settings.data
    mark = folder / MARK
    if folder.exists() and any(folder.iterdir()):
        if not mark.exists():
            raise Unusable(f"{folder} holds something that no demo made; name another folder with --data")
        with sole_writer(settings.database_url):  # a demo that goes on running keeps its ledger
            shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark.touch()


async def simulate(settings: DemoSettings, scenario: Scenario, console: Console) -> tuple[Report, SteppedClock]:
    """Run the scenario until every request has ended.

    Returns
    -------
    tuple
        The report, and the clock where the run ended.
    """
    clock, telephone = SteppedClock(scenario.start), Telephone()
    system = System(settings, clock, stepped=True, notifier=Fanout(LogNotifier(), telephone))
    await system.start()
    try:
        if await system.store.heads():
            raise Unusable("the database is not empty; a demo needs one of its own")
        runtime = Stepping(system)
        await _set_up(system, scenario, runtime)
        async with httpx2.AsyncClient(base_url=system.address, timeout=120) as client:
            line, book = Line(client), Book()
            people = People(scenario.world, line, book, clock)
            telephone.people = people
            residents = Residents(scenario.arrivals, line, book)
            until = (
                max((w.end for a in scenario.arrivals for w in a.request.windows), default=scenario.start) + OVERTIME
            )
            pace = Pace(runtime, system.store, clock, people, residents, until=until)
            with view(console, scenario, lambda: figures(system.matcher.solves)) as show:
                progress = await _unless_ended(system, pace.run(show))
        console.print(Text("Verifying: folding the whole ledger again …", style="dim"))
        verdict = await verify(system.store, now=clock.now())
        report = await write_report(
            scenario,
            system.store,
            book,
            progress,
            solver=figures(system.matcher.solves),
            verify="ok" if verdict is None else str(verdict),
            commands=int(system.stats.values.get("commands", 0)),
        )
        if settings.report is not None:
            settings.report.write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return report, clock
    finally:
        await system.stop()


async def _set_up(system: System, scenario: Scenario, runtime: Stepping) -> None:
    commands = list(setup(scenario.setup(), scenario.name, system))
    for command in commands:
        await system.pipeline.door.enqueue([command])
        await runtime.settle()
    outcomes = await system.store.outcomes([command.envelope.command_id for command in commands])
    for command in commands:
        accepted(outcomes.get(command.envelope.command_id), command)
    await system.store.put_persons(scenario.persons)
    system.prepared.set()


async def _unless_ended(system: System, run: Coroutine[Any, Any, Progress]) -> Progress:
    """Run; when the system ends meanwhile, raise what ended it instead of waiting for an answer that never comes."""
    running, ended = asyncio.create_task(run), asyncio.create_task(system.wait())
    await asyncio.wait({running, ended}, return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        running.cancel()
        await asyncio.wait({running})
        ended.result()
        raise RuntimeError("the system ended in the middle of the run; see demo.log")
    ended.cancel()
    return running.result()


def figures(solves: list[Solve]) -> SolverFigures:
    """Sum the solves up."""
    if not solves:
        return SolverFigures(solves=0, seconds_p50=0.0, seconds_max=0.0, gap_mean=0.0)
    seconds = sorted(solve.seconds for solve in solves)
    return SolverFigures(
        solves=len(solves),
        seconds_p50=round(seconds[len(seconds) // 2], 4),
        seconds_max=round(seconds[-1], 4),
        gap_mean=round(sum(solve.gap for solve in solves) / len(solves), 4),
    )


async def _keep_running(
    settings: DemoSettings, scenario: Scenario, report: Report, clock: SteppedClock, console: Console
) -> int:
    """Go on in real time from where the simulated clock stood, until told to stop."""
    system = System(settings, ContinuedClock(clock.now()))
    await system.start()
    system.prepared.set()
    try:
        console.print(summary(report, scenario, f"{system.address}/"))
        told = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, told.set)
        stop, ended = asyncio.create_task(told.wait()), asyncio.create_task(system.wait())
        await asyncio.wait({stop, ended}, return_when=asyncio.FIRST_COMPLETED)
        with suppress(asyncio.CancelledError):
            for task in (stop, ended):
                task.cancel()
        return DONE if kept(report) else NO
    finally:
        await system.stop()
