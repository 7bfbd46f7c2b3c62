"""The other commands: what they print, and their exit codes."""

import json
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import typer
from openpyxl import Workbook
from rich.console import Console

from ningju.cli.app import app
from ningju.cli.asking import shown
from schemas.base import derive_id
from schemas.problem import Problem
from tests.cli.conftest import Cli
from tests.cli.serving import Server
from tests.console.test_rosters import kind, place, team, volunteer
from tests.console.world import need


def options() -> Iterator[tuple[str, list[str], object]]:
    def walk(command: object, path: str) -> Iterator[tuple[str, list[str], object]]:
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk(inner, f"{path} {name}")
        for one in getattr(command, "params", []):
            if one.param_type_name == "option" and one.name != "help":
                yield path, list(one.opts), one.envvar

    yield from walk(typer.main.get_command(app), "ningju")


def test_every_flag_has_a_twin_of_its_own_name() -> None:
    found = list(options())
    assert len(found) > 40
    for path, names, twin in found:
        wanted = "NINGJU_" + names[0].removeprefix("--").replace("-", "_").upper()
        assert twin == wanted, f"{path} {names}"


def test_every_command_of_the_interface_is_there_and_explains_itself(cli: Cli) -> None:
    commands = "up worker demo submit roster catalogue queue explain replay verify rebuild export solve schema doctor"
    for command in commands.split():
        done = cli(command, "--help")
        assert done.code == 0
        assert "Usage" in done.out
    assert cli("nonsense").code == 2
    assert cli("up", "--port", "many").code == 2
    assert cli("up", "--roles", "king").code == 2
    assert cli("worker", "king").code == 2


