"""Dying with one's parent: no process of the system outlives the one that started it."""

import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1
LOOK_S = 1.0


def end_with_parent(parent: int, grace_s: float) -> None:
    """Drain when the parent is gone, and end for good ``grace_s`` later.

    Parameters
    ----------
    parent
        Process id of the parent, told by itself: it may be gone before we look.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_S)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace_s)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
