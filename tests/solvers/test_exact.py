"""Small problems solved to the end: against every plan there is, and against optima worked out by hand."""

from collections.abc import Iterator
from itertools import combinations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.plan import Assignment, LeftOut, LevelCost, Plan
from schemas.problem import (
    Commitment,
    CostLevel,
    Demand,
    FilledSeat,
    HeldSkill,
    Limits,
    Link,
    LoadLimit,
    Method,
    Problem,
    Shift,
    Span,
    StandingVisit,
    Team,
    Term,
    TermName,
    Travel,
    Visit,
    Volunteer,
)
from solvers.arrays import Arrays, build
from solvers.candidates import find
from solvers.check import check
from solvers.costs import Choice, Chosen, by_level, scarcity_of_skills, terms, vector
from solvers.exact.proof import Proof, prove
from solvers.solve import solve
from tests.solvers.small import DAY, HOUR, person, problem, visit
from tests.solvers.zones import zone

END = 14
TERMS: tuple[TermName, ...] = (
    "told_otherwise",
    "lateness_total",
    "lateness_max",
    "continuity",
    "preference",
    "fairness",
    "travel_time",
    "travel_distance",
    "scarcity",
)


METHODS: tuple[Method, ...] = ("auto", "greedy", "cp_sat")


def proved(asked: Problem, chosen: Chosen | None = None, *, effort: float = 60.0) -> Proof:
    a = build(asked)
    proof = prove(a, find(a), scarcity_of_skills(a), chosen or {}, seed=1, workers=1, effort=effort, seconds=None)
    assert proof is not None
    return proof


def plan_of(asked: Problem, chosen: Chosen) -> Plan:
    """Write choices as a plan, with no bounds."""
    a = build(asked)
    items = []
    for number, (start, seats) in chosen.items():
        crew = [(demand, name) for demand, _, name in a.filled[number].seats]
        crew += [(demand, asked.volunteers[who].id) for demand, who in seats]
        team = None
        if a.one_team[number]:
            team = a.team_names[int(a.visit_team[number] if a.visit_team[number] >= 0 else a.team[seats[0][1]])]
        items.append(
            Assignment(
                visit=asked.visits[number].id,
                team=team,
                start=start,
                end=start + int(a.visit_length[number]),
                crew=tuple(FilledSeat(demand=demand, volunteer=name) for demand, name in crew),
            )
        )
    levels = tuple(
        LevelCost(name=level.name, cost=cost, bound=cost, bound_by="", terms=rows)
        for level, (cost, rows) in zip(asked.levels, by_level(asked, terms(a, chosen)), strict=True)
    )
    left = tuple(
        LeftOut(visit=item.id, candidates=0, reasons=())
        for number, item in enumerate(asked.visits)
        if number not in chosen
    )
    return Plan(status="feasible", assignments=tuple(items), left_out=left, levels=levels)


def _ways_to_serve(asked: Problem, a: Arrays, number: int) -> Iterator[Choice]:
    """Each start and crew that the visit could have alone."""
    open_heads = [int(a.row_heads[row]) for row in a.rows_of(number)]
    if not any(open_heads):
        assert a.fixed[number] is not None
        yield int(a.fixed[number] or 0), ()
        return
    crews = [
        tuple((demand, who) for demand, some in enumerate(people) for who in some)
        for people in product(*(combinations(range(a.volunteers), heads) for heads in open_heads))
    ]
    alone = asked.changed(links=())
    for start in range(END):
        for crew in crews:
            if len({who for _, who in crew}) == len(crew) and not check(alone, plan_of(alone, {number: (start, crew)})):
                yield start, crew


def best_by_trying_all(asked: Problem) -> tuple[int, ...]:
    a = build(asked)
    options: list[list[Choice | None]] = []
    for number in range(a.visits):
        settled = not any(int(a.row_heads[row]) for row in a.rows_of(number))
        options.append([*([] if settled else [None]), *_ways_to_serve(asked, a, number)])
    best = None
    for combination in product(*options):
        chosen = {number: choice for number, choice in enumerate(combination) if choice is not None}
        cost = vector(a, chosen)
        if (best is None or cost < best) and not check(asked, plan_of(asked, chosen)):
            best = cost
    assert best is not None
    return best


