"""A process that writes and says what was acknowledged, until it is killed."""

import asyncio
import sys

from ningju.ledger.opening import open_store
from ningju.ledger.settings import StoreSettings
from tests.ledger.builders import StandingClock, append, command


async def write(url: str, life: str) -> None:
    store = await open_store(url, StandingClock(), StoreSettings(database_clock=False))
    heads = await store.heads()

    async def zone(name: str) -> None:
        version = heads.get(name, 0)
        while True:
            version += 1
            await store.commit([append(name, version - 1, f"{name}/{version}")])
            sys.stdout.write(f"committed {name}/{version}\n")
            sys.stdout.flush()

    async def door(name: str) -> None:
        for number in range(1_000_000):
            await store.enqueue([command(f"{life}-{name}-{number}")])
            sys.stdout.write(f"enqueued {life}-{name}-{number}\n")
            sys.stdout.flush()

    await asyncio.gather(zone("east"), zone("west"), door("a"), door("b"), door("c"))


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], sys.argv[2]))
