"""What the handbook tells an engineer at three in the morning is true: its blocks for one machine run, in order."""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.handling import failed
from engine.ports import DeadLetter, NewCommand, ZoneAppend
from engine.snapshots import fold
from ningju.bootstrap.clock import SystemClock
from ningju.bootstrap.store import open_store
from ningju.ledger.verify import verify
from ningju.settings import Settings
from schemas.base import derive_id
from schemas.commands import SubmitRequest
from schemas.envelope import Actor, CommandEnvelope
from schemas.place import Place, TimeWindow
from schemas.request import RequestSpec
from tests.chaos.processes import Ningju, cleared, free_port
from tests.project.operations import FENCE, PAGE, PART, blocks, type_in

ONE, MANY = "One machine", "Kafka and PostgreSQL"


def test_every_block_of_the_handbook_belongs_to_a_part_that_is_run() -> None:
    run = [blocks(part, stopped=stopped) for part in (ONE, MANY) for stopped in (False, True)]
    assert sum(map(len, run)) == len(FENCE.findall(PAGE.read_text(encoding="utf-8")))
    assert len(run[0]) > 5
    assert len(run[2]) > 5


def test_every_action_that_the_handbook_names_is_logged_somewhere() -> None:
    table = PART.split(PAGE.read_text(encoding="utf-8"))[2].split("| exit code")[0]
    named = {
        name for line in table.splitlines() if line.startswith("| `") for name in line.split("|")[1].split("`")[1::2]
    }
    actions = {name for name in named if "_" in name or name in {"missing", "crashed", "restarted"}}
    root = PAGE.parents[1]
    source = "".join(
        file.read_text(encoding="utf-8") for folder in ("ningju", "streams") for file in (root / folder).rglob("*.py")
    )
    assert actions > {"cannot_start", "commit_put_off", "dead_letter"}
    assert {name for name in actions if f'action="{name}"' not in source} == set()


def submission() -> CommandEnvelope:
    """A request that the scenario's zone can take."""
    start = datetime.now(UTC) + timedelta(days=1)
    spec = RequestSpec(
        request_id=derive_id("request", "planted"),
        service_type="elder-visit",
        place=Place(lon=121.43, lat=31.21),
        windows=(TimeWindow(start=start, end=start + timedelta(hours=3)),),
    )
    return CommandEnvelope(
        command_id=derive_id("planted"),
        zone="huayang",
        actor=Actor(kind="operator", id="li"),
        correlation_id=spec.request_id,
        received_at=datetime.now(UTC),
        command=SubmitRequest(spec=spec),
    )


async def plant(settings: Settings) -> None:
    """Make two dead letters: a command on which the engine failed, and garbage."""
    store = await open_store(settings, SystemClock())
    command = submission()
    await store.enqueue([NewCommand(command)])
    state = fold(command.zone, await store.load(command.zone))
    decided = failed(state, command, "KeyError").decided
    image = await store.image(command.zone)
    await store.commit([ZoneAppend(command.zone, image.version, (decided,), image.next_due)])
    await store.dead_letter(
        DeadLetter("ningju.commands", 0, 1, "KeyError: 'x'", command.dump(), command.zone, command.command_id)
    )
    await store.dead_letter(DeadLetter("ningju.requests", 0, 1, "no request: not JSON", b"call 13955512345 \x1b[31m"))
    await store.close()


async def holds(settings: Settings) -> bool:
    store = await open_store(settings, SystemClock())
    try:
        return await verify(store, datetime.now(UTC) - timedelta(days=1)) is None
    finally:
        await store.close()


@pytest.mark.slow
async def test_every_block_for_one_machine_runs(tmp_path: Path) -> None:
    settings, port = Settings(data=tmp_path / "data"), free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NINGJU_")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NINGJU_DATA": str(settings.data),
        "NINGJU_URL": f"http://127.0.0.1:{port}",
        "COLUMNS": "200",
    }
    with cleared("operations") as run:
        up = Ningju(["up"], folder=tmp_path, run=run, port=port, scenario="tiny")
        up.until_ready()
        await plant(settings)
        told = await asyncio.to_thread(type_in, blocks(ONE), tmp_path, environment)
        assert up.terminate() == 0
        await asyncio.to_thread(type_in, blocks(ONE, stopped=True), tmp_path, environment)
    assert "13955512345" not in told
    assert "\x1b[31m" not in told
    assert "\taccepted" in told  # the replay's verdict
    assert "told the hotline" in told
    assert '"state": "discarded"' in told
    assert "\nok\n" in told
    assert await holds(settings)