numbers = st.integers


@st.composite
def tiny_problems(draw: st.DrawFn) -> Problem:
    """Two or three visits, two or three people, fourteen seconds; travel that keeps to no triangle."""
    size = 4
    row = st.lists(numbers(0, 3), min_size=size, max_size=size).map(tuple)
    square = st.lists(row, min_size=size, max_size=size).map(tuple)
    places = numbers(0, size - 1)
    skills = st.sampled_from(["a", "b"])
    visits, people = draw(numbers(2, 3)), draw(numbers(2, 3))
    maybe_place = st.none() | places

    def volunteer(name: str) -> Volunteer:
        middle = draw(numbers(4, 9))
        shifts = [
            Shift(start=0, end=middle, start_location=draw(maybe_place), end_location=draw(maybe_place)),
            Shift(start=draw(numbers(middle - 2, middle + 1)), end=END, start_location=draw(maybe_place)),
        ]
        period = Span(start=draw(numbers(0, 6)), end=END)
        return Volunteer(
            id=name,
            team=draw(st.sampled_from(["t", "t", "u"])),
            location=draw(places),
            skills=tuple(
                HeldSkill(skill=skill, expires=draw(st.sampled_from([None, None, None, 8])))
                for skill in draw(st.sampled_from([("a",), ("a", "b"), ("a", "b")]))
            ),
            shifts=tuple(draw(st.permutations(shifts))),
            limits=draw(
                st.sampled_from([(), (), (LoadLimit(period=period, visits=1),), (LoadLimit(period=period, seconds=3),)])
            ),
            travel=draw(numbers(0, 1)),
            capacity=draw(st.sampled_from([None, 2, 3])),
            load=draw(numbers(0, 2)),
            reluctance=draw(numbers(0, 5)),
        )

    def open_visit(name: str) -> Visit:
        first = draw(numbers(0, END - 4))
        windows = [Span(start=first, end=min(END, first + draw(numbers(2, 4))))]
        if draw(st.booleans()) and first + 5 < END:
            windows.append(Span(start=first + 5, end=min(END, first + 7)))
        demands = [Demand(skill=draw(skills), heads=draw(st.sampled_from([1, 1, 2])), duration=draw(numbers(1, 2)))]
        if draw(numbers(0, 3)) == 0:
            demands.append(Demand(skill=draw(skills)))
        held = draw(numbers(0, 4)) == 0 and demands[0].heads == 2
        return Visit(
            id=name,
            location=draw(places),
            windows=tuple(windows),
            fit=draw(st.sampled_from(["start", "start", "whole"])),
            duration=draw(numbers(1, 2)),
            demands=tuple(demands),
            left_out_cost=draw(numbers(1, 3)),
            due=draw(st.none() | numbers(0, END)),
            one_team=draw(st.booleans()) and not held,
            preferred=draw(st.sampled_from([(), ("p0",), ("p1", "nobody")])),
            load=draw(numbers(0, 2)),
            fixed_start=first if held else None,
            filled=(FilledSeat(demand=0, volunteer=draw(st.sampled_from(["p1", "stranger"]))),) if held else (),
        )

    def link(one: int, two: int) -> Link:
        least = draw(numbers(-3, 3))
        return Link(
            earlier=f"v{one}",
            later=f"v{two}",
            at_least=least,
            at_most=least + draw(numbers(0, 4)),
            crew=draw(st.sampled_from(["any", "same", "different"])),
        )

    levels = [CostLevel(name="service", terms=(Term(name="left_out", weight=draw(numbers(1, 2))),))]
    for name in ("second", "third"):
        some = draw(st.lists(st.sampled_from(TERMS), min_size=1, max_size=3, unique=True))
        levels.append(CostLevel(name=name, terms=tuple(Term(name=t, weight=draw(numbers(1, 3))) for t in some)))
    if draw(numbers(0, 3)) == 0:
        levels = levels[1:]
    volunteers = [volunteer(f"p{number}") for number in range(people)]
    if draw(st.booleans()):
        volunteers[-1] = volunteers[-2].changed(id=f"p{people - 1}")
    return Problem(
        horizon=Span(start=0, end=END),
        size=size,
        travel=(Travel(time=draw(square), distance=draw(square)), Travel(time=draw(square))),
        visits=tuple(open_visit(f"v{number}") for number in range(visits)),
        links=tuple(link(*draw(st.sampled_from([(0, 1), (1, 0)]))) for _ in range(draw(numbers(0, 1)))),
        teams=(Team(id="t"), Team(id="u")),
        volunteers=tuple(volunteers),
        commitments=tuple(
            Commitment(volunteer="p0", location=draw(places), start=at, end=at + draw(numbers(0, 2)))
            for at in draw(st.lists(numbers(0, END - 2), max_size=2))
        ),
        standing=tuple(
            StandingVisit(
                visit="v0",
                start=draw(numbers(0, 6)),
                crew=(FilledSeat(demand=0, volunteer=draw(st.sampled_from(["p0", "p1"]))),),
                told=True,
            )
            for _ in range(draw(numbers(0, 1)))
        ),
        levels=tuple(levels),
    )


