"""How often Python looks for garbage in a process that holds zones."""

import gc

YOUNG, MIDDLE, OLD = 50_000, 20, 100


def spare_states() -> None:
    """Have the garbage collector look rarely.

    Zones' states are many immutable objects that stay and are in no cycles, and every full collection goes through all of
    them: with Python's own thresholds that was 30 % of a command's time (``python -m benchmarks loop``).
    """
    gc.set_threshold(YOUNG, MIDDLE, OLD)
