"""One process of the system, from start to drain: what the supervisor starts, and what ``ningju worker`` is."""

import asyncio
import os
import signal
import sys

import structlog

from engine.ports import Unavailable
from ningju import logs
from ningju.bootstrap.clock import SystemClock
from ningju.bootstrap.parent import end_with_parent
from ningju.bootstrap.preparing import Unusable, prepare
from ningju.bootstrap.server import LoopbackTaken
from ningju.bootstrap.system import System
from ningju.settings import Settings

log = structlog.get_logger(__name__)

DONE, NO, WRONG_USE, MISSING = 0, 1, 2, 3
PARENT = "NINGJU_PARENT"


async def serve(settings: Settings) -> int:
    """Run the roles that the settings name until ``SIGTERM`` or ``SIGINT``.

    Returns
    -------
    int
        Exit code: 0 drained, 1 ended by a fault (start it again), 2 wrong use, 3 something it depends on is missing.
    """
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    system = System(settings, SystemClock())
    starting = asyncio.create_task(system.start())
    try:
        if not await _first(starting, told):
            return DONE
        if not await _first(asyncio.create_task(prepare(system)), told):
            return DONE
        system.prepared.set()
        ended = asyncio.create_task(system.wait())
        await _first(ended, told)
        return DONE
    except (LoopbackTaken, Unusable, ValueError) as wrong:
        log.error("cannot start", action="cannot_start", reason=str(wrong))
        return WRONG_USE
    except Unavailable as missing:
        log.error("something is missing", action="missing", reason=str(missing))
        return NO if system.prepared.is_set() else MISSING  # it was there: worth another try
    except Exception:
        log.exception("ended by a fault", action="crashed")
        return NO
    finally:
        if starting.done() and not starting.cancelled() and starting.exception() is None:
            await system.stop()
        log.info("ended", action="ended")


async def _first(task: asyncio.Task[None], told: asyncio.Event) -> bool:
    """Wait for the task or for the word to stop; whether the task came first. Its error is raised."""
    stop = asyncio.create_task(told.wait())
    await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
        return False
    task.result()
    return True


def main() -> int:
    """Serve as a child of the supervisor; settings come by the environment."""
    settings = Settings()
    logs.configure(settings.log_level, settings.log_format)
    parent = os.environ.get(PARENT)
    if parent is not None:
        end_with_parent(int(parent), settings.drain_s + 5)
    return asyncio.run(serve(settings))


if __name__ == "__main__":
    sys.exit(main())
