"""Each role in a process of its own, on PostgreSQL and one broker: a request goes from the door to its crew."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from streams.broker import EmbeddedBroker
from tests.chaos.processes import Ningju, free_port, kill, nobody_left, until
from tests.chaos.town import needs, write_town

pytestmark = pytest.mark.slow

ROLES = ("api", "intake", "zones", "matcher", "dispatcher")


@pytest.fixture
def broker() -> Iterator[str]:
    with EmbeddedBroker() as broker:
        yield broker.address


def begun(ningju: Ningju) -> bool:
    assert ningju.process.poll() is None, ningju.text()[-3000:]
    return bool(ningju.actions("ready"))


def serve_one(client: httpx2.Client, need: dict[str, Any]) -> None:
    """Take one request from the door to its crew: api, zones, matcher and dispatcher all have their part in it."""
    taken = client.post("/requests", json=need).raise_for_status()
    where = f"/requests/{taken.json()['id']}"

    def offers() -> list[dict[str, Any]]:
        return list(client.get(where).raise_for_status().json()["offer_list"])

    until(offers, "an offer")
    offer = offers()[0]
    by = {"X-Actor": f"volunteer:{offer['volunteer']}"}
    client.post(f"/offers/{offer['offer_id']}/accept", headers=by).raise_for_status()
    until(lambda: client.get(where).json()["state"] == "accepted", "the verdict")  # it may be pending at first


def test_roles_in_processes_of_their_own_serve_a_request_and_each_comes_back_when_killed(
    tmp_path: Path, run: str, database: str, broker: str
) -> None:
    roster, port = write_town(tmp_path), free_port()
    folders = {role: tmp_path / role for role in ROLES}
    for folder in folders.values():
        folder.mkdir()

    def start(role: str) -> Ningju:
        return Ningju(
            ["worker", role],
            folder=folders[role],
            run=run,
            port=port if role == "api" else 0,
            database=database,
            broker=broker,
            roster=roster if role == "zones" else None,
        )

    workers = {role: start(role) for role in ROLES}
    for worker in workers.values():
        until(lambda worker=worker: begun(worker), "a role")  # type: ignore[misc]
    workers["api"].until_ready()
    until(lambda: workers["zones"].actions("prepared"), "zones")
    need = needs(hours=0.7)
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=60) as client:
        serve_one(client, next(need))
        for role in ROLES:
            kill(*workers[role].tree())
            workers[role].process.wait()
        nobody_left(run)
        for role in ROLES:
            folders[role].joinpath("ningju.log").unlink()
            workers[role] = start(role)
        workers["api"].until_ready()
        serve_one(client, next(needs(hours=0.8, preferred=[])) | {"beneficiary": {"id": "b-second"}})
    for worker in workers.values():
        assert worker.terminate() == 0
    nobody_left(run)
