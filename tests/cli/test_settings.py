"""Settings and logs."""

import io
import json
import logging
from pathlib import Path

import pytest
import structlog
from pydantic import ValidationError

from ningju import logs
from ningju.bootstrap.entrance import secret_of
from ningju.cli.exits import Stop
from ningju.cli.flags import settings
from ningju.settings import DemoSettings, Settings


def test_settings_come_from_their_twins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NINGJU_DATA", "/srv/ningju")
    monkeypatch.setenv("NINGJU_PORT", "9000")
    monkeypatch.setenv("NINGJU_ROLES", '["api", "zones"]')
    told = Settings()

    assert told.database_url == "sqlite:////srv/ningju/ningju.db"
    assert (told.port, told.roles) == (9000, ("api", "zones"))
    assert Settings(port=9001).port == 9001


def test_a_password_in_an_address_is_not_shown() -> None:
    told = DemoSettings(database="postgresql://ningju:swordfish@db/ningju")  # type: ignore[arg-type]

    assert "swordfish" not in repr(told)
    assert "swordfish" in told.database_url


@pytest.mark.parametrize(
    "address", ["garbage", "mysql://db/ningju", "postgres://db/ningju", "postgresql://u:se@cret:x/n"]
)
def test_a_database_that_no_ledger_stands_on_is_refused_without_repeating_its_address(address: str) -> None:
    with pytest.raises(Stop, match="database: ") as wrong:
        settings(Settings, database=address)
    assert wrong.value.code == 2
    assert not any(part in str(wrong.value) for part in ("garbage", "mysql", "cret"))


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"broker_user": "ningju-zones"}, "NINGJU_BROKER_PASSWORD"),
        ({"broker_password": "hunter2"}, "NINGJU_BROKER_USER"),
        ({"broker_user": "ningju-zones", "broker_password": "hunter2"}, "encrypted"),
        ({"broker_ca": Path("/nowhere/ca.pem")}, "no file /nowhere/ca.pem"),
    ],
)
def test_half_a_sign_in_at_the_broker_and_one_in_the_open_are_refused(given: dict[str, object], what: str) -> None:
    with pytest.raises(Stop, match=what) as wrong:
        settings(Settings, **given)
    assert wrong.value.code == 2
    assert "hunter2" not in str(wrong.value)


@pytest.mark.parametrize(
    ("host", "there"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.org", False),
    ],
)
def test_only_the_loopback_is_the_loopback(host: str, there: bool) -> None:
    assert Settings(host=host).on_loopback is there


@pytest.mark.parametrize("wrong", [{"port": -1}, {"roles": ()}, {"wait_s": 1000}, {"dada": Path()}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)  # type: ignore[arg-type]


def test_a_line_of_log_is_one_json_object_with_its_action() -> None:
    out = io.StringIO()
    logs.configure("info", "json", out)
    structlog.get_logger("ningju.x").info("command enqueued", action="command.enqueue", zone="north")
    structlog.get_logger("ningju.x").debug("not shown", action="x")
    (line,) = out.getvalue().splitlines()

    told = json.loads(line)
    assert (told["event"], told["action"], told["zone"], told["level"]) == (
        "command enqueued",
        "command.enqueue",
        "north",
        "info",
    )


def test_what_libraries_chat_about_at_start_and_end_is_not_shown_and_their_complaints_are() -> None:
    out = io.StringIO()
    logs.configure("info", "json", out)
    for name in ("streams.apps", "streams.driver", "aiokafka.consumer"):
        logging.getLogger(name).info("[^-QuietMonitor]: Starting...")
        logging.getLogger(name).warning("coordinator dead")

    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["coordinator dead"] * 3


def test_what_an_exception_quotes_stays_out_of_the_log() -> None:
    out = io.StringIO()
    logs.configure("info", "json", out)
    try:
        raise ValueError("cannot store 李桂英, 13800001111")
    except ValueError:
        logging.getLogger("library").exception("failed for 138-0000-1111, li@example.org")
        structlog.get_logger("ningju.x").exception("ended", action="crashed")
    text = out.getvalue()

    assert len(text.splitlines()) == 2
    assert all(json.loads(line)["error"] == "ValueError" for line in text.splitlines())
    for secret in ("李桂英", "13800001111", "138-0000-1111", "li@example.org"):
        assert secret not in text


@pytest.mark.parametrize("name", ["ningju.example", "*.ningju.example", "[fd00::1]"])
def test_a_server_may_have_further_names(name: str) -> None:
    assert Settings(hosts=(name,)).hosts == (name,)


@pytest.mark.parametrize("name", ["https://ningju.example", "ning*.example", "*", ""])
def test_a_name_that_is_no_host_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        Settings(hosts=(name,))


PROVIDER = {"oidc_issuer": "https://login.example", "oidc_client": "ningju", "oidc_secret": "swordfish"}


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"oidc_issuer": "https://login.example"}, "NINGJU_OIDC_CLIENT"),
        ({"oidc_issuer": "https://login.example", "oidc_client": "ningju"}, "NINGJU_OIDC_SECRET"),
        (PROVIDER | {"oidc_issuer": "http://login.example"}, "https"),
        (PROVIDER | {"host": "0.0.0.0"}, "NINGJU_ADDRESS"),
        (PROVIDER | {"host": "0.0.0.0", "address": "http://ningju.example"}, "NINGJU_ADDRESS"),
        ({"secret": "short"}, "secret"),
        ({"intake_rate": "often"}, "intake_rate"),
        (PROVIDER | {"role_names": {"boss": "king"}}, "role_names"),
    ],
)
def test_a_sign_in_that_cannot_work_or_is_not_safe_is_refused(given: dict[str, object], what: str) -> None:
    with pytest.raises(Stop, match=what) as wrong:
        settings(Settings, **given)
    assert wrong.value.code == 2
    assert "swordfish" not in str(wrong.value)


def test_with_sign_in_and_https_in_front_a_server_may_listen_to_everybody() -> None:
    told = settings(Settings, **PROVIDER, host="0.0.0.0", address="https://ningju.example")
    assert told.signs_in
    assert told.names == ("ningju.example",)


def test_the_secret_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    told = Settings(data=tmp_path / "d")
    made = secret_of(told)
    assert len(made) >= 32
    assert secret_of(told) == made
    assert (tmp_path / "d" / "secret").stat().st_mode & 0o777 == 0o600
    assert secret_of(Settings(data=tmp_path / "other")) != made
    assert secret_of(Settings(data=tmp_path / "d", secret="s" * 32)) == "s" * 32  # type: ignore[arg-type]


def test_processes_that_share_a_ledger_are_not_left_to_make_secrets_each_of_its_own(tmp_path: Path) -> None:
    told = settings(Settings, **PROVIDER, data=tmp_path, database="postgresql://db/ningju")
    with pytest.raises(ValueError, match="NINGJU_SECRET"):
        secret_of(told)


def test_of_several_faults_at_once_the_log_names_each() -> None:
    out = io.StringIO()
    logs.configure("info", "json", out)
    try:
        raise ExceptionGroup("", [ExceptionGroup("", [KeyError("secret")]), ValueError("13800001111")])
    except ExceptionGroup:
        structlog.get_logger("ningju.x").exception("ended", action="crashed")
    told = json.loads(out.getvalue())
    assert told["error"] == "KeyError, ValueError"
    assert "secret" not in out.getvalue()
