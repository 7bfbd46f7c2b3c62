"""``ningju webhooks`` on a ledger of its own."""

import asyncio
import json
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from engine.ports import DeadLetter
from ningju.bootstrap import webhooks
from ningju.bootstrap.clock import SystemClock
from ningju.bootstrap.entrance import secret_of
from ningju.bootstrap.letters import NotReplayable, replay
from ningju.bootstrap.store import open_store
from ningju.dispatch.webhooks import Sender
from ningju.settings import Settings
from tests.cli.conftest import Cli
from tests.cli.test_ledger import _write as write_zones
from tests.dispatch.receiver import receiver
from tests.dispatch.test_webhooks import PERMIT, here

URL = "https://1.1.1.1/in"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    asyncio.run(write_zones(tmp_path))
    return tmp_path


def listed(cli: Cli, data: Path) -> list[dict[str, object]]:
    found = json.loads(cli("webhooks", "list", "--data", data, "--json").out)
    assert isinstance(found, list)
    return found


def test_a_subscription_begins_now_is_listed_and_removed(cli: Cli, data: Path) -> None:
    made = cli("webhooks", "add", URL, "--kind", "request_ended", "--data", data, "--json")
    told = json.loads(made.out)
    assert (made.code, told["secret"][:6]) == (0, "whsec_")
    (one,) = listed(cli, data)
    assert one == {
        "id": told["id"],
        "url": URL,
        "kinds": ["request_ended"],
        "zones": [],
        "behind": 0,
        "suspended_at": None,
    }
    assert told["secret"] not in cli("webhooks", "list", "--data", data).out
    assert cli("webhooks", "resume", told["id"], "--data", data).code == 0
    assert cli("webhooks", "remove", told["id"], "--data", data).code == 0
    assert listed(cli, data) == []
    for command in ("remove", "resume"):
        assert cli("webhooks", command, told["id"], "--data", data).code == 1
    assert cli("webhooks", "test", told["id"], "--data", data).code == 2


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("http://1.1.1.1/in",), "https"),
        (("https://127.0.0.1/in",), "not a public address"),
        (("https://169.254.169.254/latest",), "not a public address"),
        ((URL, "--kind", "moon_rise"), "there is no event moon_rise"),
        ((URL, "--zone", "atlantis"), "there is no zone atlantis"),
    ],
)
def test_what_cannot_or_may_not_be_sent_is_refused(cli: Cli, data: Path, arguments: tuple[str, ...], what: str) -> None:
    done = cli("webhooks", "add", *arguments, "--data", data)
    assert done.code == 2
    assert what in done.err
    assert listed(cli, data) == []


def test_a_test_message_is_signed_by_the_secret_that_add_told(cli: Cli, data: Path) -> None:
    told = json.loads(cli("webhooks", "add", URL, "--data", data, "--json").out)
    settings = Settings(data=data)
    with receiver() as there:

        async def ping() -> str | None:
            store = await open_store(settings, SystemClock())
            (one,) = await store.subscriptions()
            await store.put_subscription(type(one)(one.id, there.url, (), (), one.created_at, one.created_by))
            await store.close()
            sender = Sender(secret_of(settings), permit=PERMIT, resolve=here, timeout_s=2)
            return await webhooks.ping(settings, one.id, sender)

        assert asyncio.run(ping()) is None
        there.statuses = [500]
        assert asyncio.run(ping()) == "answered 500"
    _, headers, body = there.got[0]
    assert Webhook(told["secret"]).verify(body, dict(headers)) == json.loads(body)
    assert json.loads(body)["type"] == "ping"
    assert cli("webhooks", "test", told["id"], "--data", data).code == 1, "the real sender calls nobody on this machine"


def test_a_letter_of_a_webhook_is_not_replayed_but_its_event_can_be_read(data: Path) -> None:
    settings = Settings(data=data)

    async def keep() -> None:
        store = await open_store(settings, SystemClock())
        await store.dead_letter(DeadLetter("webhook:wh-1:north", 0, 7, "answered 500", b"{}", "north"))
        await store.close()

    asyncio.run(keep())
    with pytest.raises(NotReplayable, match=r"zone=north&after=6&limit=1"):
        asyncio.run(replay(settings, 1, "operator:li", 0))


async def test_where_processes_share_a_ledger_nothing_is_signed_by_a_secret_of_one_of_them() -> None:
    settings = Settings(database="postgresql://db/ningju")  # type: ignore[arg-type]
    assert webhooks.loop(settings, None, SystemClock()) is None  # type: ignore[arg-type]
    with pytest.raises(webhooks.NotAdded, match="NINGJU_SECRET"):
        await webhooks.add(settings, URL, (), (), "operator:li")
