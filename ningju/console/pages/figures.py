"""Figures: how requests fared in a period, by zone, team, service or week; as a table, as plots, and to take along."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import get_args

from starlette.responses import Response

from engine.figures import BINS_S, By, FiguresQuery, Tally
from ningju.console.pages.frame import HEADERS, AtFrame, Frame
from ningju.console.pages.measures import FORMATS, IN_TIME, MEASURES, Group, Measure, Value
from ningju.console.pages.plots import Bar, Plot, shared
from ningju.console.pages.routing import pages
from ningju.console.pages.walking import near
from ningju.console.problems import not_found
from ningju.console.sheets import CSV, XLSX, Cell, write_csv, write_xlsx

router = pages()

LONGEST = timedelta(days=92)
USUAL = timedelta(days=28)
GROUPS: Mapping[By, str] = {"zone": "Zone", "team": "Team", "service": "Service", "week": "Week from"}
DRAWN = 40
"""Groups that the plot holds at most; the table has them all."""
LOADS = ((0, 0), (1, 1), (2, 2), (3, 3), (4, 5), (6, 10), (11, 0))
"""How often people said yes, from and up to; the last has no end."""


@dataclass(frozen=True)
class Asked:
    """What the address asks for; what it asks for wrongly does not count."""

    frame: Frame

    def _one(self, name: str) -> str:
        return self.frame.request.query_params.get(name, "")

    @cached_property
    def by(self) -> By:
        asked = self._one("by")
        return next((one for one in get_args(By) if one == asked and one in GROUPS), "zone")

    @cached_property
    def zone(self) -> str:
        return self._one("zone") if self._one("zone") in self.frame.views else ""

    @cached_property
    def service(self) -> str:
        return self._one("service")[:64].replace("\0", "")

    @cached_property
    def team(self) -> str:
        return self._one("team")[:64].replace("\0", "")

    @cached_property
    def last(self) -> date:
        return _day(self._one("to")) or self.frame.moments.today

    @cached_property
    def first(self) -> date:
        first = _day(self._one("from")) or self.last - USUAL + timedelta(days=1)
        return min(max(first, self.last - LONGEST + timedelta(days=1)), self.last)

    @cached_property
    def weeks(self) -> tuple[datetime, ...]:
        """Mondays, by the site's clock."""
        monday = self.first - timedelta(days=self.first.weekday())
        count = (self.last - monday).days // 7 + 1
        return tuple(self._midnight(monday + timedelta(weeks=n)) for n in range(count))

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.frame.zone)

    def query(self, by: By) -> FiguresQuery:
        """The question to the read model."""
        return FiguresQuery(
            begin=self._midnight(self.first),
            end=self._midnight(self.last + timedelta(days=1)),
            by=by,
            weeks=self.weeks,
            zone=self.zone or None,
            service_type=self.service or None,
            team=self.team or None,
        )


@dataclass(frozen=True, slots=True)
class Row:
    """A group with its name, its address in this page, and its measures."""

    name: str
    group: Group
    values: tuple[Value, ...]
    href: str = ""


@router.get("/figures")
async def show(frame: AtFrame) -> Response:
    """The page."""
    asked = Asked(frame)
    rows, whole = await _rows(frame, asked)
    teams = await frame.site.store.teams()
    return frame.page(
        "figures.html",
        title="Figures",
        asked=asked,
        groups=GROUPS,
        rows=rows,
        whole=whole,
        measures=MEASURES,
        says=lambda measure, value: said(frame, measure, value),
        plots=_plots(frame, asked, rows, whole),
        services=_services(frame),
        teams=[(view.team.id, frame.speech.team(view.team)) for view in teams if asked.zone in ("", view.zone)],
        exports=[(form, frame.address(lang=None).replace("/figures", f"/figures/export/{form}", 1)) for form in FORMS],
    )


@router.get("/figures/export/{form}")
async def export(frame: AtFrame, form: str) -> Response:
    """The table to take along."""
    if form not in FORMS:
        raise not_found("form", form)
    asked = Asked(frame)
    rows, whole = await _rows(frame, asked)
    sheet = _sheet(frame, asked, [*rows, whole])
    if form == "csv":
        body = write_csv(sheet)
    else:
        body = write_xlsx(frame.say("Figures"), sheet, ["", *(FORMATS[measure.kind] for measure in MEASURES)])
    name = f"figures-{asked.by}-{asked.first}-{asked.last}.{form}"
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, media_type=FORMS[form], headers=headers)


FORMS = {"csv": CSV, "xlsx": XLSX}


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2200 else None


async def _rows(frame: Frame, asked: Asked) -> tuple[list[Row], Row]:
    """Each group, and all together."""
    store = frame.site.store
    found = await store.figures(asked.query(asked.by))
    whole = (await store.figures(asked.query("all"))).get("", Tally())
    squares = near(whole.cells, list(frame.directory.sites.values()), frame.views)
    names = await _names(frame, asked, found)
    rows = [
        _row(names[key], Group(asked.by, found[key], squares), _narrower(frame, asked, key))
        for key in sorted(found, key=lambda key: (key == "", key if asked.by == "week" else names[key]))
    ]
    return rows, _row(frame.say("Together"), Group("all", whole, squares))


def _row(name: str, group: Group, href: str = "") -> Row:
    return Row(name, group, tuple(measure.value(group) for measure in MEASURES), href)


