"""Negative controls: each mutant is caught, and by the check that is there for it."""

import pytest

from tests.deterministic.checker import CHECKS
from tests.deterministic.mutants import MUTANTS, hunt

SEEDS = range(1, 41)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str) -> None:
    assert hunt(name, SEEDS) is not None, f"{MUTANTS[name].wrong}: not within {len(SEEDS)} seeds"


def test_every_check_catches_something() -> None:
    assert set(CHECKS) == {one.by for one in MUTANTS.values()}
