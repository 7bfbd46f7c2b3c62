"""Looking after a ledger and its surroundings from the command line."""

import importlib.metadata
import platform
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.ports import Unavailable
from ningju.bootstrap.clock import SystemClock
from ningju.bootstrap.store import open_store
from ningju.ledger import rebuild as rebuilding
from ningju.ledger import verify as verifying
from ningju.ledger.inspection import InspectableStore
from ningju.settings import Settings

DEMO_MARK = "demo"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that the system depends on, and what to do when it is not well."""

    name: str
    ok: bool
    found: str
    advice: str = ""


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[InspectableStore]:
    """Open a ledger that is there already.

    Raises
    ------
    engine.ports.Unavailable
        When there is none: looking at a ledger must not make an empty one.
    """
    if settings.database is None and not (settings.data / "ningju.db").exists():
        raise Unavailable(f"no ledger in {settings.data}; name its folder with --data, or --database")
    store = await open_store(settings, SystemClock())
    try:
        yield store
    finally:
        await store.close()


async def verify(settings: Settings, at: datetime | None = None) -> str | None:
    """Fold the whole ledger again and name the first thing that does not fit.

    Parameters
    ----------
    at
        Time by which a due timer counts as overdue: now, or in a demo's ledger the time of its newest event.
    """
    async with opened(settings) as store:
        if at is None and (settings.data / DEMO_MARK).exists():
            at = await newest(store)
        violation = await verifying.verify(store, at or SystemClock().now())
        return None if violation is None else str(violation)


async def rebuild(settings: Settings) -> dict[str, int]:
    """Make read model and snapshots anew; versions that they now reflect."""
    async with opened(settings) as store:
        return await rebuilding.rebuild(store)


async def newest(store: InspectableStore) -> datetime | None:
    """Time of the newest event of all zones."""
    times = []
    for zone, version in (await store.heads()).items():
        times += [record.envelope.now for record in await store.events(zone, version - 1, 1)]
    return max(times, default=None)


async def diagnose(settings: Settings) -> list[Check]:
    """Check versions, database, clock, broker and topics."""
    checks = _versions()
    checks += await _database(settings)
    checks += _broker(settings)
    checks += await _sign_in(settings)
    return checks


def _versions() -> list[Check]:
    python = platform.python_version_tuple()
    new_enough = (int(python[0]), int(python[1])) >= (3, 11)
    return [
        Check("python", new_enough, platform.python_version(), "install Python 3.11 or later"),
        Check(
            "sqlite",
            sqlite3.sqlite_version_info >= (3, 35),
            sqlite3.sqlite_version,
            "use a Python that comes with SQLite 3.35 or later",
        ),
        Check("ningju", True, importlib.metadata.version("ningju")),
    ]


async def _database(settings: Settings) -> list[Check]:
    clock = SystemClock()
    try:
        async with opened(settings) as store:
            zones = len(await store.heads())
            open_commands = await store.open_count()
            last = await newest(store)
            letters = await store.letters()
    except (Unavailable, ValueError) as missing:
        return [Check("database", False, str(missing), "start it, or `ningju up` once to make an embedded one")]
    found = f"{zones} zones, {open_commands} open commands"
    checks = [Check("database", True, found)]
    if letters:
        checks.append(Check("dead letters", True, f"{len(letters)} nobody has dealt with: `ningju deadletters list`"))
    if last is not None and not (settings.data / DEMO_MARK).exists():
        ahead = last - clock.now()
        found = f"newest event at {last:%FT%TZ}"
        advice = f"this machine's clock is {ahead} behind the ledger: let it keep time by NTP"
        checks.append(Check("clock", ahead < timedelta(seconds=5), found, advice))
    return checks


async def _sign_in(settings: Settings) -> list[Check]:
    """Ask the provider for what it says of itself; where nobody signs in, there is nothing to check."""
    if settings.oidc_issuer is None:
        return []
    import httpx2

    issuer = settings.oidc_issuer.rstrip("/")
    try:
        async with httpx2.AsyncClient(timeout=5) as client:
            answer = await client.get(f"{issuer}/.well-known/openid-configuration")
            named = answer.raise_for_status().json().get("issuer", "")
    except (httpx2.HTTPError, ValueError, AttributeError) as fault:
        advice = "see that the provider runs and can be reached from here, or correct NINGJU_OIDC_ISSUER"
        return [Check("sign-in", False, f"{issuer}: {type(fault).__name__}", advice)]
    ours = str(named).rstrip("/") == issuer
    return [Check("sign-in", ours, f"{issuer} answers as {named}", "set NINGJU_OIDC_ISSUER to what it calls itself")]


def _broker(settings: Settings) -> list[Check]:
    if settings.broker is None:
        return [Check("broker", True, "embedded")]
    checks = []
    for address in settings.broker.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            with socket.create_connection((host or address, int(port)), timeout=3):
                checks.append(Check(f"broker {address}", True, "answers"))
        except (OSError, ValueError) as fault:
            advice = "start Kafka, or correct --broker HOST:PORT"
            checks.append(Check(f"broker {address}", False, str(fault) or type(fault).__name__, advice))
    if all(check.ok for check in checks):
        checks += _topics(settings)
    return checks


def _topics(settings: Settings) -> list[Check]:
    from ningju.bootstrap import broker

    try:
        faults = broker.check(settings).faults
    except Unavailable as fault:
        return [Check("topics", False, str(fault), "see the broker's log")]
    if not faults:
        return [Check("topics", True, "as they should be")]
    return [Check(f"topic {fault.topic}", False, fault.what, fault.cure) for fault in faults]
