"""Reasons and differences as sentences: nothing is without a name, and nothing is too long to be told."""

from typing import get_args

from schemas.base import Label
from schemas.difference import ChangeKind
from schemas.plan import Assignment, Plan, Relaxation, Rule
from schemas.problem import FilledSeat, StandingVisit, TermName
from solvers import wording
from solvers.diff import diff
from tests.solvers.small import HOUR, level, person, problem, visit


def test_every_rule_term_change_and_relaxation_has_its_words_in_both_languages() -> None:
    assert set(wording.RULES) == set(get_args(Rule))
    assert set(wording.TERMS) == set(get_args(TermName))
    assert set(wording.CHANGES) == set(get_args(ChangeKind))
    kinds = get_args(Relaxation.model_fields["kind"].annotation)
    said = [wording.relaxed(Relaxation(kind=kind, amount=1, skill="care")) for kind in kinds]
    for label in (*wording.RULES.values(), *wording.TERMS.values(), *wording.CHANGES.values(), *said):
        assert isinstance(label, Label)
        assert label.zh.isascii() is False
        assert label.en.isascii()


def given(name: str, who: str) -> Assignment:
    return Assignment(visit=name, team="t", start=9 * HOUR, end=10 * HOUR, crew=(FilledSeat(demand=0, volunteer=who),))


def test_a_difference_says_what_changed_whom_it_touches_and_what_each_term_gained() -> None:
    told = StandingVisit(visit="v", team="t", start=9 * HOUR, crew=(FilledSeat(demand=0, volunteer="far"),), told=True)
    asked = problem(
        [visit("v", location=1)],
        [person("far"), person("near", location=1)],
        standing=(told,),
        levels=level("travel_time"),
    )
    one, two = (Plan(status="feasible", assignments=(given("v", who),)) for who in ("far", "near"))
    said = wording.difference(diff(one, two, asked))
    assert [text.en for text in said] == [
        "by other people: v",
        "people whom it touches: 2; who had been told something else: 1",
        "seconds on the way -1,200",
    ]
    assert [text.zh for text in said] == ["换人：v", "涉及 2 人，其中 1 人须改变已告知的安排", "路上秒数 -1,200"]
    assert [text.en for text in wording.difference(diff(one, one, asked))] == ["the plans are the same"]


def test_long_names_are_cut_and_many_are_counted() -> None:
    names = [f"{number}" + "n" * 120 for number in range(5)]
    asked = problem([visit(name) for name in names], [person(f"p{n}") for n in range(5)])
    plan = Plan(status="feasible", assignments=tuple(given(name, f"p{n}") for n, name in enumerate(names)))
    first = wording.difference(diff(Plan(status="feasible"), plan, asked))[0]
    assert len(first.en) == 200
    assert first.en.startswith("served now: 0nnn")
    short = problem([visit(f"v{n}") for n in range(5)], [person(f"p{n}") for n in range(5)])
    plan = Plan(status="feasible", assignments=tuple(given(f"v{n}", f"p{n}") for n in range(5)))
    assert wording.difference(diff(Plan(status="feasible"), plan, short))[0].en == "served now: v0, v1, v2 and 2 more"
