"""`kill -9` in the middle of everything: nothing acknowledged is lost, nothing is doubled, nobody is left behind.

A round is four kills of one ledger, in an order and at moments that its seeds decide, with a start after each. `make kill`
runs all rounds: 20 seeds on each database.
"""

import os
import random
from collections import Counter
from pathlib import Path

import pytest
from pydantic import SecretStr

from ningju.bootstrap.clock import SystemClock
from ningju.bootstrap.store import open_store
from ningju.ledger.inspection import InspectableStore
from ningju.ledger.verify import verify
from ningju.settings import Settings
from schemas.envelope import CommandEnvelope
from tests.chaos.oracle import Call, Oracle
from tests.chaos.processes import Ningju, free_port, kill, nobody_left, until
from tests.chaos.town import needs, write_town

VICTIMS = ("tree", "parent", "serving", "solver")
IN_FLIGHT = 50
ROUNDS = range(int(os.environ.get("CHAOS_ROUNDS", "1")))


async def strike(victim: str, ningju: Ningju, oracle: Oracle, rng: random.Random) -> tuple[list[Call], int]:
    """Send a burst, kill in its middle; return the burst and how many commands had no answer at that moment."""
    if victim == "solver":
        until(ningju.solvers, "a solver process")
    targets = {
        "tree": ningju.tree,
        "parent": lambda: ningju.tree()[:1],
        "serving": ningju.serving,
        "solver": ningju.solvers,
    }[victim]()
    assert targets
    calls = oracle.draw(requests=120, answers=30)
    left, flying = rng.randrange(1, 60), 0

    def answered() -> None:
        nonlocal left, flying
        left -= 1
        if left == 0:
            flying = oracle.in_flight()
            kill(*targets)

    oracle.on_answer = answered  # not by another thread: it would strike when the client has a pause
    await oracle.send(calls)
    oracle.on_answer = lambda: None
    return calls, flying


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("number", ROUNDS)
async def test_whatever_is_killed_nothing_acknowledged_is_lost_or_doubled(
    kind: str, number: int, tmp_path: Path, run: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("database") if kind == "postgres" else None
    port, roster = free_port(), write_town(tmp_path)

    def up() -> Ningju:
        started = Ningju(["up"], folder=tmp_path, run=run, port=port, roster=roster, database=url)
        started.until_ready()
        return started

    victims = list(VICTIMS)
    random.Random(number).shuffle(victims)
    ningju = up()
    oracle = Oracle(ningju.url, needs(), number)
    await oracle.send(oracle.draw(requests=40, answers=0))
    until(oracle.open_offers, "an offer")
    for step, victim in enumerate(victims):
        rng = random.Random(4 * number + step)
        calls, flying = await strike(victim, ningju, oracle, rng)
        assert flying >= IN_FLIGHT, f"only {flying} commands were in flight"
        print(f"{kind} seed {4 * number + step}: killed {victim} with {flying} commands in flight")  # noqa: T201 - the figures, for -s
        if victim in {"tree", "parent"}:
            ningju.process.wait()
            nobody_left(run)
            ningju = up()
        else:
            ningju.until_ready()
        await oracle.insist(calls)
    await oracle.insist(oracle.calls)
    await oracle.known()
    assert ningju.terminate() == 0
    nobody_left(run)
    settings = Settings(data=tmp_path / "data", database=None if url is None else SecretStr(url))
    store = await open_store(settings, SystemClock())
    try:
        await settled(store, oracle)
        assert await verify(store, SystemClock().now()) is None
    finally:
        await store.close()


async def settled(store: InspectableStore, oracle: Oracle) -> None:
    """Insist that each call is one command with one outcome, and each request was received once."""
    ids = Counter(str(row.command.command_id) for row in await store.inbox_rows(0, 1_000_000))
    assert max(ids.values()) == 1
    told = {call.answer["id"] for call in oracle.calls if call.path == "/requests"}
    received: Counter[str] = Counter()
    for zone in await store.heads():
        for record in await store.events(zone, 0, 1_000_000):
            if record.envelope.event.kind == "request_received":
                received[str(record.envelope.event.spec.request_id)] += 1
    assert received == dict.fromkeys(told, 1)
    for row in await store.inbox_rows(0, 1_000_000):
        if row.outcome is None:
            assert CommandEnvelope.read(row.command.data).actor.kind == "system", "a command of somebody has no outcome"
        else:
            assert row.outcome.status in {"accepted", "rejected"}, row.outcome
