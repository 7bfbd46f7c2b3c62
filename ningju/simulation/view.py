"""What a person sees while a simulated run goes on: a live picture in a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ningju.simulation.arrivals import SHANGHAI
from ningju.simulation.pacing import Progress
from ningju.simulation.scenario import Scenario
from schemas.report import SolverFigures
from schemas.request import RequestState

FRAME_S = 0.2
LINE_EVERY = timedelta(hours=3)

WAITING = (RequestState.RECEIVED, RequestState.QUEUED, RequestState.OFFERED)
COLUMNS: tuple[tuple[str, tuple[RequestState, ...], str], ...] = (
    ("queued", (RequestState.RECEIVED, RequestState.QUEUED), "yellow"),
    ("offered", (RequestState.OFFERED,), "cyan"),
    ("accepted", (RequestState.ACCEPTED,), "blue"),
    ("under way", (RequestState.UNDER_WAY,), "magenta"),
    ("referred", (RequestState.REFERRED,), "dim"),
    ("done", (RequestState.DONE,), "green"),
    ("unserved", (RequestState.UNSERVED,), "red"),
)

Figures = Callable[[], SolverFigures]


class View(Protocol):
    """Shows progress between ``with`` and its end."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __call__(self, progress: Progress) -> None:
        """Show where the run is."""
        ...


def view(console: Console, scenario: Scenario, figures: Figures) -> View:
    """Choose the view that the console can show.

    Parameters
    ----------
    figures
        The solver's figures so far.
    """
    return LiveView(console, scenario, figures) if console.is_terminal else PlainView(console, scenario, figures)


class LiveView:
    """A picture that is drawn anew a few times a second."""

    def __init__(self, console: Console, scenario: Scenario, figures: Figures) -> None:
        self._scenario = scenario
        self._figures = figures
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._drawn = 0.0

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def __call__(self, progress: Progress) -> None:
        """Draw, unless that was done a moment ago."""
        if time.monotonic() - self._drawn >= FRAME_S:
            self._drawn = time.monotonic()
            self._live.update(picture(self._scenario, progress, self._figures()), refresh=True)


class PlainView:
    """A line every few simulated hours."""

    def __init__(self, console: Console, scenario: Scenario, figures: Figures) -> None:
        self._console = console
        self._scenario = scenario
        self._figures = figures
        self._next: datetime | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def __call__(self, progress: Progress) -> None:
        """Write a line when one is due."""
        if self._next is None or progress.now >= self._next:
            self._next = progress.now + LINE_EVERY
            self._console.print(line(progress, self._figures()), soft_wrap=True, highlight=False)


def line(progress: Progress, solver: SolverFigures) -> str:
    """Say in one line where a run is."""
    waiting = sum(progress.state(state) for state in WAITING)
    return (
        f"{_local(progress.now)}  arrived {progress.arrived}/{progress.total}  waiting {waiting}"
        f"  accepted {progress.state(RequestState.ACCEPTED)}  done {progress.state(RequestState.DONE)}"
        f"  unserved {progress.state(RequestState.UNSERVED)}  offers heard {progress.people.get('heard offer', 0)}"
        f"  solves {solver.solves}  {_pace(progress)}"
    )


def picture(scenario: Scenario, progress: Progress, solver: SolverFigures) -> RenderableType:
    """Draw arrivals, queues by zone, offers, served, solver and pace."""
    head = Table.grid(padding=(0, 2), expand=True)
    head.add_column(ratio=2)
    head.add_column(ratio=3)
    head.add_row(Text(_local(progress.now), style="bold"), Text(_pace(progress), style="dim", justify="right"))
    bars = Table.grid(padding=(0, 2), expand=True)
    bars.add_column(width=10)
    bars.add_column(ratio=1)
    bars.add_column(width=14, justify="right")
    total = max(progress.total, 1)
    for name, value in (
        ("arrived", progress.arrived),
        ("done", progress.state(RequestState.DONE)),
        ("ended", progress.ended),
    ):
        bars.add_row(name, ProgressBar(total=total, completed=value), f"{value:,} / {progress.total:,}")
    return Panel(
        Group(head, bars, Text(), _queues(scenario, progress.counts), Text(), _figures(progress, solver)),
        title=f"宁聚 Ningju · {scenario.name} · seed {scenario.seed} · {scenario.policy.matching}",
        border_style="green",
    )


def _queues(scenario: Scenario, counts: Mapping[str, Mapping[RequestState, int]]) -> Table:
    table = Table(box=None, expand=True, pad_edge=False)
    table.add_column("zone")
    for name, _, style in COLUMNS:
        table.add_column(name, justify="right", style=style)
    for zone in scenario.zones:
        states = counts.get(zone.id, {})
        cells = [sum(states.get(state, 0) for state in which) for _, which, _ in COLUMNS]
        table.add_row(f"{zone.name.zh} {zone.id}", *(str(cell) if cell else "·" for cell in cells))
    return table


def _figures(progress: Progress, solver: SolverFigures) -> Table:
    people = progress.people
    table = Table.grid(padding=(0, 3))
    table.add_row(
        Text("offers", style="bold"),
        f"heard {people.get('heard offer', 0):,}",
        f"yes {people.get('accept taken', 0):,}",
        f"no {people.get('decline taken', 0):,}",
        f"silent {people.get('mind silence', 0):,}",
        f"withdrawn {people.get('withdraw taken', 0):,}",
        f"stayed away {people.get('stayed away', 0):,}",
    )
    table.add_row(
        Text("solver", style="bold"),
        f"solves {solver.solves:,}",
        f"p50 {solver.seconds_p50 * 1_000:.0f} ms",
        f"max {solver.seconds_max * 1_000:.0f} ms",
        f"gap {solver.gap_mean:.1%}",
    )
    return table


def _local(moment: datetime) -> str:
    return f"{moment.astimezone(SHANGHAI):%a %Y-%m-%d %H:%M}"


def _pace(progress: Progress) -> str:
    return f"step {progress.step_s / 60:.0f} min · {progress.speed:,.0f} × real time · {progress.wall_s:.0f} s"
