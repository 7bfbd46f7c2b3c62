"""Names, phones and addresses of a run are in the person table, and nowhere else that could be read."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from rich.console import Console
from sqlalchemy import create_engine, inspect, text

from ningju.bootstrap.demo import demo
from ningju.settings import DemoSettings
from ningju.simulation.sources import load
from streams.broker import EmbeddedBroker
from streams.topics import Topic
from tests.chaos.processes import Ningju, free_port, until
from tests.chaos.town import needs, write_town

SECRETS = (
    "欧阳不可误",
    "13912345678",
    "独一无二路987弄654号",
    "Zaphod Unmistakable",
    "+8613800009999",
    "钥匙在花盆底下",
)


def secret_needs() -> list[dict[str, Any]]:
    first, second = needs(), needs()
    return [
        next(first)
        | {
            "beneficiary": {"id": "b-s1", "name": SECRETS[0], "phone": SECRETS[1], "address": SECRETS[2]},
            "note": f"{SECRETS[5]}，电话{SECRETS[1]}",
        },
        next(second) | {"beneficiary": {"name": SECRETS[3], "phone": SECRETS[4], "address": SECRETS[2]}},
    ]


def found(secrets: tuple[str, ...], raw: bytes) -> list[str]:
    """Which secrets are in these bytes, as they are or escaped as JSON does."""
    forms = {secret: {secret.encode(), secret.encode("unicode_escape")} for secret in secrets}
    return [secret for secret, ways in forms.items() if any(way in raw for way in ways)]


def tables(url: str) -> dict[str, bytes]:
    """Every table with all its rows, as bytes."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return {
                name: b"\n".join(
                    b"|".join(
                        bytes(cell) if isinstance(cell, bytes | memoryview) else str(cell).encode() for cell in row
                    )
                    for row in connection.execute(text(f'SELECT * FROM "{name}"'))
                )
                for name in inspect(engine).get_table_names()
            }
    finally:
        engine.dispose()


@asynccontextmanager
async def listening(address: str) -> AsyncIterator[list[bytes]]:
    """Every record of every topic while the block runs: key, headers and value."""
    heard: list[bytes] = []
    consumer = AIOKafkaConsumer(
        *map(str, Topic),
        bootstrap_servers=address,
        group_id="listener",
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
    )
    await consumer.start()

    async def listen() -> None:
        async for record in consumer:
            if record.topic == Topic.REQUESTS:
                continue  # what others send is theirs; the docs say that nothing of it stays
            heard.append(b"|".join([record.key or b"", repr(record.headers).encode(), record.value or b""]))

    task = asyncio.create_task(listen())
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.wait({task})
        await consumer.stop()


async def served(client: httpx2.AsyncClient, count: int) -> bool:
    rows = (await client.get("/requests")).raise_for_status().json()["requests"]
    return len(rows) >= count


@pytest.mark.slow
async def test_personal_data_sent_by_rest_and_by_topic_is_in_the_person_table_alone(tmp_path: Path, run: str) -> None:
    with EmbeddedBroker() as broker:
        port = free_port()
        ningju = Ningju(
            ["up"], folder=tmp_path, run=run, port=port, broker=broker.address, roster=write_town(tmp_path),
            log_level="debug", log_format="json",
        )  # fmt: skip
        await asyncio.to_thread(ningju.until_ready)
        async with (
            listening(broker.address) as heard,
            httpx2.AsyncClient(base_url=f"{ningju.url}/api/v1", timeout=60) as client,
        ):
            for need in secret_needs():
                (await client.post("/requests", json=need)).raise_for_status()
            wrong = secret_needs()[0] | {"service_type": SECRETS[0], "windows": SECRETS[1]}
            assert (await client.post("/requests", json=wrong)).status_code == 422
            producer = AIOKafkaProducer(bootstrap_servers=broker.address)
            await producer.start()
            for need in secret_needs():
                raw = httpx2.Request("POST", "http://x", json=need | {"source": "hotline"}).content
                await producer.send_and_wait(Topic.REQUESTS, raw)
            await producer.stop()
            for _ in range(600):
                if await served(client, 4):
                    break
                await asyncio.sleep(0.1)
            assert await served(client, 4)
            rows = (await client.get("/requests")).json()["requests"]
            offers = (await client.get(f"/requests/{rows[0]['request_id']}")).json()
            await asyncio.to_thread(until, lambda: any(b"seat_offered" in line for line in heard), "an offer", 60)
        assert await asyncio.to_thread(ningju.terminate) == 0
    assert not found(SECRETS, str(offers).encode())
    assert heard
    assert not [secret for line in heard for secret in found(SECRETS, line)]
    assert not found(SECRETS, ningju.log.read_bytes())
    kept = tables(f"sqlite:///{tmp_path / 'data' / 'ningju.db'}")
    assert len(found(SECRETS[:5], kept.pop("person"))) == 5, "the search itself finds nothing"
    assert {name: found(SECRETS, rows) for name, rows in kept.items() if found(SECRETS, rows)} == {}


@pytest.mark.slow
async def test_personal_data_of_a_simulated_day_is_in_the_person_table_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "day"
    scenario = load("tiny", 1)
    people = [arrival.request.beneficiary for arrival in scenario.arrivals if arrival.request.beneficiary is not None]
    secrets = {part for person in (*scenario.persons, *people) for part in (person.name, person.phone, person.address)}
    secrets |= {arrival.request.note for arrival in scenario.arrivals}
    secrets.discard("")
    with EmbeddedBroker() as broker:
        shared = SimpleNamespace(start=broker.start, stop=lambda: None)  # it outlives the demo: we listen to the end
        monkeypatch.setattr("ningju.bootstrap.system.EmbeddedBroker", lambda: shared)
        async with listening(broker.address) as heard:
            settings = DemoSettings(data=folder, scenario="tiny", port=0, keep_running=False, log_level="info")
            assert await demo(settings, Console(file=io.StringIO(), width=100)) == 0
    told = tuple(sorted(secrets))
    assert heard
    assert not [secret for line in heard for secret in found(told, line)]
    assert not found(told, (folder / "demo.log").read_bytes())
    kept = tables(f"sqlite:///{folder / 'ningju.db'}")
    assert found(told, kept.pop("person")), "the search itself finds nothing"
    assert {name: found(told, rows) for name, rows in kept.items() if found(told, rows)} == {}
