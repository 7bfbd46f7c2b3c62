"""Tables and plots of a comparison, and their place in the page."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from benchmarks.peers.run import PACKAGES, version

PAGE = "benchmarks.md"
NAMES = {"ningju": "Ningju", "pyvrp": "PyVRP", "vroom": "VROOM", "ortools": "OR-Tools routing"}
SAME = 1e-5
"""Costs that differ by less are the same: published ones have six digits."""

Row = Mapping[str, object]


def progress(row: Row) -> str:
    """One line about a run that has ended."""
    told = row["error"] if "error" in row else f"{row['cost']} in {row['seconds']} s, {row['left_out']} left out"
    flaw = "" if row.get("valid") or "error" in row else " NOT VALID"
    return f"{row['set']} {row['family']} {row['instance']}: {NAMES[str(row['solver'])]} {told}{flaw}"


def cost(row: Row | None) -> float | None:
    """What a valid run costs."""
    return float(str(row["cost"])) if row is not None and row.get("valid") else None


class Comparison:
    """The runs of one set, by instance and solver."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.table: dict[tuple[str, str], dict[str, Row]] = {}
        for row in rows:
            self.table.setdefault((str(row["family"]), str(row["instance"])), {})[str(row["solver"])] = row
        found = {solver for runs in self.table.values() for solver in runs}
        self.solvers = [solver for solver in NAMES if solver in found]

    @property
    def families(self) -> list[str]:
        return list(dict.fromkeys(family for family, _ in self.table))

    def of(self, family: str) -> list[dict[str, Row]]:
        return [runs for (one, _), runs in self.table.items() if one == family]

    @staticmethod
    def reference(runs: Mapping[str, Row]) -> float | None:
        """The best known cost, or the best of this comparison where none is published."""
        known = next(iter(runs.values()))["best_known"]
        if known is not None:
            return float(str(known))
        return min((value for row in runs.values() if (value := cost(row)) is not None), default=None)

    def gap(self, runs: Mapping[str, Row], solver: str) -> float | None:
        value, reference = cost(runs.get(solver)), self.reference(runs)
        return None if value is None or not reference else value / reference - 1

    def gaps(self, family: str, solver: str) -> list[float]:
        found = (self.gap(runs, solver) for runs in self.of(family))
        return [gap for gap in found if gap is not None]


def section(name: str, rows: Sequence[Row], command: str) -> str:
    """The section of a set: what was run, sums by family, each instance."""
    runs = Comparison(rows)
    first = rows[0]
    peers = [f"{NAMES[peer]} {version(peer)}" for peer in runs.solvers if peer in PACKAGES]
    known = any(row["best_known"] is not None for row in rows)
    lines = [
        f"### {name}",
        "",
        f"`{command}`: {first['limit_s']:g} s, {first['workers']} cores, seed {first['seed']} for each solver and instance"
        f"{', with ' + ', '.join(peers) if peers else ''}. Gaps are to the best {'known cost' if known else 'cost of this run'}.",
        "",
        *summary(runs, known=known),
        "",
        f"![Gaps of each instance](images/compare-{name}.svg)",
        "",
        "<details><summary>Each instance</summary>",
        "",
        *details(runs, known=known),
        "",
        "</details>",
    ]
    return "\n".join(lines)


def summary(runs: Comparison, *, known: bool) -> list[str]:
    """One line a family: mean gaps, how often Ningju is not worse, and what else there is to say of it."""
    peers = [solver for solver in runs.solvers if solver != "ningju"]
    head = ["", "instances", *(f"{NAMES[solver]}, mean gap" for solver in runs.solvers), "Ningju, worst gap"]
    head += [f"not worse than {NAMES[peer]}" for peer in peers]
    head += ["mean / worst to the best peer", "leaves out more than a peer"] * bool(peers)
    head += ["below the best known"] * known + ["valid", "proved optimal"]
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    for family in runs.families:
        inside = runs.of(family)
        ours = runs.gaps(family, "ningju")
        cells = [family, str(len(inside))]
        cells += [percent(fmean(gaps)) if (gaps := runs.gaps(family, solver)) else "–" for solver in runs.solvers]
        cells.append(percent(max(ours)) if ours else "–")
        cells += [str(sum(not_worse(one, peer) for one in inside)) for peer in peers]
        if peers:
            beside = [gap for one in inside if (gap := to_best_peer(one)) is not None]
            cells.append(f"{percent(fmean(beside))} / {percent(max(beside))}" if beside else "–")
            cells.append(str(sum(leaves_out_more(one) for one in inside)))
        cells += [str(sum(gap < -SAME for gap in ours))] * known
        cells += [str(sum(bool(one["ningju"].get(what)) for one in inside)) for what in ("valid", "proved")]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def not_worse(one: Mapping[str, Row], peer: str) -> bool:
    ours, theirs = cost(one.get("ningju")), cost(one.get(peer))
    return ours is not None and (theirs is None or ours <= theirs * (1 + SAME))