async def _names(frame: Frame, asked: Asked, found: Mapping[str, Tally]) -> dict[str, str]:
    if asked.by == "zone":
        return {key: frame.speech.zone(key) for key in found}
    if asked.by == "service":
        return {key: frame.speech.service(asked.zone, key) for key in found}
    if asked.by == "week":
        weeks = asked.weeks
        return {key: frame.moments.local(weeks[int(key)]).date().isoformat() for key in found}
    teams = {view.team.id: frame.speech.team(view.team) for view in await frame.site.store.teams()}
    return {key: teams.get(key, key) or frame.say("No team yet") for key in found}


def _narrower(frame: Frame, asked: Asked, key: str) -> str:
    """The address of this page for one group alone, by week."""
    if asked.by == "week" or not key:
        return ""
    fields: dict[str, str | None] = {asked.by: key, "by": "week", "lang": None}
    return frame.address(**fields)


def said(frame: Frame, measure: Measure, value: Value) -> str:
    """A measure as people say it."""
    if value is None:
        return "–"
    match measure.kind:
        case "share":
            return f"{value:.0%}".replace("%", " %")
        case "seconds":
            return frame.moments.length(value)
        case "ratio":
            return f"{value:.2f}"
        case _:
            return str(value)


def _services(frame: Frame) -> list[tuple[str, str]]:
    names = {item.id for view in frame.views.values() for item in view.service_types}
    return sorted(((name, frame.speech.service("", name)) for name in names), key=lambda pair: pair[1])


def _sheet(frame: Frame, asked: Asked, rows: Sequence[Row]) -> list[list[Cell]]:
    """Plain numbers: shares from 0 to 1, waits in minutes."""
    heads = [frame.say(measure.name) + (" (min)" if measure.kind == "seconds" else "") for measure in MEASURES]
    table: list[list[Cell]] = [[frame.say(GROUPS[asked.by]), *heads]]
    for row in rows:
        table.append([row.name, *(_plain(one, value) for one, value in zip(MEASURES, row.values, strict=True))])
    return table


def _plain(measure: Measure, value: Value) -> Cell:
    if value is None or measure.kind == "count":
        return value
    return round(value / 60, 1) if measure.kind == "seconds" else round(value, 4)


def _plots(frame: Frame, asked: Asked, rows: Sequence[Row], whole: Row) -> list[Plot]:
    if not whole.group.tally.requests:
        return []
    plots = [_in_time(frame, asked, rows), _waits(frame, whole.group.tally), _loads(frame, whole.group.tally)]
    return [plot for plot in plots if plot.bars]


def _in_time(frame: Frame, asked: Asked, rows: Sequence[Row]) -> Plot:
    told = [(row.name, share) for row in rows if (share := row.group.tally.in_time_share) is not None][:DRAWN]
    names, shares = [name for name, _ in told], [share for _, share in told]
    low, high = min(told, key=lambda pair: pair[1], default=None), max(told, key=lambda pair: pair[1], default=None)
    return Plot(
        "in-time",
        frame.say("Served in time"),
        frame.say(
            "From {low} ({low_name}) to {high} ({high_name}).",
            low=said(frame, IN_TIME, low[1]),
            low_name=low[0],
            high=said(frame, IN_TIME, high[1]),
            high_name=high[0],
        )
        if low and high
        else "",
        frame.say(GROUPS[asked.by]),
        frame.say("Served in time"),
        shared(names, [said(frame, IN_TIME, share) for share in shares], shares, 1.0),
    )


def _waits(frame: Frame, tally: Tally) -> Plot:
    length = frame.moments.length
    edges = (0, *BINS_S)
    names = [f"{length(low)} – {length(high)}" for low, high in zip(edges, BINS_S, strict=False)]
    names.append(frame.say("{length} and more", length=length(BINS_S[-1])))
    bars: tuple[Bar, ...] = ()
    if sum(tally.waits):
        bars = shared(names, [str(count) for count in tally.waits], tally.waits)
    half = length(tally.wait_p50_s) if tally.wait_p50_s is not None else "–"
    return Plot(
        "waits",
        frame.say("How long requests waited for a whole crew"),
        frame.say("Half of {count} had one within {length}.", count=sum(tally.waits), length=half),
        frame.say("Waited"),
        frame.say("Requests"),
        bars,
    )


def _loads(frame: Frame, tally: Tally) -> Plot:
    idle = max(0, tally.people - sum(tally.loads.values()))
    loads = {**tally.loads, 0: idle}
    counts = [
        sum(people for times, people in loads.items() if low <= times and (times <= high or high < low))
        for low, high in LOADS
    ]
    names = [frame.say("{count} times and more", count=low) if high < low else _times(low, high) for low, high in LOADS]
    spread = f"{tally.spread:.2f}" if tally.spread is not None else "–"
    bars = shared(names, [str(count) for count in counts], counts) if sum(counts) else ()
    return Plot(
        "loads",
        frame.say("How often people said yes"),
        frame.say("{idle} of {people} never; load spread {spread}.", idle=idle, people=tally.people, spread=spread),
        frame.say("Times"),
        frame.say("Volunteers"),
        bars,
    )


def _times(low: int, high: int) -> str:
    return f"{low}×" if low == high else f"{low}–{high}×"
