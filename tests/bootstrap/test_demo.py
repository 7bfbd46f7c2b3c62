"""A simulated day through the real path: every request ends, the promises hold, the seed alone decides."""

import io
import json
from hashlib import sha256
from pathlib import Path

import pytest
from rich.console import Console

from engine.ports import Record
from ningju.bootstrap.clock import SystemClock
from ningju.bootstrap.demo import demo
from ningju.bootstrap.store import open_store
from ningju.settings import DemoSettings
from schemas.report import Report


def told(folder: Path, **changes: object) -> DemoSettings:
    given = {"report": folder.with_suffix(".json")} | changes
    return DemoSettings(data=folder, scenario="tiny", port=0, keep_running=False, **given)  # type: ignore[arg-type]


async def events(settings: DemoSettings) -> list[Record]:
    store = await open_store(settings, SystemClock())
    try:
        found = []
        for zone in sorted(await store.heads()):
            found += await store.events(zone, limit=100_000)
        return found
    finally:
        await store.close()


def digest(records: list[Record]) -> str:
    return sha256(b"\n".join(record.data for record in records)).hexdigest()


@pytest.fixture
def screen() -> Console:
    return Console(file=io.StringIO(), width=100)


class Days:
    """A simulated day under each policy, played when a test first asks for it: each takes seconds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._played: dict[str, DemoSettings] = {}

    async def under(self, policy: str) -> DemoSettings:
        if policy not in self._played:
            settings = told(self._folder / policy, policy=policy)
            assert await demo(settings, Console(file=io.StringIO(), width=100)) == 0
            self._played[policy] = settings
        return self._played[policy]


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    return Days(tmp_path_factory.mktemp("days"))


async def test_the_same_seed_gives_the_same_events_byte_for_byte_and_another_seed_others(
    tmp_path: Path, screen: Console, days: Days
) -> None:
    again, other = told(tmp_path / "again"), told(tmp_path / "other", seed=2)
    for settings in (again, other):
        assert await demo(settings, screen) == 0
    runs = [await days.under("ningju"), again, other]  # the first by name, which is what a demo does that names none
    first, second, third = [digest(await events(settings)) for settings in runs]
    assert first == second
    assert first != third


@pytest.mark.parametrize("policy", ["ningju", "nearest-first", "alert-next"])
async def test_every_request_ends_and_every_promise_holds_under_each_policy(days: Days, policy: str) -> None:
    settings = await days.under(policy)
    assert settings.report is not None
    report = Report.model_validate(json.loads(settings.report.read_text()), strict=False)
    ended = report.ended
    assert ended.done + ended.unserved + ended.cancelled + ended.refused == report.requests == 20
    assert (report.open, report.lost, report.double_booked, report.verify) == (0, 0, 0, "ok")
    assert ended.done > 0
    assert report.policy == policy


async def test_alert_next_never_has_two_open_offers_for_one_visit(days: Days) -> None:
    live: dict[str, set[str]] = {}
    for record in await events(await days.under("alert-next")):
        event = record.envelope.event
        if event.kind == "seat_offered":
            open_offers = live.setdefault(str(event.request_id), set())
            open_offers.add(str(event.offer_id))
            assert len(open_offers) == 1
        elif event.kind in {"seat_accepted", "offer_ended"}:
            live[str(event.request_id)].discard(str(event.offer_id))


async def test_a_demo_replaces_an_earlier_demo_and_nothing_else(tmp_path: Path, screen: Console) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "letters.txt").write_text("dear …")
    assert await demo(told(folder), screen) == 2
    assert (folder / "letters.txt").read_text() == "dear …"
    assert "no demo made" in screen.file.getvalue()  # type: ignore[attr-defined]


async def test_an_unknown_scenario_is_wrong_use(tmp_path: Path, screen: Console) -> None:
    settings = told(tmp_path / "day").model_copy(update={"scenario": "atlantis"})
    assert await demo(settings, screen) == 2
    assert "atlantis" in screen.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("file", ["report", "picture"])
async def test_a_report_that_could_not_be_written_is_refused_before_the_run(tmp_path: Path, file: str) -> None:
    said = Console(file=io.StringIO(), width=200)
    settings = told(tmp_path / "day", **{file: tmp_path / "nowhere" / "report"})
    assert await demo(settings, said) == 2
    assert "is no folder" in said.file.getvalue()  # type: ignore[attr-defined]
    assert not settings.data.exists()
