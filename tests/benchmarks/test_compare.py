"""Instances through the command line: one JSON line each, the table, and the page."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks import page
from benchmarks.__main__ import main
from benchmarks.compare import best_of
from benchmarks.peers.run import missing
from benchmarks.peers.single import BeyondPeersError, Budget, Single
from benchmarks.sets import hhcrsp, pcvrptw, strsp
from benchmarks.sets.catalogue import located, named
from benchmarks.sets.instance import Instance, solution
from tests.benchmarks import sets

ROOT = Path(__file__).parents[2]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Shared data of tiny sets."""
    for made in (sets.hhcrsp, sets.strsp, sets.pcvrptw):
        made(tmp_path / "benchmarks")
    return tmp_path


def call(*arguments: str, data: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    env = os.environ | {"NINGJU_SHARED_DATA": str(data)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == code, done.stderr[-2_000:]
    return done


@pytest.mark.parametrize(
    ("name", "files", "best"),
    [
        ("hhcrsp", ["tiny"], sets.HHCRSP_COST),
        ("strsp", ["tasks_noTeam/T1_2x2_noTeam", "techniciansReduced_noTeam/technicians_T1_2x2_noTeam.txt"], 30.0),
        ("pcvrptw", ["tiny.vrp"], 58.0),
    ],
)
def test_solve_prints_one_json_line_and_writes_the_solution(data, tmp_path, name, files, best) -> None:
    written = tmp_path / "solution"
    limits = ("--seconds", "1", "--workers", "1", "--seed", "3")
    (line,) = call("solve", name, *files, *limits, "--solution", str(written), data=data).stdout.splitlines()
    said = json.loads(line)
    assert {"set", "instance", "seconds", "cost", "bound", "best_known", "gap", "valid"} <= said.keys()
    assert (said["set"], said["seed"], said["workers"], said["valid"], said["faults"]) == (name, 3, 1, True, 0)
    assert said["cost"] >= best - 0.001
    assert said["bound"] <= said["cost"]
    assert (said["best_known"], said["gap"]) == (None, None)
    score = named(name).read(located(name, files, data)).score(written.read_text())
    assert (score.valid, score.cost) == (True, pytest.approx(said["cost"]))


def test_the_gap_is_to_the_best_known_cost_beside_the_instance(data) -> None:
    (data / "benchmarks" / "pcvrptw" / "best_known.csv").write_text("instance,cost,routes\ntiny,40,1\n")
    said = json.loads(call("solve", "pcvrptw", "tiny", "--seconds", "1", data=data).stdout)
    assert said["best_known"] == 40
    assert said["gap"] == pytest.approx(said["cost"] / 40 - 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["hhcrsp", "nowhere"], "no file 'nowhere'"),
        (["strsp", "tasks_noTeam/T1_2x2_noTeam"], "TASKS.txt TECHNICIANS.txt, not 1 files"),
        (["pcvrptw", "broken"], "line 2: neither"),
    ],
)
def test_what_cannot_be_read_is_wrong_use(data, capsys, arguments, said) -> None:
    (data / "benchmarks" / "pcvrptw" / "broken.vrp").write_text("NAME : broken\nwhat is this\n")
    assert main(["solve", *arguments, "--data", str(data)]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.out == ""


def test_the_list_counts_instances(data, capsys) -> None:
    main(["list", "--data", str(data)])
    assert "strsp        1 instances" in capsys.readouterr().out


@pytest.mark.slow
def test_the_quick_comparison_of_all_sets_fills_the_page(data, tmp_path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "benchmarks.md").write_text(
        "# Mine\n\nBefore.\n\n<!-- compare strsp -->\nold\n<!-- end of compare strsp -->\n\nAfter.\n"
    )
    rows = tmp_path / "rows"
    flags = ("--all", "--quick", "--peers", "ortools", "--rows", str(rows), "--write", str(docs))
    first = call("compare", *flags, data=data)
    text = (docs / "benchmarks.md").read_text()
    assert text.startswith("# Mine\n\nBefore.\n\n<!-- compare strsp -->\n### strsp\n")
    assert "old" not in text
    assert (
        text.index("end of compare strsp") < text.index("After.") < text.index("### hhcrsp") < text.index("### pcvrptw")
    )
    assert "| techniciansReduced_noTeam | 1 |" in text
    assert "`python -m benchmarks compare pcvrptw --seconds 1.0 --peers ortools --quick --write docs`" in text
    assert "### hhcrsp" in first.stdout
    for name in ("hhcrsp", "strsp", "pcvrptw"):
        assert (docs / "images" / f"compare-{name}.svg").read_text().startswith("<?xml")
    runs = [json.loads(line) for line in rows.read_text().splitlines()]
    # Home care needs two people at once: no peer for it.
    assert [(run["set"], run["solver"]) for run in runs] == [
        ("hhcrsp", "ningju"),
        ("strsp", "ningju"),
        ("strsp", "ortools"),
        ("pcvrptw", "ningju"),
        ("pcvrptw", "ortools"),
    ]
    assert all(run["valid"] for run in runs)
    # What was kept is not run again, and the same runs give the same page.
    again = call("compare", *flags, data=data)
    assert (docs / "benchmarks.md").read_text() == text
    assert again.stdout == first.stdout
    assert len(rows.read_text().splitlines()) == len(runs)


def test_a_comparison_says_what_it_lacks(data, capsys) -> None:
    assert main(["compare", "--data", str(data)]) == 2
    assert main(["compare", "strsp", "--peers", "gurobi", "--data", str(data)]) == 2
    assert main(["compare", "strsp", "--instances", "Z*", "--peers", "", "--data", str(data)]) == 2
    shown = capsys.readouterr().err
    assert "name one set, or --all" in shown
    assert "gurobi" in shown
    assert "is called Z*" in shown


def test_a_comparison_without_its_peers_says_how_to_get_them(data, capsys, monkeypatch) -> None:
    monkeypatch.setattr("benchmarks.compare.missing", list)
    assert main(["compare", "strsp", "--peers", "pyvrp", "--data", str(data)]) == 3
    assert "make peers" in capsys.readouterr().err


def row(solver: str, cost: float | None, **more: object) -> dict[str, object]:
    usual = {
        "left_out": 0,
        "set": "s",
        "family": "f",
        "instance": "i",
        "best_known": None,
        "valid": True,
        "limit_s": 1,
        "workers": 2,
    }
    return usual | {"seed": 1, "solver": solver, "cost": cost} | more


def test_of_several_runs_the_best_valid_one_counts() -> None:
    runs = [row("pyvrp", 5.0, valid=False), row("pyvrp", 7.0), row("pyvrp", 6.0), {"error": "did not end"}]
    best = best_of(runs, "pyvrp", 1.0, 1, 4)
    assert (best["cost"], best["costs"]) == (6.0, [5.0, 7.0, 6.0, None])
    assert best_of(runs[3:], "pyvrp", 1.0, 1, 4)["error"] == "did not end"


def test_the_table_counts_gaps_and_who_is_not_worse() -> None:
    rows = [
        row("ningju", 100.0, proved=True),
        row("vroom", 110.0, left_out=2),
        row("ningju", 120.0, instance="j"),
        row("vroom", 100.0, instance="j"),
        row("ningju", 50.0, instance="k", valid=False),
        row("vroom", 100.0, instance="k"),
    ]
    runs = page.Comparison(rows)
    head, _, line = page.summary(runs, known=False)
    assert "Ningju, mean gap | VROOM, mean gap" in head
    # Gaps: 0 and 20 %; 10, 0 and 0 %. Not worse once: the invalid one counts for nothing.
    # To the best peer: -9.09 and 20 %. Where Ningju has nothing valid, the peer serves more.
    assert line == "| f | 3 | 10.00 % | 3.33 % | 20.00 % | 1 | 5.45 % / 20.00 % | 1 | 2 | 1 |"
    assert "| f | i | **100.00** | 110.00 (2) |" in page.details(runs, known=False)[2]
    assert "| f | k | none valid | **100.00** |" in page.details(runs, known=False)[4]


def test_who_leaves_out_more_than_a_peer_is_counted() -> None:
    def more(ours: int, theirs: int) -> bool:
        return page.leaves_out_more(
            {"ningju": row("ningju", 1.0, left_out=ours), "vroom": row("vroom", 1.0, left_out=theirs)}
        )

    assert (more(1, 0), more(1, 1), more(0, 1)) == (True, False, False)


def test_costs_below_the_published_are_counted_but_not_those_of_its_rounding() -> None:
    rows = [
        row("ningju", 99.9999, best_known=100.0),
        row("ningju", 99.0, best_known=100.0, instance="j"),
        row("ningju", 101.0, best_known=100.0, instance="k"),
    ]
    assert page.summary(page.Comparison(rows), known=True)[2] == "| f | 3 | 0.00 % | 1.00 % | 1 | 3 | 0 |"


def instances(tmp_path: Path) -> list[tuple[Instance, float]]:
    tiny = strsp.read(sets.strsp(tmp_path)), pcvrptw.read([sets.pcvrptw(tmp_path)])
    return list(zip(tiny, (30.0, 58.0), strict=True))


@pytest.mark.parametrize("peer", ["pyvrp", "vroom", "ortools"])
def test_peers_find_the_hand_solved_costs(tmp_path, peer) -> None:
    if missing([peer]):
        pytest.skip(f"{peer} is not installed: make peers")
    solve = import_module(f"benchmarks.peers.{peer}").solve
    for instance, best in instances(tmp_path):
        _, score = solution(instance, solve(Single(instance.problem()), Budget(1.0)))
        assert score.faults == ()
        assert score.cost == pytest.approx(best)


@pytest.mark.parametrize("peer", ["pyvrp", "vroom", "ortools"])
@pytest.mark.parametrize("seed", range(2))
def test_what_peers_find_is_valid(tmp_path, peer, seed) -> None:
    if missing([peer]):
        pytest.skip(f"{peer} is not installed: make peers")
    solve = import_module(f"benchmarks.peers.{peer}").solve
    for instance in (
        strsp.read(sets.random_strsp(tmp_path, seed)),
        pcvrptw.read([sets.random_pcvrptw(tmp_path, seed)]),
    ):
        assert solution(instance, solve(Single(instance.problem()), Budget(0.5)))[1].faults == ()


def test_two_people_at_once_are_beyond_the_peers(tmp_path) -> None:
    with pytest.raises(BeyondPeersError):
        Single(hhcrsp.read([sets.hhcrsp(tmp_path)]).problem())
