"""A consumer of events beside the system's own: writes down what it is handed, before its cursor says that it has it.

``python -m tests.storm.recorder FILE`` with the settings of a role. It is killed and stopped like one.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from ningju import logs
from ningju.bootstrap import broker
from ningju.bootstrap.clock import SystemClock
from ningju.bootstrap.store import open_store
from ningju.settings import Settings
from schemas.envelope import EventEnvelope
from streams.agents import events_agent
from streams.apps import RoleApp
from streams.consuming import Effects, EventConsumer
from streams.dead_letters import DeadLetters
from streams.producer import BatchProducer
from streams.topics import Topic

NAME = "recorder"

log = structlog.get_logger(__name__)


async def record(file: Path) -> None:
    """Record until told to stop."""
    settings = Settings()
    store = await open_store(settings, SystemClock())
    me = os.getpid()
    with file.open("a", encoding="utf-8", buffering=1) as lines:

        def write(**line: object) -> None:
            lines.write(json.dumps(line) + "\n")

        def handle(events: Sequence[EventEnvelope]) -> Effects:
            for event in events:
                write(heard=NAME, by=me, zone=event.zone, version=event.version)
            return Effects()

        def advanced(name: str, cursors: Mapping[str, int]) -> None:
            write(settled=NAME, by=me, cursors=dict(cursors))

        consumer = EventConsumer(NAME, handle, ledger=store, consumers=store, on_advance=advanced)
        write(begins=me, cursors=await store.cursors(NAME))
        producer = BatchProducer(settings.broker or "")
        await producer.start()
        app = RoleApp(NAME, broker.connection(settings))
        app.consume(Topic.EVENTS, events_agent(consumer, DeadLetters(store, producer)))
        told = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
        try:
            await app.start()
            await consumer.catch_up()
            log.info("ready", action="ready")
            ways = {asyncio.create_task(app.until_ended()), asyncio.create_task(told.wait())}
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            await app.stop()
            await producer.stop()
            await store.close()


if __name__ == "__main__":
    logs.configure("info", "json")
    asyncio.run(record(Path(sys.argv[1])))
