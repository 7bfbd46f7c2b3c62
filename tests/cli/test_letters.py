"""``ningju deadletters`` on a ledger of its own: what is shown, what is sent once more, what is put away."""

import asyncio
import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.handling import failed
from engine.ports import DeadLetter, NewCommand, ZoneAppend
from engine.zone import Zone
from ningju.bootstrap.clock import SystemClock
from ningju.bootstrap.store import open_store
from ningju.settings import Settings
from schemas.base import derive_id
from schemas.commands import CancelRequest
from schemas.envelope import Actor, CommandEnvelope
from tests.cli.conftest import Cli
from tests.cli.test_ledger import _write as write_zones
from tests.console.world import NOW
from tests.console.zone_loop import ZoneLoop

EVIL = b'{"phone": "13955512345", "note": "\x1b]0;owned\x07\xe2\x80\xae[red]"}'


def command(name: str) -> CommandEnvelope:
    command_id = derive_id("command", name)
    return CommandEnvelope(
        command_id=command_id,
        zone="north",
        actor=Actor(kind="operator", id="li"),
        reason="",
        correlation_id=derive_id("request", name),
        received_at=NOW,
        command=CancelRequest(request_id=derive_id("request", name)),
    )


def of_command(envelope: CommandEnvelope, offset: int, raw: bytes | None = None) -> DeadLetter:
    data = envelope.dump() if raw is None else raw
    return DeadLetter("ningju.commands", 0, offset, "KeyError: 'x'", data, envelope.zone, envelope.command_id)


def garbage(offset: int = 7, raw: bytes = EVIL, source: str = "ningju.requests") -> DeadLetter:
    return DeadLetter(source, 1, offset, "no request: \x1b[31mwindows", raw)


