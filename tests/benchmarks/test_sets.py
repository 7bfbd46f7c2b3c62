"""Readers translate without loss, writers write what evaluators read, and evaluators know the hand-solved and the published costs."""

import csv
import json

import pytest

from benchmarks.sets import hhcrsp, pcvrptw, strsp
from benchmarks.sets.catalogue import data_root, folder, named
from benchmarks.sets.instance import FormatError, Stop, routes, solution
from schemas.plan import Assignment, LeftOut, LevelCost, Plan, TermCost
from schemas.problem import FilledSeat, Limits, Problem
from solvers.check import check
from solvers.solve import solve
from tests.benchmarks import sets

PUBLISHED = folder("hhcrsp", data_root()) / "best_known.csv"
real = pytest.mark.skipif(
    not PUBLISHED.exists(), reason="the shared data is not beside the project (NINGJU_SHARED_DATA)"
)


def plan_of(problem: Problem, served: list[tuple[str, str, int, int]], levels: list[dict[str, int]]) -> Plan:
    """A plan by hand (visit, person, start, end), with the costs that it should have."""
    there = {visit for visit, *_ in served}
    return Plan(
        status="feasible",
        assignments=tuple(
            Assignment(visit=v, team=None, start=s, end=e, crew=(FilledSeat(demand=0, volunteer=who),))
            for v, who, s, e in served
        ),
        left_out=tuple(LeftOut(visit=v.id, candidates=0, reasons=()) for v in problem.visits if v.id not in there),
        levels=tuple(
            LevelCost(
                name=level.name,
                cost=sum(values.values()),
                bound=0,
                bound_by="none",
                terms=tuple(TermCost(name=t.name, value=values[t.name], weighted=values[t.name]) for t in level.terms),
            )
            for level, values in zip(problem.levels, levels, strict=True)
        ),
    )


# ---- hhcrsp


@real
def test_every_published_solution_is_valid_at_its_published_cost() -> None:
    seen = 0
    for row in csv.DictReader(PUBLISHED.read_text().splitlines()):
        instance = hhcrsp.read([PUBLISHED.with_name(row["instance"])])
        score = instance.score((PUBLISHED.parent / "solutions" / row["solution_file"]).read_text())
        assert score.faults == (), row["instance"]
        assert f"{score.cost:.6g}" == f"{float(row['total_cost']):.6g}", row["instance"]
        assert instance.best_known == float(row["total_cost"])
        seen += 1
    assert seen > 0


def test_lateness_counts_for_each_service_of_home_care(tmp_path) -> None:
    instance = hhcrsp.read([sets.hhcrsp(tmp_path)])
    score = instance.score(sets.hhcrsp_solution())
    assert score.faults == ()
    assert score.cost == pytest.approx(sets.HHCRSP_COST)


def test_home_care_costs_the_same_as_a_problem(tmp_path) -> None:
    problem = hhcrsp.read([sets.hhcrsp(tmp_path)]).problem()
    served = [
        ("a:0", "c1", 10_000, 15_000),
        ("b:0", "c1", 30_000, 35_000),
        ("b:1", "c2", 30_000, 37_000),
        ("c:0", "c1", 100_000, 105_000),
        ("c:1", "c2", 130_000, 135_000),
    ]
    costs = {"travel_distance": 166_000, "lateness_total": 46_000, "lateness_max": 18_000}
    plan = plan_of(problem, served, [{"left_out": 0}, costs])
    assert check(problem, plan) == []
    assert plan.levels[1].cost == pytest.approx(3_000 * sets.HHCRSP_COST)
    # Five seconds less between the two at c, and the link is broken.
    early = [*served[:-1], ("c:1", "c2", 125_000, 130_000)]
    assert {one.rule for one in check(problem, plan_of(problem, early, [{"left_out": 0}, costs]))} >= {"window"}


@pytest.mark.parametrize(
    ("who", "index", "stop", "fault"),
    [
        ("c1", 0, ("a", "s1", 9.0, 14.0), "cannot be with a"),
        ("c1", 2, ("c", "s1", 90.0, 95.0), "before 100"),
        ("c1", 1, ("b", "s1", 31.0, 36.0), "between the starts"),
        ("c2", 1, ("c", "s2", 129.0, 134.0), "between the starts"),
        ("c2", 1, ("c", "s2", 141.0, 146.0), "between the starts"),
        ("c2", 0, ("b", "s2", 30.0, 35.0), "stays 5.000"),
        ("c2", 1, ("c", "s1", 130.0, 135.0), "cannot give s1"),
        ("c2", 1, ("d", "s2", 130.0, 135.0), "does not exist"),
        ("c1", 1, ("c", "s1", 60.0, 65.0), "does not get everything"),
    ],
)
def test_what_home_care_forbids_is_found(tmp_path, who, index, stop, fault) -> None:
    routes = {name: list(stops) for name, stops in sets.HHCRSP_ROUTES.items()}
    routes[who][index] = stop
    score = hhcrsp.read([sets.hhcrsp(tmp_path)]).score(sets.hhcrsp_solution(routes))
    assert any(fault in one for one in score.faults), score.faults


