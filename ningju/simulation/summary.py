"""The end of a demo on one screen: enough for a person to judge how good the day was."""

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ningju.simulation.scenario import Scenario
from schemas.report import Report, Served


def summary(report: Report, scenario: Scenario, address: str | None = None) -> RenderableType:
    """Draw the summary of a run.

    Parameters
    ----------
    address
        Where the system goes on running, if it does.
    """
    parts: list[RenderableType] = [_headline(report), Text(), _services(report, scenario), Text()]
    if report.unserved_by_reason:
        parts += [_reasons(report), Text()]
    parts.append(_figures(report))
    if scenario.outside:
        named = ", ".join(scenario.outside)
        parts += [
            Text(),
            Text(f"{len(scenario.outside)} places outside every subdistrict, kept by the district: {named}"),
        ]
    if address:
        parts += [Text(), Text.assemble("Still running at ", (address, "bold underline"), " · Ctrl-C ends it")]
    title = f"宁聚 Ningju · {report.scenario} · seed {report.seed} · {report.policy}"
    return Panel(Group(*parts), title=title, border_style="green" if kept(report) else "red")


def kept(report: Report) -> bool:
    """Whether every promise was kept: all requests ended, nothing lost or double booked, the ledger verified."""
    return report.open == 0 and report.lost == 0 and report.double_booked == 0 and report.verify == "ok"


def _headline(report: Report) -> Text:
    ended = report.ended
    total = ended.done + ended.unserved + ended.cancelled + ended.refused
    return Text.assemble(
        (f"{total:,} of {report.requests:,} requests ended", "bold"),
        f": {ended.done:,} done ({_share(ended.done, report.requests)}), {ended.unserved:,} unserved, "
        f"{ended.cancelled:,} cancelled, {ended.refused:,} refused, {report.open:,} open. ",
        (f"In time {_share(report.served_in_time, report.requests)}, ", "bold"),
        (f"by priority {_share(report.served_weight, report.asked_weight)}.", "bold"),
    )


def _services(report: Report, scenario: Scenario) -> Table:
    names = {service.id: f"{service.name.zh} {service.name.en}" for service in scenario.service_types}
    table = Table(box=None, pad_edge=False)
    table.add_column("service")
    for column in ("requests", "done", "in time", "unserved", "served"):
        table.add_column(column, justify="right")
    for name, figures in sorted(report.by_service.items(), key=lambda item: (-item[1].requests, item[0])):
        table.add_row(names.get(name, name), *_cells(figures))
    return table


def _cells(figures: Served) -> tuple[str, ...]:
    counts = (figures.requests, figures.done, figures.served_in_time, figures.unserved)
    return (*(f"{count:,}" for count in counts), _share(figures.done, figures.requests))


def _reasons(report: Report) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("why not served")
    table.add_column("requests", justify="right")
    for reason, count in report.unserved_by_reason.items():
        table.add_row(reason, f"{count:,}")
    return table


def _figures(report: Report) -> Table:
    wait, solver = report.wait_s, report.solver
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column()
    table.add_row(
        "offers",
        f"{report.seats_offered:,} seats offered, {report.accepted:,} accepted "
        f"({_share(report.accepted, report.seats_offered)}), {report.declined:,} declined, {report.expired:,} expired; "
        f"{report.offers_per_served:.2f} for each served visit",
    )
    table.add_row("broken", f"{report.withdrawn:,} withdrawn, {report.no_show:,} did not come")
    table.add_row(
        "waits",
        f"to a complete crew: half within {_time(wait.p50)}, nine in ten within {_time(wait.p90)}, longest {_time(wait.max)}",
    )
    table.add_row(
        "burden",
        f"{_time(report.travel_s_per_visit)} travel a visit (whole crew, both ways); Gini of visits {report.load_gini:.2f}",
    )
    table.add_row("lending", f"{report.referrals:,} referrals between zones")
    table.add_row(
        "solver",
        f"{solver.solves:,} solves, half within {solver.seconds_p50 * 1_000:.0f} ms, longest "
        f"{solver.seconds_max * 1_000:.0f} ms, mean gap to the bound {solver.gap_mean:.1%}",
    )
    table.add_row(
        "pace",
        f"steps of {report.step_s / 60:.0f} simulated minutes, {_time(report.simulated_s)} in {report.wall_s:.0f} s "
        f"({report.simulated_s / max(report.wall_s, 0.01):,.0f} × real time); "
        f"{report.commands:,} commands, {report.events:,} events",
    )
    verdict = (
        f"{report.double_booked} double bookings, {report.lost} lost, {report.open} open, verify: {report.verify}",
        "green" if kept(report) else "bold red",
    )
    table.add_row("promises", Text.assemble(verdict))
    return table


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.1f} h"