class Ledger:
    """A ledger in a folder, opened for as long as something is done with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, *letters: DeadLetter, commands: Sequence[CommandEnvelope] = (), fail: bool = True) -> None:
        """Keep letters; of the commands at the door the engine makes nothing, or they stay open."""

        async def work(store: Any) -> None:
            await store.enqueue([NewCommand(one) for one in commands])
            for one in commands if fail else ():
                decided = failed(Zone.empty(one.zone), one, "KeyError").decided
                await store.commit([ZoneAppend(one.zone, 0, (decided,), None)])
            for letter in letters:
                await store.dead_letter(letter)

        self._open(work)

    def decide(self) -> None:
        self._open(lambda store: ZoneLoop(store).drain())

    def open_commands(self) -> list[CommandEnvelope]:
        found: list[CommandEnvelope] = []

        async def work(store: Any) -> None:
            found.extend(CommandEnvelope.read(row.data) for row in await store.open_commands())

        self._open(work)
        return found

    def _open(self, work: Any) -> None:
        async def run() -> None:
            store = await open_store(Settings(data=self.folder), SystemClock())
            try:
                await work(store)
            finally:
                await store.close()

        asyncio.run(run())


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("NINGJU_DATA", str(tmp_path / "ledger"))
    return Ledger(tmp_path / "ledger")


def test_letters_are_listed_newest_first_and_without_their_bytes(cli: Cli, ledger: Ledger) -> None:
    ledger.write(garbage(1), garbage(2), garbage(1))
    told = json.loads(cli("deadletters", "list", "--json").out)

    assert [(one["number"], one["offset"], one["count"], one["state"]) for one in told] == [
        (2, 2, 1, "open"),
        (1, 1, 2, "open"),
    ]
    assert {one["bytes"] for one in told} == {len(EVIL)}
    assert "13955512345" not in json.dumps(told)
    assert "ningju.requests/1/2" in cli("deadletters", "list").out


def test_what_a_stranger_wrote_cannot_command_the_terminal(cli: Cli, ledger: Ledger) -> None:
    ledger.write(garbage())
    for words in (["list"], ["show", 1]):
        out = cli("deadletters", *words).out
        assert not {"\x1b", "\x07", "\u202e"} & set(out)
    shown = cli("deadletters", "show", 1).out
    assert r"\x1b]0;owned\x07" in shown
    assert r"\u202e[red]" in shown
    assert "13955512345" not in shown


def test_the_bytes_can_be_had_as_they_came_in_a_file_for_its_owner_alone(
    cli: Cli, ledger: Ledger, tmp_path: Path
) -> None:
    ledger.write(garbage())
    file = tmp_path / "letter.bin"
    assert cli("deadletters", "show", 1, "--output", file).code == 0
    assert file.read_bytes() == EVIL
    assert file.stat().st_mode & 0o077 == 0
    assert base64.b64decode(json.loads(cli("deadletters", "show", 1, "--json").out)["raw"]) == EVIL
    assert cli("deadletters", "show", 1, "--output", file).code == 2  # no file is written over
    assert cli("deadletters", "show", 9).code == 2


def test_a_replay_is_a_new_command_with_the_old_one_as_its_cause(cli: Cli, ledger: Ledger) -> None:
    old = command("a")
    ledger.write(of_command(old, 3), commands=[old])
    done = cli("deadletters", "replay", 1, "--json")
    (new,) = ledger.open_commands()

    assert (done.code, json.loads(done.out)["status"]) == (0, "open")
    assert json.loads(done.out)["command_id"] == str(new.command_id)
    assert new.command_id != old.command_id
    assert (new.causation_id, new.correlation_id) == (old.command_id, old.correlation_id)
    assert (new.zone, new.actor, new.command) == (old.zone, old.actor, old.command)
    assert new.received_at > old.received_at
    (kept,) = json.loads(cli("deadletters", "list", "--all", "--json").out)
    assert (kept["state"], kept["replayed_as"], kept["closed_by"]) == (
        "replayed",
        str(new.command_id),
        "operator:local",
    )
    assert cli("deadletters", "list", "--json").out == "[]\n"

    again = cli("deadletters", "replay", 1)
    assert again.code == 1
    assert "was replayed as command" in again.out
    assert len(ledger.open_commands()) == 1


def test_a_replay_waits_for_its_verdict_if_it_is_told_to(cli: Cli, ledger: Ledger) -> None:
    old = command("a")
    ledger.write(of_command(old, 3), commands=[old])
    new_id = derive_id("replay", old.command_id)
    ledger.write(commands=[old.changed(command_id=new_id)])  # it failed again, before anybody asked
    done = cli("deadletters", "replay", 1, "--wait", 5)
    assert done.code == 1
    assert f"{new_id}\tnorth\tfailed" in done.out


def test_a_command_whose_bytes_have_expired_is_replayed_from_the_inbox(cli: Cli, ledger: Ledger) -> None:
    old = command("a")
    ledger.write(of_command(old, 3, raw=b""), commands=[old])
    assert cli("deadletters", "replay", 1).code == 0
    assert [one.causation_id for one in ledger.open_commands()] == [old.command_id]


def test_what_cannot_be_replayed_says_why_and_what_to_do(cli: Cli, ledger: Ledger) -> None:
    still_open, decided = command("open"), command("decided")
    ledger.write(commands=[decided], fail=False)
    ledger.decide()
    ledger.write(
        of_command(still_open, 1),
        of_command(decided, 2),
        garbage(3),
        garbage(4, raw=b""),
        garbage(5, source="ningju.events"),
        garbage(6, source="ningju.commands"),
        commands=[still_open],
        fail=False,
    )
    done = cli("deadletters", "replay", 1, 2, 3, 4, 5, 6, 77)
    lines = dict(line.split("\trefused\t") for line in done.out.splitlines())

    assert done.code == 1
    assert "sent again by itself" in lines["1"]
    assert "was rejected after all" in lines["2"]
    assert "no request that can be read" in lines["3"]
    assert "ask its sender" in lines["4"]
    assert "read from the ledger" in lines["5"]
    assert "no command that this release can read" in lines["6"]
    assert "ningju deadletters list" in lines["77"]
    assert [one.command_id for one in ledger.open_commands()] == [still_open.command_id]
    assert len(json.loads(cli("deadletters", "list", "--json").out)) == 6


def test_a_letter_is_discarded_with_a_reason_in_which_no_number_stays(cli: Cli, ledger: Ledger) -> None:
    ledger.write(garbage())
    assert cli("deadletters", "discard", 1).code == 2
    assert cli("deadletters", "discard", 1, "--reason", " ").code == 2
    assert cli("deadletters", "discard", 1, "--reason", "told 13955512345").code == 0
    (kept,) = json.loads(cli("deadletters", "list", "--all", "--json").out)
    assert (kept["state"], kept["closed_reason"]) == ("discarded", "told …")
    assert cli("deadletters", "discard", 1, "--reason", "twice").code == 1
    assert cli("deadletters", "replay", 1).code == 1


def test_a_request_that_was_refused_is_taken_in_once_its_zone_knows_the_service(cli: Cli, ledger: Ledger) -> None:
    start = datetime.now(UTC) + timedelta(days=1)
    window = {"start": start.isoformat(), "end": (start + timedelta(hours=3)).isoformat()}
    need = {"service_type": "elder-visit", "place": {"lon": 121.4, "lat": 31.21}, "windows": [window]}
    ledger.write(garbage(1, raw=json.dumps(need).encode()))
    early = cli("deadletters", "replay", 1)
    assert early.code == 1
    assert "place" in early.out

    asyncio.run(write_zones(ledger.folder))
    assert cli("deadletters", "replay", 1).code == 0
    (taken,) = ledger.open_commands()
    assert (taken.zone, taken.command.kind) == ("north", "submit_request")
