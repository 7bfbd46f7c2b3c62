"""A running system drops what has expired, even if nothing else happens."""

import asyncio
from datetime import timedelta
from pathlib import Path

from engine.ports import DeadLetter
from ningju.bootstrap.system import System
from ningju.settings import Settings
from tests.ledger.builders import StandingClock


async def test_bytes_that_expired_while_the_system_was_down_are_gone_soon_after_its_start(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", port=0, solver_processes=0, roles=("zones",))
    clock = StandingClock()
    first = System(settings, clock)
    await first.start()
    await first.store.dead_letter(DeadLetter("ningju.requests", 0, 1, "not JSON", b"call 13955512345"))
    await first.stop()

    def kept() -> bool:
        return any(b"13955512345" in file.read_bytes() for file in settings.data.iterdir())

    assert kept()
    clock.time += timedelta(days=31)
    second = System(settings, clock)
    await second.start()
    try:
        async with asyncio.timeout(60):
            while kept():
                await asyncio.sleep(0.05)
    finally:
        await second.stop()
