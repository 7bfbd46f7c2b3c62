"""``ningju token`` on a ledger of its own, and commands that call with one."""

import asyncio
import json
from pathlib import Path

import httpx2
import pytest

from ningju.bootstrap.clock import SystemClock
from ningju.bootstrap.store import open_store
from ningju.cli.client import Client
from ningju.console import tokens
from ningju.settings import Settings
from tests.cli.conftest import Cli
from tests.cli.test_ledger import _write as write_zones


@pytest.fixture
def data(tmp_path: Path) -> Path:
    asyncio.run(write_zones(tmp_path))
    return tmp_path


async def _found(data: Path, secret: str) -> tuple[str, ...] | None:
    store = await open_store(Settings(data=data), SystemClock())
    try:
        found = await tokens.find(store, secret)
        return None if found is None else found.scopes
    finally:
        await store.close()


def test_a_token_is_shown_once_listed_without_itself_and_revoked(cli: Cli, data: Path) -> None:
    made = cli("token", "create", "hotline", "--scope", "requests:write", "--scope", "requests:read", "--data", data)
    secret = made.out.strip()
    assert (made.code, secret.startswith("ningju_")) == (0, True)
    assert asyncio.run(_found(data, secret)) == ("requests:read", "requests:write")
    assert asyncio.run(_found(data, secret + "x")) is None

    listed = cli("token", "list", "--data", data, "--json")
    (one,) = json.loads(listed.out)
    assert (one["name"], one["zones"], one["created_by"]) == ("hotline", None, "operator:local")
    assert secret not in listed.out + cli("token", "list", "--data", data).out
    assert secret.encode() not in b"".join(file.read_bytes() for file in data.iterdir())

    assert cli("token", "revoke", one["id"], "--data", data).code == 0
    assert asyncio.run(_found(data, secret)) is None
    assert cli("token", "revoke", one["id"], "--data", data).code == 1
    assert json.loads(cli("token", "list", "--data", data, "--json").out)[0]["revoked_at"] is not None


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (("--scope", "everything"), "there is no scope everything"),
        (("--scope", "events", "--zone", "atlantis"), "there is no zone atlantis"),
    ],
)
def test_a_token_for_what_is_not_there_is_refused(cli: Cli, data: Path, flags: tuple[str, ...], what: str) -> None:
    done = cli("token", "create", "x", *flags, "--data", data)
    assert done.code == 2
    assert what in done.err


@pytest.mark.parametrize(
    ("actor", "sent"), [("operator:local", None), ("volunteer:v1", "volunteer:v1")], ids=["itself", "for somebody"]
)
def test_commands_call_with_the_token_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, actor: str, sent: str | None
) -> None:
    monkeypatch.setenv("NINGJU_TOKEN", "ningju_abc")
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json={})

    client = Client("http://console", actor, httpx2.MockTransport(answer))
    client.get("/zones")
    client.close()
    assert seen[0].headers["authorization"] == "Bearer ningju_abc"
    assert seen[0].headers.get("x-actor") == sent
