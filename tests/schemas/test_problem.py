"""A problem on its way to the process that solves it."""

import pickle

from schemas.problem import Demand, HeldSkill, Problem, Span, Visit, Volunteer


def _problem(level: int) -> Problem:
    return Problem(
        horizon=Span(start=0, end=86_400),
        size=1,
        visits=(
            Visit(
                id="v", location=0, windows=(Span(start=0, end=3_600),), duration=600, demands=(Demand(skill="care"),)
            ),
        ),
        volunteers=(
            Volunteer(id="wang", team="t", location=0, skills=(HeldSkill(skill="care", level=level),)),
            Volunteer(id="li", team="t", location=0),
        ),
    )


def _sent(problem: Problem) -> Problem:
    sent: Problem = pickle.loads(pickle.dumps(problem))
    return sent


def test_a_problem_arrives_in_another_process_as_it_left() -> None:
    assert _sent(_problem(1)) == _problem(1)


def test_who_has_changed_since_the_last_problem_arrives_changed_and_the_rest_is_not_read_again() -> None:
    before, after = _sent(_problem(1)), _sent(_problem(3))
    assert [person.skills[0].level for person in (before.volunteers[0], after.volunteers[0])] == [1, 3]
    assert after.volunteers[1] is before.volunteers[1]
