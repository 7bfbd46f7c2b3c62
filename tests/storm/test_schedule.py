"""Strikes come from the seed alone."""

from tests.storm.roles import MEMBERS
from tests.storm.schedule import BROKERS, WEIGHTS, draw, short


def test_the_same_seed_breaks_the_same_and_another_something_else() -> None:
    assert draw(1, 10, every_s=6) == draw(1, 10, every_s=6)
    assert draw(1, 10, every_s=6) != draw(2, 10, every_s=6)


def test_a_long_run_has_every_kind_of_strike_on_everybody() -> None:
    strikes = draw(1, 120, every_s=6)
    assert {strike.what for strike in strikes} == set(WEIGHTS)
    assert {strike.whom for strike in strikes if strike.what == "kill"} == set(MEMBERS)
    assert {strike.whom for strike in strikes if strike.what == "cut"} == {*MEMBERS, *BROKERS}
    assert all(strike.seconds > 10 for strike in strikes if strike.what == "freeze"), "shorter than a session"


def test_the_short_run_kills_everybody_once_and_a_broker_and_cuts_and_restarts_the_database() -> None:
    strikes = short(1)
    assert sorted(strike.whom for strike in strikes if strike.what == "kill") == sorted(MEMBERS)
    assert {"broker-kill", "database-restart", "cut", "freeze"} <= {strike.what for strike in strikes}


def test_only_some_kinds_can_be_asked_for() -> None:
    strikes = draw(1, 10, every_s=30, only=["kill"], members=["zones-1", "zones-2"])
    assert {strike.what for strike in strikes} == {"kill"}
    assert {strike.whom for strike in strikes} == {"zones-1", "zones-2"}