def test_a_wrong_cost_is_found_and_the_right_one_is_not(tmp_path) -> None:
    instance = hhcrsp.read([sets.hhcrsp(tmp_path)])
    assert instance.score(sets.hhcrsp_solution(cost=sets.HHCRSP_COST)).valid
    assert "the cost is" in instance.score(sets.hhcrsp_solution(cost=76.0)).faults[0]


# ---- strsp


def test_technicians_without_teams_cost_travel_and_outsourcing(tmp_path) -> None:
    instance = strsp.read(sets.strsp(tmp_path))
    # 5 there and back, 10 there and back.
    assert instance.score("Route 1: 2\nRoute 2: 3\nCost 30\n").faults == ()
    # Task 3 asks for d11 and d21: 2 in all.
    score = instance.score("Route 1: 2\n")
    assert (score.cost, score.left_out, score.valid) == (pytest.approx(10 + 200 + 2**1.5), 1, True)
    problem = instance.problem()
    assert {person.id: [held.skill for held in person.skills] for person in problem.volunteers} == {
        "1": ["1.2"],
        "2": ["1.1+2.1"],
    }
    plan = plan_of(problem, [("2", "1", 20_000, 30_000)], [{"left_out": 202_828, "travel_distance": 10_000}])
    assert check(problem, plan) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Route 1: 3", "lacks a skill"),
        ("Route 3: 2 3", "technician 3 does not exist"),
        ("Route 1: 2\nRoute 1: 3", "goes twice"),
        ("Route 1: 2 2", "served twice"),
        ("Route 1: 1", "task 1 does not exist"),
        ("Route 2: 3\nCost 9", "the cost is"),
        ("Route 1; 2", "line 1"),
    ],
)
def test_what_technicians_cannot_do_is_found(tmp_path, text, fault) -> None:
    score = strsp.read(sets.strsp(tmp_path)).score(text)
    assert any(fault in one for one in score.faults), score.faults


def test_technicians_who_come_late_are_found(tmp_path) -> None:
    tasks, technicians = sets.strsp(tmp_path)
    tasks.write_text(sets.TASKS.replace("3 6 8 9 0 40 10", "3 6 8 9 0 9 10"))  # 10 away, and at 9 it is too late
    assert "after 9" in strsp.read([tasks, technicians]).score("Route 2: 3").faults[0]
    tasks.write_text(sets.TASKS.replace("1 0 0 0 0 100", "1 0 0 0 0 29"))  # served from 10 to 20, back at 30
    assert "back at 30" in strsp.read([tasks, technicians]).score("Route 2: 3").faults[0]


# ---- pcvrptw


def test_prizes_and_distances_count_in_tenths_and_are_truncated(tmp_path) -> None:
    instance = pcvrptw.read([sets.pcvrptw(tmp_path)])
    # 1.414 is 14 tenths there and 14 back; the prize of customer 2 is 30.
    assert instance.score("Route 1: 1\nCost 58\n") == instance.score("Route 1: 1")
    assert instance.score("Route 1: 1").cost == 58
    assert instance.score("").cost == 80
    problem = instance.problem()
    plan = plan_of(problem, [("1", "1", 50, 80)], [{"left_out": 30, "travel_distance": 28}])
    assert check(problem, plan) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Route 1: 1 2", "carries 12"),
        ("Route 2: 1", "vehicle 2 does not exist"),
        ("Route 1: 3", "customer 3 does not exist"),
        ("Route 1: 1\nCost 57", "the cost is 58"),
    ],
)
def test_what_vehicles_cannot_do_is_found(tmp_path, text, fault) -> None:
    score = pcvrptw.read([sets.pcvrptw(tmp_path)]).score(text)
    assert any(fault in one for one in score.faults), score.faults


def test_vehicles_that_come_late_are_found(tmp_path) -> None:
    path = sets.pcvrptw(tmp_path)
    path.write_text(sets.PCVRPTW.replace("3 0 30", "3 0 9"))
    assert "too late" in pcvrptw.read([path]).score("Route 1: 2").faults[0]
    path.write_text(sets.PCVRPTW.replace("1 0 50", "1 0 22"))  # 10 there, 3 of service, 10 back: 23
    assert "too late" in pcvrptw.read([path]).score("Route 1: 2").faults[0]


