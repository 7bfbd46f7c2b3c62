"""A short run of what `make schemathesis` does at length: the document's calls, well formed and not, bring no 5xx."""

from collections import Counter
from collections.abc import Iterator

import pytest
import structlog

from tests.api.machine import Calls, run
from tests.deterministic.world import quiet


@pytest.fixture
def calls() -> Iterator[Calls]:
    before = structlog.get_config()
    quiet()
    made = Calls(1)
    yield made
    made.close()
    structlog.configure(**before)


@pytest.mark.slow
def test_no_call_of_the_document_is_answered_by_5xx_or_otherwise_than_it_says(calls: Calls) -> None:
    run(calls, scenarios=1, seed=1)
    assert calls.faults == []
    statuses = Counter[int]()
    for (_, status), count in calls.answers.items():
        statuses[status] += count
    assert statuses.total() > 300
    assert {200, 404, 409, 422} <= set(statuses), "the calls have to get somewhere"
    assert len({operation for operation, _ in calls.answers}) > 12


@pytest.mark.slow
def test_an_exception_behind_a_call_would_be_noticed(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*args: object) -> list[object]:
        raise ZeroDivisionError

    renew = calls.renew

    def renewed() -> None:
        renew()
        monkeypatch.setattr(calls.stand.store, "offers", broken)

    monkeypatch.setattr(calls, "renew", renewed)
    run(calls, scenarios=1, seed=1)
    assert any("500" in fault for fault in calls.faults)
