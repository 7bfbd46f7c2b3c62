from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest

from ningju.cli.app import run
from tests.cli.serving import Server
from tests.console.logging_kept import logging_kept
from tests.console.test_rosters import kind, place, team, volunteer
from tests.console.world import zone_view


@dataclass(frozen=True, slots=True)
class Result:
    code: int
    out: str
    err: str


class Cli:
    """Runs commands in this process and keeps what they print apart."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Result:
        self._capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        printed = self._capsys.readouterr()
        return Result(code, printed.out, printed.err)


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    with logging_kept(silent=True):
        yield


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("COLUMNS", "200")
    return Cli(capsys)


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with logging_kept(silent=True):
        server = Server()
        _set_up(server)
    yield server
    server.stop()


def _set_up(server: Server) -> None:
    with httpx2.Client(base_url=f"{server.url}/api/v1", headers={"Prefer": "wait=10"}, trust_env=False) as http:
        config = zone_view("lively", 121.39).config.model_dump(mode="json")
        http.put("/zones/lively", json={"config": config}).raise_for_status()
        body = {"service_types": [kind("escort")], "sites": [place("home", "lively")]}
        http.put("/zones/lively/catalogue", json=body).raise_for_status()
        roster = {"teams": [team("t1", "lively")], "volunteers": [volunteer("v1", skills=[{"skill": "care"}])]}
        http.put("/zones/lively/roster", json=roster).raise_for_status()


@pytest.fixture
def server(running: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("NINGJU_URL", running.url)
    return running
