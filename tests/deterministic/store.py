"""The store as one process sees it: slow, sometimes away, and now and then nobody knows whether it wrote."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from engine.ports import CommitUnknown, Conflict, Store, Unavailable
from ningju.ledger.waiting import Waiters
from tests.deterministic.faults import Chance

WRITES = frozenset({"commit", "enqueue", "settle", "delivered", "put_plan", "dead_letter"})


class RemoteStore:
    """All ports of a store behind a line that breaks.

    Parameters
    ----------
    outside
        Starts what goes on without this process: a write whose answer never comes.
    settled
        Told what `settle` has written, when it has.
    doubted
        Told that a write was never answered, which ends the process (but for a commit, which is looked up).
    """

    def __init__(
        self,
        store: Store,
        chance: Chance,
        *,
        outside: Callable[[Any], object],
        settled: Callable[[str, Any], None],
        doubted: Callable[[], None],
    ) -> None:
        self._store = store
        self._chance = chance
        self._outside = outside
        self._settled = settled
        self._doubted = doubted
        self._calls = 0
        self._waiters = Waiters(self.outcomes)

    async def wait(self, command_id, timeout):
        return await self._waiters.wait(command_id, timeout)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._store, name)
        call = self._write if name in WRITES else self._read

        async def through(*arguments: Any, **options: Any) -> Any:
            return await call(name, method, arguments, options)

        setattr(self, name, through)
        return through

    async def _read(self, name, method, arguments, options):
        await self._way()
        result = await method(*arguments, **options)
        await self._chance.pause()
        return result

    async def _write(self, name, method, arguments, options):
        chance = self._chance
        await self._way()
        how = chance.rng.choice(("before", "after", "later")) if chance.of("unknown") else ""
        if how and name != "commit":
            self._doubted()
        if how == "before":
            raise CommitUnknown(f"the line broke before {name}")
        if how == "later":
            self._outside(self._later(name, method, arguments, options))
            raise CommitUnknown(f"the line broke during {name}")
        result = await method(*arguments, **options)
        self._tell(name, arguments)
        if how == "after":
            raise CommitUnknown(f"the line broke after {name}")
        await chance.pause()
        await chance.perhaps_die()
        return result

    async def _later(self, name, method, arguments, options) -> None:
        await asyncio.sleep(self._chance.rng.choice((0.0, 0.1, 3.0)))
        try:
            await method(*arguments, **options)
        except Conflict:
            return
        self._tell(name, arguments)

    def _tell(self, name: str, arguments: Any) -> None:
        if name == "settle":
            self._settled(arguments[0], dict(arguments[1]))

    async def _way(self) -> None:
        chance = self._chance
        self._calls += 1
        if self._calls % 20 == 0:  # even who is answered at once does not keep the loop for ever: steps are counted
            await asyncio.sleep(0)
        await chance.perhaps_die()
        await chance.pause()
        if chance.store_away or chance.of("away"):
            raise Unavailable("the store is away")
