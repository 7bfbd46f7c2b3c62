"""Commands that open the ledger themselves."""

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest

from engine.ports import NewCommand
from ningju.bootstrap.store import open_store
from ningju.settings import Settings
from schemas.base import derive_id
from schemas.commands import ChangeCatalogue, Command, ConfigureZone, SubmitRequest
from schemas.envelope import Actor, CommandEnvelope, EventEnvelope
from schemas.place import Place, TimeWindow
from schemas.request import RequestSpec
from schemas.zone import Policy
from tests.cli.conftest import Cli
from tests.console.world import NOW, SetClock, service, window, zone_view
from tests.console.zone_loop import ZoneLoop


@pytest.fixture
def data(tmp_path: Path, cli: Cli) -> Path:
    """A ledger with two zones and a request; its clock stands in March 2026, as a demo's does."""
    folder = tmp_path / "ledger"
    asyncio.run(_write(folder))
    (folder / "demo").touch()
    return folder


async def _write(folder: Path) -> None:
    store = await open_store(Settings(data=folder), SetClock(), stepped=True)
    spec = RequestSpec(
        request_id=derive_id("request", "r1"),
        service_type="elder-visit",
        place=Place(lon=121.4, lat=31.21),
        windows=(TimeWindow.model_validate_json(json.dumps(window(4, 8))),),
    )
    for zone in ("north", "south"):
        config = zone_view(zone, 121.39).config
        commands: list[Command] = [
            ConfigureZone(config=config, policy=Policy()),
            ChangeCatalogue(service_types=(service(),)),
        ]
        if zone == "north":
            commands.append(SubmitRequest(spec=spec))
        for n, command in enumerate(commands):
            command_id = derive_id(zone, n)
            envelope = CommandEnvelope(
                command_id=command_id,
                zone=zone,
                actor=Actor(kind="operator", id="local"),
                correlation_id=command_id,
                received_at=NOW,
                command=command,
            )
            await store.enqueue([NewCommand(envelope)])
    await ZoneLoop(store).drain()
    await store.close()


def test_a_ledger_that_is_whole_is_ok(cli: Cli, data: Path) -> None:
    assert cli("verify", "--data", data).out == "ok\n"
    assert json.loads(cli("verify", "--data", data, "--json").out) == {"ok": True, "violation": None}


def test_a_changed_event_is_found_and_the_answer_is_no(cli: Cli, data: Path) -> None:
    with sqlite3.connect(data / "ningju.db") as db:
        table = next(name for (name,) in db.execute("select name from sqlite_master where name like 'event%'"))
        changed = db.execute(
            f"update {table} set data = replace(cast(data as text), 'elder-visit', 'other-visit') "
            "where zone = 'north' and version = 2"
        )
        assert changed.rowcount == 1
    db.close()
    done = cli("verify", "--data", data)

    assert done.code == 1
    assert "north" in done.out


def test_a_timer_that_is_overdue_is_found(cli: Cli, data: Path) -> None:
    done = cli("verify", "--data", data, "--at", "2026-03-09T09:00+08:00")

    assert done.code == 1
    assert cli("verify", "--data", data, "--at", "soon").code == 2


def test_events_are_exported_zone_by_zone_in_version_order(cli: Cli, data: Path, tmp_path: Path) -> None:
    lines = cli("export", "events", "--data", data).out.splitlines()
    events = [EventEnvelope.read(line) for line in lines]

    assert [one.zone for one in events] == sorted(one.zone for one in events)
    for zone in ("north", "south"):
        versions = [one.version for one in events if one.zone == zone]
        assert versions == list(range(1, len(versions) + 1))
    output = tmp_path / "events.jsonl"
    assert cli("export", "events", "--data", data, "--zone", "south", "--output", output).code == 0
    assert output.read_text().splitlines() == [line for line in lines if '"zone":"south"' in line[:120]]
    assert cli("export", "events", "--data", data, "--zone", "atlantis").code == 2
    assert cli("export", "events", "--data", data, "--output", tmp_path / "no" / "where").code == 2


def test_a_zone_is_shown_as_it_was(cli: Cli, data: Path) -> None:
    now = json.loads(cli("replay", "--zone", "north", "--data", data, "--json").out)
    then = json.loads(cli("replay", "--zone", "north", "--to", 1, "--data", data, "--json").out)
    before = json.loads(cli("replay", "--zone", "north", "--at", "2026-03-01T09:00Z", "--data", data, "--json").out)

    assert (len(now["requests"]), now["requests"][0]["state"]) == (1, "queued")
    assert (then["version"], then["service_types"]) == (1, [])
    assert before["version"] == 0
    assert "requests: 1" in cli("replay", "--zone", "north", "--data", data).out
    for wrong in (["--zone", "atlantis"], ["--zone", "north", "--to", 99], ["--zone", "north", "--to", 1, "--at", "x"]):
        assert cli("replay", *wrong, "--data", data).code == 2


def test_a_read_model_that_was_lost_is_rebuilt(cli: Cli, data: Path) -> None:
    with sqlite3.connect(data / "ningju.db") as db:
        assert db.execute("delete from request_row").rowcount == 1
    db.close()
    assert cli("verify", "--data", data).code == 1
    assert set(json.loads(cli("rebuild", "--data", data, "--json").out)) == {"north", "south"}
    assert cli("verify", "--data", data).code == 0


def test_a_ledger_that_is_not_there_is_exit_code_3_and_is_not_made(cli: Cli, tmp_path: Path) -> None:
    for command in (["verify"], ["rebuild"], ["export", "events"], ["replay", "--zone", "north"]):
        done = cli(*command, "--data", tmp_path / "typo")
        assert done.code == 3
        assert "--data" in done.err
    assert not (tmp_path / "typo").exists()


def test_the_doctor_says_what_to_do(cli: Cli, data: Path, tmp_path: Path) -> None:
    well = cli("doctor", "--data", data, "--json")
    assert well.code == 0
    assert {one["name"] for one in json.loads(well.out)} >= {"python", "database", "broker"}

    ill = cli("doctor", "--data", tmp_path / "typo", "--broker", "127.0.0.1:1", "--json")
    faults = {one["name"]: one["advice"] for one in json.loads(ill.out) if not one["ok"]}
    assert ill.code == 3
    assert set(faults) == {"database", "broker 127.0.0.1:1"}
    assert all(faults.values())
    assert "fault" in cli("doctor", "--data", tmp_path / "typo").out