# ---- all of them


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("module", "made", "scale"),
    [(hhcrsp, sets.random_hhcrsp, 3_000), (strsp, sets.random_strsp, 1_000), (pcvrptw, sets.random_pcvrptw, 1)],
    ids=["hhcrsp", "strsp", "pcvrptw"],
)
def test_a_solver_and_an_evaluator_agree_on_what_a_plan_costs(tmp_path, module, made, scale, seed) -> None:
    made = made(tmp_path, seed)
    instance = module.read(made if isinstance(made, tuple) else [made])
    problem = instance.problem()
    plan = solve(problem, Limits(iterations=60, seed=seed))
    assert check(problem, plan) == []
    text, score = solution(instance, routes(plan))
    assert score.left_out == len(plan.left_out) or module is hhcrsp
    if score.left_out and module is hhcrsp:
        assert score.cost is None
        return
    assert score.faults == ()
    assert score.cost == pytest.approx(plan.levels[-1].cost / scale, abs=0.001 * 30)
    assert instance.score(text) == score


def test_routes_are_written_in_the_order_of_starts(tmp_path) -> None:
    instance = strsp.read(sets.strsp(tmp_path))
    text, score = solution(instance, {"2": [Stop("3")], "1": [Stop("2")]})
    assert text == "Route 1: 2\nRoute 2: 3\nCost 30\n"
    assert score.valid


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ('"id": "b",', '"id": "b"', 18, "delimiter"),
        ('"simultaneous"', '"sometimes"', 17, "simultaneous"),
        ('"type": "simultaneous"', '"typ": "simultaneous"', 17, "type"),
        ("30.5,", "", 91, "distances must be 4 x 4"),
    ],
)
def test_a_broken_instance_of_home_care_names_file_and_line(tmp_path, old, new, line, what) -> None:
    path = sets.hhcrsp(tmp_path)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(FormatError) as caught:
        hhcrsp.read([path])
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert what in str(caught.value)


@pytest.mark.parametrize(
    ("which", "old", "new", "line", "what"),
    [
        (0, "2 3 4 9", "2 x 4 9", 9, "'x' is no number"),
        (0, "80 1 1 0 0", "80 1 1 0", 9, "8 + 2 x 2 columns"),
        (0, "80 1 1 0 0", "80 1 1 0 0 0", 9, "8 + 2 x 2 columns"),
        (0, "80 1 1 0 0", "80 2 1 0 0", 9, "several technicians"),
        (0, "Customer: 3", "Customer: 4", None, "not 4"),
        (1, "2\t1\t1", "2\t1", 9, "2 levels"),
        (1, "Technicians: 2", "Technicians: 5", None, "not as many"),
        (1, "domains: 2", "", 7, "domains"),
    ],
)
def test_broken_files_of_technicians_name_file_and_line(tmp_path, which, old, new, line, what) -> None:
    paths = sets.strsp(tmp_path)
    paths[which].write_text(paths[which].read_text().replace(old, new, 1))
    with pytest.raises(FormatError) as caught:
        strsp.read(paths)
    assert (caught.value.path, caught.value.line) == (paths[which], line)
    assert what in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("2 5 20", "2 5", 18, "2 values"),
        ("3 3\n", "3 q\n", 23, "'q' is no number"),
        ("3 10 0\n", "", None, "NODE_COORD_SECTION must have each of the 3"),
        ("EUC_2D", "EXPLICIT", 7, "EUC_2D"),
        ("CAPACITY : 10\n", "", None, "no CAPACITY"),
        ("DIMENSION : 3", "DIMENSION : three", 3, "'three' is no number"),
    ],
)
def test_a_broken_vrplib_file_names_file_and_line(tmp_path, old, new, line, what) -> None:
    path = sets.pcvrptw(tmp_path)
    path.write_text(sets.PCVRPTW.replace(old, new, 1))
    with pytest.raises(FormatError) as caught:
        pcvrptw.read([path])
    assert (caught.value.path, caught.value.line) == (path, line)
    assert what in str(caught.value)


@real
@pytest.mark.parametrize("name", ["hhcrsp", "strsp", "pcvrptw"])
def test_every_shared_instance_can_be_read(name) -> None:
    found = named(name).instances(folder(name, data_root()))
    assert found
    for files in found:
        instance = named(name).read(files)
        assert len(instance.problem().visits) >= 10


def test_a_solution_of_home_care_is_json_with_its_cost_on_top(tmp_path) -> None:
    instance = hhcrsp.read([sets.hhcrsp(tmp_path)])
    plan = solve(instance.problem(), Limits(iterations=20))
    text, score = solution(instance, routes(plan))
    said = json.loads(text)
    assert said["cost"] == score.cost is not None
    assert {route["caregiver_id"] for route in said["routes"]} == {"c1", "c2"}
    assert sorted(said["global_ordering"]) == ["a", "b", "c"]