@given(tiny_problems())
@settings(max_examples=60, deadline=None)
def test_nothing_of_all_there_is_beats_what_was_proved(asked: Problem) -> None:
    proof = proved(asked)
    best = best_by_trying_all(asked)
    assert vector(build(asked), proof.chosen) == best
    assert proof.bound == best
    assert check(asked, plan_of(asked, proof.chosen)) == []


@given(tiny_problems(), st.sampled_from([0.0, 1e-5, 1e-3]))
@settings(max_examples=25, deadline=None)
def test_a_proof_that_is_cut_short_still_says_nothing_false(asked: Problem, effort: float) -> None:
    whole, cut = proved(asked), proved(asked, effort=effort)
    assert check(asked, plan_of(asked, cut.chosen)) == []
    costs = vector(build(asked), cut.chosen)
    for bound, best, cost in zip(cut.bound, whole.bound, costs, strict=True):
        assert best is not None
        assert bound is None or bound <= best
        if bound != cost:
            break


@given(st.integers(0, 2**20), st.integers(1, 7), st.integers(1, 12), st.sampled_from(METHODS))
@settings(max_examples=15, deadline=None)
def test_no_method_beats_a_proved_cost(seed: int, visits: int, people: int, method: Method) -> None:
    asked = zone(seed, visits, people, told=2, commitments=0.3)
    proof = proved(asked)
    plan = solve(asked, Limits(iterations=200, method=method, explain="counts"))
    costs = vector(build(asked), proof.chosen)
    assert proof.bound == costs
    assert costs <= tuple(level.cost for level in plan.levels)
    assert check(asked, plan_of(asked, proof.chosen)) == []


def quality(*names: TermName) -> tuple[CostLevel, ...]:
    """Leaving out first, then a sum of terms."""
    return (
        CostLevel(name="service", terms=(Term(name="left_out"),)),
        CostLevel(name="quality", terms=tuple(Term(name=name) for name in names)),
    )


def test_two_people_wait_for_each_other_crosswise() -> None:
    # p serves c and f, q serves e and d; d is 90 minutes after c, f 90 minutes after e. q comes at 9:30, so e is half an
    # hour late and f with it: 2 x 1800 in all, 1800 at most. c at 9:00 and d at 10:30 are in time.
    half = HOUR // 2
    wanted = {"c": ("x", 18), "d": ("y", 21), "e": ("y", 18), "f": ("x", 21)}
    visits = [
        visit(name, windows=(Span(start=9 * HOUR, end=15 * HOUR),), due=due * half, demands=(Demand(skill=skill),))
        for name, (skill, due) in wanted.items()
    ]
    links = (
        Link(earlier="c", later="d", at_least=3 * half, at_most=3 * half, crew="different"),
        Link(earlier="e", later="f", at_least=3 * half, at_most=3 * half, crew="different"),
    )
    people = [
        person("p", skills=(HeldSkill(skill="x"),)),
        person("q", skills=(HeldSkill(skill="y"),), shifts=(Shift(start=19 * half, end=18 * HOUR),)),
    ]
    asked = problem(visits, people, links=links, levels=quality("lateness_total", "lateness_max"))
    proof = proved(asked)
    assert proof.bound == (0, 5400)
    assert vector(build(asked), proof.chosen) == (0, 5400)
    assert {asked.visits[v].id: start for v, (start, _) in proof.chosen.items()} == {
        "c": 18 * half,
        "d": 21 * half,
        "e": 19 * half,
        "f": 22 * half,
    }


