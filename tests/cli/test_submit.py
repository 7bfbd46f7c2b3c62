"""Requests from files, whatever program wrote them."""

import io
import json
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from ningju.reading.files import Source, Unreadable, decode, records
from schemas.commands import SubmitRequest
from schemas.envelope import CommandEnvelope
from tests.cli.conftest import Cli
from tests.cli.serving import Server
from tests.console.world import need, window

CSV = "编号,服务项目,站点,开始,结束,姓名,电话,备注\n{id},escort,home,2026-03-03 09:00,2026-03-03 12:00,李桂英,13800001111,请按门铃\n"


def body(**fields: Any) -> str:
    return json.dumps(need(**{"service_type": "escort", "site": "home", "place": None} | fields))


def spec_of(server: Server, request_id: str) -> Any:
    from uuid import UUID

    row = server.ask(lambda store: store.submitted(UUID(request_id)))
    assert row is not None
    command = CommandEnvelope.read(row.data).command
    assert isinstance(command, SubmitRequest)
    return command.spec


def test_each_line_gets_its_id_or_why_not(cli: Cli, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    file.write_text("\n".join([body(), "{broken", "", body(service_type="magic"), "[1]", body(urgent=1)]))
    done = cli("submit", file, "--json")

    assert done.code == 1
    told = [json.loads(line) for line in done.out.splitlines()]
    assert [one["line"] for one in told] == [1, 2, 4, 5, 6]
    assert told[0]["zone"] == "lively"
    assert [one.get("reason", "").partition(":")[0] for one in told] == [
        "",
        "no JSON",
        "service_type",
        "body",
        "urgent",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_table_in_any_encoding_of_a_spreadsheet_is_read(
    cli: Cli, server: Server, tmp_path: Path, encoding: str
) -> None:
    file = tmp_path / "需求.csv"
    file.write_bytes(CSV.format(id=f"enc-{encoding}").encode(encoding))
    done = cli("submit", file, "--json")

    assert (done.code, done.err) == (0, "")
    spec = spec_of(server, json.loads(done.out)["id"])
    assert spec.windows[0].start.isoformat() == "2026-03-03T01:00:00+00:00"  # 09:00 in Shanghai
    person = server.ask(lambda store: store.person(spec.beneficiary))
    assert person is not None
    assert (person.name, person.phone, person.note) == ("李桂英", "13800001111", "请按门铃")


def test_a_workbook_with_dates_and_numbers_is_read(cli: Cli, server: Server, tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["service_type", "lon", "lat", "start", "end", "priority", "demands", "phone"])
    when = datetime(2026, 3, 3, 9), datetime(2026, 3, 3, 12)
    sheet.append(["escort", 121.401, 31.211, *when, 3, "care:2:2", 13800001111])
    sheet.append(["escort", 121.401, 31.211, *when, "high", None, None])
    file = tmp_path / "r.xlsx"
    book.save(file)
    done = cli("submit", file, "--json")

    good, bad = (json.loads(line) for line in done.out.splitlines())
    spec = spec_of(server, good["id"])
    assert (spec.priority, spec.demands[0].level, spec.demands[0].heads) == (3, 2, 2)
    assert spec.windows[0].start.isoformat() == "2026-03-03T01:00:00+00:00"
    assert bad["reason"] == "priority: 'high' is no whole number"


def test_a_file_can_be_sent_again_and_an_id_keeps_its_content(cli: Cli, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    file.write_text(CSV.format(id="A7"))
    first, again = cli("submit", file, "--json"), cli("submit", file, "--json")
    file.write_text(CSV.format(id="A7").replace("12:00", "13:00"))
    other = cli("submit", file, "--json")

    assert first.out == again.out
    assert other.code == 1
    assert json.loads(other.out)["status"] == 409


BROKEN = {
    "utf8-cut.csv": CSV.format(id="x").encode()[:-8] + b"\xe9\x97\n",
    "random.csv": random.Random(1).randbytes(4_000),
    "gb-cut.csv": CSV.format(id="x").encode("gb18030")[:-1] + b"\xc0",
    "control.csv": b"id,service_type\n\x07\x01,escort\n",
    "nul.jsonl": b'{"a": 1}\x00\x00\n',
    "image.xlsx": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "cut.xlsx": b"PK\x03\x04" + bytes(200),
    "twice.csv": b"id,id\n1,2\n",
    "empty.csv": b"",
    "header.csv": b"id,service_type\n",
    "array.json": b"[{",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_with_its_name_and_nothing_is_sent(
    cli: Cli, server: Server, tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    file.write_bytes(BROKEN[name])
    done = cli("submit", file)

    assert done.code == 2
    assert name in done.err
    assert "Traceback" not in done.err


def test_a_broken_row_does_not_hold_up_the_others(cli: Cli, server: Server, tmp_path: Path) -> None:
    row = "escort,home,2026/3/3 9:00,2026/3/3 12:00\n"
    file = tmp_path / "r.csv"
    file.write_text("service_type,site,start,end\n" + row + "escort,home,soon,later\n" + "a,b,c,d,e\n" + row)
    done = cli("submit", file, "--json")

    told = [json.loads(line) for line in done.out.splitlines()]
    assert ["id" in one for one in told] == [True, False, False, True]
    assert "start" in told[1]["reason"]
    assert "5 cells under 4 columns" in told[2]["reason"]


def test_an_unknown_column_is_named(cli: Cli, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    file.write_text("service,site\nescort,home\n")
    done = cli("submit", file, "--json")

    assert done.code == 1
    assert json.loads(done.out)["reason"].startswith("service: unknown column")


def test_coordinates_of_a_chinese_map_are_converted(cli: Cli, server: Server, tmp_path: Path) -> None:
    place = {"lon": 121.405, "lat": 31.211}
    file = tmp_path / "r.jsonl"
    file.write_text(json.dumps(need(service_type="escort", place=place)))
    plain = spec_of(server, json.loads(cli("submit", file, "--json").out)["id"]).place
    moved = spec_of(server, json.loads(cli("submit", file, "--json", "--crs", "gcj02").out)["id"]).place

    assert (plain.lon, plain.lat) == (121.405, 31.211)
    assert abs(moved.lon - 121.4005) < 0.0015  # GCJ-02 lies some 450 m to the east of here
    assert moved.lon < plain.lon


def test_standard_input_is_read(cli: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    class Input:
        buffer = io.BytesIO(body(windows=[window(4, 7)]).encode())

    monkeypatch.setattr("sys.stdin", Input)
    assert cli("submit", "-").code == 0


def test_a_server_that_is_not_there_is_exit_code_3(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text(body())
    done = cli("submit", file, "--url", "http://127.0.0.1:1")

    assert done.code == 3
    assert "ningju up" in done.err
    assert cli("submit", file, "--url", "nonsense").code == 2
    assert cli("submit", tmp_path / "missing.jsonl", "--url", "http://127.0.0.1:1").code == 2


@given(st.binary(max_size=300), st.sampled_from(["x.csv", "x.jsonl", "x.json", "x.xlsx", "-"]))
def test_no_bytes_raise_anything_but_a_word_on_the_file(data: bytes, name: str) -> None:
    stop = None
    try:
        assert all(record.line >= 1 for record in records(Source(name, data)))
    except Unreadable as caught:
        stop = caught
    assert stop is None or name in str(stop)


@given(st.text(st.characters(categories=["Lo", "L", "N", "P", "Zs"]), min_size=1, max_size=40))
def test_text_reads_back_from_utf8_and_chinese_text_from_gb18030(text: str) -> None:
    assert decode(Source("x.csv", text.encode("utf-8-sig"))) == text
    chinese = "长宁区需求单，" + "".join(char for char in text if "\u4e00" <= char <= "\u9fa5")
    assert decode(Source("x.csv", chinese.encode("gb18030"))) == chinese
