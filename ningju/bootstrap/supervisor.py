"""Everything on one machine: one process with all roles, started again when a fault ends it."""

import json
import os
import signal
import subprocess
import sys
import threading
from time import monotonic

import structlog
from pydantic import SecretStr

from ningju.bootstrap.serving import DONE, MISSING, NO, PARENT, WRONG_USE
from ningju.settings import Settings

log = structlog.get_logger(__name__)

FIRST_S, LONGEST_S = 0.5, 30.0
STEADY_S = 60.0
"""A process that ran this long had started well: the next try comes at once."""


def environment(settings: Settings) -> dict[str, str]:
    """Settings as a child process reads them: their ``NINGJU_*`` twins, so that no password is on a command line."""
    told = {name: value for name, value in os.environ.items() if not name.startswith("NINGJU_")}
    for name in type(settings).model_fields:
        if name not in Settings.model_fields or getattr(settings, name) is None:
            continue
        value = getattr(settings, name)
        value = value.get_secret_value() if isinstance(value, SecretStr) else value
        told[f"NINGJU_{name.upper()}"] = json.dumps(value) if isinstance(value, tuple | dict) else str(value)
    return told


def supervise(settings: Settings) -> int:
    """Keep one process with the settings' roles running until told to stop.

    Returns
    -------
    int
        Exit code: the child's when it must not be tried again (drained, wrong use, something missing at start).
    """
    stopping = threading.Event()
    child: subprocess.Popen[bytes] | None = None

    def stop(number: int, frame: object) -> None:
        stopping.set()
        if child is not None and child.poll() is None:
            child.send_signal(signal.SIGTERM)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    wait_s, served = FIRST_S, False
    while not stopping.is_set():
        began = monotonic()
        env = environment(settings) | {PARENT: str(os.getpid())}
        child = subprocess.Popen([sys.executable, "-m", "ningju.bootstrap.serving"], env=env, start_new_session=True)
        code = _wait(child, stopping, settings.drain_s)
        if stopping.is_set() or code == DONE:
            return DONE if code in {DONE, -signal.SIGTERM} else NO  # ours came before its handler, or after its end
        if code == WRONG_USE or (code == MISSING and not served):
            return code
        served = served or monotonic() - began >= STEADY_S
        if monotonic() - began >= STEADY_S:
            wait_s = FIRST_S
        log.error("the process ended and is started again", action="restarted", code=code, wait_s=wait_s)
        stopping.wait(wait_s)
        wait_s = min(2 * wait_s, LONGEST_S)
    return DONE


def _wait(child: subprocess.Popen[bytes], stopping: threading.Event, drain_s: float) -> int:
    while not stopping.is_set():
        try:
            return child.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            continue
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)  # it may have come between the start and the handler
    try:
        return child.wait(timeout=drain_s + 5)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        return NO