def test_a_commitment_in_the_middle_of_a_shift_is_a_stop_on_the_way() -> None:
    # p is at 1200 m from 10 to 11 anyway. The visit at 600 m is on that way: nothing more to go. The one at 6000 m takes p
    # 2 x 4800 m more, q would go 2 x 6000.
    visits = [
        visit("near", location=1, windows=(Span(start=8 * HOUR, end=12 * HOUR),)),
        visit("far", location=3, windows=(Span(start=9 * HOUR, end=17 * HOUR),)),
    ]
    asked = problem(
        visits,
        [person("p"), person("q")],
        commitments=(Commitment(volunteer="p", location=2, start=10 * HOUR, end=11 * HOUR),),
        levels=quality("travel_distance"),
    )
    proof = proved(asked)
    assert proof.bound == (0, 9600)
    assert {who for _, seats in proof.chosen.values() for _, who in seats} == {0}


def test_the_largest_lateness_is_one_for_visits_that_share_nothing() -> None:
    # a and b have a person each, who come an hour and half an hour late: 5400 in all, 3600 at most.
    visits = [visit(name, due=9 * HOUR, demands=(Demand(skill=name),)) for name in ("a", "b")]
    people = [
        person("p", skills=(HeldSkill(skill="a"),), shifts=(Shift(start=10 * HOUR, end=18 * HOUR),)),
        person("q", skills=(HeldSkill(skill="b"),), shifts=(Shift(start=19 * HOUR // 2, end=18 * HOUR),)),
    ]
    proof = proved(problem(visits, people, levels=quality("lateness_total", "lateness_max")))
    assert proof.bound == (0, 9000)


def test_parts_that_share_nothing_add_up() -> None:
    # On two days, each with two visits at once and one person: one of each pair is left out, the cheaper one.
    days = [Span(start=d * DAY + 9 * HOUR, end=d * DAY + 10 * HOUR) for d in (0, 0, 1, 1)]
    visits = [visit(f"v{n}", windows=(span,), left_out_cost=n + 1, location=1) for n, span in enumerate(days)]
    people = [person(f"p{d}", shifts=(Shift(start=d * DAY + 8 * HOUR, end=d * DAY + 12 * HOUR),)) for d in range(2)]
    proof = proved(problem(visits, people, levels=quality("travel_time")))
    assert sorted(proof.chosen) == [1, 3]
    assert proof.bound == (1 + 3, 2 * 1200)
    assert proof.bound_by == ("CP-SAT, 2 parts",) * 2


def test_nothing_is_said_of_what_is_too_large() -> None:
    asked = problem([visit(f"v{n}") for n in range(200)], [person(f"p{n}") for n in range(5)])
    a = build(asked)
    assert prove(a, find(a), scarcity_of_skills(a), {}, seed=1, workers=1, effort=1.0, seconds=None) is None


def test_with_an_effort_the_same_comes_out_each_time() -> None:
    asked = zone(5, 7, 12)
    assert proved(asked, effort=0.05) == proved(asked, effort=0.05)


def test_among_people_who_are_alike_names_do_not_matter_and_a_plan_that_is_best_stays() -> None:
    # Three of five who are all the same serve three visits at once; one more seat each costs 1, and 2 x 600 m to go.
    asked = problem(
        [visit(f"v{n}", location=1, windows=(Span(start=9 * HOUR, end=10 * HOUR),)) for n in range(3)],
        [person(f"p{n}") for n in range(5)],
        levels=quality("fairness", "travel_distance"),
    )
    backwards = {n: (9 * HOUR, ((0, 4 - n),)) for n in range(3)}
    proof = proved(asked, backwards)
    assert proof.bound == (0, 3 + 3 * 1200)
    assert proof.chosen == backwards