def test_a_server_for_everybody_is_refused_while_nobody_signs_in(cli: Cli, tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org"):
        assert cli("up", "--host", host, "--data", tmp_path / "d").code == 2
    assert not (tmp_path / "d").exists()


def test_a_worker_alone_needs_a_database_that_processes_can_share(cli: Cli) -> None:
    done = cli("worker", "zones")
    assert done.code == 2
    assert "PostgreSQL" in done.err
    done = cli("worker", "zones", "--database", "sqlite:///x.db", "--broker", "127.0.0.1:1")
    assert done.code == 2
    assert "PostgreSQL" in done.err


def test_a_roster_is_imported_into_the_zones_of_its_teams(cli: Cli, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "roster.json"
    crew = [volunteer("v5", "t5"), volunteer("v6", "t1"), volunteer("v7", "t9"), volunteer("v8", "t5", travel="boat")]
    file.write_text(json.dumps({"teams": [team("t5", "lively"), team("t6", "atlantis")], "volunteers": crew}))
    done = cli("roster", "import", file, "--json")

    assert done.code == 1
    told = json.loads(done.out)
    assert told["taken"] == 3
    assert {(one["list"], one["id"], one["field"]) for one in told["refused"]} == {
        ("teams", "t6", "item"),
        ("volunteers", "v7", "item"),
        ("volunteers", "v8", "travel"),
    }


def test_a_roster_of_a_workbook_is_imported(cli: Cli, server: Server, tmp_path: Path) -> None:
    book = Workbook()
    teams, people = book.active, book.create_sheet("volunteers")
    assert teams is not None
    teams.title = "Teams"
    teams.append(["id", "zone", "名称", "lon", "lat"])
    teams.append(["t8", "lively", "八队", 121.4, 31.21])
    people.append(["编号", "服务队", "姓名", "电话", "经度", "纬度", "技能", "空闲", "出行"])
    people.append(["w1", "t8", "王建国", 13900002222, 121.4, 31.21, "care:2；talk", "mon 08:00-11:30", "自行车"])
    people.append(["w2", "t8", "赵", None, 121.4, 31.21, "care", "monday morning", None])
    file = tmp_path / "roster.xlsx"
    book.save(file)
    done = cli("roster", "import", file)

    assert done.code == 1
    assert "line 3\titem: 空闲: 'monday morning' is no slot" in done.out
    _, rows = server.ask(lambda store: store.roster("lively"))
    (one,) = [row.volunteer for row in rows if row.volunteer.id == "w1"]
    assert (one.travel, one.skills[0].level, one.weekly[0].end_min) == ("bicycle", 2, 690)
    person = server.ask(lambda store: store.person("w1"))
    assert person is not None
    assert person.phone == "13900002222"


def test_a_catalogue_is_imported(cli: Cli, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "catalogue.json"
    body = {"service_types": [kind("opera", featured_by="lively")], "sites": [place("stage", "lively")]}
    file.write_text(json.dumps(body))
    assert cli("catalogue", "import", file).code == 0

    view = server.ask(lambda store: store.zone("lively"))
    assert view is not None
    assert {"escort", "opera"} == {item.id for item in view.service_types}
    file.write_text(json.dumps({"recipes": []}))
    assert cli("catalogue", "import", file).code == 2


def test_the_queue_shows_what_waits(cli: Cli, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text(json.dumps(need(service_type="escort", priority=5)))
    request_id = json.loads(cli("submit", file, "--json").out)["id"]
    for _ in range(200):
        done = cli("queue", "--zone", "lively", "--json")
        if request_id in done.out:
            break

    assert json.loads(done.out)[0]["requests"][0]["priority"] == 5
    assert request_id in cli("queue").out
    assert cli("queue", "--timezone", "Nowhere/Else").code == 2
    assert cli("queue", "--zone", "atlantis").code == 2


def test_in_eighty_columns_each_row_of_the_queue_can_be_read_and_its_id_copied(
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = {
        "zone": "chengjiaqiao",
        "request_id": str(derive_id("a request")),
        "state": "under_way",
        "priority": 3,
        "service_type": "emergency-check",
        "windows": [{"start": "2026-03-02T14:00:00Z", "end": "2026-03-02T16:00:00Z"}],
        "crew": 2,
        "alarms": ["needs_operator"],
        "visit": {"seats": [{"state": "accepted"}, {"state": "offered"}]},
    }
    queues = [{"zone": "chengjiaqiao", "open": 1, "requests": [row]}]
    Console(width=80).print(shown(queues, ZoneInfo("Asia/Shanghai")))
    printed = capsys.readouterr().out
    for text in (
        "chengjiaqiao",
        "under way",
        "emergency-check",
        "needs operator",
        row["request_id"],
        "03-03 00:00",
        "1/2",
    ):
        assert str(text) in printed


def test_explaining_says_no_for_a_request_that_nobody_knows(cli: Cli, server: Server) -> None:
    assert cli("explain", derive_id("nobody")).code == 1
    assert cli("explain", "17").code == 2


def test_a_problem_is_solved_and_what_is_left_out_is_no_error(cli: Cli, tmp_path: Path) -> None:
    problem = {
        "horizon": {"start": 0, "end": 36_000},
        "locations": [{"lon": 121.40, "lat": 31.21}],
        "visits": [
            {
                "id": "a",
                "location": 0,
                "windows": [{"start": 0, "end": 7_200}],
                "duration": 600,
                "demands": [{"skill": "care"}],
            },
            {
                "id": "b",
                "location": 0,
                "windows": [{"start": 0, "end": 7_200}],
                "duration": 600,
                "demands": [{"skill": "law"}],
            },
        ],
        "teams": [{"id": "t"}],
        "volunteers": [
            {
                "id": "v",
                "team": "t",
                "location": 0,
                "skills": [{"skill": "care"}],
                "shifts": [{"start": 0, "end": 36_000}],
            }
        ],
    }
    file, output = tmp_path / "p.json", tmp_path / "plan.json"
    file.write_text(json.dumps(problem))
    first, again = (cli("solve", file, "--iterations", 20, "--seed", 3) for _ in range(2))

    plan, second = json.loads(first.out), json.loads(again.out)
    assert [one["visit"] for one in plan["assignments"]] == ["a"]
    assert [one["visit"] for one in plan["left_out"]] == ["b"]
    assert {**plan, "seconds": 0} == {**second, "seconds": 0}
    assert cli("solve", file, "--output", output).code == 0
    assert json.loads(output.read_text())["status"] == plan["status"]
    file.write_text('{"horizon": 1}')
    wrong = cli("solve", file)
    assert (wrong.code, "horizon" in wrong.err) == (2, True)


@pytest.mark.parametrize("name", ["problem", "plan", "command", "commands", "event", "events", "report", "request"])
def test_a_schema_is_json_schema(cli: Cli, name: str) -> None:
    done = cli("schema", name)
    assert done.code == 0
    assert "$defs" in json.loads(done.out)


def test_all_schemas_are_told_at_once_and_an_unknown_one_is_wrong_use(cli: Cli) -> None:
    assert json.loads(cli("schema").out)["problem"] == Problem.model_json_schema()
    assert cli("schema", "nonsense").code == 2
