"""The compiled search: its books agree with a fresh account, and it finds what is found by hand."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.problem import (
    CostLevel,
    Demand,
    FilledSeat,
    HeldSkill,
    Limits,
    Link,
    Problem,
    Shift,
    Span,
    StandingVisit,
    Term,
    Visit,
)
from solvers.arrays import build
from solvers.candidates import find
from solvers.check import check
from solvers.costs import by_level, scarcity_of_skills, terms
from solvers.diary import Diary
from solvers.routes import columns as c
from solvers.routes.anneal import account, anneal, construct, remember
from solvers.routes.columns import Layout, State
from solvers.routes.layout import Map, blank, lay_out, plan_of, start_from
from solvers.routes.search import improve
from solvers.solve import solve
from tests.solvers.small import DAY, HOUR, level, matrix, person, problem, visit
from tests.solvers.zones import zone

TRIALS = 300


def searched(asked: Problem, seed: int = 1, trials: int = TRIALS) -> tuple[Map, Layout, State] | None:
    a = build(asked)
    m = Map(a, find(a))
    if not m.planned:
        return None
    d = lay_out(a, m, scarcity_of_skills(a))
    s = blank(d, seed)
    start_from(a, m, d, s, Diary(a))
    construct(d, s)
    remember(s, account(d, s))
    anneal(d, s, trials, 2_000.0, 20.0)
    return m, d, s


def late_and_far(**weights: int) -> tuple[CostLevel, ...]:
    found = tuple(Term(name=name, weight=weight) for name, weight in weights.items())  # type: ignore[arg-type]
    return (CostLevel(name="service", terms=(Term(name="left_out"),)), CostLevel(name="quality", terms=found))


@st.composite
def linked_zones(draw: st.DrawFn) -> Problem:
    """Crews, commitments, told visits, and links of every kind."""
    asked = zone(
        draw(st.integers(0, 2**20)),
        draw(st.integers(1, 12)),
        draw(st.integers(3, 24)),
        days=draw(st.integers(1, 3)),
        crews=draw(st.sampled_from([(1,), (1, 2), (1, 2, 3)])),
        commitments=draw(st.sampled_from([0.0, 0.3])),
        told=draw(st.integers(0, 3)),
    )
    names = [item.id for item in asked.visits]
    pairs = draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)), max_size=3, unique=True))
    gap = draw(st.sampled_from([(0, 2 * HOUR), (HOUR, DAY), (-HOUR, HOUR)]))
    links = tuple(
        Link(
            earlier=one,
            later=two,
            at_least=gap[0],
            at_most=gap[1],
            crew=draw(st.sampled_from(["any", "different", "same"])),
        )
        for one, two in pairs
        if one != two
    )
    apart = draw(st.booleans())
    visits = tuple(item.changed(one_team=False) for item in asked.visits) if apart else asked.visits
    return asked.changed(links=links, visits=visits)


def told_as_free(m: Map, d: Layout, s: State) -> bool:
    """Whether a visit that may start at any time happens to start when people were told: from then on it is taken as told."""
    return any(s.visit[visit, c.SERVED] and s.visit[visit, c.START] == item.start for visit, item in m.told.items())


@given(linked_zones(), st.integers(0, 99))
@settings(max_examples=80, deadline=None)
def test_the_books_of_a_search_agree_with_an_account_made_afresh(asked: Problem, seed: int) -> None:
    found = searched(asked, seed)
    assume(found is not None)
    assert found is not None
    m, d, s = found
    a = m.a
    again = blank(d, seed)
    now = s._replace(best_node=s.node, best_visit=s.visit)
    diary = Diary(a)
    for visit_index, (start, seats) in plan_of(a, m, d, now).items():
        diary.add(visit_index, start, seats)
    start_from(a, m, d, again, diary)
    assert again.sums[c.LOST] == pytest.approx(s.sums[c.LOST])
    assert again.sums[c.COST] == pytest.approx(s.sums[c.COST], abs=0.5) or told_as_free(m, d, s)
    served, again_served = (np.flatnonzero(state.visit[: d.to_plan, c.SERVED]) for state in (s, again))
    assert sorted(m.source[served]) == sorted(m.source[again_served])  # the free twin may start when people were told
    starts, again_starts = (
        dict(zip(m.source[of], state.visit[of, c.START], strict=True))
        for of, state in ((served, s), (again_served, again))
    )
    assert starts == again_starts
    assert (again.tour == s.tour).all()
    assert (again.person == s.person).all()
    assert (again.limit == s.limit).all()


@given(linked_zones(), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_plan_of_a_search_passes_the_check_and_costs_what_the_search_says(asked: Problem, seed: int) -> None:
    plan = solve(asked, Limits(iterations=TRIALS, seed=seed))
    assert check(asked, plan) == []
    a = build(asked)
    found = improve(
        a, find(a), scarcity_of_skills(a), Diary(a), seed=seed, workers=1, iterations=TRIALS, left=lambda: None
    )
    if found is not None:
        left_out = by_level(asked, terms(a, found.chosen))[0][0]
        assert plan.levels[0].cost <= left_out + sum(v.left_out_cost for v in asked.visits if v.filled)


def test_trials_that_are_taken_back_leave_no_trace() -> None:
    found = searched(zone(7, 12, 20), trials=5)
    assert found is not None
    _, d, s = found
    before = [block.copy() for block in (s.node, s.visit, s.tour, s.person, s.limit, s.sums)]
    cost = account(d, s)
    anneal(d, s, 200, 1e-9, 1e-10)  # so cold that only what costs no more is kept
    assert account(d, s) <= cost
    if account(d, s) == cost and (s.node == before[0]).all():
        for block, old in zip((s.visit, s.tour, s.person, s.limit, s.sums), before[1:], strict=True):
            assert (block == old).all()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_seed_and_a_number_of_trials_give_the_same_plan(workers: int) -> None:
    asked = zone(3, 30, 40)
    plans = [solve(asked, Limits(iterations=400, seed=5, workers=workers)).changed(seconds=0.0) for _ in range(2)]
    assert plans[0] == plans[1]


def test_half_a_pair_in_the_plan_to_start_from_is_planned_anew() -> None:
    # The link lets the two start together only; greed alone may serve one of them.
    visits = (visit("a", demands=(Demand(skill="care"),)), visit("b", demands=(Demand(skill="care"),)))
    asked = problem(
        visits,
        (person("p"), person("q")),
        links=(Link(earlier="a", later="b", at_least=0, at_most=0, crew="different"),),
    )
    a = build(asked)
    m = Map(a, find(a))
    d = lay_out(a, m, scarcity_of_skills(a))
    s = blank(d, 1)
    half = Diary(a)
    half.add(0, 9 * HOUR, ((0, 0),))
    start_from(a, m, d, s, half)
    assert not s.visit[:, c.SERVED].any()
    construct(d, s)
    assert s.visit[:, c.SERVED].all()


def test_two_people_wait_for_each_other_crosswise() -> None:
    # Two places 600 m apart, a person at each. At each place something is done first by one person and at once after
    # by the other: A1 at place 0 then A2; B1 at place 1 then B2. Nobody does both at one place, and p holds no skill
    # for B1, q none for A1. So p does A1 at 9:00 while q does B1 at 9:00; then they change places: p is at place 1 at
    # 10:10, q at place 0 at 10:10. Each second visit may start at most 70 minutes after the first.
    skills = {"p": ("first a", "second b"), "q": ("first b", "second a")}
    people = tuple(
        person(name, location=at, skills=tuple(HeldSkill(skill=skill) for skill in skills[name]))
        for name, at in (("p", 0), ("q", 1))
    )
    visits = (
        visit("a1", location=0, demands=(Demand(skill="first a"),)),
        visit("a2", location=0, demands=(Demand(skill="second a"),)),
        visit("b1", location=1, demands=(Demand(skill="first b"),)),
        visit("b2", location=1, demands=(Demand(skill="second b"),)),
    )
    links = tuple(
        Link(earlier=f"{at}1", later=f"{at}2", at_least=HOUR, at_most=70 * 60, crew="different") for at in "ab"
    )
    asked = problem(visits, people, links=links, levels=level("travel_distance"))
    plan = solve(asked, Limits(iterations=TRIALS))
    assert check(asked, plan) == []
    assert {item.visit: item.start - 9 * HOUR for item in plan.assignments} == {
        "a1": 0,
        "b1": 0,
        "a2": 4200,
        "b2": 4200,
    }
    assert plan.levels[1].cost == 4 * 600  # each goes over once and home once


def test_the_largest_lateness_is_worth_a_longer_way() -> None:
    # Both visits are due at 9:00. One person serves them in turn: an hour (and a way of 1,200 s) late in all, 2,400 m
    # from 0 to 2 and back. Two people are never late, but the second one lives at 3: 2 * 4,800 m more.
    visits = (visit("a", due=9 * HOUR), visit("b", location=2, due=9 * HOUR))
    people = (person("p"), person("q", location=3))
    near = problem(visits, people, levels=late_and_far(lateness_max=1, travel_distance=1))
    plan = solve(near, Limits(iterations=TRIALS))
    assert plan.levels[1].cost == HOUR + 1200 + 2400
    hurried = problem(visits, people, levels=late_and_far(lateness_max=3, travel_distance=1))
    plan = solve(hurried, Limits(iterations=TRIALS))
    assert plan.levels[1].cost == 2 * 4800


def test_a_visit_skips_from_one_window_to_the_next_behind_another_one() -> None:
    # p can only serve both: b lasts from 9:00 to 10:00, a is possible until 9:30 or from 14:00.
    windows = (Span(start=9 * HOUR, end=9 * HOUR + 1800), Span(start=14 * HOUR, end=15 * HOUR))
    visits = (
        visit("a", windows=windows, fit="start"),
        visit("b", windows=(Span(start=9 * HOUR, end=9 * HOUR + 1),), fit="start"),
    )
    plan = solve(problem(visits, (person(),)), Limits(iterations=TRIALS))
    assert {item.visit: item.start for item in plan.assignments} == {"a": 14 * HOUR, "b": 9 * HOUR}


def told(name: str, who: str, start: int) -> StandingVisit:
    return StandingVisit(visit=name, start=start, crew=(FilledSeat(demand=0, volunteer=who),), told=True)


def test_people_keep_what_they_were_told_though_others_live_nearer() -> None:
    people = (person("far", location=3), person("near"))
    asked = problem((visit("a"),), people, standing=(told("a", "far", 10 * HOUR),))
    plan = solve(asked, Limits(iterations=TRIALS))
    (item,) = plan.assignments
    assert (item.start, item.crew[0].volunteer) == (10 * HOUR, "far")


def test_people_are_told_otherwise_when_one_more_visit_is_served_for_it() -> None:
    # Only p can serve b, at the very time at which p was told to serve a; q can serve a.
    people = (person("p", skills=(HeldSkill(skill="care"), HeldSkill(skill="talks"))), person("q", location=3))
    b = visit("b", demands=(Demand(skill="talks"),), windows=(Span(start=9 * HOUR, end=9 * HOUR + 1),), fit="start")
    a = visit("a", windows=b.windows, fit="start")
    asked = problem((a, b), people, standing=(told("a", "p", 9 * HOUR),))
    plan = solve(asked, Limits(iterations=TRIALS))
    assert {item.visit: item.crew[0].volunteer for item in plan.assignments} == {"a": "q", "b": "p"}
    assert [term.value for term in plan.levels[1].terms] == [1]


def test_a_tour_that_pays_only_as_a_whole_is_found() -> None:
    # Ten visits at one place 6,000 m away are worth 2,000 each: none pays the way of 12,000 alone, all together do.
    visits = tuple(
        visit(f"v{n}", location=3, duration=600, left_out_cost=2_000, windows=(Span(start=0, end=DAY),))
        for n in range(10)
    )
    levels = (CostLevel(name="all", terms=(Term(name="left_out"), Term(name="travel_distance"))),)
    plan = solve(problem(visits, (person(),), levels=levels), Limits(iterations=3_000))
    assert len(plan.assignments) == 10
    assert plan.levels[0].cost == 12_000


def test_loads_and_shifts_bind_each_tour() -> None:
    # Two meals fit into a bag, there are two shifts: four of five visits are served.
    shifts = (Shift(start=8 * HOUR, end=12 * HOUR), Shift(start=14 * HOUR, end=18 * HOUR))
    visits: tuple[Visit, ...] = tuple(
        visit(f"v{n}", load=1, duration=600, windows=(Span(start=0, end=DAY),)) for n in range(5)
    )
    asked = problem(visits, (person(capacity=2, shifts=shifts),), travel=(matrix(0, 0, 0, 0),))
    plan = solve(asked, Limits(iterations=TRIALS))
    assert check(asked, plan) == []
    assert len(plan.assignments) == 4


def test_a_plan_to_start_from_is_judged_with_its_lateness() -> None:
    # Greed lets p serve both: an hour late at the second. The search must see that to let q, who lives at 3, serve it.
    visits = (visit("a", due=9 * HOUR), visit("b", due=9 * HOUR))
    asked = problem(
        visits, (person("p"), person("q", location=3)), levels=late_and_far(lateness_total=9, travel_distance=1)
    )
    a = build(asked)
    late = Diary(a)
    late.add(0, 9 * HOUR, ((0, 0),))
    late.add(1, 10 * HOUR, ((0, 0),))
    found = improve(a, find(a), scarcity_of_skills(a), late, seed=1, workers=1, iterations=TRIALS, left=lambda: None)
    assert found is not None
    assert {who for _, seats in found.chosen.values() for _, who in seats} == {0, 1}