def to_best_peer(one: Mapping[str, Row]) -> float | None:
    """How much dearer than the best of the peers; below zero where Ningju is better than all of them."""
    ours = cost(one.get("ningju"))
    theirs = [value for solver, row in one.items() if solver != "ningju" and (value := cost(row)) is not None]
    return None if ours is None or not theirs else ours / min(theirs) - 1


def leaves_out_more(one: Mapping[str, Row]) -> bool:
    """Whether any peer serves more; who has no valid solution serves nobody."""
    left = {solver: int(str(row["left_out"])) for solver, row in one.items() if row.get("valid")}
    return bool(left) and left.get("ningju") != min(left.values())


def percent(share: float) -> str:
    return f"{round(100 * share, 2) + 0.0:.2f} %"  # no minus before a zero


def details(runs: Comparison, *, known: bool) -> list[str]:
    """One line an instance: cost, and in brackets how many were left out; the best of the run is bold."""
    head = ["", "instance", *["best known"] * known, *(NAMES[solver] for solver in runs.solvers), "bound"]
    lines = [f"| {' | '.join(head)} |", f"|---|---|{'---:|' * (len(head) - 2)}"]
    for (family, instance), one in runs.table.items():
        values = [value for row in one.values() if (value := cost(row)) is not None]
        cells = [family, instance]
        if known:
            published = next(iter(one.values()))["best_known"]
            cells.append("" if published is None else figure(float(str(published))))
        cells += [cell(one.get(solver), min(values, default=0.0)) for solver in runs.solvers]
        bound = one["ningju"].get("bound")
        cells.append("" if not bound else figure(float(str(bound))))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def cell(row: Row | None, best: float) -> str:
    value = cost(row)
    if row is None or value is None:
        return "–" if row is None else "none valid"
    text = figure(value) + (f" ({row['left_out']})" if row.get("left_out") else "")
    return f"**{text}**" if value <= best * (1 + SAME) else text


def figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100_000 else f"{value:,.2f}"


def write(docs: Path, name: str, rows: Sequence[Row], command: str) -> None:
    """Put the section between its markers (at the end of the page, where there are none yet) and the plot beside it."""
    path = docs / PAGE
    text = path.read_text(encoding="utf-8") if path.exists() else "# Benchmarks\n"
    begin, end = f"<!-- compare {name} -->", f"<!-- end of compare {name} -->"
    made = f"{begin}\n{section(name, rows, command)}\n{end}"
    if begin in text and end in text:
        text = text[: text.index(begin)] + made + text[text.index(end) + len(end) :]
    else:
        text = f"{text.rstrip()}\n\n{made}\n"
    path.write_text(text, encoding="utf-8")
    (docs / "images").mkdir(exist_ok=True)
    plot(Comparison(rows), docs / "images" / f"compare-{name}.svg")


def plot(runs: Comparison, path: Path) -> None:
    """A dot for each instance, a line of dots for each solver and family, a bar at the mean."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "ningju"  # the same rows give the same file
    from matplotlib import pyplot as plt

    lanes = [(family, solver) for family in runs.families for solver in runs.solvers]
    figure_, axes = plt.subplots(figsize=(8, 0.9 + 0.28 * len(lanes)), layout="constrained")
    colours = {solver: f"C{number}" for number, solver in enumerate(NAMES)}
    for lane, (family, solver) in enumerate(lanes):
        gaps = [100 * gap for gap in runs.gaps(family, solver)]
        axes.plot(gaps, [lane] * len(gaps), "o", color=colours[solver], alpha=0.6, markersize=5, linestyle="none")
        if gaps:
            axes.plot([fmean(gaps)], [lane], "|", color=colours[solver], markersize=14, markeredgewidth=2)
    axes.set_yticks(range(len(lanes)), [f"{family}: {NAMES[solver]}" for family, solver in lanes])
    axes.set_xscale("symlog", linthresh=1.0)
    axes.xaxis.set_major_formatter("{x:g} %")
    axes.axvline(0.0, color="grey", linewidth=0.8)
    axes.grid(axis="x", alpha=0.3)
    axes.invert_yaxis()
    axes.set_xlabel("gap to the reference, an instance each; the bar is the mean")
    figure_.savefig(path, metadata={"Date": None})
    plt.close(figure_)
