"""A short run of what `make schemathesis` does at length: the document's calls, well formed and not, bring no 5xx."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import structlog

from tests.api.machine import Calls, run
from tests.deterministic.world import quiet

ROUNDS = 20
"""At most: what is drawn depends on the ids of new requests and on what else was imported, not on the seed alone."""


@pytest.fixture
def calls() -> Iterator[Calls]:
    before = structlog.get_config()
    quiet()
    made = Calls(1)
    yield made
    made.close()
    structlog.configure(**before)


def play(calls: Calls, enough: Callable[[], bool]) -> None:
    for seed in range(1, ROUNDS + 1):
        run(calls, scenarios=1, seed=seed)
        if enough():
            return


def statuses(calls: Calls) -> Counter[int]:
    counted = Counter[int]()
    for (_, status), count in calls.answers.items():
        counted[status] += count
    return counted


@pytest.mark.slow
def test_no_call_of_the_document_is_answered_by_5xx_or_otherwise_than_it_says(calls: Calls) -> None:
    def enough() -> bool:
        told, operations = statuses(calls), {operation for operation, _ in calls.answers}
        return told.total() > 300 and {200, 404, 409, 422} <= set(told) and len(operations) > 12

    play(calls, enough)
    assert calls.faults == []
    assert enough(), f"the calls have to get somewhere: {statuses(calls)}"


@pytest.mark.slow
def test_an_exception_behind_a_call_would_be_noticed(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*args: object) -> list[object]:
        raise ZeroDivisionError

    renew = calls.renew

    def renewed() -> None:
        renew()
        monkeypatch.setattr(calls.stand.store, "offers", broken)

    monkeypatch.setattr(calls, "renew", renewed)
    play(calls, lambda: bool(calls.faults))
    assert any("500" in fault for fault in calls.faults)
