"""What the handbook tells an engineer at three in the morning is true: its blocks for Kafka and PostgreSQL run, in order."""

import asyncio
import os
import sys
from pathlib import Path

import psycopg
import pytest

from deploy.kafka.cluster import Cluster
from ningju.bootstrap.clock import SystemClock
from ningju.ledger.opening import open_store
from tests.chaos.conftest import database, postgres_server  # noqa: F401 - fixtures
from tests.console.zone_loop import ZoneLoop
from tests.ledger.builders import command
from tests.ledger.test_postgres_backup import programs  # noqa: F401 - a fixture
from tests.project.operations import blocks, type_in

pytestmark = pytest.mark.real


async def fill(url: str) -> None:
    store = await open_store(url, SystemClock())
    await store.enqueue([command(n) for n in range(20)])
    await ZoneLoop(store).drain()
    await store.close()


async def test_every_block_for_kafka_and_postgresql_runs(
    tmp_path: Path,
    secured: Cluster,
    database: str,  # noqa: F811
    postgres_server: str,  # noqa: F811
    programs: Path,  # noqa: F811
) -> None:
    assert secured.secured is not None
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE handbook")
    await fill(database)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NINGJU_")}
    environment |= secured.secured.environment("admin", secured.address) | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(programs), os.environ["PATH"]]),
        "NINGJU_DATABASE": database,
        "NINGJU_REPLICATION": "1",
        "RESTORED": postgres_server.replace("/postgres?", "/handbook?"),
        "COPIES": "1",
        "COLUMNS": "200",
    }
    told = await asyncio.to_thread(type_in, blocks("Kafka and PostgreSQL"), tmp_path, environment)
    assert "all topics are as they should be" in told
    assert "ningju.events: emptied" in told
    assert told.count("\nok\n") == 3
